// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FlowPlaces } from "../../../net/mirror/flow_places.ts";
import { makeOpen, makeProgram, PipelineHarness } from "../../support/pipeline_harness.ts";

const NOBODY = 65_534;

/** Flows of `uid` that find a place when `count` begin. */
const taken = (places: FlowPlaces, uid: number, count: number) =>
  Array.from({ length: count }, () => places.take(uid)).filter((hasPlace) => hasPlace).length;

Deno.test("one user other than root has three of four places, root has all", () => {
  assert.equal(taken(new FlowPlaces(100), NOBODY, 300), 75);
  assert.equal(taken(new FlowPlaces(100), 0, 300), 100);
  assert.equal(taken(new FlowPlaces(Infinity), NOBODY, 300), 300);
});

Deno.test("flows beyond a user's share take no place from others, and give none back", () => {
  const places = new FlowPlaces(100);
  taken(places, NOBODY, 300);
  assert.equal(taken(places, 33, 20), 20);
  for (let flows = 0; flows < 225; flows++) places.giveBack(NOBODY);
  assert.equal(taken(places, 0, 10), 5);
  for (let flows = 0; flows < 75; flows++) places.giveBack(NOBODY);
  assert.equal(taken(places, NOBODY, 100), 70);
});

Deno.test("however many flows a user's programs open, those of others are mirrored", () => {
  const harness = new PipelineHarness({ flowsMax: 8 });
  const { pipeline } = harness;
  const [nobody, web] = [makeProgram(1, { uid: NOBODY }), makeProgram(2, { uid: 33 })];
  const open = (localPort: number) =>
    makeOpen({
      clientRandom: `${localPort}`.padStart(64, "0"),
      address: { ...makeOpen().address!, localPort },
    });
  for (let flow = 1; flow <= 20; flow++) pipeline.open(nobody, flow, open(1000 + flow), 1e9);
  pipeline.open(web, 1, open(2000), 1e9);
  pipeline.data(web, 1, 0, 0, new TextEncoder().encode("mine"), 1e9);
  assert.deepEqual(harness.connections().map(({ name }) => name), ["10.0.0.1:2000>10.0.0.2:443"]);
  const events = (id: number) =>
    pipeline.rows().find(({ program }) => program.id === id)!.counters.events.get("flow-too-many-flows");
  assert.deepEqual([events(1), events(2)], [14, undefined]);
});
