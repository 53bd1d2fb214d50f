// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { formatDuration, formatSize, parseDuration, parseSize } from "../../codecs/units.ts";

Deno.test("units: sizes have binary units, in either case", () => {
  const sizes = {
    "0": 0,
    "65536": 65536,
    "64k": 65536,
    "64KiB": 65536,
    "1.5M": 1572864,
    "2gb": 2 ** 31,
    "1T": 2 ** 40,
  };
  for (const [text, bytes] of Object.entries(sizes)) assert.equal(parseSize(text), bytes, text);
  for (const text of ["", "k", "-1", "1e3", "1.M", "12q", "0x10", "9".repeat(20), "Infinity"]) {
    assert.ok(Number.isNaN(parseSize(text)), text);
  }
});

Deno.test("units: durations are seconds unless they say otherwise", () => {
  const durations = {
    "0": 0,
    "90": 90e3,
    "90s": 90e3,
    "10m": 600e3,
    "1.5h": 5400e3,
    "2d": 172800e3,
    "250ms": 250,
  };
  for (const [text, ms] of Object.entries(durations)) assert.equal(parseDuration(text), ms, text);
  for (const text of ["", "1w", "-1s", "1S", "soon", "s"]) assert.ok(Number.isNaN(parseDuration(text)), text);
});

Deno.test("units: in the largest unit that goes", () => {
  assert.deepEqual([0, 1, 1000, 65536, 768 * 1024, 2 ** 24, 2 ** 40].map(formatSize), [
    "0",
    "1",
    "1000",
    "64KiB",
    "768KiB",
    "16MiB",
    "1TiB",
  ]);
  assert.deepEqual([0, 1, 1500, 1000, 60e3, 90e3, 3600e3, 86400e3].map(formatDuration), [
    "0",
    "1ms",
    "1500ms",
    "1s",
    "1m",
    "90s",
    "1h",
    "1d",
  ]);
});

Deno.test("units: what is written is read as it was", () => {
  const multiple = (units: readonly number[]) =>
    fc.tuple(fc.nat({ max: 5000 }), fc.constantFrom(...units)).map(([count, unit]) => count * unit);
  fc.assert(fc.property(fc.oneof(fc.maxSafeNat(), multiple([2 ** 10, 2 ** 20, 2 ** 30])), (bytes) => {
    assert.equal(parseSize(formatSize(bytes)), bytes);
  }));
  fc.assert(fc.property(fc.oneof(fc.nat(), multiple([1000, 60e3, 3600e3, 86400e3])), (ms) => {
    assert.equal(parseDuration(formatDuration(ms)), ms);
  }));
});
