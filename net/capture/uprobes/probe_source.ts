// SPDX-License-Identifier: MIT
/**
 * Capture by kernel probes: one loop that reads the probes' ring, finds libraries to probe as programs bring them, and notices
 * which programs have ended.
 *
 * @module
 */
import { BpfRing } from "../../ffi/bpf_ring.ts";
import { BpfRingBell } from "../../ffi/bpf_ring_bell.ts";
import { monotonicNs, realtimeOffset } from "../../ffi/clock.ts";
import { nextTurn, Pace } from "../pace.ts";
import type { CaptureTarget } from "../target.ts";
import { ProbeFlows, programKey } from "./flows.ts";
import { type ChosenSessions, KernelState, type LostClose } from "./kernel_state.ts";
import { count, HEAD, KIND } from "./layout.ts";
import { type FoundLibraries, HostLibraries } from "./libraries_found.ts";
import { LoadedProbes } from "./loader.ts";
import { ProbedFiles } from "./probed_files.ts";
import { isAlive } from "./process_ids.ts";
import { unbooked } from "./unbooked.ts";

const RING_BYTES = 64 << 20;
/** Of the ring, in one turn: some three milliseconds. */
const TURN_BYTES = 4 << 20;
const SLICE_MS = 4;
/** How often the ring is looked at, when it fills and at rest: it holds what 12 Gbit/s bring in the latter. */
const BUSY_MS = 4;
const REST_MS = 40;
/** At rest it is looked at earlier when a program begins; the next one in this time is met at the beat of a ring that fills. */
const BEGUN_MS = 10;
/** More than this waits for a ring that fills. */
const BUSY_BYTES = 256 << 10;
const TICK_MS = 250;
const CHECK_MS = 1000;
/** A record that is stamped now is in the ring within this, so a tick stays behind the clock by as much. */
const PUBLISH_NS = 20e6;
/** The clocks' distance is taken anew so often. */
const CLOCK_MS = 10_000;
const DRAIN_MS = 5000;
/** Programs that begin while the ring is read and are looked at then; others are found each second. */
const BEGUN_MAX = 64;
/** Of so many files it is said why they are not probed: a user may make any number of them. */
const REFUSED_TOLD = 32;
/** Sessions of processes that have ended without freeing them, of which nothing was told, are forgotten so often. */
const SWEEP_MS = 30_000;

export interface ProbeSourceSettings {
  /** The compiled probes. */
  readonly object: Uint8Array<ArrayBuffer>;
  readonly target: CaptureTarget;
  readonly nextProgram: () => number;
  /** CLOCK_REALTIME that the target's times count from. */
  readonly timeBaseNs: bigint;
  /** Of the ring, a power of two. {@linkcode RING_BYTES} when absent. */
  readonly ringBytes?: number;
  /** Finds what is to be probed; absent: {@linkcode HostLibraries}. */
  readonly libraries?: LibraryFinder;
  readonly onLook?: () => void;
  readonly onBatch?: () => void | Promise<void>;
  readonly warn?: (message: string) => void;
}

/** Finds what is to be probed. */
export interface LibraryFinder {
  /** Asked each second. */
  find(): Iterable<FoundLibraries>;
  /** All processes were looked at since then; milliseconds of `performance.now()`. Absent: what was found stays so. */
  readonly lookedMs?: number;
  /** Asked when a process begins to run another program; absent: nothing is to be done then. */
  begun?(pid: number): Iterable<FoundLibraries>;
}

/** What was found to be over when the ring had been filled so far. */
interface Over {
  readonly programs: ReadonlySet<string>;
  readonly closes: readonly LostClose[];
  /** Ids of processes that have ended without freeing their sessions. */
  readonly gone: ReadonlySet<number>;
  readonly produced: number;
}

/** What the kernel and this side count. Bytes: passed = told + lost + skipped. */
export interface ProbeSourceCounters {
  readonly programs: number;
  readonly files: number;
  readonly passed: number;
  readonly told: number;
  readonly lost: number;
  readonly skipped: number;
  readonly delivered: number;
  readonly missing: number;
}

export class ProbeSource {
  readonly #options: ProbeSourceSettings;
  readonly #probes: LoadedProbes;
  readonly #kernel: KernelState;
  readonly #ring: BpfRing;
  readonly #bell: BpfRingBell;
  readonly #files: ProbedFiles;
  readonly #flows: ProbeFlows;
  readonly #pace = new Pace(() => this.#isDue());
  readonly #libraries: LibraryFinder;
  /** Processes that began to run another program while the ring was read. */
  readonly #begun: number[] = [];
  #clockMs = -Infinity;
  #offsetNs = 0;
  #floorNs = 0;
  #tickedMs = -Infinity;
  #checkedMs = -Infinity;
  #sweptMs = performance.now();
  #rungMs = -Infinity;
  #isListening = false;
  #faults = 0;
  #refused = 0;
  #isPostponing = false;
  #closing = false;
  #over: Over | undefined;
  #running: Promise<void> | undefined;

  /** Loads the probes and attaches them where libraries are. Throws an Error that names what the kernel refuses. */
  constructor(options: ProbeSourceSettings) {
    const ringBytes = options.ringBytes ?? RING_BYTES;
    this.#options = options;
    this.#probes = new LoadedProbes(options.object, ringBytes);
    try {
      const { fd } = this.#probes.map("ring");
      this.#bell = new BpfRingBell(fd);
      this.#ring = new BpfRing(fd, ringBytes);
    } catch (error) {
      this.#probes.close();
      throw error;
    }
    this.#kernel = new KernelState(this.#probes);
    this.#files = new ProbedFiles(this.#probes);
    this.#flows = new ProbeFlows({
      target: options.target,
      nextProgram: options.nextProgram,
      timeOf: (monotonicNs) => Math.max(this.#floorNs, monotonicNs + this.#offsetNs),
      serverNameOf: (clientRandom) => this.#kernel.serverNameOf(clientRandom),
      answerTo: (clientRandom) => this.#kernel.answerTo(clientRandom),
    });
    this.#setClock(performance.now());
    if (this.#probes.withoutPackets !== undefined) {
      options.warn?.(`sessions over memory have no addresses: ${this.#probes.withoutPackets}`);
    }
    this.#libraries = options.libraries ?? new HostLibraries();
    this.#findLibraries();
  }

  /** Programs heard of so far. */
  get programs(): number {
    return this.#flows.counters.programs;
  }

  get counters(): ProbeSourceCounters {
    const { passed, told, lost, skipped } = this.#kernel.counters;
    const { programs, delivered, missing } = this.#flows.counters;
    return { programs, files: this.#files.size, passed, told, lost, skipped, delivered, missing };
  }

  /** Reads until {@linkcode close}. Rejects only when `onBatch` does. */
  run(): Promise<void> {
    return this.#running ??= this.#run();
  }

  /** Takes the probes away, reads what they told, ends every program; idempotent. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#pace.interrupt();
    await this.run();
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closing) {
        await this.#turn();
        this.#tick();
        if (this.#ring.waiting > BUSY_BYTES) await nextTurn();
        else await this.#pace.next(this.#listens() ? REST_MS : BUSY_MS);
      }
      await this.#files.close();
      await this.#drain();
    } finally {
      this.#pace.close();
      await this.#bell.close();
      this.#kernel.close();
      this.#ring.close();
      this.#probes.close();
    }
  }

  /** Whether it may rest: when a program begins meanwhile, it does not wait for the next beat. */
  #listens(): boolean {
    if (this.#ring.hasMore) return false;
    if (this.#isListening) return true;
    if (performance.now() - this.#rungMs < BEGUN_MS) return false;
    this.#isListening = true;
    this.#bell.rung().then(() => {
      this.#isListening = false;
      this.#rungMs = performance.now();
      this.#pace.interrupt();
    });
    return true;
  }

  #isDue(): boolean {
    this.#options.onLook?.();
    return this.#ring.hasMore || performance.now() - this.#tickedMs >= TICK_MS;
  }

  /** Reads what is there, a piece at a time. */
  async #turn(): Promise<number> {
    let records = 0;
    let sliceMs = performance.now();
    this.#setClock(sliceMs);
    for (let isMore = this.#ring.hasMore; isMore;) {
      this.#options.onLook?.();
      const read = this.#ring.read(this.#take, TURN_BYTES);
      records += read;
      this.#lookAtBegun();
      if (read > 0) await this.#options.onBatch?.();
      isMore = read > 0 && this.#ring.hasMore;
      if (!isMore || performance.now() - sliceMs < SLICE_MS) continue;
      await nextTurn();
      sliceMs = performance.now();
      if (sliceMs - this.#tickedMs >= TICK_MS) break;
    }
    return records;
  }

  /** What goes wrong with a record costs its flow, and no other. */
  readonly #take = (at: number): void => {
    const { view, bytes } = this.#ring;
    if (view.getUint16(at + HEAD.kind, true) === KIND.exec) {
      const pid = count(view, at + HEAD.flow);
      if (this.#begun.length < BEGUN_MAX) this.#begun.push(pid);
      this.#endReplaced(pid, view.getBigUint64(at + HEAD.offset, true), count(view, at + HEAD.timeNs));
      return;
    }
    try {
      this.#flows.take(view, bytes, at);
    } catch (error) {
      this.#flows.giveUp(view, at);
      const reason = error instanceof Error ? error.message : String(error);
      if (this.#faults++ === 0) {
        this.#options.warn?.(`a flow is not mirrored any more: internal error: ${reason}`);
      }
    }
  };

  #setClock(nowMs: number): void {
    if (nowMs - this.#clockMs < CLOCK_MS) return;
    this.#clockMs = nowMs;
    this.#offsetNs = Number(realtimeOffset() - this.#options.timeBaseNs);
  }

  #nowNs(): number {
    return Math.max(this.#floorNs, Date.now() * 1e6 - Number(this.#options.timeBaseNs));
  }

  /** What is due by the clock. */
  #tick(): void {
    const nowMs = performance.now();
    if (nowMs - this.#tickedMs < TICK_MS) return;
    this.#tickedMs = nowMs;
    if (this.#ring.waiting < BUSY_BYTES) {
      this.#floorNs = Math.max(this.#floorNs, this.#nowNs() - PUBLISH_NS);
      this.#options.target.tick(this.#floorNs);
    }
    if (nowMs - this.#checkedMs < CHECK_MS) return;
    this.#checkedMs = nowMs;
    this.#leaveChanged();
    this.#findLibraries();
    if (this.#libraries.lookedMs !== undefined) this.#files.detachForgotten(this.#libraries.lookedMs);
    this.#endWhatIsOver();
  }

  #lookAtBegun(): void {
    for (const pid of this.#begun) {
      for (const found of this.#libraries.begun?.(pid) ?? []) this.#add(found);
    }
    this.#begun.length = 0;
  }

  #leaveChanged(): void {
    const changed = this.#files.detachChanged();
    if (changed > 0) {
      this.#options.warn?.(`${changed} probed files were written to and are not probed any more`);
    }
  }

  #findLibraries(): void {
    for (const found of this.#libraries.find()) this.#add(found);
  }

  #add(found: FoundLibraries): void {
    for (const state of this.#files.add(found)) {
      if (state === "postponed" && !this.#isPostponing) {
        this.#isPostponing = true;
        this.#options.warn?.(
          `${found.name} is looked through later, and so may others be: users have too many files`,
        );
      }
      if (typeof state === "object" && !(found.isGuess && state.isOther) && this.#refused++ < REFUSED_TOLD) {
        this.#options.warn?.(`${found.name} is not probed: ${state.refused}`);
      }
    }
  }

  /** Ends what was found to be over, when nothing of it is left in the ring. */
  #endWhatIsOver(): void {
    // Closes after programs: all of those that have ended are there.
    this.#over ??= {
      programs: this.#flows.ended(),
      closes: [...this.#kernel.takeLostCloses()],
      gone: this.#gone(),
      produced: this.#ring.produced,
    };
    const { closes, programs, gone, produced } = this.#over;
    if (this.#ring.position < produced) return;
    this.#over = undefined;
    this.#endLost(closes);
    this.#tellUntold();
    if (programs.size > 0) this.#endPrograms(programs);
    if (gone.size === 0) return;
    // Another process may have the number of one that has ended.
    this.#settle({ isProcess: (pid) => gone.has(pid) && !isAlive(pid), overNs: monotonicNs() });
  }

  /** Looked for now and then. */
  #gone(): ReadonlySet<number> {
    const nowMs = performance.now();
    if (nowMs - this.#sweptMs < SWEEP_MS) return new Set();
    this.#sweptMs = nowMs;
    return new Set([...this.#kernel.processes()].filter((pid) => !isAlive(pid)));
  }

  #tellUntold(losses = this.#kernel.takeUntold()): void {
    for (const loss of losses) this.#flows.lose(loss, this.#nowNs());
  }

  #endLost(closes: Iterable<LostClose>): void {
    for (const { flow, passed, end, timeNs } of closes) this.#flows.end(flow, passed, end, timeNs);
  }

  /** What a process told before another program took its place is over. */
  #endReplaced(pid: number, startedNs: bigint, timeNs: number): void {
    const key = programKey(pid, Number(startedNs));
    if (!this.#flows.has(key)) return;
    const open = this.#flows.openOf(key);
    if (open.size > 0) {
      this.#endLost(this.#over?.closes.filter(({ flow }) => open.has(flow)) ?? []);
      this.#endLost([...this.#kernel.takeLostCloses([...open])]);
      this.#settle({
        isProcess: (each) => each === pid,
        isFlow: (flow) => this.#flows.isOf(key, flow),
        overNs: timeNs,
      });
    }
    this.#tellUntold(this.#kernel.takeUntoldOf(pid, startedNs));
    this.#kernel.forgetGoCalls(new Set([pid]));
    this.#flows.endProgram(key, this.#nowNs());
  }

  /** Ends programs whose processes have ended. */
  #endPrograms(ended: ReadonlySet<string>): void {
    const pids = new Set([...ended].map((key) => this.#flows.pidOf(key)));
    const telling = new Set(
      [...ended].filter((key) => this.#flows.openOf(key).size > 0).map((key) => this.#flows.pidOf(key)),
    );
    if (telling.size > 0) this.#settle({ isProcess: (pid) => telling.has(pid), overNs: monotonicNs() });
    this.#kernel.forgetGoCalls(pids);
    for (const key of ended) this.#flows.endProgram(key, this.#nowNs());
  }

  /** Tells what is missing at the end of some sessions. */
  #settle(chosen: ChosenSessions): void {
    for (const { flow, passed } of this.#kernel.sessionsOf(chosen)) {
      this.#flows.settle(flow, passed, this.#nowNs());
    }
  }

  /** Reads what the probes have told until they were taken away. */
  async #drain(): Promise<void> {
    const startMs = performance.now();
    while (this.#ring.hasMore && performance.now() - startMs < DRAIN_MS) {
      await this.#turn();
      await nextTurn();
    }
    this.#endLost([...this.#over?.closes ?? [], ...this.#kernel.takeLostCloses()]);
    this.#tellUntold();
    this.#settle({ isProcess: () => true });
    this.#flows.close(this.#nowNs());
    for (const line of unbooked(this.#kernel.counters, this.#flows.counters)) this.#options.warn?.(line);
    await this.#options.onBatch?.();
  }
}
