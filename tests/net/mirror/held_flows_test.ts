// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CaptureAddress, CaptureOpen } from "../../../net/capture/target.ts";
import { makeOpen, PipelineHarness } from "../../support/pipeline_harness.ts";

const randomOf = (number: number) => `${number}`.padStart(64, "0");
const address = (localPort: number): CaptureAddress => ({
  ...makeOpen().address!,
  grade: "hello",
  localPort,
});

Deno.test("a hello costs nothing for flows of other sessions that wait for their addresses", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  let looks = 0;
  const watched = (number: number): CaptureOpen => ({
    ...makeOpen({ address: undefined }),
    get clientRandom() {
      looks++;
      return randomOf(number);
    },
  });
  for (let number = 1; number <= 900; number++) pipeline.open(program, number, watched(number), 1e9);
  looks = 0;
  for (let number = 1001; number <= 2000; number++) {
    const hello = { address: address(number), clientRandom: randomOf(number), received: false, carrier: 0 };
    pipeline.hello(program, hello, 1e9);
  }
  assert.equal(looks, 0);
});
