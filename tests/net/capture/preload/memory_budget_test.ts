// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { MemoryBudget } from "../../../../net/capture/preload/memory_budget.ts";

Deno.test("the total is kept, and no user but root takes all of it", () => {
  const budget = new MemoryBudget(1000);
  assert(budget.take(33, 700));
  assert(!budget.take(33, 100));
  assert(budget.take(34, 200));
  assert(!budget.take(0, 101));
  assert(budget.take(0, 100));
  budget.give(33, 700);
  assert.equal(budget.usedBytes, 300);
  assert(budget.take(33, 700));
});
