// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { hasPlace, LookBudget } from "../../../../net/capture/uprobes/look_budget.ts";

const MB = 1 << 20;

Deno.test("a user whose files took much to look through waits, and others do not, and root never", () => {
  const budget = new LookBudget();
  for (let look = 0; look < 3; look++) {
    assert.equal(budget.hasRoom(1000, 0), true);
    budget.spend(1000, 96 * MB);
  }
  assert.equal(budget.hasRoom(1000, 0), false);
  assert.equal(budget.hasRoom(1001, 0), true);
  budget.spend(0, 1e12);
  assert.equal(budget.hasRoom(0, 0), true);
  assert.equal(budget.hasRoom(1000, 3_000), false);
  assert.equal(budget.hasRoom(1000, 20_000), true);
});

Deno.test("users together have no more than all may, however many names they have", () => {
  const budget = new LookBudget();
  let looks = 0;
  for (let user = 100_000; user < 165_536; user++) {
    if (!budget.hasRoom(user, 0)) continue;
    budget.spend(user, 96 * MB);
    looks++;
  }
  assert.equal(looks, 6);
  assert.equal(budget.hasRoom(0, 0), true);
  assert.equal(budget.hasRoom(200_000, 20_000), true);
});

Deno.test("no user's files take all places, nor do those of all but root", () => {
  assert.equal(hasPlace(1000, Array(256).fill(1000)), false);
  assert.equal(hasPlace(1000, Array(255).fill(1000)), true);
  assert.equal(hasPlace(1000, Array(600).fill(0)), true);
  assert.equal(hasPlace(1000, Array.from({ length: 512 }, (_, at) => 2000 + at)), false);
  assert.equal(hasPlace(0, Array.from({ length: 1000 }, (_, at) => at)), true);
});
