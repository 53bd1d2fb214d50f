// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { DirectionState } from "../../../codecs/http2/direction_state.ts";

function newState(joinedLate = false) {
  const counts: string[] = [];
  return { state: new DirectionState(joinedLate, (reason) => counts.push(reason)), counts };
}
const seen = ({ isBeginning, isIncomplete, isSure }: DirectionState) => ({
  isBeginning,
  isIncomplete,
  isSure,
});
const BEGINNING = { isBeginning: true, isIncomplete: false, isSure: true };
const WHOLE = { isBeginning: false, isIncomplete: false, isSure: true };
const INCOMPLETE = { isBeginning: false, isIncomplete: true, isSure: true };
const UNSURE = { isBeginning: false, isIncomplete: true, isSure: false };

Deno.test("a direction is whole from its first frame until something is missing, and never again", () => {
  const { state } = newState();
  assert.deepEqual(seen(state), BEGINNING);
  state.firstFrame();
  assert.deepEqual(seen(state), WHOLE);
  state.confirm();
  assert.deepEqual(seen(state), WHOLE);
  state.bytesMissing();
  assert.deepEqual(seen(state), INCOMPLETE);
  state.firstFrame();
  state.confirm();
  assert.deepEqual(seen(state), INCOMPLETE);
});

Deno.test("a place that was lost is unsure when it is found, and sure when it is confirmed", () => {
  const { state } = newState();
  state.firstFrame();
  state.placeLost();
  assert.deepEqual(seen(state), UNSURE);
  // While the place is looked for there is nothing to confirm.
  state.confirm();
  assert.deepEqual(seen(state), UNSURE);
  state.boundaryFound();
  assert.deepEqual(seen(state), UNSURE);
  state.bytesMissing();
  assert.deepEqual(seen(state), UNSURE);
  state.confirm();
  assert.deepEqual(seen(state), INCOMPLETE);
  state.placeLost();
  assert.deepEqual(seen(state), UNSURE);
});

Deno.test("a direction that was joined late has no first frame", () => {
  const { state } = newState(true);
  assert.deepEqual(seen(state), UNSURE);
  state.boundaryFound();
  state.confirm();
  assert.deepEqual(seen(state), INCOMPLETE);
});

Deno.test("a fault is passed over and counted where frames are sure, and speaks against them where not", () => {
  const { state, counts } = newState();
  assert.equal(state.tolerate("frame-size"), undefined);
  state.placeLost();
  state.boundaryFound();
  assert.equal(state.tolerate("idle-stream"), "idle-stream");
  state.confirm();
  assert.equal(state.tolerate("idle-stream"), undefined);
  assert.deepEqual(counts, ["tolerated-frame-size", "tolerated-idle-stream"]);
});
