// SPDX-License-Identifier: MIT
/**
 * `deno task fuzz [SECONDS [TARGET...]]`: these targets, or all of them, with fresh seeds for so long (60 by default). A failure
 * names the seed; run it again with SEED.
 *
 * @module
 */
import { Random } from "../support/random.ts";
import { decodeBytesTarget, decodeTarget } from "./decode_target.ts";
import { hpackTarget, http2Target } from "./http2_targets.ts";
import { connectionsTarget, peerTarget } from "./peer_targets.ts";
import { viewTarget } from "./view_target.ts";
import { pcapngTarget, pipelineTarget, recordingTarget } from "./targets.ts";

const TARGETS: Record<string, (random: Random) => void | Promise<void>> = {
  pipeline: pipelineTarget,
  recording: recordingTarget,
  pcapng: pcapngTarget,
  http2: http2Target,
  decode: decodeTarget,
  "decode-bytes": decodeBytesTarget,
  hpack: (random) => hpackTarget(random),
  connections: connectionsTarget,
  peers: peerTarget,
  view: viewTarget,
};

const [seconds = "60", ...names] = Deno.args;
const chosen = Object.entries(TARGETS).filter(([name]) => names.length === 0 || names.includes(name));
const fixed = Deno.env.get("SEED");
const first = fixed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(fixed);
const end = performance.now() + Number(seconds) * 1000;
let rounds = 0;
console.log(`seeds from ${first}`);
do {
  const seed = first + rounds++;
  for (const [name, target] of chosen) {
    try {
      await target(new Random(seed));
    } catch (error) {
      console.error(`${name} failed with SEED=${seed}`);
      throw error;
    }
  }
} while (fixed === undefined && performance.now() < end);
console.log(`${rounds} rounds of ${chosen.map(([name]) => name).join(", ")}: nothing broke`);
