// SPDX-License-Identifier: MIT
/** Programs that run already in containers of Podman's, under its default seccomp profile, are mirrored by kernel probes. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { judgeMissing } from "../ids/judge.ts";
import { makeCertificate } from "../support/certificate.ts";
import { addAddresses, inNamespace, netnsMissing, withVeth } from "../support/netns.ts";
import { missing } from "../support/run.ts";
import { type Reason, skipIf } from "../support/skip.ts";
import { sha256 } from "../support/tshark.ts";
import { until } from "../support/until.ts";
import { checkMirror } from "./support/check_mirror.ts";
import { Container, podmanMissing } from "./support/container.ts";
import { smallAndMedium } from "./support/exchange.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { layOutNginx, nginxMissing } from "./support/nginx.ts";
import { peerClient } from "./support/peer_client.ts";
import { ProbeAgent, probesMissing } from "./support/probes.ts";

const NODE_SERVER = fileURLToPath(new URL("programs/https_server.mjs", import.meta.url));
const PORT = 8443;

interface Contained {
  readonly program: string;
  readonly missing: Reason;
  readonly attribution: "nested" | "hello";
  /** Makes a folder where it puts what it gets in `put/`; answers that, and its command line. */
  readonly layOut: (fixture: Fixture, address: string) => Promise<{ folder: string; command: string[] }>;
}

const CONTAINED: readonly Contained[] = [
  {
    program: "nginx",
    missing: nginxMissing(),
    attribution: "nested",
    async layOut(fixture, address) {
      const folder = await layOutNginx(fixture, [`${address}:${PORT}`]);
      return {
        folder,
        command: ["nginx", "-p", folder, "-e", "error.log", "-c", "nginx.conf", "-g", "daemon off;"],
      };
    },
  },
  {
    program: "node",
    missing: missing("node"),
    // It works on memory.
    attribution: "hello",
    async layOut(fixture, address) {
      const folder = fixture.path("node");
      await Deno.mkdir(`${folder}/put`, { recursive: true });
      await Deno.copyFile(NODE_SERVER, `${folder}/server.mjs`);
      const { certificate, key, bodies } = fixture;
      const args = [address, String(PORT), certificate, key, bodies, `${folder}/put`];
      return { folder, command: ["node", `${folder}/server.mjs`, ...args] };
    },
  },
];

const lacking = await probesMissing() ?? netnsMissing() ?? await podmanMissing() ??
  missing("openssl", "tshark", "ss") ?? judgeMissing();

for (const { program, missing: reason, attribution, layOut } of CONTAINED) {
  Deno.test({
    name:
      `agent with kernel probes mirrors ${program} in a container that runs already, under Podman's default seccomp profile`,
    ...skipIf(lacking, reason),
    fn: () =>
      withFixture((fixture) =>
        withVeth(async (veth) => {
          await addAddresses(veth);
          await makeCertificate(fixture.certificate, fixture.key, veth.farAddress);
          const capture = fixture.path("capture.pcapng");
          const connections = smallAndMedium(fixture);
          const { folder, command } = await layOut(fixture, veth.farAddress);
          await using container = new Container(fixture, veth.namespace, command);
          await until(
            `${program} in its container`,
            async () => await inNamespace(veth, "ss", "-tlnH", `sport = :${PORT}`) !== "",
          );
          await using agent = await ProbeAgent.start({ fixture, capture, ports: [PORT] });
          const target = { hostname: veth.farAddress, port: PORT };
          const seen = await peerClient(connections, target, fixture, capture);
          const status = Deno.readTextFileSync(`/proc/${await container.pid()}/status`);
          assert.match(status, /^Seccomp:\t2$/m);
          await container.stop();
          for (const { method, body } of connections.flat()) {
            if (method !== "PUT") continue;
            assert.equal(sha256(Deno.readFileSync(`${folder}/put/${body.name}`)), body.sha256, body.name);
          }
          const summary = await agent.stop(program);
          await checkMirror(capture, summary, seen, { program, role: "server", attribution });
        })
      ),
  });
}
