// SPDX-License-Identifier: MIT
/** Programs that have moved much and keep their connections take nothing from those that come after them. */
import assert from "node:assert/strict";
import { forgedConnections } from "../support/forged.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { sha256 } from "../support/tshark.ts";
import { Child } from "./support/child.ts";
import { Download } from "./support/fault_curl.ts";
import { type Fixture, MEDIUM_SIZE, withFixture } from "./support/fixture.ts";
import { PeerServer } from "./support/peer_server.ts";
import { python, pythonLacks } from "./support/python.ts";
import { Agent } from "./support/sslcollector.ts";

const KEEPERS = 6;
/** Bodies that a keeper gets on its connection. */
const KEPT_BODIES = 3;
const CURLS = 6;

/** Keepers that hold their connections while `use` runs. */
async function withKeepers(
  fixture: Fixture,
  url: string,
  env: Readonly<Record<string, string>>,
  use: () => Promise<void>,
): Promise<void> {
  const [command, ...args] = python("keeper.py", url, fixture.certificate, String(KEPT_BODIES));
  await using keepers = new AsyncDisposableStack();
  for (let number = 0; number < KEEPERS; number++) {
    const keeper = keepers.use(new Child(command, { args, env }));
    await keeper.found("stdout", /kept/);
  }
  await use();
}

Deno.test({
  name: `${KEEPERS} programs that keep their connections, then ${CURLS} curls: none loses a byte`,
  ...skipIf(missing("curl", "openssl") ?? pythonLacks("ssl")),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = new PeerServer(fixture);
      const capture = fixture.path("out.pcapng");
      await using agent = await Agent.start("source", fixture, capture);
      const body = fixture.body(MEDIUM_SIZE);
      const url = `https://localhost:${server.port}/${body.name}`;
      await withKeepers(fixture, url, agent.hookEnvironment, async () => {
        for (let number = 0; number < CURLS; number++) {
          await using download = new Download(fixture, [url], agent.hookEnvironment);
          assert.equal((await download.ended).sha256, body.sha256);
        }
      });
      const { total, programEvents } = await agent.stop();
      assert.deepEqual([total.flows, total.lost, programEvents, total.imbalance], [
        KEEPERS + CURLS,
        {},
        {},
        0,
      ]);
      const counts = forgedConnections(await Deno.readFile(capture)).map(({ streams, gaps }) => {
        assert.deepEqual(gaps, [[], []]);
        assert.equal(sha256(streams[1].slice(-body.length)), body.sha256);
        return Math.floor(streams[1].length / body.length);
      });
      // No order holds between programs: the agent may meet a keeper later than the first curl.
      assert.deepEqual(counts.toSorted(), [...Array(CURLS).fill(1), ...Array(KEEPERS).fill(KEPT_BODIES)]);
    }),
});
