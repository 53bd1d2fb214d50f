// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { eventLoopTurn } from "../../../../net/sinks/sink.ts";
import { timesBeforeTimer } from "../../../support/turns.ts";
import { Progress } from "../../../../net/link/session/progress.ts";

Deno.test("whoever waits again and again after a stall keeps no timer from its turn", async () => {
  let nowMs = 0;
  const progress = new Progress(1, () => nowMs++);
  const wait = () => progress.wait(() => false);
  await wait();
  assert.ok(await timesBeforeTimer(wait, 1000) < 1000);
});

Deno.test("what is done needs no waiting", async () => {
  const progress = new Progress(1000, () => 0);
  assert.equal(await timesBeforeTimer(() => progress.wait(() => true), 1000), 1000);
});

Deno.test("a step forward after a stall is reason to wait again", async () => {
  let nowMs = 0;
  const progress = new Progress(10, () => nowMs);
  let isDone = false;
  const stalled = progress.wait(() => isDone);
  nowMs = 10;
  progress.wake();
  await stalled;
  progress.advance();
  let isSettled = false;
  const waiting = progress.wait(() => isDone).then(() => isSettled = true);
  await eventLoopTurn();
  assert.ok(!isSettled, "it waits for the next step");
  isDone = true;
  progress.advance();
  await waiting;
});
