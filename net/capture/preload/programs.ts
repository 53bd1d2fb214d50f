// SPDX-License-Identifier: MIT
/**
 * The mirrored programs: their regions, the sub-rings that they and their children claim, and their end.
 *
 * A region outlives the process that made it as long as any process maps it: a daemon's children claim their sub-rings
 * whenever they first use TLS.
 *
 * @module
 */
import { MemoryBudget } from "./memory_budget.ts";
import type { CaptureLoss, CaptureProgram, CaptureProgramEnd, CaptureTarget } from "../target.ts";
import {
  mappedInodes,
  mapsInode,
  processName,
  processPlace,
  processProgram,
  processStatus,
  ProcessWatch,
  resolveOwner,
  type WatchedProcess,
} from "./process_watch.ts";
import { type GrantLimits, ProgramRing } from "./program_ring.ts";
import { MAGIC, PAGE, RING } from "../record/layout.ts";
import type { RingReader } from "./ring_reader.ts";
import { Region, RegionError } from "./region.ts";
import type { Arrival } from "./agent_socket.ts";

/** Regions at a time: each costs a descriptor, some address space and a page per spare. */
export const REGIONS_MAX = 4096;
/** And of one user other than root. */
const REGIONS_OF_USER_MAX = REGIONS_MAX / 2;
/** Scans in a row that find a region mapped by nobody before it is let go. */
const ABSENT_SCANS = 2;
const SCAN_MS_MAX = 60_000;
/** A scan takes some milliseconds: it waits so long for a moment when no ring is busy. */
const SCAN_PATIENCE_MS = 10_000;
const BUSY_MS = 100;

/** One region and who brought it. */
interface Guest {
  readonly region: Region;
  readonly pid: number;
  readonly uid: number;
  readonly comm: string;
  /** Path of the program; undefined when it had ended before it could be asked. */
  readonly path: string | undefined;
  readonly process: WatchedProcess;
  /** First bytes of each sub-ring. */
  readonly headers: readonly Int32Array[];
  readonly rings: (ProgramRing | undefined)[];
  /** Its process runs another program now. */
  replaced: boolean;
  absent: number;
  scanMs: number;
  scanEveryMs: number;
}

/** What became of the programs that came. */
export interface ProgramCounters {
  /** Processes mirrored so far. */
  programs: number;
  /** Processes that were not mirrored, by reason, kebab-case. */
  readonly refused: Map<string, number>;
  /** Rings given up because of what was in them. */
  retired: number;
  /** Records begun and never finished. */
  holes: number;
}

export interface ProgramsOptions {
  readonly target: CaptureTarget;
  /** The number of the next program. */
  readonly nextProgram: () => number;
  readonly identity: bigint;
  readonly timeBaseNs: bigint;
  readonly limits: GrantLimits;
  readonly totalMemory: number;
  readonly warn: (message: string) => void;
}

export class Programs {
  /** The rings that are read. */
  readonly rings: ProgramRing[] = [];
  readonly counters: ProgramCounters = { programs: 0, refused: new Map(), retired: 0, holes: 0 };
  readonly budget: MemoryBudget;
  readonly #options: ProgramsOptions;
  readonly #watch = new ProcessWatch();
  readonly #guests = new Set<Guest>();
  /** Regions whose descriptors another thread still uses. */
  readonly #closing = new Set<Promise<void>>();
  /** Where each ring that is read lies. */
  readonly #homes = new Map<ProgramRing, Guest>();

  constructor(options: ProgramsOptions) {
    this.#options = options;
    this.budget = new MemoryBudget(options.totalMemory);
  }

  /** Regions that are mapped. */
  get regions(): number {
    return this.#guests.size;
  }

  /** Takes a region, or refuses it and counts why. `timeNs` is not after any record that will be read. */
  admit(arrival: Arrival, timeNs: number, nowMs: number): void {
    const { pid, uid } = arrival;
    let region: Region;
    try {
      region = Region.map(arrival.greeting, this.#options.identity, arrival.fd);
    } catch (error) {
      if (!(error instanceof RegionError)) throw error;
      this.#refuse("bad-region", `Cannot mirror process ${pid} of uid ${uid}: ${error.message}`);
      return;
    }
    this.#replace(pid);
    const { greeting } = region;
    const guest: Guest = {
      region,
      pid,
      uid,
      comm: processName(pid) ?? greeting.comm,
      path: processProgram(pid),
      process: this.#watch.watch(pid),
      headers: Array.from(
        { length: greeting.subringCount },
        (_, i) => new Int32Array(region.view(i, RING.size)),
      ),
      rings: new Array(greeting.subringCount).fill(undefined),
      replaced: false,
      absent: 0,
      scanMs: nowMs,
      scanEveryMs: 1000,
    };
    this.#guests.add(guest);
    const program = { id: this.#options.nextProgram(), pid, uid, comm: guest.comm, ...processPlace(pid) };
    if (this.#crowded(uid)) {
      this.#refuse("too-many-regions", `Cannot mirror ${name(program)}: there are ${this.regions} regions`);
      this.#dismiss(guest);
    } else if (!this.#take(guest, 0, program, guest.process, timeNs, nowMs)) {
      this.#dismiss(guest);
    }
  }

  /** A process that comes again runs another program: exec has unmapped what it had before. */
  #replace(pid: number): void {
    if (pid === 0) return;
    for (const guest of this.#guests) if (guest.pid === pid) guest.replaced = true;
    for (const ring of this.rings) if (ring.program.pid === pid) ring.replaced = true;
  }

  #crowded(uid: number): boolean {
    if (this.#guests.size > REGIONS_MAX) return true;
    if (uid === 0 || this.#guests.size <= REGIONS_OF_USER_MAX) return false;
    let ofUser = 0;
    for (const guest of this.#guests) if (guest.uid === uid) ofUser++;
    return ofUser > REGIONS_OF_USER_MAX;
  }

  #take(
    guest: Guest,
    subring: number,
    program: CaptureProgram,
    process: WatchedProcess,
    timeNs: number,
    nowMs: number,
  ): boolean {
    const { limits, timeBaseNs, target } = this.#options;
    const { region } = guest;
    const ring = ProgramRing.take(program, process, region, subring, limits, this.budget, timeBaseNs, nowMs);
    if (ring === undefined) {
      this.#refuse("memory", `Cannot mirror ${name(program)}: the rings have all the memory they may have`);
      Atomics.store(guest.headers[subring], RING.retired >> 2, 1);
      region.punch(subring, PAGE, region.greeting.subringStride);
      return false;
    }
    this.counters.programs++;
    guest.rings[subring] = ring;
    this.#homes.set(ring, guest);
    this.rings.push(ring);
    target.programStart(program, timeNs);
    return true;
  }

  /** Whether every ring can be left alone for some milliseconds. */
  get roomy(): boolean {
    return this.rings.every((ring) => ring.roomy);
  }

  /** Takes the sub-rings that children have claimed since the last look. */
  claim(timeNs: number, nowMs: number): void {
    for (const guest of this.#guests) {
      for (let subring = 1; subring < guest.headers.length; subring++) {
        if (isClaimed(guest, subring)) this.#claimOne(guest, subring, timeNs, nowMs);
      }
    }
  }

  /** Whether a child waits for {@linkcode claim}. */
  get claimable(): boolean {
    for (const guest of this.#guests) {
      for (let subring = 1; subring < guest.headers.length; subring++) {
        if (isClaimed(guest, subring)) return true;
      }
    }
    return false;
  }

  #claimOne(guest: Guest, subring: number, timeNs: number, nowMs: number): void {
    const owner = Atomics.load(guest.headers[subring], RING.owner >> 2) >>> 0;
    const pid = resolveOwner(owner, guest.pid, guest.region.greeting.pid);
    // The owner's number is the program's word; that process counts only if it really has this memory.
    const status = pid !== undefined && mapsInode(pid, guest.region.inode) ? processStatus(pid) : undefined;
    const id = this.#options.nextProgram();
    let program: CaptureProgram;
    let process: WatchedProcess;
    if (pid !== undefined && status !== undefined) {
      program = {
        id,
        pid,
        uid: status.uid,
        comm: processName(pid) ?? guest.comm,
        ...processPlace(pid, [guest.pid]),
      };
      process = this.#watch.watch(pid);
    } else if (pid === undefined) {
      program = { id, pid: owner, uid: guest.uid, comm: guest.comm };
      process = { pid: owner, pidfd: -1, known: false, dead: true };
    } else {
      program = { id, pid: guest.pid, uid: guest.uid, comm: guest.comm };
      process = this.#watch.watch(guest.pid);
    }
    if (!this.#take(guest, subring, program, process, timeNs, nowMs)) this.#watch.forget(process);
  }

  /**
   * Tells the target that a ring has ended and lets go of it. With `agentCloses` the program may find another agent
   * and go on there.
   */
  end(ring: ProgramRing, timeNs: number, agentCloses = false): void {
    const { reader, program } = ring;
    const { target } = this.#options;
    if (ring.process.dead && reader.retired === undefined) {
      for (const flow of reader.flows) target.close(program, flow, "died", timeNs);
    }
    target.programEnd(program, endOf(reader), timeNs);
    this.counters.holes += reader.holes;
    if (reader.retired !== undefined) {
      this.counters.retired++;
      this.#options.warn(`Stopped mirroring ${name(program)}: ${reader.retired}`);
    }
    const guest = this.#homes.get(ring)!;
    this.#homes.delete(ring);
    this.rings.splice(this.rings.indexOf(ring), 1);
    if (ring.process !== guest.process) this.#watch.forget(ring.process);
    // Whoever is not known to be dead shall stop; but where a dead parent's ring is retired, no child claims another.
    const dead = ring.process.dead && ring.process.known;
    const stays = ring.blocked && reader.retired === undefined; // told already, and to make another ring
    if (!agentCloses && !ring.replaced && !dead && !stays) reader.stop();
    // What it writes from now on nobody reads: that must take no memory of its.
    if (agentCloses) reader.grant(0, 0);
    ring.release();
    // Only a process that was seen to end has certainly written its last: its place can be claimed again.
    if (!agentCloses && ring.subring > 0 && dead && reader.retired === undefined) {
      ring.region.recycle(ring.subring);
      guest.rings[ring.subring] = undefined;
    } else {
      ring.region.punch(ring.subring, PAGE, ring.region.greeting.subringStride);
    }
  }

  /** Looks which processes have ended; at most once a second or so. */
  look(nowMs: number): void {
    this.#watch.look();
    this.#recycleUnfinished();
    for (const ring of this.rings) ring.settle(nowMs);
    this.#releaseOrphans(nowMs);
  }

  /** Makes spares of what children claimed that ended before they had a ring: found so by two looks in a row. */
  #recycleUnfinished(): void {
    const unfinished = new Map<Int32Array, number>();
    for (const guest of this.#guests) {
      for (let subring = 1; guest.pid !== 0 && subring < guest.headers.length; subring++) {
        const header = guest.headers[subring];
        const owner = Atomics.load(header, RING.owner >> 2) >>> 0;
        if (guest.rings[subring] !== undefined || owner === 0 || isClaimed(guest, subring)) continue;
        if (Atomics.load(header, RING.retired >> 2) !== 0) continue;
        if (this.#unfinished.get(header) !== owner) {
          unfinished.set(header, owner);
          continue;
        }
        const pid = resolveOwner(owner, guest.pid, guest.region.greeting.pid);
        if (pid === undefined || mapsInode(pid, guest.region.inode) === false) guest.region.recycle(subring);
        else unfinished.set(header, owner);
      }
    }
    this.#unfinished = unfinished;
  }
  /** Headers of sub-rings that are owned and have no ring, with the owner. */
  #unfinished = new Map<Int32Array, number>();

  /** Lets go of regions that no process maps any more. */
  #releaseOrphans(nowMs: number): void {
    const due: Guest[] = [];
    for (const guest of this.#guests) {
      const lives = (!guest.process.dead && !guest.replaced) ||
        guest.rings.some((ring) => ring !== undefined && this.#homes.has(ring));
      if (!lives && nowMs >= guest.scanMs) due.push(guest);
    }
    const busy = this.rings.some((ring) => nowMs - ring.activeMs < BUSY_MS);
    if (busy && !due.some((guest) => nowMs - guest.scanMs > SCAN_PATIENCE_MS)) return;
    if (due.length === 0) return;
    const inodes = new Set(due.map((guest) => guest.region.inode));
    const mapped = mappedInodes(inodes, new Set(due.map((guest) => guest.path)));
    for (const guest of due) {
      if (mapped.has(guest.region.inode)) {
        guest.absent = 0;
        guest.scanEveryMs = Math.min(SCAN_MS_MAX, guest.scanEveryMs * 2);
      } else if (++guest.absent >= ABSENT_SCANS) {
        this.#dismiss(guest);
        continue;
      }
      guest.scanMs = nowMs + (guest.absent > 0 ? 1000 : guest.scanEveryMs);
    }
  }

  /** Unmaps a region; whoever still has it finds its rings retired. */
  #dismiss(guest: Guest): void {
    for (const header of guest.headers) Atomics.store(header, RING.retired >> 2, 1);
    this.#forget(guest);
  }

  #forget(guest: Guest): void {
    this.#guests.delete(guest);
    this.#watch.forget(guest.process);
    const closed = guest.region.close().then(() => void this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  #refuse(reason: string, message: string): void {
    const { refused } = this.counters;
    refused.set(reason, (refused.get(reason) ?? 0) + 1);
    this.#options.warn(message);
  }

  /** Lets go of everything; the rings have been ended. */
  async close(): Promise<void> {
    for (const guest of [...this.#guests]) this.#forget(guest);
    this.#watch.close();
    await Promise.all(this.#closing);
  }
}

/** Whether a sub-ring is a child's and not read yet. Its magic is written last. */
function isClaimed(guest: Guest, subring: number): boolean {
  const header = guest.headers[subring];
  return guest.rings[subring] === undefined && Atomics.load(header, RING.owner >> 2) !== 0 &&
    Atomics.load(header, RING.magic >> 2) === MAGIC && Atomics.load(header, RING.retired >> 2) === 0;
}

/** What a ring that is read no more leaves to tell. */
function endOf(reader: RingReader): CaptureProgramEnd {
  const losses: CaptureLoss[] = [
    { reason: "ring-full", unit: "bytes", amount: reader.droppedBytes - reader.toldGapBytes },
    { reason: "unfinished-records", unit: "records", amount: reader.holes },
    { reason: "sessions-unmirrored", unit: "sessions", amount: reader.unmirrored },
  ];
  return { losses: losses.filter(({ amount }) => amount > 0), stopped: reader.retired };
}

function name(program: CaptureProgram): string {
  return `${program.comm || "a program"} (process ${program.pid}, uid ${program.uid})`;
}
