// SPDX-License-Identifier: MIT
import { withSeed } from "../support/random.ts";
import { pcapngTarget, pipelineTarget, recordingTarget } from "./targets.ts";
import { viewTarget } from "./view_target.ts";

const ROUNDS = 300;

Deno.test("whatever a hook tells, the books balance and the packets are those of whole connections", () =>
  withSeed((random) => {
    for (let round = 0; round < ROUNDS; round++) pipelineTarget(random);
  }));

Deno.test("a damaged recording gives one clear error or none", () =>
  withSeed(async (random) => {
    for (let round = 0; round < ROUNDS; round++) await recordingTarget(random);
  }));

Deno.test("what was forged is read back; damaged, it is refused or read in part", () =>
  withSeed((random) => {
    for (let round = 0; round < ROUNDS; round++) pcapngTarget(random);
  }));

Deno.test("whatever passes, exchanges are read on, every flow is told, and a terminal gets no orders", () =>
  withSeed((random) => {
    for (let round = 0; round < 20; round++) viewTarget(random);
  }));
