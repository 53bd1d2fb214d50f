// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import { BytePool } from "../../../codecs/http1/byte_pool.ts";
import { ByteWriter } from "../../../codecs/http1/byte_writer.ts";
import { NO_FACTS } from "../../../codecs/http1/field_lines.ts";
import { BodyRule, Message, MessageState } from "../../../codecs/http1/message.ts";
import { bytesOf, textOf } from "../../support/http2_frames.ts";

function headOf(text: string): ByteWriter {
  const out = new ByteWriter();
  out.ascii(text);
  return out;
}

Deno.test("a head is kept as a copy, and known of for ever", () => {
  const pool = new BytePool();
  const message = new Message(TO_SERVER);
  assert.ok(!message.hasHead);
  const lines = headOf("GET / HTTP/1.1\r\n");
  message.keepHead(lines, pool);
  lines.bytes.fill(0);
  assert.equal(textOf(message.head!.subarray(0, message.headLength)), "GET / HTTP/1.1\r\n");
  message.discard(pool);
  assert.ok(message.hasHead);
  assert.equal(message.head, undefined);
});

Deno.test("a head that was none is forgotten, with what it said of the body", () => {
  const message = new Message(TO_CLIENT);
  const pool = new BytePool();
  message.keepHead(headOf("HTTP/1.1 999 Unassigned\r\n"), pool);
  message.bodyRule = BodyRule.OF_HEAD;
  message.facts = { ...NO_FACTS, declaredLength: 5 };
  message.dropHead(pool);
  assert.ok(!message.hasHead);
  assert.equal(message.bodyRule, BodyRule.ANY);
  assert.equal(message.facts.declaredLength, -1);
  assert.equal(message.heldBytes, 0);
});

Deno.test("a body is what was appended, with its gaps where they were, neighbours joined", () => {
  const part = fc.oneof(fc.string({ maxLength: 3000 }), fc.integer({ min: 1, max: 1e6 }));
  fc.assert(fc.property(fc.array(part), (parts) => {
    const message = new Message(TO_CLIENT);
    const pool = new BytePool();
    let body = "", gapBytes = 0;
    const gaps = new Map<number, number>();
    for (const part of parts) {
      if (typeof part === "number") {
        message.appendGap(part);
        gaps.set(body.length, (gaps.get(body.length) ?? 0) + part);
        gapBytes += part;
      } else {
        message.append(bytesOf(`<${part}>`), 1, 1 + part.length, pool);
        body += part;
      }
    }
    assert.equal(textOf(message.body.subarray(0, message.bodyLength)), textOf(bytesOf(body)));
    assert.deepEqual(message.gaps.map(({ at, lengthBytes }) => [at, lengthBytes]), [...gaps]);
    assert.equal(message.sizeBytes, body.length + gapBytes);
    message.releaseBody(pool);
    assert.equal(message.sizeBytes + message.heldBytes, 0);
  }));
});

Deno.test("what a message holds counts its buffers, its gaps and its trailers", () => {
  const message = new Message(TO_CLIENT);
  const pool = new BytePool();
  message.keepHead(headOf("x".repeat(5000)), pool);
  message.append(new Uint8Array(3000), 0, 3000, pool);
  message.trailers = new Uint8Array(10);
  assert.equal(message.heldBytes, 8010);
  message.appendGap(1e9);
  assert.ok(message.heldBytes > 8010 && message.heldBytes < 9000);
});

Deno.test("trailers have a place behind a head that is not written, and behind chunks", () => {
  const message = new Message(TO_CLIENT);
  assert.ok(!message.allowsTrailers);
  message.keepHead(headOf("x"), new BytePool());
  const allowing = Object.entries(MessageState).filter(([_, state]) => {
    message.state = state;
    return message.allowsTrailers;
  });
  assert.deepEqual(allowing.map(([name]) => name), ["UNWRITTEN", "CHUNKED"]);
});
