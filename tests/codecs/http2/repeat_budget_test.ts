// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { RepeatBudget, SharedAllowance } from "../../../codecs/http2/repeat_budget.ts";

const KIB = 1024;

Deno.test("a connection begins with an allowance, and earns 64 bytes for each that comes", () => {
  const budget = new RepeatBudget(new SharedAllowance());
  assert.equal(budget.limitBytes, 64 * KIB);
  budget.earn(100);
  assert.equal(budget.limitBytes, 64 * KIB + 6400);
  budget.spend(6400 + 60 * KIB);
  assert.equal(budget.limitBytes, 4 * KIB);
  // The allowance comes once.
  budget.spend(4 * KIB);
  budget.earn(100);
  assert.equal(budget.limitBytes, 6400);
  budget.earn(1e9);
  assert.equal(budget.limitBytes, 512 * KIB);
});

Deno.test("what is told beyond the limit is a debt, up to a bound", () => {
  const budget = new RepeatBudget(new SharedAllowance());
  budget.spend(100 * KIB);
  assert.equal(budget.limitBytes, -36 * KIB);
  budget.earn(KIB);
  assert.equal(budget.limitBytes, 28 * KIB);
  budget.spend(1e9);
  assert.equal(budget.limitBytes, -512 * KIB);
});

Deno.test("allowances of all connections are bounded together, what was earned is not", () => {
  const shared = new SharedAllowance();
  for (let i = 0; i < 256; i++) {
    const budget = new RepeatBudget(shared);
    assert.equal(budget.limitBytes, 64 * KIB);
    budget.spend(64 * KIB);
  }
  const late = new RepeatBudget(shared);
  assert.equal(late.limitBytes, 0);
  late.earn(1000);
  assert.equal(late.limitBytes, 64_000 + 1000);
});

Deno.test("whatever comes, connections together are told no more than 65 bytes for each, and 16 MiB", () => {
  const step = fc.tuple(
    fc.integer({ min: 0, max: 4 }),
    fc.integer({ min: 0, max: 3000 }),
    fc.integer({ min: 0, max: 300 * KIB }),
  );
  fc.assert(fc.property(fc.array(step), (steps) => {
    const shared = new SharedAllowance();
    const budgets = Array.from({ length: 5 }, () => new RepeatBudget(shared));
    let received = 0, told = 0;
    for (const [which, bytes, wanted] of steps) {
      const budget = budgets[which];
      budget.earn(bytes);
      const taken = Math.max(0, Math.min(wanted, budget.limitBytes));
      budget.spend(taken);
      received += bytes;
      told += taken;
      assert.ok(told <= 65 * received + 16 * KIB * KIB);
      assert.ok(told <= 65 * received + 5 * 64 * KIB);
    }
  }));
});
