// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { sequenceAdd, sequenceNumber } from "../../../net/wire/seq.ts";
import { withSeed } from "../../support/random.ts";
import { sequenceDistance } from "../../support/sequence.ts";

Deno.test("sequence numbers wrap at 2^32", () => {
  const last = sequenceNumber(2 ** 32 - 1);
  assert.equal(sequenceAdd(last, 1), 0);
  assert.equal(sequenceAdd(last, 1461), 1460);
  assert.equal(sequenceAdd(sequenceNumber(0), -1), 2 ** 32 - 1);
  assert.equal(sequenceNumber(2 ** 32 + 5), 5);
  assert.equal(sequenceNumber(-1), 2 ** 32 - 1);
  assert.equal(sequenceAdd(sequenceNumber(7), 2 ** 40 + 3), 10);
});

Deno.test("adding then measuring gives back the length, wherever it starts", () =>
  withSeed((random) => {
    for (let round = 0; round < 5000; round++) {
      const start = sequenceNumber(random.below(2 ** 32));
      const length = random.below(2 ** 31);
      assert.equal(sequenceDistance(start, sequenceAdd(start, length)), length);
    }
  }));
