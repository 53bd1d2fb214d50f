// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FrameCursor } from "../../../../net/forge/packet_batch.ts";
import {
  controlBlock,
  KIND_PACKED,
  LINK_BLOCK_MAX,
  linkBlock,
  linkHead,
} from "../../../../net/link/blocks/link.ts";
import { LinkReader, SMALL_MEMORY } from "../../../../net/link/blocks/link_reader.ts";
import {
  CLEAR_MAX,
  clearBytesOf,
  packableBytes,
  Packer,
  PACKING_ROOM,
  Unpacker,
} from "../../../../net/link/blocks/packing.ts";
import { concat } from "../../../support/bytes.ts";
import { NumberedPackets, numberOf } from "../../../support/link_packets.ts";
import { withSeed } from "../../../support/random.ts";

const FRAME_MAX = 1518;

function packetsOf(first: number, count: number, length = 200): Uint8Array {
  let all = new Uint8Array(0);
  const packets = new NumberedPackets(({ blocks }) => all = blocks.slice(), 10, length);
  packets.count = first;
  packets.make(count);
  return all;
}

/** The block at some place of memory that is not empty; undefined where the packets had better go as they are. */
function pack(packer: Packer, packets: Uint8Array): Uint8Array | undefined {
  const memory = new Uint8Array(100 + PACKING_ROOM).fill(0xee);
  const length = packer.pack(packets, memory, 100);
  assert.ok(length <= LINK_BLOCK_MAX && memory.subarray(0, 100).every((byte) => byte === 0xee));
  return length === 0 ? undefined : memory.slice(100, 100 + length);
}

function packed(packets: Uint8Array): Uint8Array {
  const packer = new Packer();
  const block = pack(packer, packets);
  packer.close();
  assert.ok(block, "packets of zeros pack");
  return block;
}

/** Numbers of the packets of a stream, and kinds of its messages, in their order. */
function read(
  pieces: Iterable<Uint8Array>,
  keptBytes = Infinity,
  unpacker: Unpacker | undefined = new Unpacker(),
) {
  const seen: (number | string)[] = [];
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
      if (end - start >= keptBytes) structuredClone(memory.buffer, { transfer: [memory.buffer] });
      else memory.fill(0xee, start, end);
    },
    message: ({ kind }) => seen.push(kind),
    unpacker,
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

const numbers = (first: number, count: number) => Array.from({ length: count }, (_, at) => first + at);

Deno.test("packed and plain packets and messages come in their order, cut anywhere, kept or borrowed", () =>
  withSeed((random) => {
    const bytes = concat([
      linkHead("test", "any"),
      packetsOf(0, 3),
      packed(packetsOf(3, 20)),
      packed(packetsOf(23, 400)),
      packetsOf(423, 2),
      linkBlock({ kind: "heartbeat", next: 1, waitedMs: 0 }),
      packed(packetsOf(425, 500)),
      packed(packetsOf(925, 500)),
      linkBlock({ kind: "end", next: 1425 }),
    ]);
    const expected = [...numbers(0, 425), "heartbeat", ...numbers(425, 1000), "end"];
    for (const keptBytes of [Infinity, 1, 50_000]) {
      assert.deepEqual(read([bytes], keptBytes), expected);
      for (let round = 0; round < 100; round++) {
        const at = random.below(bytes.length);
        assert.deepEqual(read([bytes.subarray(0, at), bytes.subarray(at)], keptBytes), expected);
      }
    }
  }));

Deno.test("a batch is packed in pieces of whole packets that a block has room for", () => {
  const all = packetsOf(0, 160, 1500);
  const pieces: Uint8Array[] = [linkHead("test", "any")];
  let rest = all;
  for (; rest.length > 0; rest = rest.subarray(packableBytes(rest))) {
    const piece = rest.subarray(0, packableBytes(rest));
    assert.ok(piece.length <= CLEAR_MAX && (piece.length > CLEAR_MAX - 2000 || piece.length === rest.length));
    pieces.push(packed(piece));
  }
  assert.ok(pieces.length > 2);
  assert.deepEqual(read(pieces), numbers(0, 160));
});

Deno.test("what does not pack goes as it is, and is tried less often; what is short too", () => {
  const packer = new Packer();
  const random = crypto.getRandomValues(new Uint8Array(60_000));
  const text = packetsOf(0, 50, 1500);
  assert.equal(pack(packer, random), undefined);
  assert.equal(pack(packer, text), undefined, "not tried");
  let tries = 0;
  while (pack(packer, text) === undefined) tries++;
  assert.ok(tries > 0 && tries < 10);
  assert.ok(pack(packer, text)!.length < text.length / 5);
  assert.equal(pack(packer, packetsOf(0, 1, 100)), undefined);
  packer.close();
});

Deno.test("packed blocks that lie are refused, and spoil nothing for other connections", () => {
  const unpacker = new Unpacker();
  const good = packed(packetsOf(0, 100));
  const clearBytes = clearBytesOf(good);
  const changed = (at: number, value: number) => {
    const block = good.slice();
    new DataView(block.buffer).setUint32(at, value, true);
    return block;
  };
  const halved = good.slice();
  halved.fill(0, good.length >> 1, good.length - 4);
  const cases: [string, Uint8Array, RegExp][] = [
    ["fewer clear bytes", changed(20, clearBytes - 4), /not what it says/],
    ["more clear bytes", changed(20, clearBytes + 4), /not what it says/],
    ["no clear bytes", changed(20, 0), /not what it says/],
    ["a bomb", changed(20, CLEAR_MAX + 4), /packed block of \d+ bytes/],
    ["a frame that passes its block", changed(24, good.length), /frame passes it/],
    ["a frame that is cut", changed(24, 10), /not what it says/],
    ["a frame of rubbish", changed(28, 0x12345678), /not what it says/],
    ["a frame whose end is zeros", halved, /not what it says/],
    ["a message", packed(concat(Array(40).fill(linkBlock({ kind: "end", next: 0 })))), /more than packets/],
    ["a packed block", packed(concat(Array(20).fill(good))), /more than packets/],
    ["nothing", controlBlock(KIND_PACKED, new Uint8Array(0)), /too short/],
    ["packets that are too long", packed(packetsOf(0, 3, 1600)), /over the limit/],
  ];
  for (const [name, block, reason] of cases) {
    assert.throws(() => read([linkHead("test", "any"), block], 1, unpacker), reason, name);
    assert.deepEqual(read([linkHead("test", "any"), good], 1, unpacker), numbers(0, 100), `after ${name}`);
  }
  assert.throws(() => {
    const events = { keptBytes: 1, packets: () => {}, message: () => {} };
    new LinkReader(FRAME_MAX, SMALL_MEMORY, events).push(concat([linkHead("test", "any"), good]), 0);
  }, /packed block, which was not agreed on/);
});

Deno.test("mutated packed blocks are read or refused", () =>
  withSeed((random) => {
    const bytes = concat([linkHead("test", "any"), packed(packetsOf(0, 300)), packetsOf(300, 3)]);
    const unpacker = new Unpacker();
    let refused = 0;
    for (let round = 0; round < 500; round++) {
      try {
        read([random.mutated(bytes)], round % 2 ? 1 : Infinity, unpacker);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
        refused++;
      }
    }
    assert.ok(refused > 100);
  }));
