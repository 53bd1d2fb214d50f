// SPDX-License-Identifier: MIT
/**
 * Clear text that is read into the exchange log later, many records in one go. Where a record is read as it comes, a look of the
 * agent every 40 ms, most of what that costs is memory and code that nothing has touched since the last one.
 *
 * ```
 * record  4 bytes: number of its tap, direction, kind; 4: how many of its own follow; 8: its time
 *         its bytes, or how long a gap is, to a multiple of 8
 * ```
 *
 * @module
 */
import type { CodecSession } from "../../codecs/codec.ts";
import type { Direction } from "../../codecs/direction.ts";
import { Http2To1Session } from "../../codecs/http2to1/session.ts";
import type { FlowTap } from "../mirror/flow_tap.ts";
import type { FlowView } from "./flow_view.ts";
import { type ScannedText, textOf } from "./head_scan.ts";

/** Some 900 small exchanges: more save no more, and a second-level cache has room for it. */
const WAITING_BYTES_MAX = 512 * 1024;
/** Longer records are read at once: a copy would cost more than it saves. */
const RECORD_BYTES_MAX = 4 * 1024;

const HEAD_BYTES = 16;
const KIND = 0b11;
const Kind = { OPEN: 0, DATA: 1, GAP: 2, END: 3 } as const;
const DIRECTION_SHIFT = 2;
const TAP_SHIFT = 3;

/** What waits of all flows, in its order: whoever reads the log has it read before. */
export class DeferredRecords {
  readonly #text: ScannedText;
  readonly #numbers: Float64Array;
  #end = 0;
  /** Taps of the records that wait, by number. */
  #taps: DeferredTap[] = [];
  /** How often all was read. */
  #rounds = 0;

  constructor() {
    this.#text = textOf(WAITING_BYTES_MAX);
    this.#numbers = new Float64Array(this.#text.words.buffer);
  }

  /** The tap of a flow; `open` is called in its turn. */
  tap(open: () => FlowView): FlowTap {
    const tap = new DeferredTap(this, open);
    this.#add(tap, Kind.OPEN, 0, 0);
    return tap;
  }

  /** Takes a copy. */
  data(tap: DeferredTap, direction: Direction, bytes: Uint8Array, timeNs: number): void {
    const at = this.#add(tap, Kind.DATA | direction << DIRECTION_SHIFT, bytes.length, timeNs);
    this.#text.bytes.set(bytes, at);
  }

  gap(tap: DeferredTap, direction: Direction, lengthBytes: number, timeNs: number): void {
    const at = this.#add(tap, Kind.GAP | direction << DIRECTION_SHIFT, 8, timeNs);
    this.#numbers[at >> 3] = lengthBytes;
  }

  end(tap: DeferredTap, timeNs: number): void {
    this.#add(tap, Kind.END, 0, timeNs);
  }

  /** Has all that waits read. */
  flush(): void {
    const end = this.#end;
    if (end === 0) return;
    const taps = this.#taps;
    this.#taps = [];
    this.#end = 0;
    this.#rounds++;
    for (let at = 0; at < end; at = this.#read(taps, at));
  }

  /** Answers where the next record is. */
  #read(taps: readonly DeferredTap[], at: number): number {
    const { words } = this.#text;
    const what = words[at >> 2];
    const start = at + HEAD_BYTES;
    const end = start + words[(at >> 2) + 1];
    const timeNs = this.#numbers[(at >> 3) + 1];
    const direction = (what >> DIRECTION_SHIFT & 1) as Direction;
    const { view } = taps[what >> TAP_SHIFT];
    switch (what & KIND) {
      case Kind.DATA:
        view.record(direction, this.#text, start, end, timeNs);
        break;
      case Kind.GAP:
        view.gap(direction, this.#numbers[start >> 3], timeNs);
        break;
      case Kind.END:
        view.end(timeNs);
    }
    return end + 7 & ~7;
  }

  /** Makes room, and answers where the record's own bytes go. */
  #add(tap: DeferredTap, what: number, lengthBytes: number, timeNs: number): number {
    if (this.#end + HEAD_BYTES + lengthBytes > WAITING_BYTES_MAX) this.flush();
    if (tap.round !== this.#rounds) {
      tap.round = this.#rounds;
      tap.number = this.#taps.push(tap) - 1;
    }
    const at = this.#end;
    const { words } = this.#text;
    words[at >> 2] = what | tap.number << TAP_SHIFT;
    words[(at >> 2) + 1] = lengthBytes;
    this.#numbers[(at >> 3) + 1] = timeNs;
    this.#end = at + HEAD_BYTES + lengthBytes + 7 & ~7;
    return at + HEAD_BYTES;
  }
}

class DeferredTap implements FlowTap {
  /** Its number among the taps of the records that wait, in the round that is said here. */
  number = 0;
  round = -1;
  readonly #records: DeferredRecords;
  readonly #open: () => FlowView;
  #view: FlowView | undefined;
  /** A codec tells what it reads, at once. */
  #isTold = false;

  constructor(records: DeferredRecords, open: () => FlowView) {
    this.#records = records;
    this.#open = open;
  }

  /** What reads it; for whoever has everything read that came before. */
  get view(): FlowView {
    return this.#view ??= this.#open();
  }

  reads(session: CodecSession): void {
    const isTold = session instanceof Http2To1Session;
    if (!isTold && !this.#isTold) return;
    this.#records.flush();
    this.#isTold = isTold;
    this.view.reads(session);
  }

  data(direction: Direction, bytes: Uint8Array, timeNs: number): void {
    if (!this.#isTold && bytes.length <= RECORD_BYTES_MAX) {
      return this.#records.data(this, direction, bytes, timeNs);
    }
    if (!this.#isTold) this.#records.flush();
    this.view.data(direction, bytes, timeNs);
  }

  gap(direction: Direction, lengthBytes: number, timeNs: number): void {
    if (this.#isTold) this.view.gap(direction, lengthBytes, timeNs);
    else this.#records.gap(this, direction, lengthBytes, timeNs);
  }

  end(timeNs: number): void {
    if (this.#isTold) this.view.end(timeNs);
    else this.#records.end(this, timeNs);
  }
}
