// SPDX-License-Identifier: MIT
/** The manifests of docs/containers.md: they are whole, and what one names the other has. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { parse } from "yaml";

const PAGE = Deno.readTextFileSync(new URL("../../docs/containers.md", import.meta.url));
const UNIT = Deno.readTextFileSync(
  new URL("../../tools/package/files/sslcollector-agent.service", import.meta.url),
);

const Mount = v.strictObject({ name: v.string(), mountPath: v.string(), readOnly: v.optional(v.boolean()) });
const Container = v.looseObject({
  name: v.string(),
  image: v.string(),
  env: v.optional(v.array(v.strictObject({ name: v.string(), value: v.string() })), []),
  volumeMounts: v.array(Mount),
});
const PodSpec = v.looseObject({
  containers: v.array(Container),
  initContainers: v.optional(v.array(Container), []),
  volumes: v.array(v.looseObject({ name: v.string() })),
});
const Capabilities = v.object({
  containers: v.tuple([
    v.looseObject({ securityContext: v.object({ capabilities: v.object({ add: v.array(v.string()) }) }) }),
  ]),
});

const [daemonSet, pod] = [...PAGE.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => parse(text));
const agent = v.parse(PodSpec, daemonSet.spec.template.spec);
const shop = v.parse(PodSpec, pod.spec);

Deno.test("containers: each mount of the manifests has its volume", () => {
  for (const { containers, initContainers, volumes } of [agent, shop]) {
    const names = volumes.map(({ name }) => name).sort();
    const mounted = [...containers, ...initContainers].flatMap(({ volumeMounts }) =>
      volumeMounts.map(({ name }) => name)
    );
    assert.deepEqual([...new Set(mounted)].sort(), names);
  }
});

Deno.test("containers: agent and pod know the hook and the runtime directory by one name", () => {
  const pathsOf = (spec: typeof agent) =>
    Object.fromEntries(
      spec.volumes.map(({ name, hostPath }) => [name, (hostPath as { path?: string })?.path]),
    );
  const [node, guest] = [pathsOf(agent), pathsOf(shop)];
  assert.deepEqual([node.hook, node.runtime], [guest.hook, guest.runtime]);
  assert.equal(node.runtime, "/run/sslcollector");
  const [{ env, volumeMounts }] = shop.containers;
  assert.equal(volumeMounts.find(({ name }) => name === "runtime")?.mountPath, "/run/sslcollector");
  const hook = volumeMounts.find(({ name }) => name === "hook")?.mountPath;
  assert.equal(
    env.find(({ name }) => name === "LD_PRELOAD")?.value,
    `${hook}/libsslcollector_hook.so`,
  );
});

Deno.test("containers: the agent has the capabilities that its service has", () => {
  const [{ securityContext }] = v.parse(Capabilities, daemonSet.spec.template.spec).containers;
  const ofUnit = /^CapabilityBoundingSet=(.*)$/m.exec(UNIT)?.[1].split(" ");
  assert.deepEqual(securityContext.capabilities.add.map((name) => `CAP_${name}`), ofUnit);
});
