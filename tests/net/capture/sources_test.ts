// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { CaptureSources } from "../../../net/capture/sources.ts";
import { OPEN_EXAMPLE } from "../../support/capture_examples.ts";
import { CaptureLog } from "../../support/capture_log.ts";

Deno.test("programs of several sources have numbers of one series", () => {
  const sources = new CaptureSources(new CaptureLog());
  const [one, two] = [sources.add(), sources.add()];
  assert.deepEqual([one.nextProgram(), two.nextProgram(), one.nextProgram()], [1, 2, 3]);
});

Deno.test("time passes when every source has said so, and never goes back", () => {
  const log = new CaptureLog();
  const sources = new CaptureSources(log);
  const [one, two] = [sources.add(), sources.add()];
  one.target.tick(5e9);
  two.target.tick(3e9);
  two.target.tick(4e9);
  const late = sources.add();
  one.target.tick(6e9);
  late.target.tick(2e9);
  late.end();
  late.target.tick(9e9);
  two.end();
  assert.deepEqual(log.calls, [["tick", 3e9], ["tick", 4e9], ["tick", 6e9]]);
});

Deno.test("every other call goes through as it is", () => {
  const log = new CaptureLog();
  const { target, nextProgram } = new CaptureSources(log).add();
  const program = { id: nextProgram(), pid: 7, uid: 8, comm: "x" };
  const gap = { direction: 1, offset: 3, length: 4, reason: "ring-full" } as const;
  target.programStart(program, 1);
  target.open(program, 2, OPEN_EXAMPLE, 3);
  target.hello(program, { address: undefined, clientRandom: "", received: true, carrier: 1 }, 4);
  target.data(program, 2, 1, 0, Uint8Array.of(1, 2, 3), 5);
  target.gap(program, 2, gap, 6);
  target.close(program, 2, "orderly", 7);
  target.programEnd(program, { losses: [], stopped: "why" }, 8);
  assert.deepEqual(log.calls, [
    ["programStart", program, 1],
    ["open", program, 2, OPEN_EXAMPLE, 3],
    ["hello", program, { address: undefined, clientRandom: "", received: true, carrier: 1 }, 4],
    ["data", program, 2, 1, 0, Uint8Array.of(1, 2, 3), 5],
    ["gap", program, 2, gap, 6],
    ["close", program, 2, "orderly", 7],
    ["programEnd", program, { losses: [], stopped: "why" }, 8],
  ]);
});
