// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Codec, CODEC_CONTRACT } from "../../../codecs/codec.ts";
import {
  CLIENT_IP,
  makeOpen,
  makeProgram,
  PipelineHarness,
  SERVER_IP,
  text,
} from "../../support/pipeline_harness.ts";

const address = (localPort: number) => ({ ...makeOpen().address!, localPort });

Deno.test("a flow becomes one connection with both streams, ended by FIN", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  pipeline.open(program, 7, makeOpen(), 1e9);
  harness.data(7, 0, 0, "GET / HTTP/1.1\r\n\r\n");
  harness.data(7, 1, 0, "HTTP/1.1 200 OK\r\n\r\n");
  pipeline.close(program, 7, "orderly", 2e9);
  const [connection, ...more] = harness.connections();
  assert.equal(more.length, 0);
  assert.equal(connection.name, "10.0.0.1:40000>10.0.0.2:443");
  assert.equal(text(connection.streams[0]), "GET / HTTP/1.1\r\n\r\n");
  assert.equal(text(connection.streams[1]), "HTTP/1.1 200 OK\r\n\r\n");
  assert.equal(connection.end, "fin");
  assert.match(
    connection.comments[0],
    /program=curl pid=100 uid=1000 role=client sni=example.test alpn=http\/1.1 tls=1.3/,
  );
  assert.match(connection.comments[0], /codec=raw attribution=socket .*community-id=1:/);
  const total = harness.total();
  assert.deepEqual(total.captured, [18, 19]);
  assert.deepEqual(total.forged, [18, 19]);
  assert.equal(total.packets, connection.packets);
  assert.equal(total.imbalance(), 0);
  assert.deepEqual(harness.events, ["open", "close orderly"]);
});

Deno.test("the role of the program decides who is the client", () => {
  const harness = new PipelineHarness();
  harness.pipeline.open(harness.program, 1, makeOpen({ isServer: true }), 1e9);
  harness.data(1, 0, 0, "x");
  assert.equal(harness.connections()[0].name, "10.0.0.2:443>10.0.0.1:40000");
});

Deno.test("a hello of the same client random gives the addresses and the grade", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  const hello = {
    address: { ...address(41_000), grade: "hello" as const },
    clientRandom: "bb".repeat(32),
    received: false,
    carrier: 0,
  };
  pipeline.hello(program, hello, 1e9);
  pipeline.open(program, 1, makeOpen({ address: undefined, clientRandom: hello.clientRandom }), 1e9);
  harness.data(1, 0, 0, "x");
  const [connection] = harness.connections();
  assert.equal(connection.name, "10.0.0.1:41000>10.0.0.2:443");
  assert.match(connection.comments[0], /attribution=hello/);
});

Deno.test("a hello of another program or of the other role is not taken", () => {
  for (const [received, sender] of [[true, 1], [false, 2]] as const) {
    const harness = new PipelineHarness({ requireAttribution: "nested" });
    const { pipeline } = harness;
    const hello = { address: address(41_000), clientRandom: "bb".repeat(32), received, carrier: 0 };
    pipeline.hello(makeProgram(sender), hello, 1e9);
    pipeline.open(makeProgram(1), 1, makeOpen({ address: undefined, clientRandom: hello.clientRandom }), 1e9);
    pipeline.data(makeProgram(1), 1, 0, 0, new Uint8Array(5), 1e9);
    pipeline.tick(9e9);
    assert.equal(harness.connections().length, 0);
    assert.deepEqual(harness.total().lost.get("no-attribution"), [5, 0]);
  }
});

Deno.test("a flow whose addresses are known less well than is asked for is not mirrored, but counted", () => {
  for (
    const [asked, isMirrored] of [["nested", true], ["socket", true], ["hello", false], [
      "wire",
      false,
    ]] as const
  ) {
    const harness = new PipelineHarness({ requireAttribution: asked });
    harness.pipeline.open(
      harness.program,
      1,
      makeOpen({ address: { ...address(41_000), grade: "socket" } }),
      1e9,
    );
    harness.data(1, 0, 0, "hello");
    assert.equal(harness.connections().length, isMirrored ? 1 : 0, asked);
    assert.deepEqual(harness.total().lost.get("no-attribution"), isMirrored ? undefined : [5, 0]);
    assert.equal(harness.total().imbalance(), 0);
  }
});

Deno.test("what comes before the addresses is held and then forged first", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  pipeline.open(program, 1, makeOpen({ address: undefined }), 1e9);
  harness.data(1, 0, 0, "one ");
  pipeline.gap(program, 1, { direction: 0, offset: 4, length: 6, reason: "ring-full" }, 1e9);
  assert.equal(harness.connections().length, 0);
  pipeline.open(
    program,
    1,
    makeOpen({ address: { ...address(42_000), grade: "nested" }, update: true }),
    1.1e9,
  );
  harness.data(1, 0, 10, "two", 1.2e9);
  const [connection] = harness.connections();
  assert.equal(connection.name, "10.0.0.1:42000>10.0.0.2:443");
  assert.equal(text(connection.streams[0]), "one \0\0\0\0\0\0two");
  assert.deepEqual(connection.gaps[0], [{ offset: 4, length: 6 }]);
  assert.equal(harness.total().imbalance(), 0);
});

Deno.test("a flow waits for its addresses as long, and with as much, as is set", () => {
  const waits = (options: { holdNs?: number; holdBytes?: number }, lengthBytes: number, afterNs: number) => {
    const harness = new PipelineHarness(options);
    harness.pipeline.open(harness.program, 1, makeOpen({ address: undefined }), 1e9);
    harness.data(1, 0, 0, "x".repeat(lengthBytes), 1e9);
    harness.pipeline.tick(1e9 + afterNs);
    return harness.connections().length === 0;
  };
  assert.deepEqual([waits({}, 1, 0.9e9), waits({}, 1, 1.1e9)], [true, false]);
  assert.deepEqual([waits({ holdNs: 5e9 }, 1, 4.9e9), waits({ holdNs: 5e9 }, 1, 5.1e9)], [true, false]);
  assert.deepEqual([waits({}, 256 * 1024, 0), waits({}, 256 * 1024 + 1, 0)], [true, false]);
  assert.deepEqual([waits({ holdBytes: 10 }, 10, 0), waits({ holdBytes: 10 }, 11, 0)], [true, false]);
});

Deno.test("a flow that nobody can attribute goes under documentation addresses after a second", () => {
  const harness = new PipelineHarness();
  harness.pipeline.open(harness.program, 1, makeOpen({ address: undefined }), 1e9);
  harness.data(1, 0, 0, "x");
  harness.pipeline.tick(1.9e9);
  assert.equal(harness.connections().length, 0);
  harness.pipeline.tick(2.1e9);
  const [connection] = harness.connections();
  assert.equal(connection.name, "192.0.2.1:20000>198.51.100.1:443");
  assert.match(connection.comments[0], /attribution=none/);
});

Deno.test("the hold is bounded by size", () => {
  const harness = new PipelineHarness();
  harness.pipeline.open(harness.program, 1, makeOpen({ address: undefined }), 1e9);
  harness.data(1, 0, 0, "x".repeat(300_000));
  assert.equal(harness.connections()[0].streams[0].length, 300_000);
});

Deno.test("a gap from a full ring skips exactly its length, and the books tell the reason", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  pipeline.open(program, 1, makeOpen(), 1e9);
  harness.data(1, 1, 0, "abc");
  pipeline.gap(program, 1, { direction: 1, offset: 3, length: 5000, reason: "ring-full" }, 1e9);
  harness.data(1, 1, 5003, "def");
  pipeline.gap(program, 1, { direction: 1, offset: 5006, length: 10, reason: "sendfile" }, 1e9);
  const [connection] = harness.connections();
  assert.deepEqual(connection.gaps[1], [{ offset: 3, length: 5000 }]);
  const total = harness.total();
  assert.deepEqual(total.lost.get("ring-full"), [0, 5000]);
  assert.deepEqual(total.lost.get("sendfile"), [0, 10]);
  assert.deepEqual(total.captured, [0, 5016]);
  assert.equal(total.imbalance(), 0);
});

Deno.test("an offset that jumps is a gap; one that goes back gives only what is new", () => {
  const harness = new PipelineHarness();
  harness.pipeline.open(harness.program, 1, makeOpen(), 1e9);
  harness.data(1, 0, 0, "abcdef");
  harness.data(1, 0, 4, "efgh");
  harness.data(1, 0, 0, "abc");
  harness.data(1, 0, 10, "kl");
  const [connection] = harness.connections();
  assert.equal(text(connection.streams[0]), "abcdefgh\0\0kl");
  assert.deepEqual(harness.total().lost.get("unreported"), [2, 0]);
});

Deno.test("both ends of one session on one host are forged once", () => {
  const harness = new PipelineHarness();
  const { pipeline } = harness;
  const server = makeProgram(2);
  const here = address(40_000);
  const swapped = {
    grade: "socket" as const,
    localIp: SERVER_IP,
    localPort: 443,
    remoteIp: CLIENT_IP,
    remotePort: 40_000,
  };
  pipeline.open(harness.program, 1, makeOpen({ address: here }), 1e9);
  pipeline.open(server, 1, makeOpen({ address: swapped, isServer: true }), 1e9);
  harness.data(1, 0, 0, "hello");
  pipeline.data(server, 1, 0, 0, new TextEncoder().encode("hello"), 1e9);
  const connections = harness.connections();
  assert.equal(connections.length, 1);
  assert.equal(text(connections[0].streams[0]), "hello");
  assert.deepEqual(harness.total().lost.get("other-end-mirrored"), [5, 0]);
  assert.equal(harness.total().imbalance(), 0);
});

Deno.test("a new flow on the 5-tuple of one that was never closed replaces it", () => {
  const harness = new PipelineHarness();
  harness.pipeline.open(harness.program, 1, makeOpen(), 1e9);
  harness.data(1, 0, 0, "old");
  harness.pipeline.open(harness.program, 2, makeOpen({ clientRandom: "cc".repeat(32) }), 2e9);
  harness.data(2, 0, 0, "new", 2e9);
  const [first, second] = harness.connections();
  assert.equal(first.end, "fin");
  assert.equal(text(first.streams[0]), "old");
  assert.equal(text(second.streams[0]), "new");
  assert.deepEqual(harness.events, ["open", "close replaced", "open"]);
});

Deno.test("a forked child goes on with its parent's flow, also after the parent let go", () => {
  for (const parentCloses of ["before", "after"] as const) {
    const harness = new PipelineHarness();
    const { pipeline, program } = harness;
    const child = makeProgram(2, { uid: program.uid });
    pipeline.open(program, 1, makeOpen(), 1e9);
    harness.data(1, 0, 0, "parent ");
    if (parentCloses === "before") pipeline.close(program, 1, "abrupt", 1e9);
    pipeline.open(child, 1, makeOpen({ inherited: true, offsets: [7, 0] }), 1.5e9);
    if (parentCloses === "after") pipeline.close(program, 1, "abrupt", 1.5e9);
    pipeline.tick(5e9);
    pipeline.data(child, 1, 0, 7, new TextEncoder().encode("child"), 5e9);
    pipeline.close(child, 1, "orderly", 6e9);
    const [connection, ...more] = harness.connections();
    assert.equal(more.length, 0);
    assert.equal(text(connection.streams[0]), "parent child");
    assert.equal(connection.end, "fin");
  }
});

Deno.test("another user's program cannot go on with a flow", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  pipeline.open(program, 1, makeOpen(), 1e9);
  harness.data(1, 0, 0, "mine");
  const stranger = makeProgram(2, { uid: 4242 });
  pipeline.open(stranger, 1, makeOpen({ inherited: true, address: address(43_000), offsets: [4, 0] }), 1e9);
  pipeline.data(stranger, 1, 0, 4, new TextEncoder().encode("evil"), 1e9);
  const [first, second] = harness.connections();
  assert.equal(text(first.streams[0]), "mine");
  assert.equal(second.name, "10.0.0.1:43000>10.0.0.2:443");
});

Deno.test("a flow that ended abruptly is closed a second later, one whose program lost records is reset", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  pipeline.open(program, 1, makeOpen(), 1e9);
  pipeline.open(program, 2, makeOpen({ address: address(40_001), clientRandom: "cc".repeat(32) }), 1e9);
  harness.data(1, 0, 0, "x");
  harness.data(2, 0, 0, "x");
  pipeline.close(program, 1, "abrupt", 2e9);
  pipeline.tick(2.5e9);
  assert.equal(harness.connections()[0].end, "open");
  pipeline.tick(3.1e9);
  assert.equal(harness.connections()[0].end, "fin");
  const losses = [
    { reason: "ring-full", unit: "bytes", amount: 9 },
    { reason: "unfinished-records", unit: "records", amount: 1 },
  ] as const;
  pipeline.programEnd(program, { losses, stopped: undefined }, 4e9);
  pipeline.tick(6e9);
  assert.equal(harness.connections()[1].end, "reset");
  assert.deepEqual(harness.total().lost.get("ring-full"), [9, 0]);
  assert.equal(harness.total().events.get("unfinished-records"), 1);
  assert.equal(harness.total().imbalance(), 0);
});

Deno.test("a flow without traffic rests and opens again on demand", () => {
  const harness = new PipelineHarness({ idleNs: 10e9 });
  const { pipeline, program } = harness;
  pipeline.open(program, 1, makeOpen(), 1e9);
  harness.data(1, 0, 0, "one");
  pipeline.tick(12e9);
  harness.data(1, 0, 3, "two", 20e9);
  pipeline.close(program, 1, "orderly", 21e9);
  const [first, second] = harness.connections();
  assert.equal(first.name, second.name);
  assert.deepEqual([first.end, second.end], ["fin", "fin"]);
  assert.deepEqual([text(first.streams[0]), text(second.streams[0])], ["one", "two"]);
  assert.deepEqual(harness.events, ["open", "close orderly"]);
  assert.equal(harness.total().flows, 1);
});

Deno.test("flows beyond the bound are counted, not mirrored", () => {
  const harness = new PipelineHarness({ flowsMax: 1 });
  harness.pipeline.open(harness.program, 1, makeOpen(), 1e9);
  harness.pipeline.open(harness.program, 2, makeOpen({ address: address(40_001), clientRandom: "" }), 1e9);
  harness.data(1, 0, 0, "abc");
  harness.data(2, 0, 0, "abcd");
  assert.equal(harness.connections().length, 1);
  assert.deepEqual(harness.total().lost.get("too-many-flows"), [4, 0]);
});

Deno.test("data of a flow that was never opened is counted", () => {
  const harness = new PipelineHarness();
  harness.data(99, 1, 0, "abc");
  harness.pipeline.gap(harness.program, 99, { direction: 0, offset: 0, length: 5, reason: "ring-full" }, 1e9);
  assert.deepEqual(harness.total().lost.get("unknown-flow"), [0, 3]);
  assert.deepEqual(harness.total().lost.get("ring-full"), [5, 0]);
  assert.equal(harness.total().imbalance(), 0);
});

Deno.test("a session whose hello was not kept is counted once", () => {
  const harness = new PipelineHarness();
  const open = makeOpen({ isHelloGone: true });
  harness.pipeline.open(harness.program, 1, open, 1e9);
  harness.pipeline.open(harness.program, 1, { ...open, update: true }, 1e9);
  harness.pipeline.open(harness.program, 2, makeOpen(), 1e9);
  assert.equal(harness.total().events.get("hello-gone"), 1);
});

Deno.test("a codec that throws downgrades its flow to raw and no other", () => {
  const fragile: Codec = {
    name: "fragile",
    contract: CODEC_CONTRACT,
    probe: () => "accept",
    open: (_flow, output) => ({
      data(direction, bytes) {
        if (text(bytes).includes("poison")) throw new Error("poisoned");
        output.write(0, direction, new TextEncoder().encode(text(bytes).toUpperCase()));
      },
      gap() {},
      end() {},
    }),
  };
  const harness = new PipelineHarness({ codecs: [fragile] });
  const { pipeline, program } = harness;
  pipeline.open(program, 1, makeOpen(), 1e9);
  pipeline.open(program, 2, makeOpen({ address: address(40_001), clientRandom: "cc".repeat(32) }), 1e9);
  harness.data(1, 0, 0, "fine ");
  harness.data(1, 0, 5, "poison");
  harness.data(1, 0, 11, " raw now");
  harness.data(2, 0, 0, "other");
  const connections = harness.connections();
  assert.deepEqual(connections.map(({ streams }) => text(streams[0])), ["FINE ", " raw now", "OTHER"]);
  assert.equal(connections[0].end, "reset");
  assert.equal(harness.total().events.get("codec-fragile-failed"), 1);
  assert.equal(harness.total().imbalance(), 0);
  assert.ok(harness.events.includes("codec fragile"));
});

Deno.test("drain ends what is open and what is held", () => {
  const harness = new PipelineHarness();
  harness.pipeline.open(harness.program, 1, makeOpen(), 1e9);
  harness.pipeline.open(harness.program, 2, makeOpen({ address: undefined, clientRandom: "" }), 1e9);
  harness.data(1, 0, 0, "a");
  harness.data(2, 0, 0, "b");
  harness.pipeline.drain();
  const connections = harness.connections();
  assert.deepEqual(connections.map(({ end }) => end), ["fin", "fin"]);
  assert.equal(harness.endedFlows, 2);
  assert.equal(harness.total().imbalance(), 0);
});
