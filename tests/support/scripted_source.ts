// SPDX-License-Identifier: MIT
/** A capture source of a test's own: one program, whose sessions say what they are told to. @module */
import type { CaptureSource } from "../../net/agent/source.ts";
import type { CaptureTarget } from "../../net/capture/target.ts";
import { makeOpen, makeProgram } from "./pipeline_harness.ts";

const encoder = new TextEncoder();
/** A time base that leaves nothing to the clock. */
export const TIME_BASE_NS = 1_800_000_000_000_000_000n;

/** Sends each request on a session of its own, with the same response, and has then no more. */
export function scriptedSource(requests: readonly string[], response: string): CaptureSource {
  return {
    name: "script",
    timeBaseNs: TIME_BASE_NS,
    open(target, { nextProgram, catchUp }) {
      return {
        async run() {
          tell(target, nextProgram(), requests, response);
          await catchUp();
        },
        close: () => Promise.resolve(),
        counters: { programs: 1, refused: new Map([["script-refused", 2]]) },
      };
    },
  };
}

function tell(target: CaptureTarget, id: number, requests: readonly string[], response: string): void {
  const program = makeProgram(id);
  target.programStart(program, 0);
  for (const [flow, request] of requests.entries()) {
    const open = makeOpen();
    const address = { ...open.address!, localPort: 40_000 + flow };
    target.open(program, flow + 1, { ...open, address, clientRandom: "" }, 0);
    target.data(program, flow + 1, 0, 0, encoder.encode(request), 1000);
    target.data(program, flow + 1, 1, 0, encoder.encode(response), 2000);
    target.close(program, flow + 1, "orderly", 3000);
  }
  target.programEnd(program, { losses: [], stopped: undefined }, 4000);
}
