// SPDX-License-Identifier: MIT
/** Sessions over Unix sockets: no network carries them, and they are forged where asked to only. */
import assert from "node:assert/strict";
import { makeOpen, makeProgram, PipelineHarness, text } from "../../support/pipeline_harness.ts";

const OVER_UNIX = { address: undefined, overUnixSocket: true } as const;

function mirrored(options: { unix?: boolean; requireAttribution?: "nested" }): PipelineHarness {
  const harness = new PipelineHarness(options);
  harness.pipeline.open(harness.program, 1, makeOpen(OVER_UNIX), 1e9);
  harness.data(1, 0, 0, "SELECT 1");
  harness.pipeline.tick(9e9);
  harness.data(1, 1, 0, "one", 10e9);
  harness.pipeline.close(harness.program, 1, "orderly", 10e9);
  assert.equal(harness.total().imbalance(), 0);
  return harness;
}

Deno.test("a session over a Unix socket is not forged but counted", () => {
  for (const requireAttribution of [undefined, "nested"] as const) {
    const harness = mirrored({ requireAttribution });
    assert.deepEqual(harness.connections(), []);
    const total = harness.total();
    assert.deepEqual([...total.lost], [["unix-socket", [8, 3]]]);
    assert.deepEqual([...total.events], [["flow-unix-socket", 1]]);
  }
});

Deno.test("where asked to it is forged under documentation addresses, and marked", () => {
  for (const requireAttribution of [undefined, "nested"] as const) {
    const harness = mirrored({ unix: true, requireAttribution });
    const [{ name, streams, comments }] = harness.connections();
    assert.equal(name, "192.0.2.1:20000>198.51.100.1:443");
    assert.deepEqual(streams.map(text), ["SELECT 1", "one"]);
    assert.match(comments[0], / attribution=none .* socket=unix$/);
  }
});

Deno.test("a session that ends before its socket is given up is counted too", () => {
  const harness = new PipelineHarness();
  harness.pipeline.open(harness.program, 1, makeOpen(OVER_UNIX), 1e9);
  harness.data(1, 0, 0, "hello");
  harness.pipeline.close(harness.program, 1, "orderly", 1e9);
  assert.deepEqual([...harness.total().lost], [["unix-socket", [5, 0]]]);
});

Deno.test("the hello says it of a session in memory, before it opens or after", () => {
  for (const helloFirst of [true, false]) {
    const harness = new PipelineHarness();
    const { pipeline, program } = harness;
    const open = makeOpen({ address: undefined });
    const hello = { ...OVER_UNIX, clientRandom: open.clientRandom, received: false, carrier: 0 };
    if (helloFirst) pipeline.hello(program, hello, 1e9);
    pipeline.open(program, 1, open, 1e9);
    if (!helloFirst) pipeline.hello(program, hello, 1e9);
    harness.data(1, 0, 0, "hello");
    pipeline.drain();
    assert.deepEqual([...harness.total().lost], [["unix-socket", [5, 0]]]);
  }
});

Deno.test("a session that a program passes on from a Unix socket of its own has the addresses where it goes out", () => {
  const open = makeOpen(OVER_UNIX);
  const outside = {
    address: makeOpen().address,
    clientRandom: open.clientRandom,
    received: false,
    carrier: 0,
  };
  const inside = { ...outside, ...OVER_UNIX };
  for (const hellos of [[outside], [inside, outside], [outside, inside]]) {
    for (const before of [0, 1, hellos.length]) {
      const harness = new PipelineHarness();
      const { pipeline, program } = harness;
      for (const hello of hellos.slice(0, before)) pipeline.hello(program, hello, 1e9);
      pipeline.open(program, 1, open, 1e9);
      for (const hello of hellos.slice(before)) pipeline.hello(program, hello, 1e9);
      harness.data(1, 0, 0, "hello");
      pipeline.drain();
      const [{ name, comments }] = harness.connections();
      assert.equal(name, "10.0.0.1:40000>10.0.0.2:443");
      assert.doesNotMatch(comments[0], /socket=/);
    }
  }
});

Deno.test("what a child of another user says of a session's socket does not keep it from being mirrored", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  const child = makeProgram(2, { uid: 65_534, ancestors: [program.pid] });
  pipeline.open(program, 1, makeOpen({ address: undefined }), 1e9);
  pipeline.open(child, 1, makeOpen({ ...OVER_UNIX, inherited: true }), 1e9);
  harness.data(1, 0, 0, "hello");
  pipeline.close(child, 1, "orderly", 2e9);
  pipeline.close(program, 1, "orderly", 2e9);
  assert.deepEqual(harness.connections().map(({ streams }) => text(streams[0])), ["hello"]);
});
