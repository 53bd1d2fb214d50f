// SPDX-License-Identifier: MIT
/**
 * The consumer of one sub-ring, by the protocol of `record.h`.
 *
 * The other side of the memory may be hostile and may change any word at any time: every descriptor is copied once,
 * checked against what is really mapped and preallocated, and nothing that the producer can write but published slots
 * and the head is ever believed. Reading allocates one payload view per record and nothing else.
 *
 * @module
 */
import type { CaptureProgram, CaptureTarget } from "../target.ts";
import { deliver, RecordHead, type RecordMeaning, RING_MEANING } from "../record/deliver.ts";
import {
  counterOf,
  dataStart,
  FLAG,
  KIND,
  numberOf,
  RecordError,
  RETIRED,
  RING,
  SLOT,
  UNIT,
  UNIT_SHIFT,
  unitsOf,
  WORD,
} from "../record/layout.ts";

/** Flows that one ring may have open at a time: a program with more than 65,536 sessions at once is not believed. */
export const OPEN_FLOWS_MAX = 65_536;

/** Holes that are read past one by one after a program died; more than threads that die in the middle of a record. */
const HOLE_SKIPS_MAX = 64;

const SLOTS_WORD = dataStart(0) >> 2;
const HEAD_WORD = RING.head >> 2;
const TAIL_WORD64 = RING.tail >> 3;
const TWO_32 = 2 ** 32;
const SEQUENCE_MASK = (1 << WORD.slotShift) - 1;
/** A word's slot begins in its low half and ends in its high one. */
const SLOT_LOW_BITS = 32 - WORD.slotShift;
const SLOT_MASK = (1 << WORD.slotBits) - 1;
const DATA_MASK = (1 << WORD.dataBits) - 1;
const DATA_SHIFT_HIGH = WORD.dataShift - 32;
/** The tail is published at least this often, so that a producer finds room while a batch is read. */
const PUBLISH_RECORDS = 128;
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

export class RingReader {
  /** Why the ring is read no more; set by an impossible value or by {@linkcode retire}. */
  retired: string | undefined;
  /** Records begun and never finished that were read past. */
  holes = 0;
  /** Bytes that gap records of a full ring have told of. */
  toldGapBytes = 0;
  /** Time of the last record. */
  timeNs = 0;
  /** Bytes of payload read so far. */
  bytesRead = 0;
  /** Records read so far. */
  recordsRead = 0;

  readonly #slotCapacity: number;
  readonly #baseLow: number;
  readonly #baseHigh: number;
  #words!: Int32Array;
  #words64!: BigInt64Array;
  #data!: Uint8Array;
  #dataBytes = 0;
  #sequence = 0;
  #slot = 0;
  #unit = 0;
  #lastFlow = 0;
  readonly #flows = new Set<number>();
  readonly #head = new RecordHead();
  readonly #meaning: RecordMeaning;

  /**
   * Goes on where the ring's tail is.
   *
   * @param memory the sub-ring from its first byte; all behind the slots is data area
   * @param timeBaseNs CLOCK_REALTIME that times are counted from
   * @param dataBytes how much of the data area may be read: what was ever granted
   */
  constructor(
    memory: ArrayBuffer,
    slotCapacity: number,
    timeBaseNs: bigint,
    dataBytes: number,
    meaning: RecordMeaning = RING_MEANING,
  ) {
    this.#meaning = meaning;
    this.#slotCapacity = slotCapacity;
    this.#baseLow = Number(BigInt.asUintN(32, timeBaseNs));
    this.#baseHigh = Number(BigInt.asUintN(32, timeBaseNs >> 32n));
    this.remap(memory, dataBytes);
    const low = this.#words[RING.tail >> 2];
    const high = this.#words[(RING.tail >> 2) + 1];
    this.#sequence = low & SEQUENCE_MASK;
    this.#slot = slotOf(low, high);
    this.#unit = unitOf(high);
  }

  /** Goes on in another view of the same memory; the caller detaches the old one. */
  remap(memory: ArrayBuffer, dataBytes: number): void {
    const start = dataStart(this.#slotCapacity);
    this.#words = new Int32Array(memory, 0, start >> 2);
    this.#words64 = new BigInt64Array(memory, 0, start >> 3);
    this.#data = new Uint8Array(memory, start);
    this.limit(dataBytes);
  }

  /** Sets how much of the data area may be read. */
  limit(dataBytes: number): void {
    if (dataBytes > this.#data.length) throw new RangeError(`${dataBytes} bytes are not in view`);
    this.#dataBytes = dataBytes;
  }

  /** Flows that are open or of which records came. */
  get flows(): ReadonlySet<number> {
    return this.#flows;
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

  /** Generation of sleep that was last woken from this ring. */
  get woken(): number {
    return Atomics.load(this.#words, RING.woken >> 2) >>> 0;
  }

  get ringFlags(): number {
    return Atomics.load(this.#words, RING.flags >> 2);
  }

  get droppedBytes(): number {
    return this.#counter(RING.droppedBytes);
  }

  get droppedRecords(): number {
    return this.#counter(RING.droppedRecords);
  }

  get unmirrored(): number {
    return this.#counter(RING.unmirrored);
  }

  #counter(offset: number): number {
    return counterOf(Atomics.load(this.#words, offset >> 2), Atomics.load(this.#words, (offset >> 2) + 1));
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

  /** Bytes of data area that producers may use, by the word that they can write too. */
  get grantedData(): number {
    return Atomics.load(this.#words, RING.grantedData >> 2) >>> 0;
  }

  /** Sets what producers may use from now on. */
  grant(dataBytes: number, slots: number): void {
    Atomics.store(this.#words, RING.grantedData >> 2, dataBytes);
    Atomics.store(this.#words, RING.grantedSlots >> 2, slots);
  }

  /** Reads this ring no more and tells its producers. */
  retire(reason: string): void {
    this.retired ??= reason;
    this.stop();
  }

  /** Tells producers that nobody reads here any more, and whether their process may make another ring. */
  stop(how: number = RETIRED.forGood): void {
    Atomics.store(this.#words, RING.retired >> 2, how);
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
  #blockedAt = -1;
  #blockedMs = 0;

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
    const publishBytes = this.#dataBytes >> 3;
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
      DATA_MASK;
    return true;
  }
  #holeSkips = 0;

  get #next(): number {
    return (this.#sequence + 1) & SEQUENCE_MASK;
  }

  /** Word index of the slot that holds `sequence`, or -1. It is at the slot after the last or at slot 0. */
  #find(sequence: number): number {
    const words = this.#words;
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
    if (position !== 0 && position !== this.#unit << UNIT_SHIFT) {
      throw new RecordError("a record lies out of order");
    }

    const time = (timeHigh - this.#baseHigh) * TWO_32 + (timeLow - this.#baseLow);
    if (time > this.timeNs) this.timeNs = Math.min(time, Math.max(latestNs, this.timeNs));

    if (kind === KIND.close) {
      this.#flows.delete(flow);
      this.#lastFlow = 0;
    } else if (flow !== this.#lastFlow && flow !== 0) {
      this.#flows.add(flow);
      this.#lastFlow = flow;
      if (this.#flows.size > OPEN_FLOWS_MAX) {
        throw new RecordError(`more than ${OPEN_FLOWS_MAX} flows are open`);
      }
    }
    this.#sequence = sequence;
    this.#slot = ((at - SLOTS_WORD) >> 4) + 1;
    this.#unit = (position >>> UNIT_SHIFT) + unitsOf(length);
    this.recordsRead++;
    this.bytesRead += length;
    const payload = length === 0 ? EMPTY : this.#data.subarray(position, position + length);
    const head = this.#head;
    head.kind = kind;
    head.direction = (kinds >>> 8) & 0xff;
    head.flags = flags;
    head.flow = flow;
    head.offset = offset;
    head.amount = amount;
    head.timeNs = this.timeNs;
    deliver(target, program, head, payload, this.#meaning);
    if (kind === KIND.gap && (flags & FLAG.neverUser) === 0) this.toldGapBytes += amount;
    return true;
  }

  /** Makes room: everything up to the last record read may be written over. One 64-bit store. */
  #publish(): void {
    const place = this.#unit * 2 ** WORD.slotBits + this.#slot;
    const tail = BigInt(place) << BigInt(WORD.slotShift) | BigInt(this.#sequence);
    Atomics.store(this.#words64, TAIL_WORD64, BigInt.asIntN(64, tail));
  }
}

/** Slot of a word of the ring, given its halves. */
function slotOf(low: number, high: number): number {
  return (low >>> WORD.slotShift | high << SLOT_LOW_BITS) & SLOT_MASK;
}

/** Unit of data of a word of the ring, given its high half. */
function unitOf(high: number): number {
  return (high >>> DATA_SHIFT_HIGH) & DATA_MASK;
}
