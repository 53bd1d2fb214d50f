// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  LINK_BLOCK_MAX,
  linkBlock,
  linkHead,
  type LinkMessage,
  newSessionId,
} from "../../../../net/link/blocks/link.ts";
import { LinkReader, type ReaderMemory, SMALL_MEMORY } from "../../../../net/link/blocks/link_reader.ts";
import { block } from "../../../../net/wire/pcapng.ts";
import { concat } from "../../../support/bytes.ts";
import { NumberedPackets, numberOf } from "../../../support/link_packets.ts";
import { type Random, withSeed } from "../../../support/random.ts";
import { FrameCursor } from "../../../../net/forge/packet_batch.ts";

const FRAME_MAX = 1518;

const messages: LinkMessage[] = [
  {
    kind: "hello",
    session: "00112233445566778899aabbccddeeff",
    first: 7,
    next: 2 ** 40,
    mtu: 1500,
    name: "web1 é",
  },
  { kind: "position", next: 12, reason: "queue-full" },
  { kind: "position", next: Number.MAX_SAFE_INTEGER, reason: "" },
  { kind: "heartbeat", next: 3, waitedMs: 4_000_000_000 },
  { kind: "status", queuedBytes: 0, spooledBytes: 2 ** 50, application: "sslcollector 0.1.0" },
  { kind: "end", next: 0 },
  { kind: "welcome", have: 2 ** 33, mtu: 65535, takes: ["zstd", "later"] },
  { kind: "ack", have: 1 },
  { kind: "refused", reason: "because" },
];

/** What a stream holds: numbers of packets and messages, in their order. */
function read(pieces: Iterable<Uint8Array>, keptBytes: number): (number | LinkMessage)[] {
  const seen: (number | LinkMessage)[] = [];
  const cursor = new FrameCursor();
  const reader = new LinkReader(FRAME_MAX, SMALL_MEMORY, {
    keptBytes,
    packets: (memory, start, end, packets) => {
      const run = memory.subarray(start, end);
      let count = 0;
      for (cursor.reset(run); cursor.next(); count++) {
        seen.push(numberOf(run.subarray(cursor.frameOffset, cursor.frameOffset + cursor.frameLength)));
      }
      assert.equal(count, packets);
      // Memory that was given away may be gone at once.
      if (end - start >= keptBytes) structuredClone(memory.buffer, { transfer: [memory.buffer] });
      else memory.fill(0xee, start, end);
    },
    message: (message) => seen.push(message),
  });
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      if (reader.room === 0) reader.flush();
      at += reader.push(piece, at);
    }
  }
  reader.flush();
  return seen;
}

function stream(): { bytes: Uint8Array; expected: (number | LinkMessage)[] } {
  const parts: Uint8Array[] = [linkHead("test", "any")];
  const expected: (number | LinkMessage)[] = [];
  const packets = new NumberedPackets((batch) => parts.push(batch.blocks.slice()), 3, 77);
  for (const message of messages) {
    parts.push(linkBlock(message), block(0x0bad, [Uint8Array.of(1, 2, 3, 4)]));
    expected.push(message, packets.count, packets.count + 1, packets.count + 2);
    packets.make(3);
  }
  return { bytes: concat(parts), expected };
}

function* cut(bytes: Uint8Array, length: () => number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + length());
    yield bytes.subarray(at, end);
    at = end;
  }
}

Deno.test("a connection at rest holds no buffer, whatever came before", () => {
  const { bytes } = stream();
  let held = 0;
  const buffers: ReaderMemory = {
    take: () => (held++, new Uint8Array(LINK_BLOCK_MAX)),
    giveBack: () => held--,
  };
  for (const keptBytes of [0, Infinity]) {
    const events = { keptBytes, packets: () => keptBytes === 0 && held--, message: () => {} };
    const reader = new LinkReader(FRAME_MAX, buffers, events);
    assert.equal(held, 0);
    for (let at = 0; at < bytes.length;) at += reader.push(bytes, at);
    assert.equal(held, 1);
    reader.flush();
    assert.equal(held, 0);
    const heartbeat = linkBlock({ kind: "heartbeat", next: 9, waitedMs: 0 });
    reader.push(heartbeat.subarray(0, 20), 0);
    assert.equal(held, 1);
    reader.push(heartbeat.subarray(20), 0);
    assert.equal(held, 0);
  }
});

Deno.test("a control block has the bytes that docs/link.md says", () => {
  assert.deepEqual(
    [...linkBlock({ kind: "position", next: 0x0102030405, reason: "lost!" })],
    [
      [0xad, 0x0b, 0x00, 0x40, 0x2c, 0, 0, 0, 0xd9, 0x7e, 0, 0, 0x53, 0x53, 0x4c, 0x43, 2, 0, 1, 0],
      [5, 4, 3, 2, 1, 0, 0, 0, 5, 0, 0, 0, 0x6c, 0x6f, 0x73, 0x74, 0x21, 0, 0, 0, 0x2c, 0, 0, 0],
    ].flat(),
  );
});

Deno.test("a stream reads the same in one piece, byte by byte and cut at every offset, kept or borrowed", () => {
  const { bytes, expected } = stream();
  for (const keptBytes of [Infinity, 1, 300]) {
    assert.deepEqual(read([bytes], keptBytes), expected);
    assert.deepEqual(read(cut(bytes, () => 1), keptBytes), expected);
    for (let at = 1; at < bytes.length; at += 7) {
      assert.deepEqual(read([bytes.subarray(0, at), bytes.subarray(at)], keptBytes), expected);
    }
  }
});

Deno.test("packets beyond one buffer come in runs, none lost", () =>
  withSeed((random) => {
    const parts: Uint8Array[] = [linkHead("test", "any")];
    const packets = new NumberedPackets((batch) => parts.push(batch.blocks.slice()), 3, 1514);
    packets.make(1000);
    const numbers = read(cut(concat(parts), () => 1 + random.below(200_000)), 100_000);
    assert.deepEqual(numbers, Array.from({ length: 1000 }, (_, number) => number));
  }));

Deno.test("mutated streams are read or refused, never more than is allowed", () =>
  withSeed((random: Random) => {
    const { bytes } = stream();
    let refused = 0;
    for (let round = 0; round < 3000; round++) {
      const mutated = random.mutated(bytes);
      try {
        for (const seen of read(cut(mutated, () => 1 + random.below(500)), round % 2 ? 1 : Infinity)) {
          if (typeof seen === "object" && "reason" in seen) assert.ok(seen.reason.length <= 512);
        }
      } catch (error) {
        assert.ok(error instanceof RangeError, `${error}`);
        refused++;
      }
    }
    assert.ok(refused > 0);
  }));

const head = linkHead("test", "any");
const impossible: [string, RegExp, Uint8Array][] = [
  ["no section", /no pcapng stream/, linkBlock(messages[1])],
  ["an alert of TLS", /no pcapng stream but TLS/, Uint8Array.of(21, 3, 3, 0, 2, 2, 50)],
  ["big-endian", /not little-endian/, bytesOf(head, (view) => view.setUint32(8, 0x1a2b3c4d, false))],
  ["a block of 0 bytes", /with length 0/, concat([head, Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)])],
  [
    "a huge block",
    /with length 1073741824/,
    concat([head, Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0)]),
  ],
  [
    "a packet over the MTU",
    /packet of 1519 bytes is over the limit of 1518/,
    concat([head, onePacket(1519)]),
  ],
  ["a packet that is no frame", /packet of 10 bytes/, concat([head, onePacket(10)])],
  [
    "a packet beyond its block",
    /passes its block/,
    concat([
      head,
      bytesOf(onePacket(100), (view) => view.setUint32(20, 999, true)),
    ]),
  ],
  [
    "a packet of another interface",
    /of interface 1/,
    concat([
      head,
      bytesOf(onePacket(100), (view) => view.setUint32(8, 1, true)),
    ]),
  ],
  [
    "lengths that differ",
    /two lengths differ/,
    concat([
      head,
      bytesOf(onePacket(100), (view) => view.setUint32(view.byteLength - 4, 128, true)),
    ]),
  ],
  // The option's value and code, before the option that ends them and the length.
  ["microseconds", /if_tsresol 6/, bytesOf(head, (view) => view.setUint8(view.byteLength - 12, 6))],
  [
    "times without a unit",
    /if_tsresol 6/,
    bytesOf(head, (view) => view.setUint16(view.byteLength - 16, 99, true)),
  ],
  [
    "another version",
    /link version 9/,
    concat([
      head,
      bytesOf(linkBlock(messages[1]), (view) => view.setUint16(18, 9, true)),
    ]),
  ],
];
for (const [name, reason, bytes] of impossible) {
  Deno.test(`the reader refuses ${name}`, () => {
    assert.throws(() => read([bytes], Infinity), reason);
    assert.throws(() => read(cut(bytes, () => 1), Infinity), reason);
  });
}

Deno.test("session ids are 16 random bytes", () => {
  const ids = new Set(Array.from({ length: 100 }, newSessionId));
  assert.equal(ids.size, 100);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
});

function onePacket(length: number): Uint8Array {
  const bytes = new Uint8Array(32 + (length + 3 & ~3));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 6, true);
  view.setUint32(4, bytes.length, true);
  view.setUint32(20, length, true);
  view.setUint32(24, length, true);
  view.setUint32(bytes.length - 4, bytes.length, true);
  return bytes;
}

function bytesOf(original: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const bytes = original.slice();
  change(new DataView(bytes.buffer));
  return bytes;
}
