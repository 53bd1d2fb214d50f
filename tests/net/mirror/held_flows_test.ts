// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CaptureAddress, CaptureOpen } from "../../../net/capture/target.ts";
import { makeOpen, makeProgram, PipelineHarness } from "../../support/pipeline_harness.ts";

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

const PIECE = "x".repeat(10_000);
const BOUND = 100_000;

Deno.test("where all flows together hold too much the largest wait no longer for their addresses, and nothing is lost", () => {
  const harness = new PipelineHarness({ waitingBytesMax: BOUND });
  const { pipeline, program } = harness;
  pipeline.open(program, 1, makeOpen({ address: undefined, clientRandom: randomOf(1) }), 1e9);
  harness.data(1, 0, 0, "small");
  for (let number = 2; number <= 30; number++) {
    pipeline.open(program, number, makeOpen({ address: undefined, clientRandom: randomOf(number) }), 1e9);
    for (const index of [0, 1]) harness.data(number, 0, index * PIECE.length, PIECE);
  }
  const forged = () => harness.connections().reduce((sum, { streams }) => sum + streams[0].length, 0);
  const sent = "small".length + 29 * 2 * PIECE.length;
  assert.ok(sent - forged() <= BOUND, `${sent - forged()} bytes are held`);
  const given = harness.connections().length;
  assert.equal(harness.total().events.get("held-over-bound"), given);
  const hello = { address: address(41_000), clientRandom: randomOf(1), received: false, carrier: 0 };
  pipeline.hello(program, hello, 1e9);
  assert.equal(harness.connections().at(-1)!.name, "10.0.0.1:41000>10.0.0.2:443");
  pipeline.drain();
  assert.equal(forged(), sent);
  assert.equal(harness.total().imbalance(), 0);
});

Deno.test("what waits for another telling counts among what flows hold, and is told where that is too much", () => {
  const harness = new PipelineHarness({ waitingBytesMax: BOUND });
  const { pipeline, program } = harness;
  const other = makeProgram(2);
  for (let number = 1; number <= 30; number++) {
    const clientRandom = randomOf(number);
    pipeline.open(program, number, makeOpen({ clientRandom, address: address(number) }), 1e9);
    pipeline.open(other, number, makeOpen({ clientRandom, isServer: true, address: undefined }), 1e9);
    for (const index of [0, 1]) harness.data(number, 0, 5 + index * PIECE.length, PIECE);
  }
  const ahead = harness.total().events.get("ahead-over-bound")!;
  assert.equal(harness.connections().length, ahead);
  assert.ok((30 - ahead) * 2 * PIECE.length <= BOUND);
  pipeline.drain();
  for (const { streams } of harness.connections()) assert.equal(streams[0].length, 5 + 2 * PIECE.length);
  assert.equal(harness.total().imbalance(), 0);
});
