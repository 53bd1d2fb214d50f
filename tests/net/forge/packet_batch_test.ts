// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  COMMENT_LENGTH_MAX,
  encodeComment,
  FRAME_LENGTH_MAX,
  FrameCursor,
  PacketBuffer,
} from "../../../net/forge/packet_batch.ts";
import { PACKET_TIME_HIGH, PACKET_TIME_LOW } from "../../../net/wire/pcapng.ts";
import { parsePcapngBlock } from "../../support/pcapng_reader.ts";
import { withSeed } from "../../support/random.ts";

const ONE_FRAME = 128 * 1024;

Deno.test("frames of all sizes come out as they went in, in order, through many batches", () =>
  withSeed((random) => {
    const expected: { length: number; fill: number; comment: string }[] = [];
    let seen = 0;
    const cursor = new FrameCursor();
    const buffer = new PacketBuffer({
      timeBaseNs: 0n,
      capacity: ONE_FRAME,
      onFull: (batch) => {
        let count = 0;
        for (cursor.reset(batch.blocks); cursor.next(); count++) {
          const { length, fill, comment } = expected[seen++];
          const frame = batch.blocks.subarray(cursor.frameOffset, cursor.frameOffset + cursor.frameLength);
          assert.equal(frame.length, length);
          assert.ok(frame.every((byte) => byte === fill));
          const block = parsePcapngBlock(batch.blocks, cursor.blockOffset, true);
          assert.ok(block.state === "value" && block.value.kind === "packet");
          assert.equal(block.value.comment, comment);
          assert.equal(block.bytesUsed, cursor.blockLength);
        }
        assert.equal(count, batch.count);
      },
    });
    for (let round = 0; round < 300; round++) {
      const length = round % 20 === 0 ? FRAME_LENGTH_MAX : 1 + random.below(3000);
      const fill = random.below(256);
      const comment = round % 7 === 0 ? "é".repeat(random.below(100)) : "";
      expected.push({ length, fill, comment });
      const at = buffer.reserve(length, round, comment === "" ? undefined : encodeComment(comment));
      assert.equal(at % 4, 0);
      buffer.memory.bytes.fill(fill, at, at + length);
    }
    buffer.flush();
    buffer.flush();
    assert.equal(seen, expected.length);
    assert.equal(buffer.count, 0);
  }));

Deno.test("times are exact to the nanosecond, carries included", () =>
  withSeed((random) => {
    const bases = [0n, 0xffff_ffffn, 1_700_000_000_123_456_789n, (1n << 63n) + 0xffff_fff0n];
    for (const timeBaseNs of bases) {
      let expected: bigint[] = [];
      const buffer = new PacketBuffer({
        timeBaseNs,
        onFull: (batch) => {
          const cursor = new FrameCursor();
          const times: bigint[] = [];
          for (cursor.reset(batch.blocks); cursor.next();) {
            times.push(BigInt(cursor.word(PACKET_TIME_HIGH)) << 32n | BigInt(cursor.word(PACKET_TIME_LOW)));
          }
          assert.deepEqual(times, expected);
          expected = [];
        },
      });
      for (let round = 0; round < 500; round++) {
        const timeNs = round < 20 ? round : random.below(2 ** 32) * random.below(2 ** 20) + random.below(16);
        buffer.reserve(60, timeNs);
        expected.push(timeBaseNs + BigInt(timeNs));
      }
      buffer.flush();
    }
  }));

Deno.test("a consumer that throws does not get its packets twice", () => {
  let calls = 0;
  const buffer = new PacketBuffer({
    timeBaseNs: 0n,
    onFull: () => {
      calls++;
      throw new Error("consumer");
    },
  });
  buffer.reserve(60, 0);
  assert.throws(() => buffer.flush(), /consumer/);
  buffer.flush();
  assert.equal(calls, 1);
});

Deno.test("what can never fit is refused", () => {
  assert.throws(() => new PacketBuffer({ timeBaseNs: 0n, capacity: 1000, onFull: () => {} }), RangeError);
  const buffer = new PacketBuffer({ timeBaseNs: 0n, onFull: () => {} });
  assert.throws(() => buffer.reserve(300_000, 0), /300000 bytes/);
});

Deno.test("comments are cut at a character", () => {
  assert.deepEqual(encodeComment("abc"), new TextEncoder().encode("abc"));
  const long = encodeComment("a" + "é".repeat(COMMENT_LENGTH_MAX));
  assert.equal(long.length, COMMENT_LENGTH_MAX - 1);
  assert.ok(!new TextDecoder().decode(long).includes("\ufffd"));
});
