// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { RefusedRegions } from "../../../../net/capture/preload/refused_regions.ts";

Deno.test("a region that was refused is news once for each reason", () => {
  const refused = new RefusedRegions();
  assert(refused.note("1:2", "bad-region"));
  assert(!refused.note("1:2", "bad-region"));
  assert(refused.note("1:3", "bad-region"));
  assert(refused.note("1:2", "too-many-regions"));
  assert(!refused.note("1:2", "too-many-regions"));
});

Deno.test("the newest refused regions are remembered", () => {
  const refused = new RefusedRegions(2);
  for (const key of ["1:1", "1:2", "1:3"]) assert(refused.note(key, "bad-region"));
  assert(!refused.note("1:3", "bad-region"));
  assert(!refused.note("1:2", "bad-region"));
  assert(refused.note("1:1", "bad-region"));
});
