// SPDX-License-Identifier: MIT
/**
 * The mirrored programs: their regions, the rings that they and their children claim, and their end.
 *
 * A region outlives the process that made it as long as any process maps it: a daemon's children claim their rings
 * whenever they first use TLS.
 *
 * @module
 */
import type { CaptureProgram, CaptureTarget } from "../target.ts";
import type { RecordMeaning } from "../record/deliver.ts";
import { RETIRED } from "../record/layout.ts";
import { type Arrival, checkGreeting } from "./agent_socket.ts";
import { Guest, identify, type Identity } from "./guest.ts";
import { GuestList } from "./guest_list.ts";
import { libc } from "../../ffi/libc.ts";
import { fileKey } from "../../ffi/stat.ts";
import { LossAllowance } from "./loss_allowance.ts";
import { MemoryBudget } from "./memory_budget.ts";
import { ProcessWatch, type WatchedProcess } from "./process_watch.ts";
import { ProgramRing } from "./program_ring.ts";
import { RingList } from "./ring_list.ts";
import { describeEarlierLoss, lossesOfRegion, lossesOfRing } from "./ring_losses.ts";
import { RefusedRegions } from "./refused_regions.ts";
import { memoryKey, Region, RegionError } from "./region.ts";
import type { RegionMapping } from "./region_scan.ts";
import { Waiting } from "./waiting.ts";

/** Rings that one user's programs get in one look: finding out whose each is takes some files of /proc. */
const CLAIMS_OF_USER = 8;
/** No more of one user's in a look once they have taken so long: a program may have thousands of threads to ask. */
const CLAIMS_MS = 5;
/** Processes that are asked in one look whether they still map their region. */
const MAPPINGS_ASKED = 64;
/** A region of which nobody can say whether it is mapped is kept for so long after the process that brought it. */
const UNKNOWN_MS = 60_000;

/** What became of the programs that came. */
export interface ProgramCounters {
  /** Processes mirrored so far. */
  programs: number;
  /** Regions that were begun, and had been found, not handed over. */
  adopted: number;
  /** Processes that were not mirrored, by reason, kebab-case; one whose region is looked at again counts once. */
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
  /** Of the agent's runtime directory. */
  readonly rendezvous: bigint;
  readonly timeBaseNs: bigint;
  /** Most bytes of data area that one ring is granted. */
  readonly dataMax: number;
  readonly totalMemory: number;
  /** Regions that are held at a time. Absent: as many as there are descriptors for. */
  readonly regionsMax?: number;
  readonly meaning?: RecordMeaning;
  /** Whether anything that a program tells may be mirrored. Absent: it may. */
  readonly isWanted?: (program: CaptureProgram) => boolean;
  /** Has the maps of a process read, which answers by {@linkcode Programs.mapped}. */
  readonly readMaps: (pid: number) => void;
  /** Takes a line for people, on account of a user. */
  readonly warn: (message: string, uid: number) => void;
}

export class Programs {
  /** The rings that are read. */
  readonly rings = new RingList();
  readonly counters: ProgramCounters = { programs: 0, adopted: 0, refused: new Map(), retired: 0, holes: 0 };
  readonly budget: MemoryBudget;
  readonly #options: ProgramsOptions;
  readonly #watch = new ProcessWatch();
  readonly #guests: GuestList;
  readonly #waiting = new Waiting((guest) => guest.region.isBegun);
  readonly #refused = new RefusedRegions();
  /** Regions whose descriptors another thread still uses. */
  readonly #closing = new Set<Promise<void>>();
  /** Where each ring that is read lies. */
  readonly #homes = new Map<ProgramRing, Guest>();
  #asked = 0;

  constructor(options: ProgramsOptions) {
    this.#options = options;
    this.#guests = new GuestList(options.regionsMax);
    this.budget = new MemoryBudget(options.totalMemory);
  }

  /** Regions that are held. */
  get regions(): number {
    return this.#guests.size;
  }

  /** Whether a process has brought a region that is still held. */
  hasGuest(pid: number): boolean {
    return this.#guests.broughtBy(pid).some((guest) => !guest.left);
  }

  /** Whether a program came a moment ago that has not used TLS yet. */
  get expectsMore(): boolean {
    return this.#waiting.hasYoung;
  }

  /** Whether a region is held, by the key of its memory. */
  holds(key: string): boolean {
    return this.#guests.has(key);
  }

  /** Takes a region that was handed over, or refuses it and counts why. */
  admit({ pid, uid, pidfd, greeting, fd }: Arrival, nowMs: number): void {
    let region: Region | undefined;
    try {
      checkGreeting(greeting, this.#options.rendezvous);
      region = Region.of(fd);
    } catch (error) {
      this.#refuseRegion({ pid, uid, key: memoryKey(fd) }, error);
    } finally {
      libc().close(fd);
    }
    if (region === undefined) {
      if (pidfd !== undefined && pidfd >= 0) libc().close(pidfd);
      return;
    }
    this.#forgetReplaced(pid);
    const process = this.#watch.watch(pid, pidfd);
    const found = process.dead ? undefined : identify(pid);
    const identity = { ...found && this.#watch.isAlive(process) ? found : { pid, comm: "" }, uid };
    this.#add(new Guest({ region, identity, process, isAdopted: false, range: undefined, nowMs }));
  }

  /** Takes in where a process maps regions; undefined when its maps are hidden. */
  mapped(pid: number, mappings: readonly RegionMapping[] | undefined, nowMs: number): void {
    for (const guest of this.#guests) {
      if (guest.writers().includes(pid)) {
        guest.setMappings(pid, mappings);
        // To ask again at once would be to ask for ever.
        if (mappings !== undefined) this.#seeWhetherLeft(guest, pid);
      }
    }
    for (const mapping of mappings ?? []) this.#adopt(pid, mapping, nowMs);
  }

  /** Takes a region that was found in the maps of a process, unless somebody reads it. */
  #adopt(pid: number, { range, key }: RegionMapping, nowMs: number): void {
    if (this.#guests.has(key)) return;
    const path = `/proc/${pid}/map_files/${range}`;
    const identity = identify(pid);
    if (identity === undefined || fileKey(path) !== key) return;
    let region: Region | undefined;
    try {
      region = Region.at(path);
    } catch (error) {
      this.#refuseRegion({ pid, uid: identity.uid, key }, error);
    }
    if (region === undefined) return;
    this.#add(
      new Guest({ region, identity, process: this.#watch.watch(pid), isAdopted: true, range, nowMs }),
    );
  }

  #add(guest: Guest): void {
    const { uid } = guest.identity;
    this.#guests.add(guest);
    if (this.#guests.isCrowded(uid)) {
      const regions = `there are ${this.regions} regions`;
      const { key } = guest.region;
      this.#refuse("too-many-regions", `Cannot mirror ${name(guest.identity)}: ${regions}`, uid, key);
      this.#forget(guest);
    } else {
      this.#waiting.add(guest);
    }
  }

  /** A process that comes again runs another program, unless it says so itself. */
  #forgetReplaced(pid: number): void {
    // A program that brings many regions is nobody to ask about each of them again.
    for (const guest of this.#guests.broughtBy(pid).slice(-1)) this.#seeWhetherLeft(guest, pid);
  }

  /** Begins regions that were written to for the first time; with `all` those that have waited for long are not left for later. */
  begin(timeNs: number, nowMs: number, all = false): void {
    const begun = this.#waiting.due(nowMs, all);
    for (const guest of begun) this.#begin(guest);
    if (begun.length > 0) this.#claim(begun, timeNs, nowMs);
  }

  /** Takes the rings that were claimed since the last look, or refuses them; answers how many. */
  claim(timeNs: number, nowMs: number): number {
    return this.#claim(this.#guests.claimed(), timeNs, nowMs);
  }

  /** Whether the maps of a process are being read to know whose a ring is. */
  get isAsking(): boolean {
    for (const guest of this.#guests) if (guest.asked.size > 0) return true;
    return false;
  }

  #claim(guests: Iterable<Guest>, timeNs: number, nowMs: number): number {
    const ofUsers = new Map<number, { claims: number; spentMs: number }>();
    let claimed = 0;
    for (const guest of guests) {
      while (guest.mayBeClaimed && guest.isBegun) {
        const { uid } = guest.identity;
        const { claims, spentMs } = ofUsers.get(uid) ?? { claims: 0, spentMs: 0 };
        const ring = claims >= CLAIMS_OF_USER || spentMs > CLAIMS_MS ? -1 : guest.claimed();
        if (ring < 0) break;
        const startMs = performance.now();
        const owner = guest.findOwner(ring);
        ofUsers.set(uid, { claims: claims + 1, spentMs: spentMs + performance.now() - startMs });
        if (typeof owner === "number") {
          this.#readMaps(guest, owner);
          break;
        }
        this.#take(guest, ring, owner, timeNs, nowMs);
        claimed++;
      }
    }
    return claimed;
  }

  #begin(guest: Guest): void {
    this.#guests.sparesChanged();
    try {
      guest.begin();
      if (guest.isAdopted) this.counters.adopted++;
    } catch (error) {
      const { pid, uid } = guest.identity;
      this.#refuseRegion({ pid, uid, key: guest.region.key }, error);
      this.#forget(guest);
    }
  }

  #readMaps(guest: Guest, pid: number): void {
    guest.asked.add(pid);
    this.#options.readMaps(pid);
  }

  #take(guest: Guest, index: number, owner: Identity | undefined, timeNs: number, nowMs: number): void {
    const { dataMax, timeBaseNs, target, meaning, isWanted } = this.#options;
    const identity = owner ?? guest.identity;
    this.#guests.sparesChanged();
    if (guest.region.isSealed) {
      guest.refuse(index);
      const message = `Cannot mirror ${name(identity)}: its memory is sealed against being given back`;
      this.#refuse("sealed-memory", message, identity.uid);
      return;
    }
    const process = this.#processOf(owner);
    // One that was gone before it could be asked: what it said of its name is all that there is.
    const comm = identity.comm || guest.claimedName(index);
    const known = { ...identity, comm, id: this.#options.nextProgram() };
    const program: CaptureProgram = isWanted?.(known) ?? true ? known : { ...known, isUnwanted: true };
    const ring = ProgramRing.take({
      program,
      process,
      region: guest.region,
      index,
      dataMax,
      budget: this.budget,
      timeBaseNs,
      nowMs,
      meaning,
      baseline: guest.recycled.get(index),
    });
    if (ring === undefined) {
      guest.refuse(index);
      this.#watch.forget(process);
      const message = `Cannot mirror ${name(program)}: the rings have all the memory they may have`;
      this.#refuse("memory", message, program.uid);
      return;
    }
    this.counters.programs++;
    guest.rings[index] = ring;
    this.#homes.set(ring, guest);
    this.rings.add(ring, guest.header(index));
    target.programStart(program, timeNs);
    if (ring.reader.flows.isInherited || guest.isAdopted) this.#tellEarlierLoss(ring);
  }

  #tellEarlierLoss(ring: ProgramRing): void {
    const loss = describeEarlierLoss(ring);
    if (loss !== undefined) this.#options.warn(`${name(ring.program)} ${loss}`, ring.program.uid);
  }

  /** What stands for the owner of a ring; one that cannot be told lives as long as anybody maps the region. */
  #processOf(owner: Identity | undefined): WatchedProcess {
    if (owner === undefined) return { pid: 0, pidfd: -1, dead: false };
    return this.#watch.watch(owner.pid);
  }

  /**
   * Tells the target that a ring has ended and lets go of it. With `agentCloses` its program goes on, and another agent may
   * find it.
   */
  end(ring: ProgramRing, timeNs: number, agentCloses = false): void {
    const { reader, program, process } = ring;
    const { target } = this.#options;
    const guest = this.#homes.get(ring)!;
    this.#homes.delete(ring);
    this.rings.remove(ring);
    this.#guests.sparesChanged();
    guest.rings[ring.index] = undefined;
    reader.flows.releaseHeld(target, program, reader.timeNs);
    const hasEnded = (process.dead || ring.left) && reader.retired === undefined;
    if (hasEnded) { for (const flow of reader.flows.open) target.close(program, flow, "died", timeNs); }
    target.programEnd(program, { losses: lossesOfRing(ring), stopped: reader.retired }, timeNs);
    this.counters.holes += reader.holes;
    if (reader.retired !== undefined) {
      this.counters.retired++;
      this.#options.warn(`Stopped mirroring ${name(program)}: ${reader.retired}`, program.uid);
    }
    this.#watch.forget(process);
    if (agentCloses) return ring.release(true);
    if (hasEnded) guest.recycle(ring);
    else ring.retire(reader.retired === undefined ? RETIRED.again : RETIRED.forGood);
    ring.release();
  }

  /** Looks which processes have ended and what can be given back; at most once a second or so. */
  look(timeNs: number, nowMs: number): void {
    this.#watch.look();
    this.rings.rest(nowMs);
    this.#askSome();
    for (const guest of this.#guests) {
      if (nowMs >= guest.dueMs && guest.mayBeOrphan) this.#askWhetherNeeded(guest, timeNs, nowMs);
    }
  }

  /** Asks some living processes whether they still map their region: exec ends that. */
  #askSome(): void {
    const guests = [...this.#guests];
    for (let i = 0; i < Math.min(MAPPINGS_ASKED, guests.length); i++) {
      const guest = guests[this.#asked++ % guests.length];
      for (const pid of guest.writers()) this.#seeWhetherLeft(guest, pid);
    }
  }

  #seeWhetherLeft(guest: Guest, pid: number): void {
    if (!guest.isBegun || pid === 0) return;
    const isMapped = guest.isMappedBy(pid);
    if (isMapped === undefined) this.#readMaps(guest, pid);
    if (isMapped === false) guest.noteLeft(pid);
  }

  /** Lets go of a region that no process maps any more. */
  #askWhetherNeeded(guest: Guest, timeNs: number, nowMs: number): void {
    const isMapped = guest.isMappedElsewhere();
    this.#guests.sparesChanged();
    if (isMapped !== false) {
      for (const ring of guest.rings) if (ring !== undefined) this.rings.move(ring, guest.header(ring.index));
    }
    if (isMapped === undefined) guest.unknownMs ??= nowMs;
    const isForgotten = isMapped === undefined && nowMs - guest.unknownMs! >= UNKNOWN_MS;
    if (isMapped === false || isForgotten) {
      for (const ring of guest.rings) {
        if (ring === undefined) continue;
        ring.left = true;
        this.end(ring, timeNs);
      }
      // What is in it cannot be given back: it stays its user's cost until nobody maps it.
      if (guest.region.isLost && guest.region.isSealed) return guest.askLater(nowMs);
      this.#tellRegion(guest, timeNs);
      this.#forget(guest);
    } else if (isMapped) {
      guest.askLater(nowMs);
    }
  }

  /** Tells what processes lost that shared a region and found no ring in it. */
  #tellRegion(guest: Guest, timeNs: number): void {
    if (!guest.isBegun) return;
    const { region, identity } = guest;
    const { losses, ringless, uncorrected } = lossesOfRegion(region, new LossAllowance(identity.pid));
    this.#count("no-ring", ringless);
    this.#count("deepbind", uncorrected);
    if (losses.length === 0) return;
    const program: CaptureProgram = { ...identity, id: this.#options.nextProgram() };
    this.#options.target.programStart(program, timeNs);
    this.#options.target.programEnd(program, { losses, stopped: undefined }, timeNs);
  }

  #forget(guest: Guest): void {
    this.#guests.delete(guest);
    this.#waiting.delete(guest);
    this.#watch.forget(guest.process);
    const closed = guest.region.close().then(() => void this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  #refuseRegion({ pid, uid, key }: { pid: number; uid: number; key?: string }, error: unknown): void {
    if (!(error instanceof RegionError)) throw error;
    this.#refuse("bad-region", `Cannot mirror process ${pid} of uid ${uid}: ${error.message}`, uid, key);
  }

  /** With the `key` of a region: unless that was refused for the same before. */
  #refuse(reason: string, message: string, uid: number, key?: string): void {
    if (key !== undefined && !this.#refused.note(key, reason)) return;
    this.#count(reason, 1);
    this.#options.warn(message, uid);
  }

  #count(reason: string, programs: number): void {
    if (programs === 0) return;
    const { refused } = this.counters;
    refused.set(reason, (refused.get(reason) ?? 0) + programs);
  }

  /** Lets go of everything; the rings have been ended. */
  async close(timeNs: number): Promise<void> {
    for (const guest of [...this.#guests]) {
      this.#tellRegion(guest, timeNs);
      this.#forget(guest);
    }
    this.#watch.close();
    await Promise.all(this.#closing);
  }
}

function name({ comm, pid, uid }: Identity): string {
  return `${comm || "a program"} (process ${pid}, uid ${uid})`;
}
