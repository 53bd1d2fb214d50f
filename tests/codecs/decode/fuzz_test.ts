// SPDX-License-Identifier: MIT
import { decodeBytesTarget, decodeTarget } from "../../fuzz/decode_target.ts";
import { withSeed } from "../../support/random.ts";

Deno.test("whatever is damaged, cut in pieces or bounded, every message is shown, decoded or encoded", () =>
  withSeed((random) => {
    for (let round = 0; round < 300; round++) decodeTarget(random);
  }));

Deno.test("anything in either direction, with gaps, is borne", () =>
  withSeed((random) => {
    for (let round = 0; round < 1000; round++) decodeBytesTarget(random);
  }));
