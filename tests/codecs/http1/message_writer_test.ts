// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import type { CodecOutput } from "../../../codecs/codec.ts";
import { type Direction, TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import { ByteWriter } from "../../../codecs/http1/byte_writer.ts";
import { LENGTH_INVALID } from "../../../codecs/http1/field_value.ts";
import { NO_FACTS } from "../../../codecs/http1/field_lines.ts";
import { BodyRule, Message, MessageState } from "../../../codecs/http1/message.ts";
import { MAX_CHUNK_BYTES, MessageWriter } from "../../../codecs/http1/message_writer.ts";
import { bytesOf, textOf } from "../../support/http2_frames.ts";

const LANE = 7;

/** What a lane was given: bytes as text, a gap as `{12}`. */
class Output implements CodecOutput {
  text = "";
  readonly sizes: number[] = [];
  write(lane: number, _direction: Direction, bytes: Uint8Array): void {
    assert.equal(lane, LANE);
    assert.ok(bytes.length > 0, "an empty write");
    this.sizes.push(bytes.length);
    this.text += textOf(bytes);
  }
  gap(_lane: number, _direction: Direction, length: number): void {
    this.text += `{${length}}`;
  }
  openLane = (): number => assert.fail("a lane");
  close = (): void => assert.fail("closed");
  comment = (): void => assert.fail("a comment");
  count = (): void => assert.fail("a count");
}

/** A message with its head; a claim goes with a declared length. */
class Written {
  readonly writer = new MessageWriter();
  readonly output = new Output();
  readonly message: Message;

  constructor(direction: Direction, declaredLength?: number) {
    this.message = new Message(direction);
    const head = new ByteWriter();
    head.ascii("HEAD\r\n");
    this.message.keepHead(head, this.writer.pool);
    if (declaredLength === undefined) return;
    this.message.facts = { ...NO_FACTS, declaredLength, claim: "CLAIM\r\n" };
  }

  append(body: string): this {
    this.message.append(bytesOf(body), 0, body.length, this.writer.pool);
    return this;
  }

  gap(length: number): this {
    this.message.appendGap(length);
    return this;
  }

  set(values: Partial<Message>): this {
    Object.assign(this.message, values);
    return this;
  }

  whole(): string {
    this.message.ended = true;
    this.writer.writeWhole(this.message, this.output, LANE);
    assert.equal(this.message.state, MessageState.DONE);
    assert.equal(this.message.heldBytes, 0);
    return this.output.text;
  }

  /** Writes what there is; returns how many bytes had no place. */
  available(): number {
    return this.writer.writeAvailable(this.message, this.output, LANE);
  }
}

const TRAILERS = bytesOf("Trailer: t\r\n");

Deno.test("whole: the real length, and what was claimed where that is another", () => {
  assert.equal(new Written(TO_CLIENT, 4).append("body").whole(), "HEAD\r\nContent-Length: 4\r\n\r\nbody");
  assert.equal(
    new Written(TO_CLIENT, 5).append("body").whole(),
    "HEAD\r\nCLAIM\r\nContent-Length: 4\r\n\r\nbody",
  );
  assert.equal(
    new Written(TO_CLIENT, LENGTH_INVALID).whole(),
    "HEAD\r\nCLAIM\r\nContent-Length: 0\r\n\r\n",
  );
});

Deno.test("whole: a request without a body says nothing of its length, a response always does", () => {
  assert.equal(new Written(TO_SERVER).whole(), "HEAD\r\n\r\n");
  assert.equal(new Written(TO_SERVER, 0).whole(), "HEAD\r\nContent-Length: 0\r\n\r\n");
  assert.equal(new Written(TO_CLIENT).whole(), "HEAD\r\nContent-Length: 0\r\n\r\n");
});

Deno.test("whole: trailers, and what is not whole, are told behind chunks", () => {
  assert.equal(
    new Written(TO_CLIENT, 4).append("body").set({ trailers: TRAILERS }).whole(),
    "HEAD\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nTrailer: t\r\n\r\n",
  );
  assert.equal(
    new Written(TO_CLIENT, 9).append("body").set({ partial: "reset" }).whole(),
    "HEAD\r\nCLAIM\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-sslcollector-partial: reset\r\n\r\n",
  );
});

Deno.test("whole: gaps are in their place within a length, trailers in the head", () => {
  assert.equal(
    new Written(TO_CLIENT).append("bo").gap(10).append("dy").gap(1).set({ trailers: TRAILERS }).whole(),
    "HEAD\r\nx-sslcollector-partial: gap\r\nTrailer: t\r\nContent-Length: 15\r\n\r\nbo{10}dy{1}",
  );
});

Deno.test("whole: a response to HEAD keeps its length, 204 and 304 do not", () => {
  assert.equal(
    new Written(TO_CLIENT, 9).set({ bodyRule: BodyRule.OF_HEAD }).whole(),
    "HEAD\r\nContent-Length: 9\r\n\r\n",
  );
  assert.equal(new Written(TO_CLIENT, 9).set({ bodyRule: BodyRule.NONE }).whole(), "HEAD\r\nCLAIM\r\n\r\n");
  assert.equal(
    new Written(TO_CLIENT, 4).set({ bodyRule: BodyRule.NONE }).append("body").whole(),
    "HEAD\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
  );
});

Deno.test("whole: a body where none may be, with a gap, ends once", () => {
  for (const bodyRule of [BodyRule.NONE, BodyRule.OF_HEAD]) {
    const message = new Written(TO_CLIENT).set({ bodyRule }).append("ab").gap(5).append("cd");
    assert.equal(
      message.whole(),
      "HEAD\r\nx-sslcollector-partial: gap\r\nTransfer-Encoding: chunked\r\n\r\n" +
        "2\r\nab\r\n0\r\nx-sslcollector-partial: gap\r\n\r\n",
    );
  }
});

Deno.test("whole: what is joined with the head is bounded", () => {
  const short = new Written(TO_CLIENT).append("x".repeat(4 * MAX_CHUNK_BYTES));
  short.whole();
  assert.equal(short.output.sizes.length, 1);
  const long = new Written(TO_CLIENT).append("x".repeat(4 * MAX_CHUNK_BYTES + 1));
  assert.ok(long.whole().endsWith(`\r\n\r\n${"x".repeat(4 * MAX_CHUNK_BYTES + 1)}`));
  assert.ok(Math.max(...long.output.sizes) <= MAX_CHUNK_BYTES);
});

Deno.test("as it comes: a declared length is kept, and bytes beyond it have no place", () => {
  const one = new Written(TO_CLIENT, 6).append("abc");
  assert.equal(one.available(), 0);
  assert.equal(one.message.state, MessageState.LENGTH);
  assert.equal(one.append("defgh").available(), 2);
  assert.equal(one.set({ ended: true }).available(), 0);
  assert.equal(one.output.text, "HEAD\r\nContent-Length: 6\r\n\r\nabcdef");
  assert.equal(one.message.state, MessageState.DONE);
  assert.equal(one.append("late").available(), 4);
});

Deno.test("as it comes: less than the declared length can only be told by a reset", () => {
  const one = new Written(TO_CLIENT, 6).append("abc");
  one.available();
  one.set({ ended: true }).available();
  assert.equal(one.message.state, MessageState.SHORT);
  assert.equal(one.output.text, "HEAD\r\nContent-Length: 6\r\n\r\nabc");
});

Deno.test("as it comes: without a length that can be believed, chunks of what is at hand", () => {
  const one = new Written(TO_CLIENT, 2).append("abc");
  one.available();
  one.append("de").available();
  one.set({ ended: true, trailers: TRAILERS }).available();
  assert.equal(
    one.output.text,
    "HEAD\r\nCLAIM\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n",
  );
});

Deno.test("as it comes: no length is declared behind Expect, or where trailers are known of", () => {
  const expecting = new Written(TO_SERVER, 3);
  expecting.message.facts = { ...expecting.message.facts, expects: true };
  expecting.available();
  assert.equal(expecting.message.state, MessageState.CHUNKED);
  const trailing = new Written(TO_SERVER, 3).set({ trailers: TRAILERS });
  trailing.available();
  assert.equal(trailing.message.state, MessageState.CHUNKED);
});

Deno.test("as it comes: a gap is skipped within a length, and ends what is in chunks", () => {
  const declared = new Written(TO_CLIENT, 10).append("abc").gap(4).append("de");
  declared.available();
  declared.gap(99).available();
  declared.set({ ended: true }).available();
  assert.equal(declared.output.text, "HEAD\r\nContent-Length: 10\r\n\r\nabc{4}de{1}");
  assert.equal(declared.message.state, MessageState.DONE);

  const chunked = new Written(TO_CLIENT).append("abc").gap(4).append("de").set({ trailers: TRAILERS });
  assert.equal(chunked.available(), 2);
  assert.equal(
    chunked.output.text,
    "HEAD\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sslcollector-partial: gap\r\n\r\n",
  );
  assert.equal(chunked.message.state, MessageState.DONE);
});

Deno.test("as it comes: a head that may have no body waits for the end or for bytes", () => {
  const empty = new Written(TO_CLIENT, 9).set({ bodyRule: BodyRule.OF_HEAD });
  assert.equal(empty.available(), 0);
  assert.equal(empty.output.text, "");
  empty.set({ ended: true }).available();
  assert.equal(empty.output.text, "HEAD\r\nContent-Length: 9\r\n\r\n");
});

Deno.test("nothing is written of a message without its head", () => {
  const writer = new MessageWriter(), output = new Output();
  const message = new Message(TO_CLIENT);
  assert.equal(writer.writeAvailable(message, output, LANE), 0);
  writer.startTunnel(message, output, LANE);
  assert.equal(output.text, "");
  assert.equal(message.state, MessageState.UNWRITTEN);
});

Deno.test("a tunnel's head is written once, its bytes as they are, gaps too", () => {
  const one = new Written(TO_SERVER, 3);
  one.writer.startTunnel(one.message, one.output, LANE);
  one.writer.startTunnel(one.message, one.output, LANE);
  one.append("\x16\x03").gap(5).append("\x01").available();
  one.set({ ended: true }).available();
  assert.equal(one.output.text, "HEAD\r\nCLAIM\r\n\r\n\x16\x03{5}\x01");
  assert.equal(one.message.state, MessageState.DONE);
});

Deno.test("a refused tunnel's request is its head alone, whether that was written before or not", () => {
  for (const begun of [false, true]) {
    const one = new Written(TO_SERVER);
    if (begun) one.writer.startTunnel(one.message, one.output, LANE);
    assert.equal(one.append("secret").writer.refuseTunnel(one.message, one.output, LANE), 6);
    assert.equal(one.output.text, "HEAD\r\n\r\n");
    assert.equal(one.message.state, MessageState.DONE);
  }
});

Deno.test("bytes pass by without a copy where nothing waits, and never beyond the length", () => {
  const { writer, output, message } = new Written(TO_CLIENT, 5);
  assert.ok(!writer.passes(message));
  writer.writeAvailable(message, output, LANE);
  assert.ok(writer.passes(message));
  assert.equal(writer.pass(message, output, LANE, bytesOf("abc")), 0);
  assert.equal(writer.pass(message, output, LANE, bytesOf("defg")), 2);
  assert.equal(writer.pass(message, output, LANE, bytesOf("h")), 1);
  assert.ok(output.text.endsWith("\r\n\r\nabcde"));
  message.append(bytesOf("x"), 0, 1, writer.pool);
  assert.ok(!writer.passes(message));
});

/** The body in a message that was framed by a length or by chunks. */
function bodyOf(text: string): string {
  const end = text.indexOf("\r\n\r\n") + 4;
  const [head, rest] = [text.slice(0, end), text.slice(end)];
  const declared = /Content-Length: (\d+)/.exec(head);
  if (declared !== null) {
    assert.equal(rest.length, Number(declared[1]));
    return rest;
  }
  assert.match(head, /Transfer-Encoding: chunked/);
  let body = "";
  for (let at = 0;;) {
    const line = rest.indexOf("\r\n", at);
    const length = parseInt(rest.slice(at, line), 16);
    assert.ok(length <= MAX_CHUNK_BYTES);
    if (length === 0) {
      assert.equal(rest.slice(line), "\r\n\r\n");
      return body;
    }
    body += rest.slice(line + 2, line + 2 + length);
    at = line + 2 + length;
    assert.equal(rest.slice(at, at + 2), "\r\n");
    at += 2;
  }
}

Deno.test("whatever pieces a body comes in, and whenever it is written, a parser reads that body", () => {
  const piece = fc.tuple(fc.integer({ min: 1, max: 20_000 }), fc.boolean());
  const declares = fc.constantFrom("nothing", "the truth", "more", "less");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), declares, (pieces, declares) => {
      const size = pieces.reduce((sum, [length]) => sum + length, 0);
      const claim = { nothing: undefined, "the truth": size, more: size + 1, less: size >> 1 }[declares];
      const one = new Written(TO_CLIENT, claim);
      let sent = "", lost = 0;
      for (const [index, [length, isWritten]] of pieces.entries()) {
        const text = String.fromCharCode(97 + index).repeat(length);
        sent += text;
        if (one.writer.passes(one.message)) {
          lost += one.writer.pass(one.message, one.output, LANE, bytesOf(text));
        } else one.append(text);
        if (isWritten) lost += one.available();
      }
      const begun = one.message.state !== MessageState.UNWRITTEN;
      lost += one.set({ ended: true }).available();
      if (one.message.state === MessageState.SHORT) {
        assert.ok(begun && declares === "more");
        return assert.ok(one.output.text.endsWith(`\r\n\r\n${sent}`));
      }
      assert.equal(one.message.state, MessageState.DONE);
      assert.equal(bodyOf(one.output.text), sent.slice(0, sent.length - lost));
      assert.ok(lost === 0 || declares === "less");
    }),
    { numRuns: 200 },
  );
});
