// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { formatBytes, formatSpan } from "../../cli/format.ts";

Deno.test("summary: bytes for people", () => {
  const cases: [number, string][] = [[0, "0 B"], [248.9, "249 B"], [1023, "1023 B"], [1024, "1.0 KiB"], [
    10240,
    "10 KiB",
  ], [
    1 << 20,
    "1.0 MiB",
  ], [5e13, "45 TiB"]];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
});

Deno.test("spans have their two largest units", () => {
  const spans = [0, 999, 1000, 61_000, 3_600_000, 3_661_000, 90_061_000, 86_400_000];
  assert.deepEqual(spans.map(formatSpan), [
    "0 ms",
    "999 ms",
    "1 s",
    "1 min 1 s",
    "1 h",
    "1 h 1 min",
    "1 d 1 h",
    "1 d",
  ]);
});
