// SPDX-License-Identifier: MIT
/**
 * One ring that a process writes to: what it may use, what it uses, and what it gives back.
 *
 * @module
 */
import type { RecordMeaning } from "../record/deliver.ts";
import type { CaptureProgram } from "../target.ts";
import { cgroupRoomBytes } from "./cgroup.ts";
import { LossAllowance } from "./loss_allowance.ts";
import { type MemoryBudget, RING_LEAST } from "./memory_budget.ts";
import type { WatchedProcess } from "./process_watch.ts";
import {
  DATA_MAX,
  DATA_MIN,
  dataStart,
  FIRST_DATA,
  PAGE,
  RETIRED,
  RING,
  SLOT,
  UNIT,
  UNSERVED_DATA,
} from "../record/layout.ts";
import type { Region } from "./region.ts";
import { RingReader } from "./ring_reader.ts";

/** Granted by each look that finds a ring under pressure whose memory must be made ready first. */
const STEP = 4 << 20;
/**
 * A ring that carried so much since it last rested is that of a bulk transfer: while there is plenty of memory it gets all that
 * it may have. A write of 50 MB at memory speed fills 16 MiB while the agent waits for a processor.
 */
const BULK = 512 << 10;
/** A program whose memory cgroup leaves so many times its ring free may touch pages that were not made ready. */
const ROOM = 4;
/** A ring fuller than this when it is looked at is under pressure, and none shall be. */
const PRESSURE = 0.125;
/** A ring that fills more slowly than before is believed to do so by and by: this much of its speed is left at each look. */
const SPEED_KEPT = 0.8;
/** What stays ready for a program whose own cgroup is small. */
const COMFORT = 4 << 20;
/** What a ring may use at least where memory is short. */
const LEAST = 256 << 10;
/** Never granted but while memory is given back: producers go on there meanwhile. */
const RESERVE = { data: 1 << 20, slots: 2048 } as const;
/** What a ring keeps when it gives back. */
const KEEP = { data: 64 << 10, slots: 64 } as const;
/** Idle for so long, a ring gives back what it used: where memory is plenty, and where it is short. */
const IDLE_MS = 2000;
const IDLE_SHORT_MS = 250;
/** Sizes of the view of a data area: each counts towards V8's heap limits, touched or not. */
const VIEWS = [1 << 20, 4 << 20, 16 << 20, DATA_MAX] as const;

/** Records of so many bytes fill the slots when they fill the data area; shorter ones fill the slots first. */
const BYTES_PER_SLOT = 512;
/** Slots that every ring is granted. */
const SLOTS_LEAST = 128;
/** A page of them. */
const SLOTS_STEP = PAGE / SLOT.size;

/** Slots that are granted with `dataBytes` of data area, of the `capacity` that a ring has. */
export function slotsFor(dataBytes: number, capacity: number): number {
  const slots = Math.floor(dataBytes / BYTES_PER_SLOT / SLOTS_STEP) * SLOTS_STEP;
  return Math.min(capacity, Math.max(SLOTS_LEAST, slots));
}

/** Bytes of a data area that records can lie in: their end must fit the words of the ring. */
function usableData(dataCapacity: number): number {
  return Math.min(dataCapacity, DATA_MAX - UNIT);
}

export interface ProgramRingOptions {
  readonly program: CaptureProgram;
  readonly process: WatchedProcess;
  readonly region: Region;
  readonly index: number;
  /** Most bytes of data area that the ring is granted. */
  readonly dataMax: number;
  readonly budget: MemoryBudget;
  readonly timeBaseNs: bigint;
  readonly nowMs: number;
  readonly meaning?: RecordMeaning;
  /** What its counters said when this agent made it spare; absent: it did not. */
  readonly baseline: ((offset: number) => number) | undefined;
}

export class ProgramRing {
  readonly program: CaptureProgram;
  readonly process: WatchedProcess;
  readonly region: Region;
  readonly index: number;
  readonly reader: RingReader;
  readonly allowance: LossAllowance;
  /** How much a counter of its header has grown since it was claimed. */
  readonly since: (offset: number) => number;
  /** When a record was last read, milliseconds. */
  activeMs: number;
  /** Its process maps it no more: it runs another program now. */
  left = false;
  /** A record in it will never be finished: its process shall claim another ring. */
  blocked = false;
  /** Let go of: its memory must not be looked at any more. */
  ended = false;
  readonly #budget: MemoryBudget;
  readonly #slotCapacity: number;
  readonly #usable: number;
  /** The most that is granted. */
  readonly #dataMax: number;
  /** What it was granted when it was taken. */
  readonly #firstData: number;
  /** Memory that a predecessor saw used may lie anywhere in the grant. */
  #isInherited: boolean;
  #view: ArrayBuffer;
  #granted: number;
  #used = 0;
  /** The share of the grant that it fills in a millisecond. */
  #speed = 0;
  #dropped = 0;
  /** Bytes read when the ring last rested. */
  #restedAt = 0;
  /** Bytes of data area behind which this process has put memory, because the program's own cgroup is small. */
  #prepared = 0;
  #isPreparing = false;
  /** The kernel had none. */
  #refused = false;

  private constructor(options: ProgramRingOptions) {
    const { region, index, program } = options;
    const { slotCapacity, dataCapacity } = region.geometry!;
    this.program = program;
    this.process = options.process;
    this.region = region;
    this.index = index;
    this.activeMs = options.nowMs;
    this.allowance = new LossAllowance(program.pid);
    this.#budget = options.budget;
    this.#slotCapacity = slotCapacity;
    this.#usable = usableData(dataCapacity);
    const reserve = this.#usable >= 4 * RESERVE.data ? RESERVE.data : 0;
    this.#dataMax = Math.min(this.#usable - reserve, options.dataMax);
    this.#view = region.view(index, PAGE);
    this.reader = new RingReader(this.#view, {
      slotCapacity,
      timeBaseNs: options.timeBaseNs,
      dataBytes: this.#usable,
      meaning: options.meaning,
      admitsLoss: (bytes) => this.allowance.admits(bytes),
      isRecycled: options.baseline !== undefined,
    });
    // What a predecessor decided, too, is for this agent to decide.
    this.reader.header.want(true);
    if (program.isUnwanted) this.reader.header.want(false);
    const { baseline } = options;
    this.since = (offset) => Math.max(0, this.reader.header.counter(offset) - (baseline?.(offset) ?? 0));
    this.#granted = Math.min(this.reader.header.grantedData, this.#usable);
    this.#firstData = this.#granted;
    this.#isInherited = this.reader.flows.isInherited;
    this.#dropped = this.reader.header.counter(RING.droppedBytes);
    this.#charge();
  }

  /** Takes a ring that was claimed. Undefined when there is no memory for one more. */
  static take(options: ProgramRingOptions): ProgramRing | undefined {
    if (!options.budget.admits(options.program.uid)) return undefined;
    const ring = new ProgramRing(options);
    ring.#welcome();
    return ring;
  }

  /** Nobody writes to it any more. */
  get gone(): boolean {
    return this.process.dead || this.left || this.blocked;
  }

  /** There is something to be read or to be done. */
  get isDue(): boolean {
    const { reader } = this;
    return reader.outstanding !== 0 || this.gone || reader.retired !== undefined;
  }

  /** It is under pressure: it is to be read again at once. */
  get isFilling(): boolean {
    return this.#fill > PRESSURE;
  }

  get #fill(): number {
    return this.reader.fill(this.#granted, this.#slotsFor(this.#granted));
  }

  /** Takes in how full it has become in the `elapsedMs` since it was last looked at. */
  gauge(elapsedMs: number): void {
    this.#speed = Math.max(this.#fill / Math.max(1, elapsedMs), SPEED_KEPT * this.#speed);
  }

  /** How often it is to be looked at so that it does not come under pressure meanwhile, milliseconds. */
  get periodMs(): number {
    return PRESSURE / this.#speed;
  }

  /** What is granted while no bulk transfer asks for more. */
  get #restData(): number {
    return Math.min(this.#dataMax, this.#prepared > 0 ? COMFORT : FIRST_DATA);
  }

  #slotsFor(data: number): number {
    const reserve = this.#slotCapacity >= 4 * RESERVE.slots ? RESERVE.slots : 0;
    return slotsFor(data, this.#slotCapacity - reserve);
  }

  #grant(data: number): void {
    this.#granted = data;
    this.reader.header.grant(data, this.#slotsFor(data));
  }

  /** Where the program's own cgroup is small, puts memory behind its first grant; else raises that to what all have. */
  async #welcome(): Promise<void> {
    // Who cannot be found has ended, most likely: what it wrote is read, and nothing made ready for more.
    if (this.gone || this.process.pid === 0) return;
    const room = cgroupRoomBytes(this.program.pid);
    if (room > ROOM * this.#dataMax) {
      if (this.#granted < this.#restData && this.#isPlenty) this.#grant(this.#restData);
      return;
    }
    const wanted = Math.min(this.#dataMax, FIRST_DATA);
    this.#isPreparing = true;
    let ready = await this.#prepare(this.#granted);
    while (ready && this.#granted < wanted && this.#isPlenty) {
      ready = await this.#prepare(Math.min(wanted, this.#granted + STEP));
    }
    this.#isPreparing = false;
  }

  get #isPlenty(): boolean {
    return this.#budget.isPlenty(this.program.uid);
  }

  /**
   * Adapts what the ring may use to how it is used; called before it is read. While memory is short, no ring goes on to
   * pages that it has not used yet, but for the least.
   */
  relieve(): void {
    this.#charge();
    if (this.#isPreparing) return;
    if (!this.#isPlenty) {
      const touched = this.reader.touchedUnits * UNIT;
      const data = Math.min(this.#usable, Math.max(LEAST, touched, this.#prepared));
      if (data < this.#granted) this.#grant(data);
      return;
    }
    if (this.#granted >= this.#dataMax || !this.#isPressed()) return;
    if (this.#prepared === 0 && cgroupRoomBytes(this.program.pid) === Infinity) this.#grant(this.#dataMax);
    else if (!this.#refused) this.#stretch();
  }

  /** It is that of a bulk transfer, fills up, or has lost something. */
  #isPressed(): boolean {
    const dropped = this.reader.header.counter(RING.droppedBytes);
    const hasDropped = dropped > this.#dropped;
    this.#dropped = dropped;
    return hasDropped || this.reader.bytesRead - this.#restedAt > BULK || this.isFilling;
  }

  /** Grants a step more, with memory behind it that is charged to this process: the program's own cgroup has a limit. */
  async #stretch(): Promise<void> {
    this.#isPreparing = true;
    this.#refused = !await this.#prepare(Math.min(this.#dataMax, this.#granted + STEP));
    this.#isPreparing = false;
  }

  /**
   * Puts memory behind `data` bytes and their slots, on another thread: the program may be filling it at this moment. Then grants
   * as much. False when there is none, or the ring has ended.
   */
  async #prepare(data: number): Promise<boolean> {
    const start = dataStart(this.#slotCapacity);
    const parts = [[0, PAGE + this.#slotsFor(data) * SLOT.size], [start + this.#prepared, start + data]];
    for (const [from, to] of parts) {
      if (this.ended || !await this.region.preallocateElsewhere(this.index, from, to)) return false;
    }
    if (this.ended) return false;
    this.#prepared = data;
    if (data > this.#granted) this.#grant(data);
    this.#charge();
    return true;
  }

  /** Brings the budget up to date with what the ring uses. */
  #charge(): void {
    const { touchedSlots, touchedUnits } = this.reader;
    const used = Math.max(
      RING_LEAST,
      PAGE + touchedSlots * SLOT.size + Math.max(touchedUnits * UNIT, this.#prepared),
    );
    if (used === this.#used) return;
    this.#budget.change(this.program.uid, this.#used, used);
    this.#used = used;
  }

  /** Makes so much of the data area readable as the reader asks for; false when it asks for nothing. */
  widen(): boolean {
    const start = dataStart(this.#slotCapacity);
    const inView = this.#view.byteLength - start;
    const wanted = Math.max(this.reader.wantsBytes, 1);
    if (inView >= wanted) return false;
    const size = VIEWS.find((size) => size >= wanted) ?? DATA_MAX;
    this.#show(start + Math.min(size, this.region.geometry!.dataCapacity));
    return true;
  }

  #show(bytes: number): void {
    const old = this.#view;
    this.#view = this.region.view(this.index, bytes);
    this.reader.remap(this.#view);
    this.region.release(old);
  }

  /** Goes on with a copy of the header until {@linkcode showAgain}: the region is about to be unmapped. */
  keepHeader(): void {
    const old = this.#view;
    this.#view = old.slice(0, PAGE);
    this.reader.remap(this.#view);
    this.region.release(old);
  }

  showAgain(): void {
    this.#view = this.region.view(this.index, PAGE);
    this.reader.remap(this.#view);
  }

  /** Gives back what an idle ring does not need. */
  rest(nowMs: number): void {
    if (this.#isPreparing) return;
    const patienceMs = this.#isPlenty ? IDLE_MS : IDLE_SHORT_MS;
    if (nowMs - this.activeMs < patienceMs || this.reader.outstanding !== 0) return;
    this.#giveBack();
    if (this.#granted > this.#restData) this.#grant(this.#restData);
    else if (this.#granted < this.#firstData && this.#isPlenty) this.#grant(this.#firstData);
    this.#restedAt = this.reader.bytesRead;
    this.#refused = false;
    if (this.#view.byteLength > PAGE) this.#show(PAGE);
  }

  /** Frees the pages behind what was used since this was last done; all but a little, and what the first grant was made ready. */
  #giveBack(): void {
    const { reader, region, index } = this;
    const inherited = this.#isInherited ? this.#granted : 0;
    const touched = Math.max(reader.touchedUnits * UNIT, inherited, this.#prepared);
    const touchedSlots = Math.max(reader.touchedSlots, this.#isInherited ? this.#slotsFor(inherited) : 0);
    const kept = Math.min(this.#prepared, COMFORT);
    if (touched <= Math.max(KEEP.data, kept) && touchedSlots <= KEEP.slots) return;
    const slots = Math.min(roundUp(touchedSlots, SLOTS_STEP), this.#slotCapacity - SLOTS_LEAST);
    const bytes = Math.min(roundUp(touched, PAGE), this.#usable - DATA_MIN & -PAGE);
    if (slots < SLOTS_STEP || bytes < PAGE) return;
    if (this.#view.byteLength === PAGE) this.widen();
    reader.header.grant(this.#usable, this.#slotCapacity);
    if (reader.beginGivingBack(slots, bytes / UNIT)) {
      const start = dataStart(this.#slotCapacity);
      if (kept === 0) region.punch(index, PAGE + SLOTS_STEP * SLOT.size, PAGE + slots * SLOT.size);
      region.punch(index, start + kept, start + bytes);
      if (region.isSealed) {
        this.#prepared = touched; // it is still there
        this.#charge();
        return reader.retire("its memory is sealed against being given back");
      }
      reader.endGivingBack(slots, bytes / UNIT);
      this.#prepared = Math.min(this.#prepared, kept);
      this.#isInherited = false;
    }
    this.#grant(this.#granted);
    this.#charge();
  }

  /** Lets go of it; with `isUnserved` its program goes on writing, and takes little memory until somebody reads again. */
  release(isUnserved = false): void {
    if (isUnserved) {
      if (this.reader.outstanding === 0) this.#giveBack();
      this.#grant(Math.min(this.#granted, UNSERVED_DATA));
      this.reader.header.want(true);
    }
    this.ended = true;
    this.region.release(this.#view);
    const { uid } = this.program;
    const used = this.#used;
    this.#used = 0;
    // What cannot be given back stays its user's cost for as long as it is there.
    if (this.region.isSealed) this.region.atClose(() => this.#budget.change(uid, used, 0));
    else this.#budget.change(uid, used, 0);
  }

  /** Makes it spare: its process is gone, and everything is read. */
  recycle(): void {
    this.reader.finish();
    this.#giveBack();
    this.#grant(Math.min(this.#restData, this.#usable));
    this.reader.header.spare();
  }

  /** Tells its process that nobody reads here any more, and frees all its memory. */
  retire(how: number = RETIRED.forGood): void {
    this.reader.header.stop(how);
    if (how === RETIRED.forGood) this.region.punch(this.index, PAGE, this.region.geometry!.ringStride);
  }
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
