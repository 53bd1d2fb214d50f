// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Flow } from "../../../net/mirror/flow.ts";
import { Sessions } from "../../../net/mirror/sessions.ts";
import { makeOpen, makeProgram } from "../../support/pipeline_harness.ts";

const program = makeProgram(1);
const randomOf = (number: number) => `${number}`.padStart(64, "0");

Deno.test("65,536 ended sessions are remembered, the oldest is forgotten first", () => {
  const sessions = new Sessions();
  for (let number = 0; number <= 65_536; number++) {
    const flow = new Flow(
      number,
      program,
      makeOpen({ clientRandom: randomOf(number), offsets: [number, 0] }),
      1e9,
    );
    sessions.add(flow);
    sessions.end(flow, true, 1e9);
  }
  assert.equal(sessions.ended(randomOf(0)), undefined);
  assert.deepEqual(sessions.ended(randomOf(1))!.offsets, [1, 0]);
  assert.deepEqual(sessions.ended(randomOf(65_536))!.offsets, [65_536, 0]);
});

Deno.test("a flow that does not stand for its session leaves nothing behind when it ends", () => {
  const sessions = new Sessions();
  const [one, other] = [1, 2].map((id) => new Flow(id, program, makeOpen(), 1e9));
  sessions.add(one);
  sessions.add(other);
  sessions.end(one, true, 1e9);
  assert.equal(sessions.open(one.info.clientRandom), other);
  assert.equal(sessions.ended(one.info.clientRandom), undefined);
  sessions.add(new Flow(3, program, makeOpen({ clientRandom: "" }), 1e9));
  assert.equal(sessions.open(""), undefined);
});
