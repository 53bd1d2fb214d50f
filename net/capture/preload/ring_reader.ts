// SPDX-License-Identifier: MIT
/**
 * The consumer of one ring, by the protocol of `record.h`.
 *
 * The other side of the memory may be hostile and may change any word at any time: every descriptor is copied once,
 * checked against what is really mapped and preallocated, and nothing that the producer can write but published slots
 * and the head is ever believed. Reading allocates one payload view per record and nothing else.
 *
 * @module
 */
import { settleFields } from "../settled_fields.ts";
import type { CaptureProgram, CaptureTarget } from "../target.ts";
import { deliver, RecordHead, type RecordMeaning, RING_MEANING } from "../record/deliver.ts";
import {
  DATA_MIN,
  dataStart,
  KIND,
  numberOf,
  PAGE,
  RecordError,
  RING,
  SLOT,
  UNIT,
  UNIT_SHIFT,
  unitsOf,
} from "../record/layout.ts";
import { RingFlows } from "./ring_flows.ts";
import { RingHeader } from "./ring_header.ts";
import { SEQUENCE_MASK, slotOf, UNIT_MASK, unitOf, wordOf } from "./ring_word.ts";

/** Holes that are read past one by one after a program died; more than threads that die in the middle of a record. */
const HOLE_SKIPS_MAX = 64;

const SLOTS_WORD = dataStart(0) >> 2;
const HEAD_WORD = RING.head >> 2;
const TAIL_WORD64 = RING.tail >> 3;
const TWO_32 = 2 ** 32;
/** The tail is published at least this often, so that a producer finds room while a batch is read: in records, and shares of the ring. */
const PUBLISH_RECORDS = 128;
const PUBLISH_SHARES = 32;
const EMPTY = new Uint8Array(0);

/** How far one call of {@linkcode RingReader.read} goes. */
export interface ReadLimits {
  readonly records: number;
  readonly bytes: number;
}

/** Times against which a ring's own are checked, nanoseconds since the source's time base. */
export interface ReadTimes {
  /** A record is not later than this and a second. */
  nowNs: number;
  /** A record is not earlier than this: the last tick. */
  floorNs: number;
}

export interface RingReaderOptions {
  readonly slotCapacity: number;
  /** CLOCK_REALTIME that times are counted from. */
  readonly timeBaseNs: bigint;
  /** How much of the data area records may lie in. */
  readonly dataBytes: number;
  readonly meaning?: RecordMeaning;
  /** Whether a program may have lost so many bytes since it began; absent: any number is believed. */
  readonly admitsLoss?: (bytes: number) => boolean;
  /** What lies behind the tail was read by this agent too. */
  readonly isRecycled?: boolean;
}

export class RingReader {
  readonly header = new RingHeader();
  readonly flows: RingFlows;
  /** Why the ring is read no more; set by an impossible value or by {@linkcode retire}. */
  retired: string | undefined;
  /** Records begun and never finished that were read past. */
  holes = 0;
  /** Time of the last record. */
  timeNs = 0;
  /** Bytes of payload read so far. */
  bytesRead = 0;
  /** Records read so far. */
  recordsRead = 0;
  /** Bytes of the data area that the next record needs in view; 0 when it has what it needs. */
  wantsBytes = 0;
  /** How far records have reached since memory was last given back. */
  touchedSlots = 1;
  touchedUnits = 0;

  readonly #slotCapacity: number;
  readonly #baseLow: number;
  readonly #baseHigh: number;
  #words!: Int32Array;
  #words64!: BigInt64Array;
  #memory!: ArrayBuffer;
  /** Where the data area begins in it, and how much of that is in view. */
  #dataStart!: number;
  #dataInView!: number;
  readonly #dataBytes: number;
  #sequence = 0;
  #slot = 0;
  #unit = 0;
  readonly #head = new RecordHead();
  readonly #meaning: RecordMeaning;
  /** Records read, and the time, when the ring was first seen to stand still there. */
  #blockedAt = -1;
  #blockedMs = 0;
  /** Holes that were read past. */
  #holeSkips = 0;

  /**
   * Goes on where the ring's tail is; where that is not its beginning, another has read here, and the hook is told to open its
   * flows again.
   *
   * @param memory the ring from its first byte: one page, or all up to some place in its data area
   */
  constructor(memory: ArrayBuffer, options: RingReaderOptions) {
    const { timeBaseNs } = options;
    this.#meaning = options.meaning ?? RING_MEANING;
    this.#slotCapacity = options.slotCapacity;
    this.#baseLow = Number(BigInt.asUintN(32, timeBaseNs));
    this.#baseHigh = Number(BigInt.asUintN(32, timeBaseNs >> 32n));
    this.#dataBytes = options.dataBytes;
    this.remap(memory);
    const low = this.#words[RING.tail >> 2];
    const high = this.#words[(RING.tail >> 2) + 1];
    this.#sequence = low & SEQUENCE_MASK;
    this.#slot = slotOf(low, high);
    this.#unit = unitOf(high);
    const isInherited = (low !== 0 || high !== 0) && !options.isRecycled;
    if (isInherited) this.header.takeOver();
    const { admitsLoss = () => true } = options;
    this.flows = new RingFlows({ meaning: this.#meaning, admitsLoss, isInherited });
  }

  /** Goes on in another view of the same memory; the caller detaches the old one. In a single page nothing can be read. */
  remap(memory: ArrayBuffer): void {
    const start = Math.min(dataStart(this.#slotCapacity), memory.byteLength);
    this.#words = new Int32Array(memory, 0, start >> 2);
    this.header.remap(this.#words);
    this.#words64 = new BigInt64Array(memory, 0, PAGE >> 3);
    this.#memory = memory;
    this.#dataStart = start;
    this.#dataInView = memory.byteLength - start;
    this.wantsBytes = 0;
  }

  /** Records that were reserved and not read yet, by the word of the producer. */
  get outstanding(): number {
    return (Atomics.load(this.#words, HEAD_WORD) - this.#sequence) & SEQUENCE_MASK;
  }

  /** Whether the next record is there to be read. */
  get ready(): boolean {
    if (this.retired !== undefined) return false;
    return this.outstanding !== 0 && this.#find(this.#next) >= 0;
  }

  /** The share of what was granted that is taken, 0 to 1: the fuller of data area and slots. */
  fill(grantedData: number, grantedSlots: number): number {
    const low = Atomics.load(this.#words, HEAD_WORD);
    const high = Atomics.load(this.#words, HEAD_WORD + 1);
    const records = (low - this.#sequence) & SEQUENCE_MASK;
    if (records === 0) return 0;
    const untouched = high < 0 && slotOf(low, high) === records;
    const end = unitOf(high);
    const start = untouched ? 0 : this.#unit;
    const units = end >= start ? end - start : unitsOf(grantedData) - start + end;
    return Math.min(1, Math.max(units / unitsOf(grantedData), records / grantedSlots));
  }

  /** Reads this ring no more and tells its producers. */
  retire(reason: string): void {
    this.retired ??= reason;
    this.header.stop();
  }

  /** Passes over everything that is reserved: of a process that is gone. */
  finish(): void {
    this.#sequence = (this.#sequence + this.outstanding) & SEQUENCE_MASK;
    this.#publish();
  }

  /**
   * Whether the next record was begun and has not been finished for `patienceMs`, although others were behind it: its thread
   * will never do so. To be asked whenever nothing was read of what is outstanding.
   */
  blocked(nowMs: number, patienceMs: number): boolean {
    if (this.#blockedAt !== this.recordsRead) {
      this.#blockedAt = this.recordsRead;
      this.#blockedMs = nowMs;
    }
    return this.outstanding > 1 && nowMs - this.#blockedMs >= patienceMs;
  }

  /**
   * Hands published records to `target`, in order, until none is there or a limit is reached (a record that crosses
   * it is still read). Answers the number of records; payloads are borrowed from the ring for the call.
   */
  read(target: CaptureTarget, program: CaptureProgram, limits: ReadLimits, times: ReadTimes): number {
    if (this.retired !== undefined) return 0;
    const available = this.outstanding;
    if (available === 0) return 0;
    if (available > this.#slotCapacity) {
      this.retire(`its head is ${available} records ahead`);
      return 0;
    }
    const before = this.recordsRead;
    const latest = times.nowNs + 1e9;
    if (this.timeNs < times.floorNs) this.timeNs = times.floorNs;
    const recordsEnd = before + Math.min(available, limits.records);
    const bytesEnd = this.bytesRead + limits.bytes;
    const publishBytes = this.#dataBytes / PUBLISH_SHARES;
    let publishAtRecords = before + PUBLISH_RECORDS;
    let publishAtBytes = this.bytesRead + publishBytes;
    try {
      while (this.recordsRead < recordsEnd && this.bytesRead < bytesEnd) {
        if (!this.#readOne(target, program, latest)) break;
        if (this.recordsRead >= publishAtRecords || this.bytesRead >= publishAtBytes) {
          this.#publish();
          publishAtRecords = this.recordsRead + PUBLISH_RECORDS;
          publishAtBytes = this.bytesRead + publishBytes;
        }
      }
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      this.retire(error.message);
    } finally {
      if (this.recordsRead > before) this.#publish();
    }
    return this.recordsRead - before;
  }

  /**
   * For a ring that nobody writes to any more: moves past a record that was begun and never finished, to the next that was.
   * Answers whether there is one to {@linkcode read}; if not, the ring is at its end.
   */
  skipHole(): boolean {
    if (this.retired !== undefined) return false;
    const outstanding = this.outstanding;
    if (outstanding === 0) return false;
    if (outstanding > this.#slotCapacity) {
      this.retire(`its head is ${outstanding} records ahead`);
      return false;
    }
    let nearest = outstanding + 1;
    let nearestSlot = -1;
    if (this.#holeSkips++ < HOLE_SKIPS_MAX) {
      for (let slot = 0; slot < this.#slotCapacity; slot++) {
        const at = SLOTS_WORD + (slot << 4);
        const distance = (this.#words[at] - this.#sequence) & SEQUENCE_MASK;
        if (distance > 0 && distance < nearest && (this.#words[at + 1] & 0xff) !== 0) {
          nearest = distance;
          nearestSlot = slot;
        }
      }
    }
    if (nearestSlot < 0) nearest = outstanding + 1;
    this.holes += nearest - 1;
    this.#sequence = (this.#sequence + nearest - 1) & SEQUENCE_MASK;
    if (nearestSlot < 0) return false;
    this.#slot = nearestSlot;
    this.#unit = (this.#words[SLOTS_WORD + (nearestSlot << 4) + (SLOT.position >> 2)] >>> UNIT_SHIFT) &
      UNIT_MASK;
    return true;
  }

  /**
   * Puts a record of the reader's own over the first `slots` slots and `units` units of the empty ring, so that nobody uses
   * them until {@linkcode endGivingBack}. False when the ring is not empty, or a producer was faster.
   */
  beginGivingBack(slots: number, units: number): boolean {
    const head = Atomics.load(this.#words64, RING.head >> 3);
    if ((Number(BigInt.asUintN(32, head)) & SEQUENCE_MASK) !== this.#sequence) return false;
    const [slot, unit] = [this.#slot, this.#unit];
    this.#slot = this.#unit = 0;
    this.#publish();
    const sequence = this.#next;
    const reserved = wordOf(sequence, slots, units);
    if (Atomics.compareExchange(this.#words64, RING.head >> 3, head, reserved) !== head) {
      // The producer may have known the tail of before, and its record be where that was.
      this.#slot = slot;
      this.#unit = unit;
      this.#publish();
      return false;
    }
    const words = this.#words;
    words[SLOTS_WORD + 1] = KIND.skip;
    words[SLOTS_WORD + 2] = 0;
    words[SLOTS_WORD + 3] = units << UNIT_SHIFT;
    words.fill(0, SLOTS_WORD + 4, SLOTS_WORD + 16);
    words[SLOTS_WORD + (SLOT.amount >> 2)] = slots;
    Atomics.store(words, SLOTS_WORD, sequence);
    return true;
  }

  /** Passes over what {@linkcode beginGivingBack} put there: the ring is empty, and the next record rewinds. */
  endGivingBack(slots: number, units: number): void {
    this.#sequence = this.#next;
    this.#slot = slots;
    this.#unit = units;
    this.#publish();
    this.touchedSlots = 1;
    this.touchedUnits = 0;
  }

  get #next(): number {
    return (this.#sequence + 1) & SEQUENCE_MASK;
  }

  /** Word index of the slot that holds `sequence`, or -1. It is at the slot after the last or at slot 0. */
  #find(sequence: number): number {
    const words = this.#words;
    if (words.length <= SLOTS_WORD) return -1;
    if (this.#slot < this.#slotCapacity) {
      const at = SLOTS_WORD + (this.#slot << 4);
      if (Atomics.load(words, at) === sequence && (words[at + 1] & 0xff) !== 0) return at;
    }
    return Atomics.load(words, SLOTS_WORD) === sequence && (words[SLOTS_WORD + 1] & 0xff) !== 0
      ? SLOTS_WORD
      : -1;
  }

  #readOne(target: CaptureTarget, program: CaptureProgram, latestNs: number): boolean {
    const words = this.#words;
    const sequence = this.#next;
    const at = this.#find(sequence);
    if (at < 0) return false;
    const kinds = words[at + 1];
    const position = words[at + 2] >>> 0;
    const length = words[at + 3] >>> 0;
    const flow = numberOf(words[at + 4], words[at + 5]);
    const offset = numberOf(words[at + 6], words[at + 7]);
    const timeLow = words[at + 8] >>> 0;
    const timeHigh = words[at + 9] >>> 0;
    const amount = numberOf(words[at + 10], words[at + 11]);
    const kind = kinds & 0xff;
    const flags = kinds >>> 16;

    if ((position & (UNIT - 1)) !== 0) throw new RecordError("a record is not aligned");
    if (position + length > this.#dataBytes) {
      throw new RecordError("a record lies outside what was granted");
    }
    if (length > DATA_MIN && kind !== KIND.skip) throw new RecordError("a record is longer than any can be");
    if (position !== 0 && position !== this.#unit << UNIT_SHIFT) {
      throw new RecordError("a record lies out of order");
    }
    if (position + length > this.#dataInView && kind !== KIND.skip) {
      this.wantsBytes = position + length;
      return false;
    }

    if (kind === KIND.skip) {
      this.#pass(amount, length);
      return true;
    }
    const time = (timeHigh - this.#baseHigh) * TWO_32 + (timeLow - this.#baseLow);
    if (time > this.timeNs) this.timeNs = Math.min(time, Math.max(latestNs, this.timeNs));

    this.#sequence = sequence;
    this.#slot = ((at - SLOTS_WORD) >> 4) + 1;
    this.#unit = (position >>> UNIT_SHIFT) + unitsOf(length);
    if (this.#slot > this.touchedSlots) this.touchedSlots = this.#slot;
    if (this.#unit > this.touchedUnits) this.touchedUnits = this.#unit;
    this.recordsRead++;
    this.bytesRead += length;
    const head = this.#head;
    head.kind = kind;
    head.direction = (kinds >>> 8) & 0xff;
    head.flags = flags;
    head.flow = flow;
    head.offset = offset;
    head.amount = amount;
    head.timeNs = this.timeNs;
    // Made in two thirds of the time that `subarray` takes.
    const payload = length === 0 ? EMPTY : new Uint8Array(this.#memory, this.#dataStart + position, length);
    if (kind === KIND.hello || flow === 0) deliver(target, program, head, payload, this.#meaning);
    else this.flows.take(target, program, head, payload);
    return true;
  }

  /** Passes over an SSLC_SKIP that a reader left which died meanwhile. */
  #pass(slots: number, lengthBytes: number): void {
    if (!(slots <= this.#slotCapacity)) throw new RecordError("a passage leads out of the ring");
    this.#sequence = this.#next;
    this.#slot = slots;
    this.#unit = unitsOf(lengthBytes);
    this.touchedSlots = Math.max(this.touchedSlots, this.#slot);
    this.touchedUnits = Math.max(this.touchedUnits, this.#unit);
    this.recordsRead++;
  }

  /** Makes room: everything up to the last record read may be written over. One 64-bit store. */
  #publish(): void {
    Atomics.store(this.#words64, TAIL_WORD64, wordOf(this.#sequence, this.#slot, this.#unit));
  }
}

// Programs that begin and end one after the other would have it settled for none.
settleFields(() => new RingReader(new ArrayBuffer(PAGE), { slotCapacity: 1, timeBaseNs: 0n, dataBytes: 0 }));
