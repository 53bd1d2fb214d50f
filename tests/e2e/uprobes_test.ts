// SPDX-License-Identifier: MIT
/** Programs without the hook are mirrored by kernel probes: those that run already, and those that come. */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { checkMirror } from "./support/check_mirror.ts";
import { runChild } from "./support/child.ts";
import { checkDownloads, curlArguments } from "./support/curl.ts";
import { smallAndMedium } from "./support/exchange.ts";
import { withFixture } from "./support/fixture.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";
import { peerClient } from "./support/peer_client.ts";
import { PeerServer } from "./support/peer_server.ts";
import { ProbeAgent, probesMissing } from "./support/probes.ts";

const lacking = await probesMissing() ?? missing("openssl", "tshark") ?? judgeMissing();

Deno.test({
  name: "agent with kernel probes mirrors an nginx that runs already: 1 B to 1.5 MB both ways",
  ...skipIf(lacking, nginxMissing()),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("nginx.pcapng");
      const connections = smallAndMedium(fixture);
      await using nginx = await Nginx.start(fixture, {});
      await using agent = await ProbeAgent.start({ fixture, capture, port: nginx.port });
      const seen = await peerClient(connections, { hostname: "::1", port: nginx.port }, fixture, capture);
      await nginx.stop();
      for (const { method, body } of connections.flat()) {
        if (method === "PUT") assert.equal(nginx.received(body.name), body.sha256, body.name);
      }
      const summary = await agent.stop("nginx");
      await checkMirror(capture, summary, seen, { program: "nginx", role: "server", attribution: "nested" });
    }),
});

Deno.test({
  name: "agent with kernel probes mirrors a curl that comes: 1 B to 1.5 MB both ways",
  ...skipIf(lacking, missing("curl")),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("curl.pcapng");
      const connections = smallAndMedium(fixture);
      await using server = new PeerServer(fixture, "127.0.0.1", capture);
      await using agent = await ProbeAgent.start({ fixture, capture, port: server.port });
      const target = { hostname: server.hostname, port: server.port };
      await runChild("curl", { args: curlArguments(connections, target, fixture) });
      checkDownloads(connections, fixture);
      const summary = await agent.stop("curl");
      await checkMirror(capture, summary, await server.seen(), {
        program: "curl",
        role: "client",
        attribution: "nested",
      });
    }),
});
