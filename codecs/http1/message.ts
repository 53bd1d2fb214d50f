// SPDX-License-Identifier: MIT
/**
 * One message on its way to HTTP/1.1: what is known of it, and how it is framed once it is written.
 *
 * A message that is whole before anything of it is written gets the real length; one that is written as it comes gets
 * the declared length or chunks. Never both, and never a length that is not kept: see {@linkcode Message.short}.
 *
 * @module
 */
import type { CodecOutput, Direction, Lane } from "../codec.ts";
import type { Partial } from "../http/event.ts";
import { BytePool } from "./byte_pool.ts";
import { ByteWriter } from "./byte_writer.ts";
import { LENGTH_ABSENT } from "./field_value.ts";
import { type HeadFacts, newFacts } from "./field_lines.ts";

/** Body joined into one chunk, and written at once, at most. */
export const MAX_CHUNK_BYTES = 16 * 1024;

/** A body is likely to become as long as was declared when that is at most so many times what has come. */
const LIKELY_TIMES = 16;

/** What a gap in a waiting body takes in memory. */
const GAP_BYTES = 64;

const NO_BYTES: Uint8Array = new Uint8Array(0);
const CRLF = "\r\n";

const Framing = {
  /** Nothing is written yet. */
  UNDECIDED: 0,
  NONE: 1,
  LENGTH: 2,
  CHUNKED: 3,
  /** A tunnel: bytes as they are. */
  OPAQUE: 4,
} as const;

export class Message {
  /** Lines of the head without framing and empty line, `headLength` bytes; undefined before it came and once written. */
  head: Uint8Array | undefined;
  headLength = 0;
  hasHead = false;
  facts: HeadFacts = newFacts();
  /** A response that has no body whatever it declares: to HEAD, 204, 304. */
  bodyless = false;
  /** A response to HEAD tells the length of what is not sent; it has no place for a body, not even in chunks. */
  keepsLength = false;
  readonly isResponse: boolean;
  /** Body that is not written yet. */
  body = NO_BYTES;
  bodyLength = 0;
  /** Gaps in it, ascending: `at` bytes of `body` come before. */
  gaps: { at: number; lengthBytes: number }[] = [];
  gapBytes = 0;
  trailers: Uint8Array | undefined;
  ended = false;
  /** Why it is not whole. */
  partial: Partial | "" = "";
  framing: number = Framing.UNDECIDED;
  /** LENGTH: bytes still owed. */
  remaining = 0;
  /** Everything that will be written was written. */
  done = false;
  /** Less than the announced length was written: only a reset tells the truth. */
  short = false;

  constructor(readonly direction: Direction) {
    this.isResponse = direction === 1;
  }

  /** Whether trailers have a place: not before the head, and not behind a declared length. */
  get takesTrailers(): boolean {
    return this.hasHead && !this.done &&
      (this.framing === Framing.UNDECIDED || this.framing === Framing.CHUNKED);
  }

  get sizeBytes(): number {
    return this.bodyLength + this.gapBytes;
  }

  /** Keeps the head that `lines` holds. */
  takeHead(lines: ByteWriter, pool: BytePool): void {
    this.head = pool.take(lines.length);
    this.head.set(lines.view());
    this.headLength = lines.length;
    this.hasHead = true;
  }

  /** Takes back a head of which nothing is written. */
  dropHead(pool: BytePool): void {
    this.discard(pool);
    this.headLength = 0;
    this.hasHead = this.bodyless = this.keepsLength = false;
    this.facts = newFacts();
  }

  append(bytes: Uint8Array, start: number, end: number, pool: BytePool): void {
    const needed = this.bodyLength + end - start;
    if (needed > this.body.length) {
      const grown = pool.take(this.#roomFor(needed));
      if (this.bodyLength > 0) grown.set(this.body.subarray(0, this.bodyLength));
      pool.give(this.body);
      this.body = grown;
    }
    this.body.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.bodyLength);
    this.bodyLength = needed;
  }

  /** How long a buffer for so much of the body should be. */
  #roomFor(needed: number): number {
    // The first piece is mostly the only one.
    if (this.bodyLength === 0) return needed;
    const { declaredLength } = this.facts;
    // A claim costs nothing: it is believed as far as the bytes that came make it likely.
    if (declaredLength >= needed && declaredLength <= LIKELY_TIMES * this.bodyLength) return declaredLength;
    return Math.max(needed, 2 * this.body.length);
  }

  appendGap(lengthBytes: number): void {
    const last = this.gaps.at(-1);
    if (last?.at === this.bodyLength) last.lengthBytes += lengthBytes;
    else this.gaps.push({ at: this.bodyLength, lengthBytes });
    this.gapBytes += lengthBytes;
  }

  /** Memory that head, body and trailers take while they wait. */
  get heldBytes(): number {
    return (this.head?.length ?? 0) + this.body.length + this.gaps.length * GAP_BYTES +
      (this.trailers?.length ?? 0);
  }

  /** Gives the waiting body up. */
  release(pool: BytePool): void {
    pool.give(this.body);
    this.body = NO_BYTES;
    this.bodyLength = 0;
    if (this.gaps.length > 0) this.gaps = [];
    this.gapBytes = 0;
  }

  /** Gives everything up that waits: nothing more of it will be written. */
  discard(pool: BytePool): void {
    if (this.head !== undefined) pool.give(this.head);
    this.head = undefined;
    this.trailers = undefined;
    this.release(pool);
  }
}

/** Writes messages to lanes. One serves all flows: it keeps nothing between calls. */
export class MessageWriter {
  /** Where the messages' heads and bodies wait. */
  readonly pool = new BytePool();
  readonly #out = new ByteWriter(2 * MAX_CHUNK_BYTES);

  /** Writes an ended message from its head to its end. */
  writeWhole(message: Message, output: CodecOutput, lane: Lane): void {
    const out = this.#start(message);
    const size = message.sizeBytes;
    const { facts, trailers, gaps } = message;
    const cut = message.partial !== "";
    const chunked = message.bodyless ? size > 0 : gaps.length === 0 && (cut || trailers !== undefined);
    if (gaps.length > 0) {
      // A gap has no place inside chunks: with the length known, what would be trailers goes to the head.
      out.ascii(`x-sslcollector-partial: ${cut ? message.partial : "gap"}\r\n`);
      if (trailers !== undefined) out.copy(trailers, 0, trailers.length);
    }
    if (message.bodyless && !chunked) {
      if (message.keepsLength && facts.declaredLength >= 0) {
        out.ascii(`Content-Length: ${facts.declaredLength}\r\n`);
      } else out.ascii(facts.claim);
      out.ascii(CRLF);
    } else if (chunked) {
      if (facts.declaredLength !== size) out.ascii(facts.claim);
      out.ascii("Transfer-Encoding: chunked\r\n\r\n");
    } else {
      if (facts.declaredLength !== size) out.ascii(facts.claim);
      if (size > 0 || message.isResponse || facts.declaredLength !== LENGTH_ABSENT) {
        out.ascii(`Content-Length: ${size}\r\n`);
      }
      out.ascii(CRLF);
    }
    message.framing = chunked ? Framing.CHUNKED : Framing.NONE;
    message.done = true;
    if (chunked) {
      this.#body(message, output, lane);
      this.#lastChunk(message);
    } else if (gaps.length === 0 && size <= 4 * MAX_CHUNK_BYTES) {
      out.copy(message.body, 0, message.bodyLength);
    } else {
      this.#flush(message, output, lane);
      message.framing = Framing.OPAQUE;
      this.#body(message, output, lane);
    }
    this.#flush(message, output, lane);
    message.discard(this.pool);
  }

  /**
   * Writes what there is of a message that goes on: the head, when its framing can be told, then the body at hand, and
   * the end when it has ended. Returns bytes that had no place.
   */
  advance(message: Message, output: CodecOutput, lane: Lane): number {
    if (message.done) {
      const lost = message.sizeBytes;
      message.release(this.pool);
      return lost;
    }
    if (message.framing === Framing.UNDECIDED) {
      if (!message.hasHead) return 0;
      if (message.ended) {
        this.writeWhole(message, output, lane);
        return 0;
      }
      if (message.bodyless && message.sizeBytes === 0) return 0;
      this.#startStreaming(message);
    } else {
      this.#out.length = 0;
    }
    let lost = this.#body(message, output, lane);
    if (message.ended && !message.done) this.#end(message);
    this.#flush(message, output, lane);
    if (message.done) {
      lost += message.sizeBytes;
      message.discard(this.pool);
    }
    return lost;
  }

  /** Whether bytes of the body can go to the lane without being joined with others. */
  passes(message: Message): boolean {
    return message.bodyLength === 0 && message.gaps.length === 0 && !message.done &&
      (message.framing === Framing.LENGTH || message.framing === Framing.OPAQUE);
  }

  /** Writes body bytes for which {@linkcode passes} holds; returns how many had no place. */
  pass(message: Message, output: CodecOutput, lane: Lane, bytes: Uint8Array): number {
    if (message.framing === Framing.OPAQUE) {
      output.write(lane, message.direction, bytes);
      return 0;
    }
    const length = Math.min(bytes.length, message.remaining);
    message.remaining -= length;
    if (length > 0) {
      output.write(lane, message.direction, length === bytes.length ? bytes : bytes.subarray(0, length));
    }
    return bytes.length - length;
  }

  /** Writes the head of a tunnel's request or accepting response; what follows in that direction is opaque. */
  startTunnel(message: Message, output: CodecOutput, lane: Lane): void {
    const out = this.#start(message);
    if (message.facts.claim !== "") out.ascii(message.facts.claim);
    out.ascii(CRLF);
    message.framing = Framing.OPAQUE;
    this.#flush(message, output, lane);
  }

  /** Takes the head into the buffer. */
  #start(message: Message): ByteWriter {
    const out = this.#out;
    out.length = 0;
    const head = message.head!;
    out.copy(head, 0, message.headLength);
    message.head = undefined;
    this.pool.give(head);
    return out;
  }

  #startStreaming(message: Message): void {
    const out = this.#start(message);
    const { facts } = message;
    // Behind `Expect`, Suricata takes a declared body of which nothing came before a 4xx for the next request.
    const mayDeclare = !message.bodyless && !facts.expects && message.trailers === undefined;
    if (mayDeclare && facts.declaredLength >= message.sizeBytes) {
      out.ascii(`Content-Length: ${facts.declaredLength}\r\n\r\n`);
      message.framing = Framing.LENGTH;
      message.remaining = facts.declaredLength;
    } else {
      out.ascii(facts.claim);
      out.ascii("Transfer-Encoding: chunked\r\n\r\n");
      message.framing = Framing.CHUNKED;
    }
  }

  #flush(message: Message, output: CodecOutput, lane: Lane): void {
    if (this.#out.length > 0) output.write(lane, message.direction, this.#out.view());
    this.#out.length = 0;
  }

  /** Writes the body at hand; returns bytes that had no place. */
  #body(message: Message, output: CodecOutput, lane: Lane): number {
    const { body, bodyLength, gaps } = message;
    let at = 0, lost = 0;
    for (const gap of gaps) {
      lost += this.#bytes(message, output, lane, body, at, gap.at);
      at = gap.at;
      if (message.framing === Framing.CHUNKED) {
        // The place of what follows is known but cannot be told in chunks: the message ends here.
        message.partial = "gap";
        message.trailers = undefined;
        lost += bodyLength - at;
        at = bodyLength;
        this.#lastChunk(message);
        message.done = true;
        break;
      }
      const length = message.framing === Framing.LENGTH
        ? Math.min(gap.lengthBytes, message.remaining)
        : gap.lengthBytes;
      this.#flush(message, output, lane);
      if (length > 0) output.gap(lane, message.direction, length);
      message.remaining -= length;
    }
    lost += this.#bytes(message, output, lane, body, at, bodyLength);
    message.release(this.pool);
    return lost;
  }

  #bytes(
    message: Message,
    output: CodecOutput,
    lane: Lane,
    body: Uint8Array,
    start: number,
    end: number,
  ): number {
    let lost = 0;
    if (message.framing === Framing.LENGTH) {
      lost = Math.max(0, end - start - message.remaining);
      end -= lost;
      message.remaining -= end - start;
    }
    const chunked = message.framing === Framing.CHUNKED;
    const out = this.#out;
    for (let at = start; at < end; at += MAX_CHUNK_BYTES) {
      const pieceEnd = Math.min(end, at + MAX_CHUNK_BYTES);
      if (chunked) out.ascii((pieceEnd - at).toString(16) + CRLF);
      out.copy(body, at, pieceEnd);
      if (chunked) out.ascii(CRLF);
      if (out.length >= MAX_CHUNK_BYTES) this.#flush(message, output, lane);
    }
    return lost;
  }

  /** The end of a message that was written as it came. */
  #end(message: Message): void {
    message.done = true;
    if (message.framing === Framing.CHUNKED) this.#lastChunk(message);
    else if (message.framing === Framing.LENGTH && message.remaining > 0) message.short = true;
  }

  #lastChunk(message: Message): void {
    const out = this.#out;
    out.ascii("0\r\n");
    if (message.trailers !== undefined) out.copy(message.trailers, 0, message.trailers.length);
    if (message.partial !== "") out.ascii(`x-sslcollector-partial: ${message.partial}\r\n`);
    out.ascii(CRLF);
  }
}
