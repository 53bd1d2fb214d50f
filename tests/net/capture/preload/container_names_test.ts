// SPDX-License-Identifier: MIT
/** What runtimes keep of the names of their containers. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { type ContainerNames, containerNames } from "../../../../net/capture/preload/container_names.ts";
import { withTempDir } from "../../../support/run.ts";

const ID = "3f2a9c".padEnd(63, "0") + "7";
const OTHER = "b".repeat(64);
const OVERLAY = "storage/overlay-containers";

const CASES: readonly (readonly [runtime: string, path: string, content: unknown, names: ContainerNames])[] =
  [
    ["Docker", `/var/lib/docker/containers/${ID}/config.v2.json`, { Name: "/web" }, { containerName: "web" }],
    [
      "containerd",
      `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}/config.json`,
      {
        annotations: {
          "io.kubernetes.cri.container-name": "app",
          "io.kubernetes.cri.sandbox-namespace": "shop",
          "io.kubernetes.cri.sandbox-name": "web-7",
        },
      },
      { containerName: "app", podName: "shop/web-7" },
    ],
    [
      "CRI-O",
      `/run/containers/${OVERLAY}/${ID}/userdata/config.json`,
      {
        annotations: {
          "io.kubernetes.container.name": "app",
          "io.kubernetes.pod.namespace": "shop",
          "io.kubernetes.pod.name": "web-7",
        },
      },
      { containerName: "app", podName: "shop/web-7" },
    ],
    [
      "Podman",
      `/var/lib/containers/${OVERLAY}/containers.json`,
      [{ id: OTHER, names: ["other"] }, { id: ID, names: ["web"] }],
      { containerName: "web" },
    ],
    ["Podman, of another", `/var/lib/containers/${OVERLAY}/containers.json`, [{
      id: OTHER,
      names: ["other"],
    }], {}],
    ["a file of another form", `/var/lib/docker/containers/${ID}/config.v2.json`, { Name: ["web"] }, {}],
    ["a file that is no object", `/var/lib/docker/containers/${ID}/config.v2.json`, null, {}],
  ];

for (const [runtime, path, content, names] of CASES) {
  Deno.test(`container names: ${runtime}`, () =>
    withTempDir(async (root) => {
      await Deno.mkdir(dirname(root + path), { recursive: true });
      await Deno.writeTextFile(root + path, JSON.stringify(content));
      assert.deepEqual(containerNames(ID, root), names);
    }));
}

Deno.test("container names: a file that is half written says nothing, and is read again", () =>
  withTempDir(async (root) => {
    const path = `${root}/var/lib/docker/containers/${ID}/config.v2.json`;
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, '{"Name":"/we');
    assert.deepEqual(containerNames(ID, root), {});
    await Deno.writeTextFile(path, '{"Name":"/web"}');
    assert.deepEqual(containerNames(ID, root), { containerName: "web" });
  }));
