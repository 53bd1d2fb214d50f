// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { MemoryBudget, RING_LEAST } from "../../../../net/capture/preload/memory_budget.ts";

Deno.test("what is in use counts, and no user but root uses all of it", () => {
  const budget = new MemoryBudget(100 * RING_LEAST);
  assert(budget.admits(33) && budget.isPlenty(33));
  budget.change(33, 0, 40 * RING_LEAST);
  assert(!budget.isPlenty(33), "more than half of what one user may have");
  assert(budget.isPlenty(34) && budget.isPlenty(0));
  budget.change(33, 40 * RING_LEAST, 75 * RING_LEAST);
  assert(!budget.admits(33));
  assert(budget.admits(34) && !budget.isPlenty(34));
  budget.change(0, 0, 25 * RING_LEAST);
  assert(!budget.admits(0));
  budget.change(33, 75 * RING_LEAST, 0);
  assert.equal(budget.usedBytes, 25 * RING_LEAST);
  assert(budget.admits(33) && budget.isPlenty(33));
});

Deno.test("a user whose rings use more than its share leaves the rest to others", () => {
  const budget = new MemoryBudget(100 * RING_LEAST);
  budget.change(33, 0, 300 * RING_LEAST);
  assert(!budget.admits(33) && budget.admits(34) && budget.admits(0));
  budget.change(33, 300 * RING_LEAST, 30 * RING_LEAST);
  assert(budget.admits(33) && budget.isPlenty(33));
  assert.equal(budget.usedBytes, 30 * RING_LEAST);
});
