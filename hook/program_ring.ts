/**
 * One sub-ring that a process writes to, with the memory that it was granted.
 *
 * @module
 */
import type { CaptureProgram } from "./capture.ts";
import type { MemoryBudget } from "./budget.ts";
import type { WatchedProcess } from "./process.ts";
import { DATA_MAX, dataStart, PAGE, RING_NO_WAKE, SLOT, UNIT } from "./record.ts";
import type { Region } from "./region.ts";
import { RingReader } from "./ring.ts";

/**
 * Granted by each look that finds the ring under pressure: the kernel clears so much in about half a millisecond, and the
 * ring is to be read meanwhile.
 */
const STEP = 1 << 20;
/**
 * Granted as soon as a ring is taken, and when it goes on being used, as long as there is plenty of memory: several
 * milliseconds of the fastest transfer, for which the agent may have to wait for a processor.
 */
const COMFORT = 4 << 20;
const COMFORT_LOOKS = 16;
/**
 * A ring that carried so much is that of a bulk transfer: while there is plenty of memory it gets all that it may have, made
 * ready on another thread. A write of 50 MB at memory speed fills 4 MiB while the agent waits for a processor.
 */
const BULK = 512 << 10;
const STRETCH = 4 << 20;
/** A ring fuller than this when it is looked at gets the next step. */
const PRESSURE = 0.25;
/** Idle for so long, a ring gives back what it does not need; the memory follows after {@linkcode SETTLE_MS}. */
const IDLE_MS = 60_000;
/** A producer that read the old grant has used it long before this. */
const SETTLE_MS = 1000;

/** What a ring may use at first (the hook grants itself as much) and at most. */
export interface GrantLimits {
  readonly initialData: number;
  readonly initialSlots: number;
  readonly dataMax: number;
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
  /** Let go of: its memory must not be looked at any more. */
  ended = false;
  #dropped = 0;
  #looks = 0;
  #view: ArrayBuffer;
  #data: number;
  #slots: number;
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
    this.#data = limits.initialData;
    this.#slots = limits.initialSlots;
    this.activeMs = nowMs;
    this.#view = region.view(subring, this.#start + Math.min(COMFORT, limits.dataMax));
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
    const limits = {
      initialData: Math.min(settings.initialData, dataMax),
      initialSlots: Math.min(settings.initialSlots, slotCapacity),
      dataMax,
    };
    const start = dataStart(slotCapacity);
    const initial = PAGE + limits.initialSlots * SLOT.size + limits.initialData;
    if (!budget.take(program.uid, initial)) return undefined;
    const prepared = region.preallocate(subring, 0, PAGE + limits.initialSlots * SLOT.size) &&
      region.preallocate(subring, start, start + limits.initialData);
    if (!prepared) {
      budget.give(program.uid, initial);
      return undefined;
    }
    const ring = new ProgramRing(
      program,
      process,
      region,
      subring,
      limits,
      budget,
      initial,
      timeBaseNs,
      nowMs,
    );
    // In steps, because the program may be filling the ring at this moment.
    const wanted = Math.min(budget.plenty ? COMFORT : STEP, dataMax);
    while (ring.#data < wanted && ring.#grow(Math.min(ring.#data + STEP, wanted)));
    return ring;
  }

  get #start(): number {
    return dataStart(this.region.greeting.slotCapacity);
  }

  /** Nobody writes to it any more. */
  get gone(): boolean {
    return this.process.dead || this.replaced;
  }

  get grantedData(): number {
    return this.#data;
  }

  /** The hook cannot wake the agent: this ring is polled. */
  get polled(): boolean {
    return this.region.greeting.noWake || (this.reader.ringFlags & RING_NO_WAKE) !== 0;
  }

  /** The ring can take what comes while the agent stays away for some milliseconds, or will never be larger. */
  get comfortable(): boolean {
    return this.#data >= Math.min(COMFORT, this.#limits.dataMax) || !this.#budget.plenty;
  }

  /** Grants more when the ring fills up or goes on being used; called before it is read. */
  relieve(): void {
    if (this.#data >= this.#limits.dataMax || this.#stretching) return;
    if (this.reader.bytesRead > BULK && this.#budget.plenty && !this.#refused) {
      this.#stretch();
      return;
    }
    const dropped = this.reader.droppedBytes;
    const pressed = this.reader.fill(this.#data, this.#slots) > PRESSURE || dropped > this.#dropped;
    this.#dropped = dropped;
    if (pressed || (++this.#looks > COMFORT_LOOKS && !this.comfortable)) {
      this.#grow(Math.min(this.#limits.dataMax, this.#data + STEP));
    }
  }

  #grow(data: number): boolean {
    const slots = this.region.greeting.slotCapacity;
    const more = data - this.#data + (slots - this.#slots) * SLOT.size;
    if (more <= 0 || !this.#budget.take(this.program.uid, more)) return false;
    const start = this.#start;
    const prepared = this.region.preallocate(this.subring, PAGE + this.#slots * SLOT.size, start) &&
      this.region.preallocate(this.subring, start + this.#data, start + data);
    if (!prepared) {
      this.#budget.give(this.program.uid, more);
      return false;
    }
    this.#charged += more;
    this.#shrinkMs = 0;
    this.#limit(data, slots);
    this.reader.grant(data, slots);
    return true;
  }

  /** Grants all that the ring may have, as fast as another thread makes it ready. */
  async #stretch(): Promise<void> {
    this.#stretching = true;
    const slots = this.region.greeting.slotCapacity;
    let ready = this.#slots === slots ||
      this.#grow(this.#data); // the slots, which are few
    while (ready && !this.ended && this.#data < this.#limits.dataMax && this.#budget.plenty) {
      const data = Math.min(this.#data + STRETCH, this.#limits.dataMax);
      const more = data - this.#data;
      if (!this.#budget.take(this.program.uid, more)) break;
      const start = this.#start;
      ready = await this.region.preallocateElsewhere(this.subring, start + this.#data, start + data);
      if (!ready || this.ended) {
        this.#budget.give(this.program.uid, more);
        break;
      }
      this.#charged += more;
      this.#shrinkMs = 0;
      this.#limit(data, slots);
      this.reader.grant(data, slots);
    }
    this.#refused = !ready;
    this.#stretching = false;
  }

  /** Reads no further than `data` from now on, in a view that is as long as it has to be or as it can ever be. */
  #limit(data: number, slots: number): void {
    const { dataMax } = this.#limits;
    const needed = this.#start + (data <= COMFORT ? Math.min(COMFORT, dataMax) : dataMax);
    if (this.#view.byteLength === needed) {
      this.reader.limit(data);
    } else {
      const old = this.#view;
      this.#view = this.region.view(this.subring, needed);
      this.reader.remap(this.#view, data);
      this.region.release(old);
    }
    this.#data = data;
    this.#slots = slots;
  }

  /**
   * Takes back what an idle ring does not need: first the grant, and once no producer can be using it, the memory. Where
   * memory is short that is all but the initial grant.
   */
  settle(nowMs: number): void {
    if (this.#stretching) return;
    const plenty = this.#budget.plenty;
    const data = plenty ? Math.min(COMFORT, this.#limits.dataMax) : this.#limits.initialData;
    const slots = plenty ? this.#slots : this.#limits.initialSlots;
    if (this.#data <= data || nowMs - this.activeMs < IDLE_MS || this.reader.outstanding !== 0) {
      if (this.#shrinkMs !== 0) this.reader.grant(this.#data, this.#slots);
      this.#shrinkMs = 0;
      return;
    }
    if (this.#shrinkMs === 0 || this.#shrinkTo !== data) {
      this.reader.grant(data, slots);
      this.#shrinkTo = data;
      this.#shrinkMs = nowMs;
      return;
    }
    if (nowMs - this.#shrinkMs < SETTLE_MS) return;
    const start = this.#start;
    this.region.punch(this.subring, PAGE + slots * SLOT.size, start);
    this.region.punch(this.subring, start + data, start + this.#data);
    const less = this.#data - data + (this.#slots - slots) * SLOT.size;
    this.#budget.give(this.program.uid, less);
    this.#charged -= less;
    this.#shrinkMs = 0;
    this.#looks = 0;
    this.#limit(data, slots);
  }

  /** Lets go of the memory of the sub-ring; the region stays. */
  release(): void {
    this.ended = true;
    this.region.release(this.#view);
    this.#budget.give(this.program.uid, this.#charged);
    this.#charged = 0;
  }
}
