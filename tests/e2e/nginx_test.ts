// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { checkMirror } from "./support/check_mirror.ts";
import { Agent, type Mode, modeMissing, MODES } from "./support/sslcollector.ts";
import { curlPeer, together } from "./support/curl.ts";
import { type Connection, large, smallAndMedium } from "./support/exchange.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";
import { peerClient } from "./support/peer_client.ts";

const lacking = nginxMissing() ?? missing("curl", "openssl", "tshark") ?? judgeMissing();

/** nginx, started with the agent's hook, serves unmirrored curls over IPv4 and IPv6. */
async function checkNginx(
  mode: Mode,
  fixture: Fixture,
  hostnames: readonly ("127.0.0.1" | "::1")[],
  connections: readonly Connection[],
  isLarge = false,
): Promise<void> {
  const capture = fixture.path("nginx.pcapng");
  await using agent = await Agent.start(mode, fixture, capture);
  await using nginx = await Nginx.start(fixture, agent.hookEnvironment);
  const client = isLarge ? peerClient : curlPeer;
  const peers = hostnames.map((hostname) =>
    client(connections, { hostname, port: nginx.port }, fixture, capture)
  );
  const seen = together(await Promise.all(peers));
  // Whose a ring is can be asked while its process lives; a peer of large bodies goes no faster than the agent.
  if (!isLarge) {
    await until("every connection in the capture", () => {
      const text = new TextDecoder("latin1").decode(Deno.readFileSync(capture));
      return text.split(" pid=").length > seen.connections.length;
    }, 50);
  }
  await nginx.stop();
  for (const { method, body } of connections.flat()) {
    if (method === "PUT") {
      assert.equal(nginx.received(body.name), body.sha256, `what nginx got as ${body.name}`);
    }
  }
  const summary = await agent.stop();
  for (const { uid, flows } of summary.programs) if (flows > 0) assert.notEqual(uid, 0);
  await checkMirror(capture, summary, seen, { program: "nginx", role: "server", isLarge });
}

for (const mode of MODES) {
  Deno.test({
    name:
      `agent (${mode}) mirrors nginx, a daemon with workers of another user: 1 B to 1.5 MB, IPv4 and IPv6`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture((fixture) => checkNginx(mode, fixture, ["127.0.0.1", "::1"], smallAndMedium(fixture))),
  });
}

Deno.test({
  name: "agent mirrors nginx: 50 MB both ways over IPv4",
  ...skipIf(lacking),
  fn: () => withFixture((fixture) => checkNginx("source", fixture, ["127.0.0.1"], large(fixture), true)),
});

Deno.test({
  name: "agent (binary) mirrors nginx: 50 MB both ways over IPv6",
  ...skipIf(lacking, modeMissing("binary")),
  fn: () => withFixture((fixture) => checkNginx("binary", fixture, ["::1"], large(fixture), true)),
});
