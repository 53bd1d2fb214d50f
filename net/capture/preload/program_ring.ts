// SPDX-License-Identifier: MIT
/**
 * One sub-ring that a process writes to, with the memory that it was granted.
 *
 * @module
 */
import type { CaptureProgram } from "../target.ts";
import type { MemoryBudget } from "./memory_budget.ts";
import type { WatchedProcess } from "./process_watch.ts";
import { cgroupRoomBytes } from "./cgroup.ts";
import { DATA_MAX, dataStart, PAGE, RING, RING_NO_WAKE, SLOT, UNIT } from "../record/layout.ts";
import type { Region } from "./region.ts";
import { RingReader } from "./ring_reader.ts";

/** Granted by each look that finds the ring under pressure while memory is short. */
const STEP = 1 << 20;
/** What a ring keeps while it is idle and memory is plenty. */
const COMFORT = 4 << 20;
/**
 * A ring that carried so much is that of a bulk transfer: while there is plenty of memory it gets all that it may have. A write
 * of 50 MB at memory speed fills 4 MiB while the agent waits for a processor.
 */
const BULK = 512 << 10;
/** Made ready at a time on another thread: the kernel clears a megabyte in about half a millisecond. */
const STRETCH = 4 << 20;
/** A program whose memory cgroup leaves so many times its ring free may touch pages that were not made ready. */
const ROOM = 4;
/** A ring fuller than this when it is looked at gets the next step. */
const PRESSURE = 0.25;
/** What a ring is granted, and keeps while it is idle, where memory is short. */
const LEAST = 256 << 10;
/** Idle for so long, a ring gives back what it does not need; the memory follows after {@linkcode SETTLE_MS}. */
const IDLE_MS = 60_000;
/** A producer that read the old grant has used it long before this. */
const SETTLE_MS = 1000;

/** Records of so many bytes fill the slots when they fill the data area; shorter ones fill the slots first. */
const BYTES_PER_SLOT = 512;
/** Slots that every ring is granted; their memory is made ready before anything else. */
const SLOTS_LEAST = 2048;
/** A page of them. */
const SLOTS_STEP = PAGE / SLOT.size;

/**
 * What a ring may use at first and at most, bytes of data. The hook grants itself as much as the first, and the slots that go
 * with it, or {@linkcode LEAST} where its memory cgroup is small.
 */
export interface GrantLimits {
  readonly initialData: number;
  readonly dataMax: number;
}

/** Slots that are granted with `dataBytes` of data area, of the `capacity` that a ring has. */
export function slotsFor(dataBytes: number, capacity: number): number {
  const slots = Math.floor(dataBytes / BYTES_PER_SLOT / SLOTS_STEP) * SLOTS_STEP;
  return Math.min(capacity, Math.max(SLOTS_LEAST, slots));
}

/** Bytes of data area that a ring of `dataCapacity` can use: its end must fit the words of the ring. */
export function usableData(dataCapacity: number, dataMax: number): number {
  return Math.min(dataCapacity, dataMax, DATA_MAX - UNIT);
}

export class ProgramRing {
  readonly reader: RingReader;
  /** When a record was last read, milliseconds. */
  activeMs: number;
  /** Its process runs another program now. */
  replaced = false;
  /** A record in it will never be finished: its process shall make another ring. */
  blocked = false;
  /** Let go of: its memory must not be looked at any more. */
  ended = false;
  #dropped = 0;
  #view: ArrayBuffer;
  /** What the program may use from now on, with the slots that go with it. */
  #data: number;
  /** What may have been used: records beyond `#data` can lie here until the ring was empty for a while. */
  #readable: number;
  #charged = 0;
  #shrinkMs = 0;
  #shrinkTo = 0;
  /** Memory is being made ready on another thread. */
  #stretching = false;
  /** The kernel had none. */
  #refused = false;
  readonly #limits: GrantLimits;
  readonly #budget: MemoryBudget;

  private constructor(
    readonly program: CaptureProgram,
    readonly process: WatchedProcess,
    readonly region: Region,
    readonly subring: number,
    limits: GrantLimits,
    budget: MemoryBudget,
    charged: number,
    timeBaseNs: bigint,
    nowMs: number,
  ) {
    this.#limits = limits;
    this.#budget = budget;
    this.#charged = charged;
    this.#data = this.#readable = limits.initialData;
    this.activeMs = nowMs;
    this.#view = region.view(subring, this.#viewBytes);
    this.reader = new RingReader(this.#view, region.greeting.slotCapacity, timeBaseNs, this.#data);
  }

  /**
   * Takes a sub-ring with its initial grant, and with more at once if there is more. Undefined when there is no memory
   * even for the initial grant.
   */
  static take(
    program: CaptureProgram,
    process: WatchedProcess,
    region: Region,
    subring: number,
    settings: GrantLimits,
    budget: MemoryBudget,
    timeBaseNs: bigint,
    nowMs: number,
  ): ProgramRing | undefined {
    const { slotCapacity, dataCapacity } = region.greeting;
    const dataMax = usableData(dataCapacity, settings.dataMax);
    const limits = { initialData: Math.min(settings.initialData, dataMax), dataMax };
    const wanted = budget.plenty ? limits.initialData : Math.min(LEAST, limits.initialData);
    const own = grantedNow(region, subring);
    const granted = Math.min(wanted, Math.max(own, LEAST));
    const bytes = PAGE + grantBytes(granted, slotCapacity);
    if (!budget.take(program.uid, bytes)) return undefined;
    if (!region.preallocate(subring, 0, PAGE + slotsFor(0, slotCapacity) * SLOT.size)) {
      budget.give(program.uid, bytes);
      return undefined;
    }
    const ring = new ProgramRing(
      program,
      process,
      region,
      subring,
      limits,
      budget,
      bytes,
      timeBaseNs,
      nowMs,
    );
    ring.#data = granted;
    if (granted !== own) ring.#grant(granted);
    ring.#prepare(wanted);
    return ring;
  }

  get #start(): number {
    return dataStart(this.region.greeting.slotCapacity);
  }

  #slotsFor(data: number): number {
    return slotsFor(data, this.region.greeting.slotCapacity);
  }

  #grantBytes(data: number): number {
    return grantBytes(data, this.region.greeting.slotCapacity);
  }

  /** The two parts of the sub-ring, slots and data, that a grant of `after` bytes has more than one of `before`. */
  #parts(before: number, after: number): [start: number, end: number][] {
    return [
      [PAGE + this.#slotsFor(before) * SLOT.size, PAGE + this.#slotsFor(after) * SLOT.size],
      [this.#start + before, this.#start + after],
    ];
  }

  #grant(data: number): void {
    this.reader.grant(data, this.#slotsFor(data));
  }

  /** Nobody writes to it any more. */
  get gone(): boolean {
    return this.process.dead || this.replaced || this.blocked;
  }

  /** What comes in some milliseconds fits. */
  get roomy(): boolean {
    return this.#data >= COMFORT;
  }

  /** The hook cannot wake the agent: this ring is polled. */
  get polled(): boolean {
    return this.region.greeting.noWake || (this.reader.ringFlags & RING_NO_WAKE) !== 0;
  }

  /** Grants more when the ring fills up or goes on being used; called before it is read. */
  relieve(): void {
    if (this.#data >= this.#limits.dataMax || this.#stretching) return;
    if (this.reader.bytesRead > BULK && this.#budget.plenty && !this.#refused) {
      this.#stretchFully();
      return;
    }
    const dropped = this.reader.droppedBytes;
    const pressed = this.reader.fill(this.#data, this.#slotsFor(this.#data)) > PRESSURE ||
      dropped > this.#dropped;
    this.#dropped = dropped;
    if (pressed) this.#grow(Math.min(this.#limits.dataMax, this.#data + STEP));
  }

  #grow(data: number): void {
    const more = this.#charge(data);
    if (more === undefined) return;
    const ready = this.#parts(this.#data, data)
      .every(([start, end]) => this.region.preallocate(this.subring, start, end));
    if (ready) this.#extend(data, more);
    else this.#budget.give(this.program.uid, more);
  }

  /** Takes from the budget what `data` costs more than what is granted now; undefined when there is not so much. */
  #charge(data: number): number | undefined {
    const more = this.#grantBytes(data) - this.#grantBytes(this.#data);
    return this.#budget.take(this.program.uid, more) ? more : undefined;
  }

  /**
   * Puts memory behind the first grant, on another thread: the program may be filling it at this moment. Then grants
   * `wanted` where the hook has not yet.
   */
  async #prepare(wanted: number): Promise<void> {
    const granted = this.#data;
    this.#stretching = granted < wanted;
    await Promise.resolve();
    const room = cgroupRoomBytes(this.program.pid);
    if (room > ROOM * this.#limits.dataMax || await this.#prepareParts(0, granted)) {
      if (granted < wanted) await this.#stretch(wanted, room === Infinity);
    }
    if (granted < wanted) this.#stretching = false;
  }

  async #prepareParts(before: number, after: number): Promise<boolean> {
    for (const [start, end] of this.#parts(before, after)) {
      if (this.ended || !await this.region.preallocateElsewhere(this.subring, start, end)) return false;
    }
    return true;
  }

  /** Grants all that the ring may have. */
  async #stretchFully(): Promise<void> {
    this.#stretching = true;
    // A limit that is far away now may be near when the pages are touched.
    const unlimited = cgroupRoomBytes(this.program.pid) === Infinity;
    const ready = (unlimited || await this.#prepareParts(0, this.#data)) &&
      await this.#stretch(this.#limits.dataMax, unlimited);
    this.#refused = !ready;
    this.#stretching = false;
  }

  /** Grants up to `most`, piece by piece where each must be made ready first; false when the kernel has no memory. */
  async #stretch(most: number, unlimited: boolean): Promise<boolean> {
    while (!this.ended && this.#data < most && this.#budget.plenty) {
      const data = unlimited ? most : Math.min(this.#data + STRETCH, most);
      const more = this.#charge(data);
      if (more === undefined) break;
      const ready = unlimited || await this.#prepareParts(this.#data, data);
      if (!ready || this.ended) {
        this.#budget.give(this.program.uid, more);
        return ready;
      }
      this.#extend(data, more);
    }
    return true;
  }

  /** Grants `data`, for which `more` was taken from the budget. */
  #extend(data: number, more: number): void {
    this.#charged += more;
    this.#shrinkMs = 0;
    this.#readable = Math.max(data, this.#readable);
    this.#data = data;
    this.#look();
    this.#grant(data);
  }

  /** As much as can be readable, or as can be for long: views are not made anew with every step. */
  get #viewBytes(): number {
    const { dataMax } = this.#limits;
    return this.#start + (this.#readable <= COMFORT ? Math.min(COMFORT, dataMax) : dataMax);
  }

  /** Reads no further than what is readable from now on. */
  #look(): void {
    if (this.#view.byteLength === this.#viewBytes) {
      this.reader.limit(this.#readable);
    } else {
      const old = this.#view;
      this.#view = this.region.view(this.subring, this.#viewBytes);
      this.reader.remap(this.#view, this.#readable);
      this.region.release(old);
    }
  }

  /**
   * Takes back what an idle ring does not need: first the grant, and once no producer can be using it, the memory. Where
   * memory is short that is all but the initial grant.
   */
  settle(nowMs: number): void {
    // A hook that took this agent for dead has taken its grant away.
    if (this.reader.grantedData === 0) this.#grant(this.#shrinkMs === 0 ? this.#data : this.#shrinkTo);
    if (this.#stretching) return;
    const plenty = this.#budget.plenty;
    const data = Math.min(plenty ? COMFORT : LEAST, this.#data);
    const patienceMs = this.reader.bytesRead < BULK ? SETTLE_MS : IDLE_MS;
    if (this.#readable <= data || nowMs - this.activeMs < patienceMs || this.reader.outstanding !== 0) {
      if (this.#shrinkMs !== 0) this.#grant(this.#data);
      this.#shrinkMs = 0;
      return;
    }
    if (this.#shrinkMs === 0 || this.#shrinkTo !== data) {
      this.#grant(data);
      this.#shrinkTo = data;
      this.#shrinkMs = nowMs;
      return;
    }
    if (nowMs - this.#shrinkMs < SETTLE_MS) return;
    for (const [start, end] of this.#parts(data, this.#readable)) this.region.punch(this.subring, start, end);
    const less = this.#grantBytes(this.#data) - this.#grantBytes(data);
    this.#budget.give(this.program.uid, less);
    this.#charged -= less;
    this.#shrinkMs = 0;
    this.#data = this.#readable = data;
    this.#look();
  }

  /** Lets go of the memory of the sub-ring; the region stays. */
  release(): void {
    this.ended = true;
    this.region.release(this.#view);
    this.#budget.give(this.program.uid, this.#charged);
    this.#charged = 0;
  }
}

/** What the producer of a sub-ring takes for granted, by its own word. */
function grantedNow(region: Region, subring: number): number {
  const header = region.view(subring, RING.size);
  const bytes = new DataView(header).getUint32(RING.grantedData, true);
  region.release(header);
  return bytes;
}

/** Bytes of memory that a grant of `dataBytes` is charged as. */
function grantBytes(dataBytes: number, slotCapacity: number): number {
  return dataBytes + slotsFor(dataBytes, slotCapacity) * SLOT.size;
}
