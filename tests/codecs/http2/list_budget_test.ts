// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { ListBudget } from "../../../codecs/http2/list_budget.ts";

const KIB = 1024;

Deno.test("lists of browsers fit always, long ones until they are more than a burst", () => {
  const budget = new ListBudget(256 * KIB);
  assert.equal(budget.limitBytes, 256 * KIB);
  for (let times = 0; times < 2; times++) budget.spend(240 * KIB);
  assert.equal(budget.limitBytes, 32 * KIB);
  budget.spend(32 * KIB);
  assert.equal(budget.limitBytes, 16 * KIB);
});

Deno.test("bytes that come earn 64 times as many bytes of lists, up to a burst", () => {
  const budget = new ListBudget(1024 * KIB);
  budget.spend(1024 * KIB);
  budget.earn(1024);
  assert.equal(budget.limitBytes, 64 * KIB);
  budget.earn(1e9);
  assert.equal(budget.limitBytes, 512 * KIB);
});

Deno.test("whatever comes, lists are no more than a burst, 64 a byte, and the least for each block", () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 300 * KIB }));
  fc.assert(fc.property(fc.array(step), (steps) => {
    const budget = new ListBudget(256 * KIB);
    let allowed = 512 * KIB, spent = 0;
    for (const [bytes, wanted] of steps) {
      budget.earn(bytes);
      const size = Math.min(wanted, budget.limitBytes);
      budget.spend(size);
      spent += size;
      allowed += 64 * bytes + 16 * KIB;
      assert.ok(spent <= allowed);
    }
  }));
});
