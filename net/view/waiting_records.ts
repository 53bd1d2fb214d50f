// SPDX-License-Identifier: MIT
/**
 * Records of clear text that nobody has read yet, in blocks that are filled one after the other. What a record is stands in columns
 * of numbers, apart from its bytes: who passes over many touches no more than these.
 *
 * ```
 * what  bit 0 and 1    kind
 *       2              direction
 *       3 to 6         marks
 *       7 to 16        number of its tap in the block
 *       17 to 29       how many bytes it has
 * ```
 *
 * @module
 */
import type { Direction } from "../../codecs/direction.ts";
import { type ScannedText, textOf } from "./head_scan.ts";

/** Some 900 small exchanges: more that are read in one go save no more, and a second-level cache has room for it. */
export const BLOCK_BYTES = 512 * 1024;
/** Longer ones are not taken: a copy would cost more than it saves. */
export const RECORD_BYTES_MAX = 4 * 1024;
/** Of a block; it is full when either is used up. */
const RECORDS_MAX = 3072;
/** Numbers of a record in all columns. */
const RECORD_COLUMNS_BYTES = 3 * 4 + 8;
/** What a block takes. */
export const BLOCK_MEMORY_BYTES = BLOCK_BYTES + RECORDS_MAX * RECORD_COLUMNS_BYTES;
/** Flows of a block: each is some objects, however little it says. */
const TAPS_MAX = 1024;

export const RecordKind = { OPEN: 0, DATA: 1, GAP: 2, END: 3 } as const;
export type RecordKind = typeof RecordKind[keyof typeof RecordKind];

export const RecordMark = {
  /** It does not wait any more. */
  IS_READ: 1 << 3,
  /** It is a message of a whole exchange, or ends a flow of such. */
  IS_WHOLE: 1 << 4,
  /** It is read before what came before it. */
  IS_PICKED: 1 << 5,
  /** There may be a tunnel behind it. */
  BEGINS_TUNNEL: 1 << 6,
} as const;

const KIND = 0b11;
const DIRECTION_SHIFT = 2;
const TAP_SHIFT = 7;
const TAP = TAPS_MAX - 1;
const LENGTH_SHIFT = 17;

/** A flow of which records wait. */
export interface Waiter {
  /** Its number among those of a block, in the round that is said here, which is -1 at first. */
  number: number;
  round: number;
  /** Its first record that waits, -1: none does; and the last of them. */
  first: number;
  last: number;
}

/** What waits in it: records from `first` to `end`, and their bytes from `start` to `at`. */
interface Block<Tap> {
  readonly first: number;
  end: number;
  readonly start: number;
  at: number;
  /** Another one each time it is filled anew. */
  round: number;
  /** Whose records wait there, by number. */
  taps: Tap[];
}

/** Numbers of records are those of their places, which are used again. */
export class WaitingRecords<Tap extends Waiter> {
  readonly text: ScannedText;
  readonly #what: Int32Array;
  /** Where its bytes begin, a multiple of 8. */
  readonly #start: Int32Array;
  /** The next record of the same flow. */
  readonly #next: Int32Array;
  readonly #timeNs: Float64Array;
  readonly #numbers: Float64Array;
  readonly #blocks: readonly Block<Tap>[];
  /** The one that is being filled; the oldest is the next one that holds anything. */
  #at = 0;
  #rounds = 0;
  /** The first in that block that {@linkcode takeNew} has not had. */
  #new = 0;

  constructor(blocks: number) {
    this.text = textOf(blocks * BLOCK_BYTES);
    this.#numbers = new Float64Array(this.text.words.buffer);
    const records = blocks * RECORDS_MAX;
    this.#what = new Int32Array(records);
    this.#start = new Int32Array(records);
    this.#next = new Int32Array(records);
    this.#timeNs = new Float64Array(records);
    this.#blocks = Array.from({ length: blocks }, (_, number) => {
      const [first, start] = [number * RECORDS_MAX, number * BLOCK_BYTES];
      return { first, end: first, start, at: start, round: this.#rounds++, taps: [] };
    });
  }

  /** Whether there is room for a record of this flow with so many bytes; else {@linkcode turn} makes some. */
  hasRoom(tap: Tap, lengthBytes: number): boolean {
    const { first, end, start, at, round, taps } = this.#blocks[this.#at];
    if (at + lengthBytes > start + BLOCK_BYTES || end === first + RECORDS_MAX) return false;
    return tap.round === round || taps.length < TAPS_MAX;
  }

  /** A record, the last one of its flow, and its number; there must be room. Its bytes are still to be written. */
  add(tap: Tap, kind: RecordKind, direction: Direction, lengthBytes: number, timeNs: number): number {
    const block = this.#blocks[this.#at];
    if (tap.round !== block.round) {
      tap.round = block.round;
      tap.number = block.taps.push(tap) - 1;
    }
    const record = block.end++;
    this.#what[record] = kind | direction << DIRECTION_SHIFT | tap.number << TAP_SHIFT |
      lengthBytes << LENGTH_SHIFT;
    this.#start[record] = block.at;
    this.#timeNs[record] = timeNs;
    block.at += lengthBytes + 7 & ~7;
    if (tap.first < 0) tap.first = record;
    else this.#next[tap.last] = record;
    tap.last = record;
    return record;
  }

  kindOf(record: number): RecordKind {
    return (this.#what[record] & KIND) as RecordKind;
  }

  directionOf(record: number): Direction {
    return (this.#what[record] >> DIRECTION_SHIFT & 1) as Direction;
  }

  has(record: number, mark: number): boolean {
    return (this.#what[record] & mark) !== 0;
  }

  mark(record: number, mark: number): void {
    this.#what[record] |= mark;
  }

  startOf(record: number): number {
    return this.#start[record];
  }

  lengthOf(record: number): number {
    return this.#what[record] >> LENGTH_SHIFT;
  }

  timeNsOf(record: number): number {
    return this.#timeNs[record];
  }

  /** The number that a record of 8 bytes has. */
  numberOf(record: number): number {
    return this.#numbers[this.#start[record] >> 3];
  }

  setNumber(record: number, value: number): void {
    this.#numbers[this.#start[record] >> 3] = value;
  }

  /** Takes the first record of a flow, which waits no more. */
  takeFirst(tap: Tap): number {
    const record = tap.first;
    tap.first = record === tap.last ? -1 : this.#next[record];
    this.#what[record] |= RecordMark.IS_READ;
    return record;
  }

  /** Has those looked at that have come since the last call, and still wait. */
  takeNew(look: (tap: Tap, record: number) => void): void {
    const { end, taps } = this.#blocks[this.#at];
    for (let record = this.#new; record < end; record++) {
      const what = this.#what[record];
      if ((what & RecordMark.IS_READ) === 0) look(taps[what >> TAP_SHIFT & TAP], record);
    }
    this.#new = end;
  }

  /** Takes all that waits, oldest first. */
  takeAll(take: (tap: Tap, record: number) => void): void {
    const blocks = this.#blocks;
    for (let step = 1; step <= blocks.length; step++) {
      this.#take(blocks[(this.#at + step) % blocks.length], take);
    }
    this.#at = this.#new = 0;
  }

  /** Makes room: takes the oldest, where the last block is full. */
  turn(take: (tap: Tap, record: number) => void): void {
    this.#at = (this.#at + 1) % this.#blocks.length;
    this.#take(this.#blocks[this.#at], take);
    this.#new = this.#blocks[this.#at].first;
  }

  /** When the oldest came, if {@linkcode turn} would take any. */
  get oldestNs(): number {
    return this.#timeNs[this.#blocks[(this.#at + 1) % this.#blocks.length].first];
  }

  #take(block: Block<Tap>, take: (tap: Tap, record: number) => void): void {
    const { first, end, taps } = block;
    if (end === first) return;
    block.end = first;
    block.at = block.start;
    block.round = this.#rounds++;
    block.taps = [];
    for (let record = first; record < end; record++) {
      const what = this.#what[record];
      if ((what & RecordMark.IS_READ) !== 0) continue;
      const tap = taps[what >> TAP_SHIFT & TAP];
      this.takeFirst(tap);
      take(tap, record);
    }
  }
}
