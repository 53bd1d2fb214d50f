// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { WordView } from "../../../net/wire/checksum.ts";
import { pcapFileHeader, writePcapRecord } from "../../../net/wire/pcap.ts";
import * as pcapng from "../../../net/wire/pcapng.ts";
import {
  BLOCK_CUSTOM,
  parsePcapngBlock,
  type PcapngBlock,
  PcapngReader,
} from "../../support/pcapng_reader.ts";
import { hex, withSeed } from "../../support/random.ts";

const HEAD = pcapng.pcapngHead({ application: "test", interfaceName: "eth0" });

/** An enhanced packet block of the frame 0, 1, 2, … in a buffer that held `pattern`. */
function packet(frameLength: number, comment: string, pattern = 0xa5): Uint8Array {
  const text = new TextEncoder().encode(comment);
  const length = pcapng.packetBlockLength(frameLength, text.length);
  const view = new WordView(new ArrayBuffer(length + 16));
  view.bytes.fill(pattern);
  const comments = comment === "" ? undefined : text;
  pcapng.writePacketBlock(view.words32, view.bytes, 8, frameLength, 0x18000000, 0xfedcba98, comments);
  for (let at = 0; at < frameLength; at++) view.bytes[8 + pcapng.PACKET_FRAME + at] = at;
  assert.ok(view.bytes.subarray(0, 8).every((byte) => byte === pattern));
  assert.ok(view.bytes.subarray(8 + length).every((byte) => byte === pattern));
  return view.bytes.slice(8, 8 + length);
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function readAll(reader: PcapngReader): PcapngBlock[] {
  const blocks: PcapngBlock[] = [];
  while (true) {
    const answer = reader.next();
    if (answer.state !== "value") return blocks;
    // What is borrowed does not outlast the next push.
    blocks.push(structuredClone(answer.value));
  }
}

Deno.test("the head is a section and an Ethernet interface of nanoseconds", () => {
  assert.deepEqual(
    HEAD,
    hex(`0a0d0d0a 28000000 4d3c2b1a 0100 0000 ffffffffffffffff 0400 0400 74657374 00000000 28000000
         01000000 28000000 0100 0000 00000400 0200 0400 65746830 0900 0100 09000000 00000000 28000000`),
  );
});

Deno.test("a packet block is right whatever the buffer held", () => {
  const golden = hex(`06000000 24000000 00000000 00000018 98badcfe 03000000 03000000 00010200 24000000`);
  for (const pattern of [0, 0xa5, 0xff]) assert.deepEqual(packet(3, "", pattern), golden);
  const commented = hex(`06000000 34000000 00000000 00000018 98badcfe 03000000 03000000 00010200
                         0100 0500 68656c6c 6f000000 00000000 34000000`);
  for (const pattern of [0, 0xa5, 0xff]) assert.deepEqual(packet(3, "hello", pattern), commented);
  for (const length of [0, 1, 2, 3, 4, 5, 1514]) {
    assert.deepEqual(packet(length, "hi", 0xff), packet(length, "hi", 0));
  }
});

Deno.test("what was written is read back", () => {
  const statistics = pcapng.pcapngStatistics({
    startTimeNs: 1n,
    endTimeNs: 2n ** 60n,
    received: 5,
    dropped: 2,
  });
  const custom = pcapng.block(BLOCK_CUSTOM, [hex("01000000 aabbccdd")]);
  const reader = new PcapngReader();
  reader.push(joined(HEAD, packet(5, "größe"), custom, statistics));
  assert.deepEqual(readAll(reader), [
    { kind: "section", littleEndian: true, application: "test" },
    { kind: "interface", linkType: 1, snapLength: pcapng.SNAP_LENGTH, name: "eth0", timeResolution: 9 },
    {
      kind: "packet",
      interfaceId: 0,
      timeHigh: 0x18000000,
      timeLow: 0xfedcba98,
      originalLength: 5,
      frame: Uint8Array.of(0, 1, 2, 3, 4),
      comment: "größe",
    },
    { kind: "custom", enterprise: 1, data: hex("aabbccdd") },
    { kind: "statistics", interfaceId: 0, received: 5, dropped: 2 },
  ]);
  assert.equal(reader.pending, 0);
});

Deno.test("big-endian sections are read too", () => {
  const reader = new PcapngReader();
  reader.push(hex(`0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c
                   00000006 00000024 00000001 00000002 00000003 00000001 00000005 ab000000 00000024`));
  assert.deepEqual(readAll(reader), [
    { kind: "section", littleEndian: false, application: "" },
    {
      kind: "packet",
      interfaceId: 1,
      timeHigh: 2,
      timeLow: 3,
      originalLength: 5,
      frame: Uint8Array.of(0xab),
      comment: "",
    },
  ]);
});

Deno.test("a stream may come in pieces of any size", () =>
  withSeed((random) => {
    const stream = joined(
      HEAD,
      ...Array.from({ length: 40 }, (_, at) => packet(at * 37, at % 3 ? "" : `c${at}`)),
    );
    const whole = new PcapngReader();
    whole.push(stream);
    const expected = readAll(whole);
    assert.equal(expected.length, 42);
    for (const most of [1, 7, 100, 5000]) {
      const reader = new PcapngReader();
      const blocks: PcapngBlock[] = [];
      for (let at = 0; at < stream.length;) {
        const end = Math.min(stream.length, at + 1 + random.below(most));
        reader.push(stream.subarray(at, end));
        blocks.push(...readAll(reader));
        at = end;
      }
      assert.deepEqual(blocks, expected);
      assert.equal(reader.next().state, "more");
    }
  }));

Deno.test("cut anywhere, a block needs more", () => {
  const bytes = packet(9, "comment");
  for (let cut = 0; cut < bytes.length; cut++) {
    assert.equal(parsePcapngBlock(bytes.subarray(0, cut), 0, true).state, "more");
  }
});

Deno.test("impossible lengths are malformed, for good", () => {
  const bytes = packet(8, "comment");
  const broken: [offset: number, value: number][] = [
    [4, 12], // shorter than a packet block can be
    [4, bytes.length + 1],
    [4, 2 ** 31],
    [pcapng.PACKET_CAPTURED_LENGTH, 10000],
    [bytes.length - 4, 8],
    [pcapng.PACKET_FRAME + 8 + 2, 200], // the comment's length, with the code below it
  ];
  for (const [offset, value] of broken) {
    const copy = bytes.slice();
    const view = new DataView(copy.buffer);
    if (offset === pcapng.PACKET_FRAME + 10) view.setUint16(offset, value, true);
    else view.setUint32(offset, value, true);
    const reader = new PcapngReader();
    reader.push(joined(HEAD, copy, bytes));
    assert.equal(readAll(reader).length, 2);
    assert.equal(reader.next().state, "malformed", `${offset}`);
    assert.equal(reader.next().state, "malformed");
  }
});

Deno.test("a stream without a section header, or over the bound, is malformed", () => {
  const reader = new PcapngReader();
  reader.push(packet(4, ""));
  assert.equal(reader.next().state, "malformed");
  const bounded = new PcapngReader(100);
  bounded.push(joined(HEAD, packet(200, "").subarray(0, 12)));
  assert.equal(readAll(bounded).length, 2);
  assert.equal(bounded.next().state, "malformed");
});

Deno.test("rubbish never throws and never reads past its end", () =>
  withSeed((random) => {
    const original = joined(HEAD, packet(20, "a comment"), packet(3, ""));
    for (let round = 0; round < 3000; round++) {
      const bytes = random.mutated(original);
      const reader = new PcapngReader();
      reader.push(bytes);
      let blocks = 0;
      while (reader.next().state === "value") assert.ok(++blocks <= bytes.length / 12);
    }
  }));

Deno.test("pcap: file header and record are golden, times exact", () => {
  assert.deepEqual(pcapFileHeader(), hex("4d3cb2a1 0200 0400 00000000 00000000 00000400 01000000"));
  const bytes = new Uint8Array(16).fill(0xff);
  for (const ns of [0n, 1n, 999_999_999n, 1_700_000_000_123_456_789n, 4_294_967_295_999_999_999n]) {
    writePcapRecord(new DataView(bytes.buffer), 0, Number(ns >> 32n), Number(ns & 0xffffffffn), 60);
    const view = new DataView(bytes.buffer);
    const [seconds, nanoseconds] = [view.getUint32(0, true), view.getUint32(4, true)];
    assert.equal(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds), ns);
    assert.deepEqual([view.getUint32(8, true), view.getUint32(12, true)], [60, 60]);
  }
});
