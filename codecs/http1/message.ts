// SPDX-License-Identifier: MIT
/**
 * One message on its way to HTTP/1.1: what came of it and is not written yet, and how far it is written.
 *
 * A message that is whole before anything of it is written gets the real length; one that is written as it comes gets
 * the declared length or chunks. Never both, and never a length that is not kept: see {@linkcode MessageState.SHORT}.
 *
 * @module
 */
import type { Direction } from "../direction.ts";
import type { Partial } from "../http/event.ts";
import type { BytePool } from "./byte_pool.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { type HeadFacts, NO_FACTS } from "./field_lines.ts";

/** A body is likely to become as long as was declared when that is at most so many times what has come. */
const LIKELY_TIMES = 16;

/** What a gap in a waiting body takes in memory. */
const GAP_BYTES = 64;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * How far a message is written:
 *
 * ```
 * UNWRITTEN ─┬─whole─────────────────────────▶ DONE
 *            ├─goes on, length declared─▶ LENGTH ──▶ DONE, or SHORT where bytes are owed
 *            ├─goes on, of any length───▶ CHUNKED ─▶ DONE
 *            └─tunnel───────────────────▶ OPAQUE ──▶ DONE
 * ```
 */
export const MessageState = {
  UNWRITTEN: 0,
  /** Head with the declared length; `remaining` bytes are owed. */
  LENGTH: 1,
  CHUNKED: 2,
  /** Bytes as they are. */
  OPAQUE: 3,
  /** Everything that will be written was written. */
  DONE: 4,
  /** Everything was written, but less than the announced length: only a reset tells the truth. */
  SHORT: 5,
} as const;
export type MessageState = typeof MessageState[keyof typeof MessageState];

/** What may follow a message's head. */
export const BodyRule = {
  ANY: 0,
  /** A response that has no body whatever it declares: 204, 304. */
  NONE: 1,
  /** A response to HEAD tells the length of what is not sent; it has no place for a body, not even in chunks. */
  OF_HEAD: 2,
} as const;
export type BodyRule = typeof BodyRule[keyof typeof BodyRule];

export class Message {
  state: MessageState = MessageState.UNWRITTEN;
  /** Lines of the head without framing and empty line, `headLength` bytes; undefined before it came and once written. */
  head: Uint8Array | undefined;
  /** Above 0 once the head has come, written or not. */
  headLength = 0;
  facts: HeadFacts = NO_FACTS;
  bodyRule: BodyRule = BodyRule.ANY;
  /** Body that is not written yet, in its first `bodyLength` bytes. */
  body = NO_BYTES;
  bodyLength = 0;
  /** Gaps in it, ascending: `at` bytes of `body` come before. */
  gaps: { at: number; lengthBytes: number }[] = [];
  gapBytes = 0;
  /** Bytes of the body that have come or are known to be missing, written or not. */
  arrivedBytes = 0;
  trailers: Uint8Array | undefined;
  /** Nothing more of it comes. */
  ended = false;
  /** Why it is not whole. */
  partial: Partial | "" = "";
  /** LENGTH: bytes still owed. */
  remaining = 0;

  constructor(readonly direction: Direction) {}

  get hasHead(): boolean {
    return this.headLength > 0;
  }

  get isDone(): boolean {
    return this.state >= MessageState.DONE;
  }

  /** Whether trailers have a place: not before the head, and not behind a declared length. */
  get allowsTrailers(): boolean {
    return this.hasHead && (this.state === MessageState.UNWRITTEN || this.state === MessageState.CHUNKED);
  }

  /** Whether nothing of it is missing, even where its end was not seen: all that was declared has come, or nothing may follow the head. */
  get isComplete(): boolean {
    const wholeBytes = this.bodyRule === BodyRule.ANY ? this.facts.declaredLength : 0;
    return this.hasHead && this.arrivedBytes === wholeBytes;
  }

  get sizeBytes(): number {
    return this.bodyLength + this.gapBytes;
  }

  /** Keeps the head that `lines` holds. */
  keepHead(lines: ByteWriter, pool: BytePool): void {
    this.head = pool.take(lines.length);
    this.head.set(lines.view());
    this.headLength = lines.length;
  }

  /** Adds a field line to a head that waits. */
  addLine(line: string, pool: BytePool): void {
    const { head, headLength } = this;
    const grown = pool.take(headLength + line.length);
    grown.set(head!.subarray(0, headLength));
    for (let i = 0; i < line.length; i++) grown[headLength + i] = line.charCodeAt(i);
    pool.give(head!);
    this.head = grown;
    this.headLength += line.length;
    this.facts.fieldCount++;
  }

  /** Forgets a head of which nothing is written. */
  dropHead(pool: BytePool): void {
    this.discard(pool);
    this.headLength = 0;
    this.bodyRule = BodyRule.ANY;
    this.facts = NO_FACTS;
  }

  append(bytes: Uint8Array, start: number, end: number, pool: BytePool): void {
    const needed = this.bodyLength + end - start;
    this.arrivedBytes += end - start;
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
    this.arrivedBytes += lengthBytes;
  }

  /** Memory that head, body and trailers take while they wait. */
  get heldBytes(): number {
    return (this.head?.length ?? 0) + this.body.length + this.gaps.length * GAP_BYTES +
      (this.trailers?.length ?? 0);
  }

  /** Gives up the body that waits. */
  releaseBody(pool: BytePool): void {
    pool.give(this.body);
    this.body = NO_BYTES;
    this.bodyLength = 0;
    if (this.gaps.length > 0) this.gaps = [];
    this.gapBytes = 0;
  }

  /** Gives up everything that waits: nothing more of it will be written. */
  discard(pool: BytePool): void {
    if (this.head !== undefined) pool.give(this.head);
    this.head = undefined;
    this.trailers = undefined;
    this.releaseBody(pool);
  }
}
