// SPDX-License-Identifier: MIT
/** An agent that gets little of the processors: programs come and go in numbers meanwhile. */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { Agent } from "./support/sslcollector.ts";
import { Download } from "./support/fault_curl.ts";
import { withFixture } from "./support/fixture.ts";
import { PeerServer } from "./support/peer_server.ts";

const LOOPS = 24;
const EACH = 3;
const BODY_BYTES = 1_500_000;

Deno.test({
  name: "24 loops of curl beside four busy ones: every flow is mirrored whole",
  ...skipIf(missing("curl", "openssl")),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = new PeerServer(fixture);
      await using agent = await Agent.start("source", fixture, fixture.path("out.pcapng"));
      const busy = Array.from(
        { length: 4 },
        () => new Deno.Command("sh", { args: ["-c", "while :; do :; done"] }).spawn(),
      );
      const body = fixture.body(BODY_BYTES);
      const url = `https://localhost:${server.port}/${body.name}`;
      const loop = async () => {
        for (let i = 0; i < EACH; i++) {
          await using download = new Download(fixture, [url], agent.hookEnvironment);
          assert.equal((await download.ended).sha256, body.sha256);
        }
      };
      try {
        await Promise.all(Array.from({ length: LOOPS }, loop));
      } finally {
        for (const child of busy) child.kill("SIGKILL");
        await Promise.all(busy.map((child) => child.status));
      }
      const { total, programEvents } = await agent.stop();
      assert.deepEqual([total.flows, total.lost, programEvents, total.imbalance], [LOOPS * EACH, {}, {}, 0]);
      assert(total.captured.toClient > LOOPS * EACH * BODY_BYTES);
    }),
});
