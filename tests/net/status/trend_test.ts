// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Trend } from "../../../net/status/trend.ts";

Deno.test("rates are told over ten seconds, however often they are asked for", () => {
  const trend = new Trend();
  for (let timeMs = 0; timeMs <= 60_000; timeMs += 100) trend.add(timeMs, timeMs * 5, timeMs / 10);
  const { overMs, bytes, packets } = trend.rates(60_000, 300_000, 6000);
  assert(overMs >= 10_000 && overMs <= 11_000, `${overMs}`);
  assert.deepEqual([bytes, packets], [5000, 100]);
});

Deno.test("rates: nothing is told of too short a time, and an old sample serves until there is a younger", () => {
  const trend = new Trend();
  assert.deepEqual(trend.rates(0, 0, 0), { overMs: 0, bytes: 0, packets: 0 });
  trend.add(0, 0, 0);
  assert.equal(trend.rates(499, 1000, 1).overMs, 0);
  assert.deepEqual(trend.rates(30_000, 3000, 30), { overMs: 30_000, bytes: 100, packets: 1 });
});

Deno.test("a loss is told with the time when it last grew", () => {
  const trend = new Trend();
  assert.equal(trend.loss("a", 0, 1), undefined);
  assert.equal(trend.loss("a", 0, 2), undefined);
  assert.equal(trend.loss("a", 5, 3), 3);
  assert.equal(trend.loss("a", 5, 4), 3);
  assert.equal(trend.loss("b", 7, 4), 4);
  assert.equal(trend.loss("a", 6, 9), 9);
});
