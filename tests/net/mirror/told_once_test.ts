// SPDX-License-Identifier: MIT
/** One session, told by several: it is forged once, whoever tells it, in whatever order. */
import assert from "node:assert/strict";
import type { CaptureAddress, CaptureProgram } from "../../../net/capture/target.ts";
import {
  CLIENT_IP,
  makeOpen,
  makeProgram,
  PipelineHarness,
  SERVER_IP,
  text,
} from "../../support/pipeline_harness.ts";
import { type Random, seededRandom } from "../../support/random.ts";

const CLIENT_END: CaptureAddress = {
  grade: "socket",
  localIp: CLIENT_IP,
  localPort: 40_000,
  remoteIp: SERVER_IP,
  remotePort: 443,
};
const SERVER_END: CaptureAddress = {
  grade: "socket",
  localIp: SERVER_IP,
  localPort: 443,
  remoteIp: CLIENT_IP,
  remotePort: 40_000,
};
const REQUEST = "GET / HTTP/1.1\r\n\r\n";
const RESPONSE = "HTTP/1.1 200 OK\r\n\r\n";

/** One record of a telling. */
type Step = (harness: PipelineHarness, timeNs: number) => void;

/** The whole telling of a session whose client sends `toServer` and gets `toClient`, in pieces. */
function telling(
  program: CaptureProgram,
  isServer: boolean,
  toServer: string[],
  toClient: string[],
): Step[] {
  const address = isServer ? SERVER_END : CLIENT_END;
  const steps: Step[] = [
    ({ pipeline }, timeNs) => pipeline.open(program, 1, makeOpen({ address, isServer }), timeNs),
  ];
  const offsets = [0, 0];
  for (let i = 0; i < Math.max(toServer.length, toClient.length); i++) {
    for (const [direction, piece] of [[0, toServer[i]], [1, toClient[i]]] as const) {
      if (!piece) continue;
      const offset = offsets[direction];
      offsets[direction] += piece.length;
      const bytes = new TextEncoder().encode(piece);
      steps.push(({ pipeline }, timeNs) => pipeline.data(program, 1, direction, offset, bytes, timeNs));
    }
  }
  return [...steps, ({ pipeline }, timeNs) => pipeline.close(program, 1, "orderly", timeNs)];
}

/** The text, cut into pieces anywhere. */
function cut(whole: string, random: Random): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < whole.length;) {
    const length = 1 + random.below(20);
    pieces.push(whole.slice(at, at + length));
    at += length;
  }
  return pieces;
}

const TELLERS = [
  ["two sources", makeProgram(2, { pid: 101 }), false, "told-before"],
  ["both ends", makeProgram(2), true, "other-end-mirrored"],
] as const;

for (const [name, second, isServer, reason] of TELLERS) {
  Deno.test(`${name} tell one session: one connection, the repeats are counted`, () => {
    const harness = new PipelineHarness();
    const one = telling(harness.program, false, [REQUEST], [RESPONSE]);
    const other = telling(second, isServer, [REQUEST], [RESPONSE]);
    one.forEach((step, i) => [step, other[i]].forEach((each) => each(harness, 1e9)));
    const [connection, ...more] = harness.connections();
    assert.equal(more.length, 0);
    assert.deepEqual(connection.streams.map(text), [REQUEST, RESPONSE]);
    assert.equal(connection.end, "fin");
    const total = harness.total();
    assert.deepEqual(total.captured, [2 * REQUEST.length, 2 * RESPONSE.length]);
    assert.deepEqual(total.lost.get(reason), [REQUEST.length, RESPONSE.length]);
    assert.equal(total.imbalance(), 0);
    assert.equal(total.flows, 1);
  });

  Deno.test(`${name}: the second may tell it a minute after the first has ended`, () => {
    const harness = new PipelineHarness();
    for (const step of telling(harness.program, false, [REQUEST], [RESPONSE])) step(harness, 1e9);
    harness.pipeline.tick(61e9);
    for (const step of telling(second, isServer, [REQUEST], [RESPONSE])) step(harness, 61e9);
    harness.pipeline.tick(65e9);
    harness.pipeline.drain();
    assert.equal(harness.connections().length, 1);
    assert.deepEqual(harness.total().lost.get(reason), [REQUEST.length, RESPONSE.length]);
    assert.equal(harness.total().flows, 1);
    assert.equal(harness.total().imbalance(), 0);
  });

  Deno.test(`${name}: what the second knows of a session that was cut short goes on in a new connection`, () => {
    const harness = new PipelineHarness();
    const { pipeline, program } = harness;
    for (const step of telling(program, false, [REQUEST], [RESPONSE]).slice(0, 2)) step(harness, 1e9);
    pipeline.programEnd(program, { losses: [], stopped: undefined }, 1e9);
    pipeline.tick(9e9);
    for (const step of telling(second, isServer, [REQUEST], [RESPONSE])) step(harness, 9e9);
    const [first, next, ...more] = harness.connections();
    assert.equal(more.length, 0);
    assert.deepEqual(first.streams.map(text), [REQUEST, ""]);
    assert.deepEqual(next.streams.map(text), ["", RESPONSE]);
    assert.deepEqual(harness.total().lost.get(reason), [REQUEST.length, 0]);
  });

  Deno.test(`${name} in any order, one of them cut at any record: one connection with all bytes`, () => {
    const random = seededRandom(`told once by ${name}`);
    for (let run = 0; run < 500; run++) {
      const harness = new PipelineHarness();
      const [request, response] = [REQUEST.repeat(1 + random.below(4)), RESPONSE.repeat(1 + random.below(4))];
      const tellers = [
        telling(harness.program, false, cut(request, random), cut(response, random)),
        telling(second, isServer, cut(request, random), cut(response, random)),
      ];
      const short = random.below(2);
      tellers[short] = tellers[short].slice(0, random.below(tellers[short].length + 1));
      if (random.oneIn(2)) tellers.reverse();
      const turn = 1 + random.below(40);
      for (let timeNs = 1e9; tellers.some(({ length }) => length > 0); timeNs += 1000) {
        const [at = 0] = [0, 1].filter((i) =>
          tellers[i].length > 0 && (tellers[1 - i].length === 0 || random.oneIn(2))
        );
        for (const step of tellers[at].splice(0, 1 + random.below(turn))) step(harness, timeNs);
        if (random.oneIn(20)) harness.pipeline.tick(timeNs);
      }
      harness.pipeline.drain();
      const connections = harness.connections();
      assert.equal(connections.length, 1, `run ${run}`);
      assert.deepEqual(connections[0].streams.map(text), [request, response], `run ${run}`);
      const total = harness.total();
      assert.equal(total.imbalance(), 0);
      assert.deepEqual(total.decoded, [request.length, response.length]);
      assert.deepEqual([...total.lost.keys()].filter((lost) => lost !== reason), []);
    }
  });
}

Deno.test("a child that is read before its parent waits for what the parent told before the fork", () => {
  for (const parentCloses of ["abrupt", "orderly"] as const) {
    const harness = new PipelineHarness();
    const { pipeline, program } = harness;
    const child = makeProgram(2);
    const offsets = [REQUEST.length, 0] as const;
    pipeline.open(child, 1, makeOpen({ inherited: true, offsets }), 2e9);
    pipeline.data(child, 1, 1, 0, new TextEncoder().encode(RESPONSE), 2e9);
    pipeline.close(child, 1, "orderly", 2e9);
    assert.equal(harness.connections().length, 0);
    const [open, data] = telling(program, false, [REQUEST], []);
    open(harness, 1e9);
    data(harness, 1e9);
    pipeline.close(program, 1, parentCloses, 1e9);
    pipeline.tick(9e9);
    const [connection, ...more] = harness.connections();
    assert.equal(more.length, 0);
    assert.deepEqual(connection.streams.map(text), [REQUEST, RESPONSE]);
    assert.deepEqual(connection.gaps, [[], []]);
    assert.equal(harness.total().imbalance(), 0);
  }
});

Deno.test("a child that waits for its parent may learn its addresses meanwhile", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  const child = makeProgram(2);
  const inherited = { inherited: true, offsets: [REQUEST.length, 0] } as const;
  pipeline.open(child, 1, makeOpen({ ...inherited, address: undefined }), 1e9);
  pipeline.data(child, 1, 1, 0, new TextEncoder().encode(RESPONSE), 1e9);
  pipeline.open(child, 1, makeOpen({ ...inherited, update: true }), 1e9);
  assert.equal(harness.connections().length, 0);
  for (const step of telling(program, false, [REQUEST], []).slice(0, 2)) step(harness, 1e9);
  pipeline.tick(9e9);
  assert.deepEqual(harness.connections().map(({ streams }) => streams.map(text)), [[REQUEST, RESPONSE]]);
});

Deno.test("a child whose parent tells nothing is mirrored from where it began, a second later", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  pipeline.open(program, 1, makeOpen({ inherited: true, offsets: [REQUEST.length, 0] }), 1e9);
  harness.data(1, 1, 0, RESPONSE);
  pipeline.tick(1.9e9);
  assert.equal(harness.connections().length, 0);
  pipeline.tick(2.1e9);
  assert.deepEqual(harness.connections()[0].streams.map(text), ["", RESPONSE]);
  assert.deepEqual([...harness.total().lost], []);
});

Deno.test("what one end lost, the other end tells", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  const server = makeProgram(2);
  pipeline.open(program, 1, makeOpen(), 1e9);
  pipeline.open(server, 1, makeOpen({ isServer: true, address: SERVER_END }), 1e9);
  pipeline.gap(program, 1, { direction: 0, offset: 0, length: REQUEST.length, reason: "ring-full" }, 1e9);
  harness.data(1, 1, 0, RESPONSE);
  pipeline.data(server, 1, 0, 0, new TextEncoder().encode(REQUEST), 1e9);
  const [connection] = harness.connections();
  assert.deepEqual(connection.streams.map(text), [REQUEST, RESPONSE]);
  assert.deepEqual(connection.gaps, [[], []]);
  assert.equal(harness.total().imbalance(), 0);
});

Deno.test("what both ends lost is a gap when nobody has told it for a second, or the other has ended", () => {
  for (const how of ["tick", "close"] as const) {
    const harness = new PipelineHarness();
    const { pipeline, program } = harness;
    const server = makeProgram(2);
    pipeline.open(program, 1, makeOpen(), 1e9);
    pipeline.open(server, 1, makeOpen({ isServer: true, address: SERVER_END }), 1e9);
    pipeline.gap(program, 1, { direction: 0, offset: 0, length: 7, reason: "ring-full" }, 1e9);
    harness.data(1, 0, 7, REQUEST);
    assert.equal(harness.connections().length, 0);
    if (how === "tick") pipeline.tick(3e9);
    else pipeline.close(server, 1, "abrupt", 1e9);
    const [connection] = harness.connections();
    assert.deepEqual(connection.gaps[0], [{ offset: 0, length: 7 }]);
    assert.equal(text(connection.streams[0]), "\0".repeat(7) + REQUEST);
    assert.deepEqual(harness.total().lost.get("ring-full"), [7, 0]);
    assert.equal(harness.total().imbalance(), 0);
  }
});

Deno.test("one that joined late cannot be laid beside the other: nothing of it is taken", () => {
  const harness = new PipelineHarness();
  const server = makeProgram(2);
  for (const step of telling(harness.program, false, [REQUEST], []).slice(0, 2)) step(harness, 1e9);
  harness.pipeline.open(server, 1, makeOpen({ isServer: true, address: SERVER_END, late: true }), 1e9);
  harness.pipeline.data(server, 1, 0, 0, new Uint8Array(5000), 1e9);
  harness.data(1, 1, 0, RESPONSE);
  assert.deepEqual(harness.connections()[0].streams.map(text), [REQUEST, RESPONSE]);
  assert.deepEqual(harness.total().lost.get("other-end-mirrored"), [5000, 0]);
  assert.equal(harness.total().imbalance(), 0);
});

Deno.test("a child that joined late as its parent did, after a fork that nobody saw, goes on with one direction", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  const child = makeProgram(2, { pid: program.pid + 1 });
  pipeline.open(program, 1, makeOpen({ late: true }), 1e9);
  harness.data(1, 0, 0, REQUEST);
  pipeline.open(child, 1, makeOpen({ late: true }), 1e9);
  pipeline.data(child, 1, 1, 0, new TextEncoder().encode(RESPONSE), 1e9);
  assert.deepEqual(harness.connections().map(({ streams }) => streams.map(text)), [[REQUEST, RESPONSE]]);
  assert.deepEqual([...harness.total().lost], []);
});

Deno.test("a child that joined late, as its parent did not, has lost what nobody can place", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  const child = makeProgram(2, { pid: program.pid + 1 });
  pipeline.open(program, 1, makeOpen(), 1e9);
  harness.data(1, 0, 0, REQUEST);
  pipeline.open(child, 1, makeOpen({ late: true }), 1e9);
  pipeline.data(child, 1, 1, 0, new TextEncoder().encode(RESPONSE), 1e9);
  pipeline.gap(child, 1, { direction: 1, offset: RESPONSE.length, length: 7, reason: "ring-full" }, 1e9);
  assert.deepEqual(harness.connections().map(({ streams }) => streams.map(text)), [[REQUEST, ""]]);
  assert.deepEqual([...harness.total().lost], [["place-unknown", [0, RESPONSE.length]], ["ring-full", [
    0,
    7,
  ]]]);
  assert.equal(harness.total().imbalance(), 0);
});

Deno.test("nobody is waited for with more than 256 KiB, and what waited is told in order", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  pipeline.open(program, 1, makeOpen(), 1e9);
  pipeline.open(makeProgram(2), 1, makeOpen({ isServer: true, address: SERVER_END }), 1e9);
  pipeline.gap(program, 1, { direction: 0, offset: 0, length: 9, reason: "ring-full" }, 1e9);
  const piece = "x".repeat(100_000);
  for (const number of [0, 1]) harness.data(1, 0, 9 + number * piece.length, piece);
  assert.equal(harness.connections().length, 0);
  harness.data(1, 0, 9 + 2 * piece.length, piece);
  harness.data(1, 0, 9 + 3 * piece.length, "the end");
  const [connection] = harness.connections();
  assert.deepEqual(connection.gaps[0], [{ offset: 0, length: 9 }]);
  assert.equal(text(connection.streams[0]), "\0".repeat(9) + piece.repeat(3) + "the end");
  assert.equal(harness.total().imbalance(), 0);
});

Deno.test("what waits when its flow ends is told, and booked", () => {
  const harness = new PipelineHarness();
  const { pipeline, program } = harness;
  pipeline.open(program, 1, makeOpen(), 1e9);
  pipeline.open(makeProgram(2), 1, makeOpen({ isServer: true, address: SERVER_END }), 1e9);
  harness.data(1, 0, 5, "after a gap");
  pipeline.open(makeProgram(3), 1, makeOpen({ clientRandom: "cc".repeat(32) }), 1e9);
  const [connection] = harness.connections();
  assert.equal(text(connection.streams[0]), "\0".repeat(5) + "after a gap");
  assert.equal(harness.total().imbalance(), 0);
});

Deno.test("an ended session is remembered for two minutes", () => {
  for (const [laterNs, connections] of [[119e9, 1], [122e9, 2]] as const) {
    const harness = new PipelineHarness();
    for (const step of telling(harness.program, false, [REQUEST], [])) step(harness, 1e9);
    harness.pipeline.tick(1e9 + laterNs);
    for (const step of telling(makeProgram(2), true, [REQUEST], [])) step(harness, 1e9 + laterNs);
    assert.equal(harness.connections().length, connections);
  }
});
