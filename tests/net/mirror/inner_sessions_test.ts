// SPDX-License-Identifier: MIT
/** Sessions inside sessions, as an HTTPS proxy carries them: on ports of the lanes, each its own. */
import assert from "node:assert/strict";
import { makeOpen, PipelineHarness, text } from "../../support/pipeline_harness.ts";

const OUTER = { ...makeOpen().address!, remoteIp: Uint8Array.of(10, 0, 0, 9), remotePort: 3128 };
const randomOf = (kind: string, number: number) => `${kind}${number}`.padStart(64, "0");

/** Opens a session from `port` to the proxy, and one inside it; their flows are 2n and 2n + 1. */
function openInside({ pipeline, program }: PipelineHarness, number: number, port: number): number {
  const [outer, inner] = [2 * number, 2 * number + 1];
  const clientRandom = randomOf("b", number);
  const address = { ...OUTER, localPort: port };
  pipeline.open(program, outer, makeOpen({ clientRandom: randomOf("a", number), address }), 1e9);
  pipeline.hello(program, { address: undefined, clientRandom, received: false, carrier: outer }, 1e9);
  pipeline.open(program, inner, makeOpen({ clientRandom, address: undefined }), 1e9);
  return inner;
}

for (const step of [1, 2567]) {
  Deno.test(`60 sessions at a time inside others, ${step} ports apart, keep to themselves`, () => {
    const harness = new PipelineHarness();
    const inner = Array.from(
      { length: 60 },
      (_, i) => openInside(harness, i + 1, 1000 + (step * i) % 60_000),
    );
    inner.forEach((flow, i) => harness.data(flow, 0, 0, `GET /${i} HTTP/1.1\r\n`));
    inner.forEach((flow, i) => harness.data(flow, 1, 0, `HTTP/1.1 200 ${i}\r\n`));
    harness.pipeline.drain();
    const connections = harness.connections();
    assert.equal(connections.length, 60);
    assert.equal(new Set(connections.map(({ name }) => name)).size, 60);
    connections.forEach(({ name, streams, comments }, i) => {
      assert.match(name, /^10\.0\.0\.1:3\d{4}>10\.0\.0\.9:3128$/);
      assert.deepEqual(streams.map(text), [`GET /${i} HTTP/1.1\r\n`, `HTTP/1.1 200 ${i}\r\n`]);
      assert.match(comments[0], /attribution=hello/);
    });
    assert.deepEqual([...harness.total().lost], []);
    assert.ok(!harness.events.includes("close replaced"));
  });
}

Deno.test("a port that an inner session had is given back", () => {
  const harness = new PipelineHarness();
  for (let number = 1; number <= 3000; number++) {
    const inner = openInside(harness, number, 50_000);
    harness.data(inner, 0, 0, "x");
    harness.pipeline.close(harness.program, inner, "orderly", 1e9);
    harness.pipeline.close(harness.program, 2 * number, "orderly", 1e9);
  }
  assert.equal(harness.connections().length, 3000);
  assert.deepEqual([...harness.total().lost], []);
});

Deno.test("a real flow that comes to the port of an inner session has it, and the inner one ends", () => {
  const harness = new PipelineHarness();
  const inner = openInside(harness, 1, 50_000);
  harness.data(inner, 0, 0, "inside");
  const port = Number(/:(\d+)>/.exec(harness.connections()[0].name)![1]);
  const address = { ...OUTER, localPort: port };
  harness.pipeline.open(harness.program, 9, makeOpen({ clientRandom: randomOf("c", 1), address }), 1e9);
  harness.data(9, 0, 0, "real");
  const [first, second] = harness.connections();
  assert.equal(first.name, second.name);
  assert.deepEqual([text(first.streams[0]), text(second.streams[0])], ["inside", "real"]);
  assert.deepEqual(harness.events, ["open", "open", "close replaced", "open"]);
});
