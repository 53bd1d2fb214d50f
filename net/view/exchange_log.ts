// SPDX-License-Identifier: MIT
/**
 * Writes the exchange log: rows of numbers in columns, and the bytes that they point to. Makes no object for a row, since it is
 * called for every message; what a row says in words is read out of its heads by whoever looks.
 *
 * @module
 */
import { type Direction, TO_SERVER } from "../../codecs/direction.ts";
import { copyBytes } from "../../codecs/http/copy_bytes.ts";
import type { Cut } from "./exchange.ts";
import type { ScannedText } from "./head_scan.ts";
import type { ReadableLog } from "./log_reader.ts";
import {
  CUTS,
  FACT,
  Head,
  LOG_BYTES_DEFAULT,
  type LogMemory,
  Mark,
  newLogMemory,
  PIECE_HEAD_BYTES,
  PIECE_LENGTH,
  PIECE_PREVIOUS,
  type Protocol,
  type RowKind,
} from "./log_layout.ts";

/**
 * The arena's end is published ahead of what is given out, in steps of so much: a reader takes that for overtaken which soon may be,
 * and the writer need not say so for every text.
 */
const PUBLISHED_BYTES = 64 * 1024;
/** The end of the rows likewise, in steps of this share of them. */
const PUBLISHED_SHARE = 64;
/** A part of the arena is never taken whole by one text: heads beyond this are cut. */
const TEXT_BYTES_MAX = 64 * 1024;

/** Bytes, or memory in which a text begins at a multiple of 4. */
export type LoggedText = Uint8Array | ScannedText;

export class ExchangeLog {
  readonly memory: LogMemory;
  /** Bytes of each body that are kept. */
  readonly bodyBytesMax: number;
  readonly #rows: number;
  readonly #arenaBytes: number;
  #nextRow = 0;
  #ended = 0;
  #rowsEnd = 0;
  #arenaEnd = 0;
  /** Where that is in the arena. */
  #arenaAt = 0;
  #publishedEnd = 0;
  #fence = 0;

  constructor(bytes: number = LOG_BYTES_DEFAULT, bodyBytesMax = 0) {
    this.memory = newLogMemory(bytes);
    this.bodyBytesMax = bodyBytesMax;
    this.#rows = this.memory.rows;
    this.#arenaBytes = this.memory.arena.length;
  }

  /** A new row; its number, from 0. */
  begin(kind: RowKind, protocol: Protocol, flowAt: number, timeNs: number): number {
    const number = this.#nextRow++;
    const { memory } = this;
    const at = number & (this.#rows - 1);
    if (number >= this.#rowsEnd) this.#publishRows();
    const before = memory.facts[at];
    if (before !== 0 && (before & Mark.ENDED) === 0) memory.head[Head.FELL_OUT]++;
    memory.facts[at] = kind | protocol << FACT.PROTOCOL_SHIFT;
    memory.flowAt[at] = flowAt;
    memory.startNs[at] = timeNs;
    memory.responseNs[at] = memory.endNs[at] = timeNs;
    memory.requestBytes[at] = memory.responseBytes[at] = 0;
    memory.requestHeadBytes[at] = memory.responseHeadBytes[at] = 0;
    memory.status[at] = memory.stream[at] = 0;
    if (this.bodyBytesMax > 0) memory.requestKept[at] = memory.responseKept[at] = 0;
    memory.head[Head.NEXT_ROW] = this.#nextRow;
    return number;
  }

  /** Whether the row is still there: a newer one may have taken its place. */
  has(row: number): boolean {
    return row >= 0 && this.#nextRow - row <= this.#rows;
  }

  /** Adds one of {@linkcode Mark}. */
  mark(row: number, mark: number): void {
    if (this.has(row)) this.memory.facts[this.#at(row)] |= mark;
  }

  hasMark(row: number, mark: number): boolean {
    return this.has(row) && (this.memory.facts[this.#at(row)] & mark) !== 0;
  }

  /** The head of a request, as lines; borrowed. */
  requestHead(row: number, text: LoggedText, start: number, end: number): void {
    if (!this.has(row)) return;
    const at = this.#at(row);
    const length = Math.min(end - start, TEXT_BYTES_MAX);
    this.memory.requestHeadAt[at] = this.text(text, start, start + length);
    this.memory.requestHeadBytes[at] = length;
  }

  /** The head of the final response, likewise. */
  responseHead(
    row: number,
    status: number,
    text: LoggedText,
    start: number,
    end: number,
    timeNs: number,
  ): void {
    if (!this.has(row)) return;
    const at = this.#at(row);
    const length = Math.min(end - start, TEXT_BYTES_MAX);
    this.memory.responseHeadAt[at] = this.text(text, start, start + length);
    this.memory.responseHeadBytes[at] = length;
    this.memory.status[at] = status;
    this.memory.responseNs[at] = timeNs;
  }

  /** Trailers as lines; borrowed. */
  trailers(row: number, direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    if (!this.has(row)) return;
    const { memory } = this;
    const at = this.#at(row);
    const length = Math.min(end - start, TEXT_BYTES_MAX);
    const place = this.text(bytes, start, start + length);
    if (direction === TO_SERVER) {
      memory.requestTrailersAt[at] = place;
      memory.requestTrailersBytes[at] = length;
      memory.facts[at] |= Mark.REQUEST_TRAILERS;
    } else {
      memory.responseTrailersAt[at] = place;
      memory.responseTrailersBytes[at] = length;
      memory.facts[at] |= Mark.RESPONSE_TRAILERS;
    }
  }

  /** Bytes of a body; borrowed. */
  body(
    row: number,
    direction: Direction,
    bytes: Uint8Array,
    start: number,
    end: number,
    timeNs: number,
  ): void {
    if (!this.has(row)) return;
    const { memory } = this;
    const at = this.#at(row);
    const isRequest = direction === TO_SERVER;
    (isRequest ? memory.requestBytes : memory.responseBytes)[at] += end - start;
    memory.endNs[at] = timeNs;
    if (this.bodyBytesMax > 0) this.#keep(at, isRequest, bytes, start, end);
  }

  /** Bytes of the request's body so far. */
  requestBytes(row: number): number {
    return this.has(row) ? this.memory.requestBytes[this.#at(row)] : 0;
  }

  /** Bytes of a body are lost. */
  bodyGap(row: number, direction: Direction, lengthBytes: number): void {
    if (!this.has(row)) return;
    const { memory } = this;
    (direction === TO_SERVER ? memory.requestBytes : memory.responseBytes)[this.#at(row)] += lengthBytes;
    this.cut(row, "gap");
  }

  /** Not all of the exchange is there; the first reason counts. */
  cut(row: number, cut: Cut): void {
    if (!this.has(row)) return;
    const { facts } = this.memory;
    const at = this.#at(row);
    if ((facts[at] >> FACT.CUT_SHIFT & FACT.CUT) === 0) facts[at] |= CUTS.indexOf(cut) << FACT.CUT_SHIFT;
  }

  /** A message of the exchange has ended, as `mark` says; with the second one the exchange has. */
  messageEnd(row: number, mark: number, timeNs: number): void {
    if (!this.has(row)) return;
    const at = this.#at(row);
    const both = Mark.REQUEST_ENDED | Mark.RESPONSE_ENDED;
    if (((this.memory.facts[at] |= mark) & both) === both) this.end(row, timeNs);
  }

  /** Which way a message of a WebSocket goes, and what it is. */
  setMessage(row: number, direction: Direction, opcode: number): void {
    this.memory.stream[this.#at(row)] = direction;
    this.memory.status[this.#at(row)] = opcode;
  }

  /** Sizes of both directions of a flow. */
  sizes(row: number, toServer: number, toClient: number): void {
    const at = this.#at(row);
    this.memory.requestBytes[at] = toServer;
    this.memory.responseBytes[at] = toClient;
  }

  setStream(row: number, streamId: number): void {
    this.memory.stream[this.#at(row)] = streamId;
  }

  /** Nothing more comes of the row; readers have it with the next {@linkcode publish}. */
  end(row: number, timeNs: number): void {
    if (!this.has(row)) return;
    const { memory } = this;
    const at = this.#at(row);
    if ((memory.facts[at] & Mark.ENDED) !== 0) return;
    memory.endNs[at] = timeNs;
    memory.facts[at] |= Mark.ENDED;
    memory.ended[this.#ended & (this.#rows - 1)] = row;
    this.#ended++;
  }

  /**
   * Lets readers have what has ended. Not for each row: the store that keeps the order waits for all stores before it, most of which are to
   * memory that nothing has touched for long.
   */
  publish(): void {
    const { head } = this.memory;
    if (head[Head.ENDED] === this.#ended) return;
    this.#order();
    head[Head.ENDED] = this.#ended;
  }

  /** The log, for whoever reads it in this thread. */
  get readable(): ReadableLog {
    return { buffer: this.memory.buffer, update: () => this.publish() };
  }

  /** A piece to a server will not be read. */
  passOver(): void {
    this.memory.head[Head.PASSED_OVER]++;
  }

  /** Keeps bytes; answers their place. */
  text(text: LoggedText, start: number, end: number): number {
    this.#makeRoom(end - start);
    if (text instanceof Uint8Array) copyBytes(text, start, end, this.memory.arena, this.#arenaAt);
    else copyWords(text.words, start >> 2, end + 3 >> 2, this.memory.arenaWords, this.#arenaAt >> 2);
    return this.#take(end - start);
  }

  /** Whether a place is so old that what points to it may soon outlive it. */
  isOld(place: number): boolean {
    return this.#arenaEnd - place > this.#arenaBytes / 4;
  }

  #keep(at: number, isRequest: boolean, bytes: Uint8Array, start: number, end: number): void {
    const { memory } = this;
    const kept = isRequest ? memory.requestKept : memory.responseKept;
    const last = isRequest ? memory.requestBodyAt : memory.responseBodyAt;
    const length = Math.min(end - start, this.bodyBytesMax - kept[at], this.#arenaBytes / 8);
    if (length <= 0) return;
    this.#makeRoom(PIECE_HEAD_BYTES + length);
    const index = this.#arenaAt;
    memory.arenaView.setFloat64(index + PIECE_PREVIOUS, kept[at] === 0 ? -1 : last[at]);
    memory.arenaView.setUint32(index + PIECE_LENGTH, length);
    copyBytes(bytes, start, start + length, memory.arena, index + PIECE_HEAD_BYTES);
    last[at] = this.#take(PIECE_HEAD_BYTES + length);
    kept[at] += length;
  }

  /** Has room in one piece at the arena's end, of which readers are told before anything is written there. */
  #makeRoom(lengthBytes: number): void {
    const left = this.#arenaBytes - this.#arenaAt;
    if (left < lengthBytes) {
      this.#arenaEnd += left;
      this.#arenaAt = 0;
    }
    if (this.#arenaEnd + lengthBytes + 8 <= this.#publishedEnd) return;
    this.#publishedEnd = this.#arenaEnd + lengthBytes + PUBLISHED_BYTES;
    this.memory.head[Head.ARENA_END] = this.#publishedEnd;
    this.#order();
  }

  /** Gives out what there is room for; the place is a multiple of 8. */
  #take(lengthBytes: number): number {
    const place = this.#arenaEnd;
    const taken = (lengthBytes + 7) & ~7;
    this.#arenaEnd = place + taken;
    this.#arenaAt += taken;
    return place;
  }

  #publishRows(): void {
    this.#rowsEnd += this.#rows / PUBLISHED_SHARE;
    this.memory.head[Head.ROWS_END] = this.#rowsEnd;
    this.#order();
    // What has ended is known of so many rows as there are.
    this.publish();
  }

  #order(): void {
    Atomics.store(this.memory.fence, 0, this.#fence = (this.#fence + 1) | 0);
  }

  #at(row: number): number {
    return row & (this.#rows - 1);
  }
}

/** Of the lengths that heads have it takes no longer than `set`, which needs a view of what is copied. */
function copyWords(source: Int32Array, start: number, end: number, target: Int32Array, at: number): void {
  for (let word = start; word < end; word++) target[at++] = source[word];
}
