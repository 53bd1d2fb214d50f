// SPDX-License-Identifier: MIT
/**
 * Clear text that is read into the exchange log later, many records in one go. Where a record is read as it comes, a look of the
 * agent every 40 ms, most of what that costs is memory and code that nothing has touched since the last one.
 *
 * It waits in blocks, of which the oldest makes room when all are full. While somebody follows the log, all is read when one is full.
 *
 * ```
 * record  4 bytes: number of its tap in the block, whether it has been read, direction, kind
 *         4: where the tap's next one begins, in steps of 16 bytes; how many bytes of its own follow
 *         8: its time
 *         its bytes, or how long a gap is, to a multiple of 16
 * ```
 *
 * @module
 */
import { type Direction, TO_SERVER } from "../../codecs/direction.ts";
import type { FlowView } from "./flow_view.ts";
import { type ScannedText, textOf } from "./head_scan.ts";

/** Some 900 small exchanges: more that are read in one go save no more, and a second-level cache has room for it. */
const BLOCK_BYTES = 512 * 1024;
/** Longer ones are not taken: a copy would cost more than it saves. */
export const RECORD_BYTES_MAX = 4 * 1024;
/** As far as links reach. */
export const WAITING_BYTES_MAX = 16 * BLOCK_BYTES;
/** Flows of a block: each is some objects, however little it says. */
const TAPS_MAX = 1024;
/** What has waited so long is read, since it comes so slowly that reading it costs next to nothing. */
const LEISURE_NS = 60e9;

const RecordKind = { OPEN: 0, DATA: 1, GAP: 2, END: 3 } as const;

const HEAD_BYTES = 16;
const KIND = 0b11;
const DIRECTION_SHIFT = 2;
const IS_READ = 1 << 3;
const TAP_SHIFT = 4;
const LENGTH = (1 << 13) - 1;
const LINK_SHIFT = 13;

/** A flow of which records wait; its numbers are for {@linkcode DeferredRecords} alone. */
export interface WaitingTap {
  /** Its number among the taps of a block, in the round that is said here; at first -1. */
  number: number;
  round: number;
  /** Where its records that wait begin, -1: none does; and where the last of them is. */
  first: number;
  last: number;
  /** Some of it was read. */
  readonly isOpen: boolean;
  /** What reads it; asked for when everything that came before has been disposed of. */
  readonly view: FlowView;
  /** A piece is not read: true; false where what follows could not be understood without it. */
  passOver(direction: Direction, text: ScannedText, start: number, end: number, timeNs: number): boolean;
}

/** What waits in it, from `start` to `end`. */
interface Block {
  readonly start: number;
  end: number;
  /** Another one each time it is filled anew. */
  round: number;
  /** Whose records wait there, by number. */
  taps: WaitingTap[];
}

export interface DeferredOptions {
  /** How much may wait while nobody follows, up to {@linkcode WAITING_BYTES_MAX}: blocks, as many as that is, and one at least. */
  readonly waitingBytes: number;
  /** Whether anybody reads the log as it goes on. */
  readonly isFollowed: () => boolean;
  /** A piece to a server was passed over. */
  readonly passedOver: () => void;
}

/** What waits of all flows, in its order: whoever reads the log has it read before. */
export class DeferredRecords {
  readonly #options: DeferredOptions;
  readonly #text: ScannedText;
  readonly #numbers: Float64Array;
  readonly #blocks: readonly Block[];
  /** Which of them is being filled; the oldest is the next one that holds anything. */
  #at = 0;
  #rounds = 0;

  constructor(options: DeferredOptions) {
    const count = Math.max(1, Math.floor(Math.min(options.waitingBytes, WAITING_BYTES_MAX) / BLOCK_BYTES));
    this.#options = options;
    this.#text = textOf(count * BLOCK_BYTES);
    this.#numbers = new Float64Array(this.#text.words.buffer);
    this.#blocks = Array.from({ length: count }, (_, number) => {
      const start = number * BLOCK_BYTES;
      return { start, end: start, round: this.#rounds++, taps: [] };
    });
  }

  open(tap: WaitingTap, timeNs: number): void {
    this.#add(tap, RecordKind.OPEN, 0, timeNs);
  }

  /** Takes a copy, of at most {@linkcode RECORD_BYTES_MAX}. */
  data(tap: WaitingTap, direction: Direction, bytes: Uint8Array, timeNs: number): void {
    const at = this.#add(tap, RecordKind.DATA | direction << DIRECTION_SHIFT, bytes.length, timeNs);
    this.#text.bytes.set(bytes, at);
  }

  gap(tap: WaitingTap, direction: Direction, lengthBytes: number, timeNs: number): void {
    const at = this.#add(tap, RecordKind.GAP | direction << DIRECTION_SHIFT, 8, timeNs);
    this.#numbers[at >> 3] = lengthBytes;
  }

  end(tap: WaitingTap, timeNs: number): void {
    this.#add(tap, RecordKind.END, 0, timeNs);
  }

  /** Has all that waits read. */
  flush(): void {
    const blocks = this.#blocks;
    for (let step = 1; step <= blocks.length; step++) {
      this.#empty(blocks[(this.#at + step) % blocks.length], false);
    }
    this.#at = 0;
  }

  /** Has all read that waits of one flow. */
  drain(tap: WaitingTap): void {
    const { words } = this.#text;
    while (tap.first >= 0) {
      const at = tap.first;
      this.#unlink(tap, at);
      words[at >> 2] |= IS_READ;
      this.#read(tap, at);
    }
  }

  /** Has read what waits in it, or passes over what can be. */
  #empty(block: Block, passesOver: boolean): void {
    const { start, end, taps } = block;
    if (end === start) return;
    block.end = start;
    block.round = this.#rounds++;
    block.taps = [];
    const { words } = this.#text;
    for (let at = start; at < end; at = nextAt(at, words[(at >> 2) + 1] & LENGTH)) {
      const what = words[at >> 2];
      if ((what & IS_READ) !== 0) continue;
      const tap = taps[what >> TAP_SHIFT];
      this.#unlink(tap, at);
      if (!passesOver || !this.#passOver(tap, at)) this.#read(tap, at);
    }
  }

  /** The first record of a tap does not wait any more. */
  #unlink(tap: WaitingTap, at: number): void {
    tap.first = at === tap.last ? -1 : this.#text.words[(at >> 2) + 1] >>> LINK_SHIFT << 4;
  }

  #read(tap: WaitingTap, at: number): void {
    const { words } = this.#text;
    const what = words[at >> 2];
    const start = at + HEAD_BYTES;
    const direction = (what >> DIRECTION_SHIFT & 1) as Direction;
    const timeNs = this.#timeNs(at);
    switch (what & KIND) {
      case RecordKind.OPEN:
        void tap.view;
        break;
      case RecordKind.DATA: {
        const end = start + (words[(at >> 2) + 1] & LENGTH);
        tap.view.record(direction, this.#text, start, end, timeNs);
        break;
      }
      case RecordKind.GAP:
        tap.view.gap(direction, this.#numbers[start >> 3], timeNs);
        break;
      case RecordKind.END:
        tap.view.end(timeNs);
    }
  }

  /** Whether it need not be read: what comes of its flow can be understood without it. */
  #passOver(tap: WaitingTap, at: number): boolean {
    const { words } = this.#text;
    const what = words[at >> 2];
    switch (what & KIND) {
      case RecordKind.OPEN:
        return true;
      case RecordKind.END:
        return !tap.isOpen;
      case RecordKind.GAP:
        return false;
    }
    const start = at + HEAD_BYTES;
    const end = start + (words[(at >> 2) + 1] & LENGTH);
    const direction = (what >> DIRECTION_SHIFT & 1) as Direction;
    if (!tap.passOver(direction, this.#text, start, end, this.#timeNs(at))) return false;
    if (direction === TO_SERVER) this.#options.passedOver();
    return true;
  }

  #timeNs(at: number): number {
    return this.#numbers[(at >> 3) + 1];
  }

  /** Makes room, and answers where the record's own bytes go. */
  #add(tap: WaitingTap, what: number, lengthBytes: number, timeNs: number): number {
    let block = this.#blocks[this.#at];
    if (block.end + HEAD_BYTES + lengthBytes > block.start + BLOCK_BYTES) block = this.#nextBlock(timeNs);
    if (tap.round !== block.round) {
      if (block.taps.length === TAPS_MAX) block = this.#nextBlock(timeNs);
      tap.round = block.round;
      tap.number = block.taps.push(tap) - 1;
    }
    const at = block.end;
    const { words } = this.#text;
    words[at >> 2] = what | tap.number << TAP_SHIFT;
    words[(at >> 2) + 1] = lengthBytes;
    this.#numbers[(at >> 3) + 1] = timeNs;
    block.end = nextAt(at, lengthBytes);
    if (tap.first < 0) tap.first = at;
    else words[(tap.last >> 2) + 1] |= at >> 4 << LINK_SHIFT;
    tap.last = at;
    return at + HEAD_BYTES;
  }

  #nextBlock(timeNs: number): Block {
    if (this.#options.isFollowed()) this.flush();
    else {
      this.#at = (this.#at + 1) % this.#blocks.length;
      const oldest = this.#blocks[this.#at];
      this.#empty(oldest, timeNs - this.#timeNs(oldest.start) < LEISURE_NS);
    }
    return this.#blocks[this.#at];
  }
}

const nextAt = (at: number, lengthBytes: number): number => at + HEAD_BYTES + lengthBytes + 15 & ~15;
