// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { missing } from "../support/run.ts";
import { blocks } from "../support/forged.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { BLOCK_ENHANCED_PACKET } from "../../net/wire/pcapng.ts";
import {
  Agent,
  mirrorOptions,
  type Mode,
  modeMissing,
  MODES,
  runSslcollector,
  summaryOf,
} from "./support/sslcollector.ts";
import { curlArguments, curlPeer } from "./support/curl.ts";
import { smallAndMedium } from "./support/exchange.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { checkClient } from "./support/mirrored.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";

const lacking = missing("curl", "openssl", "tshark") ?? judgeMissing();

/** Enhanced Packet Blocks of a capture, byte for byte. */
function packetBlocks(capture: string): Uint8Array[] {
  const bytes = Deno.readFileSync(capture);
  const view = new DataView(bytes.buffer);
  // They are well-formed if this can read them.
  for (const _ of blocks(bytes));
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) === BLOCK_ENHANCED_PACKET) {
      found.push(bytes.subarray(at, at + view.getUint32(at + 4, true)));
    }
  }
  return found;
}

/** Fails unless `replay` makes the packets of `capture` again. */
async function checkReplay(mode: Mode, fixture: Fixture, recording: string, capture: string): Promise<void> {
  const again = fixture.path("again.pcapng");
  const ended = await runSslcollector(mode, fixture, ["replay", recording, ...mirrorOptions(again)]);
  assert.equal(ended.code, 0, ended.stderr);
  const [expected, actual] = [packetBlocks(capture), packetBlocks(again)];
  assert.ok(expected.length > 0);
  assert.equal(summaryOf(ended).total.packets, expected.length);
  assert.equal(actual.length, expected.length, "packets");
  expected.forEach((block, index) => {
    if (!Buffer.from(block).equals(actual[index])) assert.deepEqual(actual[index], block, `packet ${index}`);
  });
}

for (const mode of MODES) {
  Deno.test({
    name: `replay (${mode}) of a recorded curl gives the same packets`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        const recording = fixture.path("curl.sslc");
        const { capture } = await checkClient(mode, fixture, {
          program: "curl",
          role: "client",
          hostname: "::1",
          options: ["--record", recording],
          command: (target) => ["curl", ...curlArguments(smallAndMedium(fixture), target, fixture)],
        });
        await checkReplay(mode, fixture, recording, capture);
      }),
  });
}

Deno.test({
  name: "replay of a recorded nginx gives the same packets",
  ...skipIf(lacking, nginxMissing()),
  fn: () =>
    withFixture(async (fixture) => {
      const recording = fixture.path("nginx.sslc");
      const capture = fixture.path("nginx.pcapng");
      await using agent = await Agent.start("source", fixture, capture, "--record", recording);
      await using nginx = await Nginx.start(fixture, agent.hookEnvironment);
      const target = { hostname: "127.0.0.1", port: nginx.port } as const;
      await Promise.all([1, 2, 3].map(() => curlPeer(smallAndMedium(fixture), target, fixture)));
      await nginx.stop();
      assert.equal((await agent.stop()).total.flows, 9);
      await checkReplay("source", fixture, recording, capture);
    }),
});
