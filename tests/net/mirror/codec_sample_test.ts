// SPDX-License-Identifier: MIT
/** What is kept of a flow while a codec has not decided about it: how often it is asked, and how much memory that takes. */
import assert from "node:assert/strict";
import {
  type Codec,
  CODEC_CONTRACT,
  type CodecOutput,
  type CodecVerdict,
  type Direction,
} from "../../../codecs/codec.ts";
import { MemoryBudget } from "../../../codecs/memory_budget.ts";
import { raw } from "../../../codecs/raw.ts";
import { openChain } from "../../../net/mirror/codec_chain.ts";
import { usedBytes } from "../../support/heap.ts";
import { makeOpen, PipelineHarness, text } from "../../support/pipeline_harness.ts";

const NO_OUTPUT: CodecOutput = {
  write() {},
  gap() {},
  openLane: () => 1,
  close() {},
  comment() {},
  count() {},
};

const encode = (value: string) => new TextEncoder().encode(value);

/** Counts how often it is asked and never decides. */
function undecided(wanted: CodecVerdict = "reject") {
  const asked: number[] = [];
  const never: Codec = {
    name: "undecided",
    contract: CODEC_CONTRACT,
    probe({ toServer, toClient, final }) {
      asked.push(toServer.length + toClient.length);
      return final ? wanted : "more";
    },
    open: () => ({ data() {}, gap() {}, end() {} }),
  };
  return { asked, never };
}

const chainOf = (one: Codec, output: CodecOutput) =>
  openChain([one], {
    flow: { alpn: "", sni: "", isServer: false, serverPort: 443, joinedLate: true },
    raw,
    memory: new MemoryBudget(Infinity),
    failed: (_codec, error) => assert.fail(String(error)),
  }, output);

Deno.test("a codec that cannot decide is asked again when there is twice as much, not for every piece", () => {
  const { asked, never } = undecided();
  let written = 0;
  const output = {
    ...NO_OUTPUT,
    write: (_lane: number, _direction: Direction, bytes: Uint8Array) => void (written += bytes.length),
  };
  const chain = chainOf(never, output);
  for (let piece = 0; piece < 1010; piece++) chain.data(piece % 2 === 0 ? 0 : 1, new Uint8Array(65), piece);
  assert.deepEqual(asked.slice(0, -1), [65, 130, 260, 520, 1040, 2080, 4160, 8320, 16640, 33280]);
  // The piece that would pass the bound is in the last sample as far as it fits.
  assert.deepEqual(asked.slice(-1), [65_536]);
  assert.deepEqual([chain.codecName, chain.isRaw, written], ["raw", true, 65_650]);
});

Deno.test("the smallest pieces: bounded memory, the pieces and times that came", () => {
  const { asked, never } = undecided("accept");
  const seen: [Direction, string, number][] = [];
  const recording: Codec = {
    ...never,
    open: () => ({
      data: (...[of, bytes, timeNs]) => void seen.push([of, text(bytes), timeNs]),
      gap() {},
      end() {},
    }),
  };
  const chain = chainOf(recording, NO_OUTPUT);
  const given: typeof seen = [];
  for (let piece = 0; piece < 3000; piece++) {
    const direction = piece % 3 === 0 ? 1 : 0;
    given.push([direction, String.fromCharCode(97 + piece % 26), piece * 10]);
    chain.data(direction, encode(given[piece][1]), piece * 10);
    if (seen.length === 0) assert.ok(piece < 2048, "decided by the number of pieces");
  }
  assert.deepEqual(seen, given);
  assert.ok(asked.length <= 64 + 6, `asked ${asked.length} times`);
});

Deno.test("what an undecided flow holds is bounded whatever its pieces", () => {
  const chains = [1, 7, 1000, 16_384].flatMap((length) =>
    Array.from({ length: 10 }, () => {
      const chain = chainOf(undecided().never, NO_OUTPUT);
      return () => {
        for (let sent = 0; sent + length < 65_536 && sent < 2048 * length; sent += length) {
          chain.data(0, new Uint8Array(length), sent);
        }
        return chain;
      };
    })
  );
  const before = usedBytes();
  const kept = chains.map((fill) => fill());
  const each = (usedBytes() - before) / kept.length;
  assert.ok(kept.every(({ codecName }) => codecName === ""));
  assert.ok(each < 100 * 1024, `${(each / 1024).toFixed(0)} KiB an undecided flow`);
});

Deno.test("where all undecided flows hold too much the largest are decided about, and nothing is lost", () => {
  const harness = new PipelineHarness({ codecs: [undecided().never], waitingBytesMax: 100_000 });
  const { pipeline, program } = harness;
  const address = makeOpen().address!;
  const pieces = Array(10).fill("x".repeat(1000));
  const open = (number: number) => {
    const clientRandom = `${number}`.padStart(64, "0");
    pipeline.open(
      program,
      number,
      makeOpen({ clientRandom, address: { ...address, localPort: number } }),
      1e9,
    );
  };
  open(1);
  harness.data(1, 0, 0, "small");
  for (let number = 2; number <= 30; number++) {
    open(number);
    pieces.forEach((piece, index) => harness.data(number, 0, index * piece.length, piece));
  }
  const connections = harness.connections();
  assert.equal(harness.total().events.get("undecided-over-bound"), connections.length);
  assert.ok((29 - connections.length) * 10_000 <= 100_000 && connections.length < 25);
  assert.ok(connections.every(({ name }) => !name.startsWith("10.0.0.1:1>")));
  pipeline.drain();
  const lengths = harness.connections().map(({ streams }) => streams[0].length).sort((a, b) => a - b);
  assert.deepEqual(lengths, ["small".length, ...Array(29).fill(10_000)]);
  assert.equal(harness.total().imbalance(), 0);
});

Deno.test("a flow that rested as raw is not asked about again", () => {
  const { asked, never } = undecided();
  const harness = new PipelineHarness({ codecs: [never], idleNs: 10e9 });
  harness.pipeline.open(harness.program, 1, makeOpen(), 1e9);
  harness.data(1, 0, 0, "x".repeat(70_000));
  harness.pipeline.tick(20e9);
  assert.equal(harness.total().events.get("flow-rested"), 1);
  const before = asked.length;
  harness.data(1, 0, 70_000, "y", 21e9);
  assert.equal(asked.length, before);
  assert.equal(text(harness.connections().at(-1)!.streams[0]), "y");
});
