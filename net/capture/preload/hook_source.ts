// SPDX-License-Identifier: MIT
/**
 * The agent's side of the hook: one loop that takes programs in and reads their rings. Nobody wakes it; it looks.
 *
 * @module
 */
import type { RecordMeaning } from "../record/deliver.ts";
import type { CaptureProgram, CaptureTarget } from "../target.ts";
import { AgentLock } from "./agent_lock.ts";
import { HookSocket } from "./agent_socket.ts";
import { nextTurn, Pace } from "../pace.ts";
import type { ProgramRing } from "./program_ring.ts";
import { type ProgramCounters, Programs } from "./programs.ts";
import { RegionScan } from "./region_scan.ts";
import type { ReadTimes } from "./ring_reader.ts";
import { Warnings } from "./warnings.ts";
import { DATA_MAX, DATA_MIN, regionName, rendezvousOf, RETIRED, UNIT } from "../record/layout.ts";

/** Limits of `ringDataMax`. */
const RING_DATA_MIN = DATA_MIN;
const RING_DATA_MAX = DATA_MAX - UNIT;
const TOTAL_MEMORY = 512 << 20;

/** What one ring may deliver before the next has its turn: some three milliseconds. */
const TURN = { records: 4096, bytes: 4 << 20 } as const;
/** Connections taken at a time; after the agent was away, all that can wait. */
const ACCEPT_MAX = 256;
const ACCEPT_AFTER_PAUSE_MAX = 4096;
/** After so long the event loop has its turn: timers, signals, sinks. */
const SLICE_MS = 4;
/**
 * How often the agent looks, the least often that will do: most of what it costs where little happens is the cost of a look.
 * A ring at rest has 16 MiB, which hold what a program writes in the longest of these times at 3 Gbit/s.
 */
const PERIODS_MS = [40, 20, 10, 4] as const;
const [REST_MS, YOUNG_MS] = PERIODS_MS;
/** All rings are read when so much time has passed, those that fill up fast at each look. */
const READ_MS = 30;
/** Programs that came are taken in when so much time has passed. */
const LOOK_MS = 18;
/** A loop that comes back after so long was kept away: stopped, or by a busy machine. */
const PAUSE_MS = 1000;
const TICK_MS = 250;
const CHECK_MS = 1000;
/** A record that is stamped now is published within this, so a tick stays behind the clock by as much. */
const PUBLISH_NS = 20e6;
/** Closing reads what was in the rings when it began, and no longer than this. */
const DRAIN_MS = 5000;
/** A thread that has not finished a record for so long left it, by a jump out of a signal handler, say. */
const BLOCKED_MS = 5000;

export interface HookSourceSettings {
  /** Where the socket is; made when missing. Programs are those that were told of this very path. */
  readonly runtimeDir: string;
  /** What is called for every record. */
  readonly target: CaptureTarget;
  /** Gives the number of each program that comes; absent: they are counted from 1. */
  readonly nextProgram?: () => number;
  /** CLOCK_REALTIME that the target's times count from. */
  readonly timeBaseNs: bigint;
  /** Most bytes of data area that one ring is granted; a multiple of 64. */
  readonly ringDataMax?: number;
  /** Bytes that all rings may use together; beyond, programs go unmirrored. */
  readonly totalMemory?: number;
  /** Regions that are held at a time. Absent: as many as there are descriptors for. */
  readonly regionsMax?: number;
  /** {@linkcode BLOCKED_MS} when absent. */
  readonly blockedMs?: number;
  /** Called before each turn of a ring: what it tells the target comes before what that tells. */
  readonly onLook?: () => void;
  /** Called after the target was given something, to pass it on; reading waits for it. */
  readonly onBatch?: () => void | Promise<void>;
  /** What the rings' records mean beyond what they say. */
  readonly meaning?: RecordMeaning;
  /** Whether anything that a program tells may be mirrored: of others the hook copies nothing. Absent: it may. */
  readonly isWanted?: (program: CaptureProgram) => boolean;
  /** Takes lines for people, some twenty a second at most. */
  readonly warn?: (message: string) => void;
}

export interface HookSourceCounters extends ProgramCounters {
  /** Rings that are read, bytes of memory that they use, and may use. */
  readonly rings: { readonly count: number; readonly usedBytes: number; readonly maxBytes: number };
  records: number;
  /** Of payloads. */
  bytes: number;
}

export class HookSource {
  /** Whether programs can be found that were not handed over; needs root or CAP_CHECKPOINT_RESTORE. */
  readonly adopts: boolean;
  readonly #options: HookSourceSettings;
  readonly #blockedMs: number;
  readonly #lock: AgentLock;
  readonly #socket: HookSocket;
  readonly #programs: Programs;
  readonly capture = "hook";
  readonly #scan: RegionScan;
  readonly #pace = new Pace(() => this.#collect(performance.now()));
  readonly #warnings: Warnings;
  readonly #baseMs: number;
  readonly #baseRestNs: number;
  readonly #times: ReadTimes = { nowNs: 0, floorNs: 0 };
  /** Rings that fill up fast: they are looked at each time. */
  readonly #fast = new Set<ProgramRing>();
  /** Rings that have their turn now. */
  readonly #due: ProgramRing[] = [];
  /** Records of that time and before have all been looked for. */
  #boundNs = 0;
  #collectedMs = -Infinity;
  /** How often it looks at present. */
  #pacedMs = 0;
  /** A ring is under pressure after its turn. */
  #isPressing = false;
  #records = 0;
  #bytes = 0;
  #first = 0;
  #lookedMs = -Infinity;
  #readMs = -Infinity;
  #tickedMs = -Infinity;
  #checkedMs = -Infinity;
  #tickBoundNs = 0;
  #closing = false;
  #running: Promise<void> | undefined;

  /**
   * Opens the runtime directory; programs can connect from now on. Call {@linkcode run} to serve them.
   *
   * @throws {Error} in one line that names the path, also when another agent is there.
   */
  constructor(options: HookSourceSettings) {
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
    this.#lock = AgentLock.take(options.runtimeDir);
    try {
      this.#socket = HookSocket.listen(`${options.runtimeDir}/hook.sock`);
    } catch (error) {
      this.#lock.release();
      throw error;
    }
    this.#warnings = new Warnings((message) => options.warn?.(message));
    const rendezvous = rendezvousOf(options.runtimeDir);
    let numbered = 0;
    this.#programs = new Programs({
      target: options.target,
      nextProgram: options.nextProgram ?? (() => ++numbered),
      rendezvous,
      timeBaseNs: options.timeBaseNs,
      dataMax,
      totalMemory: options.totalMemory ?? TOTAL_MEMORY,
      regionsMax: options.regionsMax,
      meaning: options.meaning,
      isWanted: options.isWanted,
      readMaps: (pid) => this.#scan.ask(pid),
      warn: (message, uid) => this.#warnings.add(message, uid),
    });
    this.adopts = RegionScan.isPermitted();
    this.#scan = new RegionScan({
      name: regionName(rendezvous),
      isWide: this.adopts,
      isKnown: (pid) => this.#programs.hasGuest(pid),
      isHeld: (key) => this.#programs.holds(key),
      found: (pid, mappings) => this.#programs.mapped(pid, mappings, performance.now()),
    });
  }

  get counters(): HookSourceCounters {
    const rings = {
      count: this.rings,
      usedBytes: this.usedMemory,
      maxBytes: this.#options.totalMemory ?? TOTAL_MEMORY,
    };
    return { ...this.#programs.counters, rings, records: this.#records, bytes: this.#bytes };
  }

  /** Rings that are read now. */
  get rings(): number {
    return this.#programs.rings.length;
  }

  /** Regions that are held now, and the memory that their rings use. */
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
    this.#closing = true;
    this.#pace.interrupt();
    await this.run();
  }

  #nowNs(): number {
    return Math.max(0, (Date.now() - this.#baseMs) * 1e6 - this.#baseRestNs);
  }

  async #run(): Promise<void> {
    const scanning = this.#scan.run();
    try {
      while (!this.#closing) {
        await this.#turns(performance.now());
        this.#tick();
        if (this.#isPressing) {
          await nextTurn();
          this.#collect(performance.now());
        } else {
          this.#pacedMs = this.#periodMs();
          await this.#pace.next(this.#pacedMs);
        }
      }
      await this.#drain();
    } finally {
      this.#closing = true;
      this.#scan.close();
      await scanning;
      this.#pace.close();
      await this.#programs.close(this.#times.nowNs);
      this.#socket.close();
      this.#lock.release();
    }
  }

  /** The longest time between two looks in which no ring comes under pressure, and who has just come does not either. */
  #periodMs(): number {
    let mostMs: number = this.#programs.expectsMore ? YOUNG_MS : REST_MS;
    for (const ring of this.#fast) mostMs = Math.min(mostMs, ring.periodMs);
    return PERIODS_MS.find((periodMs) => periodMs <= mostMs) ?? PERIODS_MS.at(-1)!;
  }

  /** Takes in who came, and notes which rings have their turn; whether there is something to do. No promise is made at rest. */
  #collect(nowMs: number): boolean {
    this.#options.onLook?.();
    this.#times.nowNs = this.#nowNs();
    if (nowMs - this.#lookedMs >= LOOK_MS) this.#look(nowMs);
    this.#due.length = 0;
    const isReading = nowMs - this.#readMs >= READ_MS;
    if (isReading) {
      this.#boundNs = this.#times.nowNs - PUBLISH_NS;
      this.#programs.claim(this.#times.floorNs, nowMs);
      const sinceMs = nowMs - this.#readMs;
      this.#programs.rings.due((ring) => this.#note(ring, sinceMs));
      this.#readMs = nowMs;
    }
    for (const ring of this.#fast) {
      if (!ring.ended) ring.gauge(Math.min(nowMs - this.#collectedMs, REST_MS));
      if (ring.ended || ring.periodMs > REST_MS) this.#fast.delete(ring);
      else if (!isReading && ring.isDue) this.#due.push(ring);
    }
    this.#collectedMs = nowMs;
    return this.#due.length > 0 || nowMs - this.#tickedMs >= TICK_MS || this.#periodMs() !== this.#pacedMs;
  }

  /** A ring's turn has come, the first for `sinceMs`. */
  #note(ring: ProgramRing, sinceMs: number): void {
    this.#due.push(ring);
    if (this.#fast.has(ring)) return;
    ring.gauge(Math.min(sinceMs, REST_MS));
    if (ring.periodMs <= REST_MS) this.#fast.add(ring);
  }

  /** Takes in programs that came, and rings that were claimed in their regions; answers the number of arrivals. */
  #look(nowMs: number, all = false): number {
    const wasAway = nowMs - this.#lookedMs > PAUSE_MS && this.#lookedMs > 0;
    this.#lookedMs = nowMs;
    const most = wasAway ? ACCEPT_AFTER_PAUSE_MAX : ACCEPT_MAX;
    const taken = this.#socket.accept(most, nowMs, (arrival) => this.#programs.admit(arrival, nowMs));
    if (taken === most) this.#scan.want();
    this.#programs.begin(this.#times.floorNs, nowMs, all);
    return taken;
  }

  /** One turn for each ring that is due. */
  async #turns(nowMs: number): Promise<void> {
    const rings = this.#due;
    const first = rings.length === 0 ? 0 : this.#first++ % rings.length;
    let sliceMs = nowMs;
    let delivered = false;
    this.#isPressing = false;
    for (let i = 0; i < rings.length; i++) {
      const ring = rings[(first + i) % rings.length];
      if (ring.ended) continue;
      const records = this.#turn(ring, nowMs);
      delivered ||= records > 0;
      if (ring.ended) continue;
      const { reader } = ring;
      if (reader.ready && reader.timeNs < this.#boundNs) this.#boundNs = reader.timeNs;
      if (records > 0 && ring.isFilling) {
        this.#isPressing = true;
        this.#fast.add(ring);
      }
      if (delivered && performance.now() - sliceMs > SLICE_MS) {
        delivered = false;
        await this.#options.onBatch?.();
        await nextTurn();
        sliceMs = performance.now();
        this.#times.nowNs = this.#nowNs();
      }
    }
    if (delivered) await this.#options.onBatch?.();
    rings.length = 0;
    this.#tickBoundNs = this.#boundNs;
  }

  /** One ring's turn, and its end when it has come; answers the number of records. */
  #turn(ring: ProgramRing, nowMs: number): number {
    const { reader } = ring;
    let { gone } = ring;
    let records = 0;
    if (reader.outstanding !== 0) {
      this.#options.onLook?.();
      const before = reader.bytesRead;
      ring.relieve();
      records = this.#read(ring);
      if (records === 0 && !gone && reader.retired === undefined && reader.blocked(nowMs, this.#blockedMs)) {
        reader.header.stop(RETIRED.again);
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
    const { reader, program } = ring;
    const { target } = this.#options;
    try {
      let records = reader.read(target, program, TURN, this.#times);
      while (records === 0 && ring.widen()) records = reader.read(target, program, TURN, this.#times);
      return records;
    } catch (error) {
      ring.reader.retire(`internal error: ${error instanceof Error ? error.message : error}`);
      return 0;
    }
  }

  /** What is due by the clock: tick, processes that ended, memory that is idle. */
  #tick(): void {
    const nowMs = performance.now();
    if (nowMs - this.#tickedMs < TICK_MS) return;
    this.#tickedMs = nowMs;
    if (this.#tickBoundNs > this.#times.floorNs) {
      this.#times.floorNs = this.#tickBoundNs;
      this.#options.target.tick(this.#tickBoundNs);
    }
    if (nowMs - this.#checkedMs < CHECK_MS) return;
    this.#checkedMs = nowMs;
    this.#programs.look(this.#times.nowNs, nowMs);
    this.#warnings.renew();
  }

  /** Takes in everybody who came, reads what their rings held when they were met here, then ends every program. */
  async #drain(): Promise<void> {
    const startMs = performance.now();
    /** Records that are still to be read of each ring. */
    const left = new Map<ProgramRing, number>();
    let isWorking = true;
    while (isWorking && performance.now() - startMs < DRAIN_MS) {
      this.#times.nowNs = this.#nowNs();
      const arrived = this.#look(startMs, true);
      const claimed = this.#programs.claim(this.#times.floorNs, startMs);
      this.#programs.look(this.#times.nowNs, startMs);
      for (const ring of this.#programs.rings) {
        if (!left.has(ring)) left.set(ring, ring.reader.outstanding);
      }
      const records = this.#drainOnce(left, startMs);
      isWorking = arrived + claimed + records > 0 || this.#programs.isAsking;
      await this.#options.onBatch?.();
      await nextTurn();
    }
    for (const ring of [...this.#programs.rings]) {
      this.#programs.end(ring, Math.max(this.#times.nowNs, ring.reader.timeNs), true);
    }
    await this.#options.onBatch?.();
  }

  /** One turn for each ring of which something is left; answers the number of records. */
  #drainOnce(left: Map<ProgramRing, number>, nowMs: number): number {
    let records = 0;
    for (const [ring, wanted] of left) {
      if (wanted <= 0 || ring.ended) continue;
      const read = this.#turn(ring, nowMs);
      left.set(ring, read > 0 ? wanted - read : 0);
      records += read;
    }
    return records;
  }
}
