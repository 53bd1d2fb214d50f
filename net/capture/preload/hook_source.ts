// SPDX-License-Identifier: MIT
/**
 * The agent's side of the hook: one loop that takes programs in, reads their rings and sleeps when there is nothing.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { CaptureTarget } from "../target.ts";
import { ControlPage } from "./control_page.ts";
import { AgentLock } from "./agent_lock.ts";
import { type ProgramRing, slotsFor } from "./program_ring.ts";
import { type ProgramCounters, Programs } from "./programs.ts";
import { DATA_MAX, PAGE, RETIRED, SLOTS_MAX, UNIT } from "../record/layout.ts";
import type { ReadTimes } from "./ring_reader.ts";
import { HookSocket } from "./agent_socket.ts";

/** What a ring may use before the agent has seen it: what a fast transfer sends in the milliseconds that may take. */
const INITIAL_DATA_MAX = 16 << 20;
const INITIAL_DATA_MIN = 64 << 10;
/** Of the total, so that so many programs find room. */
const INITIAL_SHARE = 1 / 32;
/** Processes of one region: the one that made it and children that fork from it. */
const SUBRINGS = 8;
/** Limits of `ringDataMax`. */
export const RING_DATA_MIN = 64 << 10;
export const RING_DATA_MAX = DATA_MAX - UNIT;
export const TOTAL_MEMORY = 512 << 20;

/** What one ring may deliver before the next has its turn. */
const TURN = { records: 4096, bytes: 1 << 20 } as const;
/** Connections taken before rings are read again. */
const ACCEPT_MAX = 16;
/** After so long the event loop has its turn: timers, signals, sinks. */
const SLICE_MS = 4;
const TICK_MS = 250;
const LOOK_MS = 1000;
/** While rings are busy, children that claim a sub-ring are looked for this often. */
const CLAIM_MS = 1;
/** A record that is stamped now is published within this, so a tick stays behind the clock by as much. */
const PUBLISH_NS = 20e6;
/**
 * Milliseconds from falling asleep to each further look: a wake that came too early for the futex is lost. Sleeping on
 * after a tick takes the first look only; each costs some 0.2 ms of an idle core.
 */
const LOOKS_MS = [1, 4, 16, 64, 256];
/**
 * A round that reads so much is part of a bulk transfer. For a while after it the agent naps on its own thread: falling
 * asleep properly and waking takes milliseconds where all processors are busy, in which a ring can fill up.
 */
const BULK_BYTES = 256 << 10;
const BULK_MS = 10;
const NAP_MS = 0.5;
/**
 * After a round that read less the agent stays away for so long, if no ring can fill up meanwhile: on a host whose processors
 * are busy, every turn of its own takes one from a program.
 */
const PACE_MS = 4;
/** Rings whose program cannot wake are looked at this often. */
const POLL_MS = 10;
/** Closing reads what was in the rings when it began, and no longer than this. */
const DRAIN_MS = 5000;
/** A thread that has not finished a record for so long left it, by a jump out of a signal handler, say. */
const BLOCKED_MS = 5000;
const WARNINGS_PER_SECOND = 10;

export interface HookReceiverOptions {
  /** Where the control page and the socket are; made when missing. */
  readonly runtimeDir: string;
  /** What is called for every record. */
  readonly target: CaptureTarget;
  /** Gives the number of each program that comes; absent: they are counted from 1. */
  readonly nextProgram?: () => number;
  /** CLOCK_REALTIME that the target's times count from. */
  readonly timeBaseNs: bigint;
  /** Most bytes of data area that one ring is granted; a multiple of 64. */
  readonly ringDataMax?: number;
  /** Bytes over all rings; beyond, programs go unmirrored. */
  readonly totalMemory?: number;
  /** {@linkcode BLOCKED_MS} when absent. */
  readonly blockedMs?: number;
  /** Called after the target was given something, to pass it on; reading waits for it. */
  readonly onBatch?: () => void | Promise<void>;
  /** Takes lines for people, at most about ten a second. */
  readonly warn?: (message: string) => void;
}

export interface ReceiverCounters extends ProgramCounters {
  records: number;
  /** Of payloads. */
  bytes: number;
  /** Times that the agent fell asleep. */
  sleeps: number;
}

export class HookReceiver {
  readonly #options: HookReceiverOptions;
  readonly #blockedMs: number;
  readonly #lock: AgentLock;
  readonly #control: ControlPage;
  readonly #socket: HookSocket;
  readonly #programs: Programs;
  readonly #baseMs: number;
  readonly #baseRestNs: number;
  readonly #times: ReadTimes = { nowNs: 0, floorNs: 0 };
  #records = 0;
  #bytes = 0;
  #sleeps = 0;
  #first = 0;
  #tickedMs = -Infinity;
  #lookedMs = -Infinity;
  #claimedMs = -Infinity;
  #tickBoundNs = 0;
  /** When a round last found a bulk transfer. */
  #bulkMs = -Infinity;
  #closing = false;
  #running: Promise<void> | undefined;
  #warnings = 0;
  #suppressed = 0;

  /**
   * Opens the runtime directory; programs can connect from now on. Call {@linkcode run} to serve them.
   *
   * @throws {Error} in one line that names the path, also when another agent is there.
   */
  constructor(options: HookReceiverOptions) {
    const dataMax = options.ringDataMax ?? RING_DATA_MAX;
    if (
      !Number.isInteger(dataMax) || dataMax < RING_DATA_MIN || dataMax > RING_DATA_MAX || dataMax % UNIT !== 0
    ) {
      throw new RangeError(
        `ringDataMax is ${dataMax}, must be a multiple of ${UNIT} from ${RING_DATA_MIN} to ${RING_DATA_MAX}`,
      );
    }
    this.#options = options;
    this.#blockedMs = options.blockedMs ?? BLOCKED_MS;
    this.#baseMs = Number(options.timeBaseNs / 1_000_000n);
    this.#baseRestNs = Number(options.timeBaseNs % 1_000_000n);
    const totalMemory = options.totalMemory ?? TOTAL_MEMORY;
    const share = Math.floor(totalMemory * INITIAL_SHARE / PAGE) * PAGE;
    const initialData = Math.min(INITIAL_DATA_MAX, Math.max(INITIAL_DATA_MIN, share), dataMax);
    const limits = { initialData, dataMax };
    this.#lock = AgentLock.take(options.runtimeDir);
    try {
      this.#socket = HookSocket.listen(`${options.runtimeDir}/hook.sock`);
      try {
        this.#control = ControlPage.create(`${options.runtimeDir}/control`, {
          initialData,
          initialSlots: slotsFor(initialData, SLOTS_MAX),
          dataCapacity: Math.min(DATA_MAX, dataMax + UNIT),
          slotCapacity: SLOTS_MAX,
          subringCount: SUBRINGS,
        });
      } catch (error) {
        this.#socket.close();
        throw error;
      }
    } catch (error) {
      this.#lock.release();
      throw error;
    }
    let numbered = 0;
    this.#programs = new Programs({
      target: options.target,
      nextProgram: options.nextProgram ?? (() => ++numbered),
      identity: this.#control.identity,
      timeBaseNs: options.timeBaseNs,
      limits,
      totalMemory,
      warn: (message) => this.#warn(message),
    });
  }

  get counters(): ReceiverCounters {
    return { ...this.#programs.counters, records: this.#records, bytes: this.#bytes, sleeps: this.#sleeps };
  }

  /** Rings that are read now. */
  get rings(): number {
    return this.#programs.rings.length;
  }

  /** Regions that are mapped now, and the memory that their rings were granted. */
  get regions(): number {
    return this.#programs.regions;
  }
  get usedMemory(): number {
    return this.#programs.budget.usedBytes;
  }

  /** Serves programs until {@linkcode close}. Rejects only when `onBatch` does. */
  run(): Promise<void> {
    return this.#running ??= this.#run();
  }

  /** Reads out what the rings hold, ends every program, and gives everything back; idempotent. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#control.interrupt();
    }
    await this.run();
  }

  #nowNs(): number {
    return Math.max(0, (Date.now() - this.#baseMs) * 1e6 - this.#baseRestNs);
  }

  async #run(): Promise<void> {
    try {
      /** Rounds in a row that found nothing. */
      let idle = 0;
      while (!this.#closing) {
        const before = this.#bytes;
        const worked = await this.#round();
        this.#tick();
        if (worked) {
          idle = 0;
          const bytes = this.#bytes - before;
          if (bytes >= BULK_BYTES) this.#bulkMs = performance.now();
          await (bytes < BULK_BYTES && this.#programs.roomy ? later(PACE_MS) : nextTurn());
        } else if (performance.now() - this.#bulkMs < BULK_MS) {
          await this.#nap();
        } else if (idle++ > 0) {
          await this.#sleep(idle === 2 ? LOOKS_MS.length : 1);
        } else {
          // Staying awake a moment spares busy programs the system call that wakes.
          await later(1);
        }
      }
      await this.#drain();
    } finally {
      this.#closing = true;
      await this.#programs.close();
      this.#socket.close();
      this.#control.close();
      this.#lock.release();
    }
  }

  /** One turn of every ring; answers whether any record was read. */
  async #round(): Promise<boolean> {
    const startMs = performance.now();
    this.#times.nowNs = this.#nowNs();
    const roundNs = this.#times.nowNs - PUBLISH_NS;
    this.#accept(startMs);
    const rings = [...this.#programs.rings];
    const first = rings.length === 0 ? 0 : this.#first++ % rings.length;
    let boundNs = roundNs;
    let sliceMs = startMs;
    let records = 0;
    let delivered = false;
    for (let i = 0; i < rings.length; i++) {
      const ring = rings[(first + i) % rings.length];
      const read = this.#turn(ring, startMs);
      records += read;
      delivered ||= read > 0;
      if (!ring.ended && ring.reader.ready && ring.reader.timeNs < boundNs) boundNs = ring.reader.timeNs;
      if (delivered && performance.now() - sliceMs > SLICE_MS) {
        delivered = false;
        await this.#options.onBatch?.();
        await nextTurn();
        this.#control.beat();
        sliceMs = performance.now();
        this.#times.nowNs = this.#nowNs();
      }
    }
    if (delivered) await this.#options.onBatch?.();
    this.#tickBoundNs = boundNs;
    return records > 0;
  }

  #accept(nowMs: number): void {
    this.#socket.accept(
      ACCEPT_MAX,
      nowMs,
      (arrival) => this.#programs.admit(arrival, this.#times.floorNs, nowMs),
    );
    if (nowMs - this.#claimedMs >= CLAIM_MS) {
      this.#claimedMs = nowMs;
      this.#programs.claim(this.#times.floorNs, nowMs);
    }
  }

  /** One ring's turn, and its end when it has come; answers the number of records. */
  #turn(ring: ProgramRing, nowMs: number): number {
    const { reader } = ring;
    let { gone } = ring;
    let records = 0;
    if (reader.outstanding !== 0) {
      const before = reader.bytesRead;
      ring.relieve();
      records = this.#read(ring);
      if (records === 0 && !gone && reader.retired === undefined && reader.blocked(nowMs, this.#blockedMs)) {
        reader.stop(RETIRED.again);
        ring.blocked = gone = true;
      }
      if (records === 0 && gone && reader.skipHole()) records = this.#read(ring);
      this.#bytes += reader.bytesRead - before;
      this.#records += records;
      if (records > 0) ring.activeMs = nowMs;
    }
    if (reader.retired !== undefined || (gone && records === 0)) {
      this.#programs.end(ring, Math.max(this.#times.nowNs, reader.timeNs));
      return records + 1;
    }
    return records;
  }

  #read(ring: ProgramRing): number {
    try {
      return ring.reader.read(this.#options.target, ring.program, TURN, this.#times);
    } catch (error) {
      ring.reader.retire(`internal error: ${error instanceof Error ? error.message : error}`);
      return 0;
    }
  }

  /** What is due by the clock: heartbeat, tick, processes that ended. */
  #tick(): void {
    const nowMs = performance.now();
    if (nowMs - this.#tickedMs < TICK_MS) return;
    this.#tickedMs = nowMs;
    this.#control.beat();
    if (this.#tickBoundNs > this.#times.floorNs) {
      this.#times.floorNs = this.#tickBoundNs;
      this.#options.target.tick(this.#tickBoundNs);
    }
    if (nowMs - this.#lookedMs < LOOK_MS) return;
    this.#lookedMs = nowMs;
    this.#programs.look(nowMs);
    if (this.#suppressed > 0) {
      this.#options.warn?.(`${this.#suppressed} more warnings of this kind`);
    }
    this.#warnings = this.#suppressed = 0;
  }

  /** Whether there is something to do. */
  #ready(): boolean {
    for (const ring of this.#programs.rings) {
      if (ring.reader.ready || ring.gone) return true;
    }
    return this.#programs.claimable;
  }

  /** Waits for a hook to wake, for half a millisecond and on this thread; then everything else has its turn. */
  #nap(): Promise<void> {
    this.#control.asleep();
    if (!this.#ready()) this.#control.nap(NAP_MS);
    this.#control.awake();
    return nextTurn();
  }

  /** Waits until a hook wakes the agent, one of `looks` further looks finds something, or the next tick is due. */
  async #sleep(looks: number): Promise<void> {
    const polled = this.#programs.rings.some((ring) => ring.polled);
    const control = this.#control;
    control.asleep();
    this.#claimedMs = -Infinity;
    if (this.#ready() || this.#closing) {
      control.awake();
      return;
    }
    this.#sleeps++;
    const startMs = performance.now();
    let step = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = () => {
      const sinceMs = performance.now() - startMs;
      while (step < looks && LOOKS_MS[step] <= sinceMs) step++;
      const untilMs = step < looks ? LOOKS_MS[step] - sinceMs : Infinity;
      const waitMs = polled ? Math.min(untilMs, POLL_MS) : untilMs;
      timer = waitMs === Infinity ? undefined : setTimeout(look, waitMs);
    };
    const look = () => {
      if (this.#ready()) control.interrupt();
      else next();
    };
    next();
    await control.wait(Math.max(1, TICK_MS - (startMs - this.#tickedMs)));
    clearTimeout(timer);
    control.awake();
  }

  /** Reads what the rings held when closing began, then ends every program. */
  async #drain(): Promise<void> {
    this.#control.announceClosing();
    const startMs = performance.now();
    this.#claimedMs = -Infinity;
    this.#times.nowNs = this.#nowNs();
    this.#accept(startMs);
    this.#programs.look(startMs);
    let left = this.#programs.rings.map((ring) => ({ ring, records: ring.reader.outstanding }));
    while (left.length > 0 && performance.now() - startMs < DRAIN_MS) {
      const remaining: typeof left = [];
      for (const { ring, records } of left) {
        const read = this.#turn(ring, startMs);
        if (read > 0 && records > read && !ring.ended) {
          remaining.push({ ring, records: records - read });
        }
      }
      left = remaining;
      await this.#options.onBatch?.();
      await nextTurn();
      this.#times.nowNs = this.#nowNs();
    }
    for (const ring of [...this.#programs.rings]) {
      this.#programs.end(ring, Math.max(this.#times.nowNs, ring.reader.timeNs), true);
    }
    await this.#options.onBatch?.();
  }

  #warn(message: string): void {
    if (this.#warnings++ < WARNINGS_PER_SECOND) this.#options.warn?.(message);
    else this.#suppressed++;
  }
}

/** Lets everything else that waits for the event loop go first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function later(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
