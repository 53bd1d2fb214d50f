// SPDX-License-Identifier: MIT
/**
 * One region and those who write to it.
 *
 * @module
 */
import { ancestorsOf, familyOf, processName, processStatus, processWithThread } from "./process_facts.ts";
import { namespaceInode } from "../../ffi/sock_diag.ts";
import { fileKey } from "../../ffi/stat.ts";
import type { WatchedProcess } from "./process_watch.ts";
import { placeOf } from "./container.ts";
import type { ProgramRing } from "./program_ring.ts";
import type { Region } from "./region.ts";
import type { MapRange, RegionMapping } from "./region_scan.ts";
import { counterOf, MAGIC, OWNER_UNKNOWN, paddedText, PAGE, RETIRED, RING } from "../record/layout.ts";

/** Processes below the one that brought a region that are asked whether a ring is theirs. */
const DESCENDANTS_MAX = 64;

/** A region that is mapped by others goes on to be asked about, more and more seldom. */
const EVERY_MS_MAX = 60_000;

/** A process as the kernel describes it. */
export interface Identity {
  readonly pid: number;
  readonly uid: number;
  readonly comm: string;
  readonly container?: string;
  readonly pod?: string;
  readonly networkNamespace?: number;
  readonly ancestors?: readonly number[];
}

export interface GuestOptions {
  readonly region: Region;
  readonly identity: Identity;
  /** Of the process that brought it. */
  readonly process: WatchedProcess;
  /** It was found, and not handed over. */
  readonly isAdopted: boolean;
  readonly range: MapRange | undefined;
  readonly nowMs: number;
}

export class Guest {
  readonly region: Region;
  /** Who brought it: the process that sent it, or in whose maps it was found. */
  readonly identity: Identity;
  readonly process: WatchedProcess;
  readonly isAdopted: boolean;
  readonly sinceMs: number;
  /** That process maps it no more. */
  left = false;
  /** Rings that are read. */
  readonly rings: (ProgramRing | undefined)[] = [];
  /** Rings that this agent made spare, with what their counters said then. */
  readonly recycled = new Map<number, (offset: number) => number>();
  /** When it is next to be looked at: whether it is begun, or whether anybody still has it. */
  dueMs: number;
  everyMs = 1000;
  /** Since when nobody can say whether anybody still has it. */
  unknownMs: number | undefined;
  /** Processes whose maps are to be read. */
  readonly asked = new Set<number>();
  /** Headers of the rings that have been claimed, and of the next. */
  readonly #headers: Int32Array[] = [];
  /** Where its maker says that it and its children map it. */
  #range: MapRange | undefined;
  /** Where processes do whose maps were read. */
  readonly #ranges = new Map<number, MapRange | "nowhere" | "hidden">();

  constructor(options: GuestOptions) {
    this.region = options.region;
    this.identity = options.identity;
    this.process = options.process;
    this.isAdopted = options.isAdopted;
    this.sinceMs = this.dueMs = options.nowMs;
    if (options.range !== undefined) this.#ranges.set(this.identity.pid, options.range);
  }

  /** Its first page is written, and believed. */
  get isBegun(): boolean {
    return this.region.geometry !== undefined;
  }

  /** Nobody is known who would write to it, and everything is read. */
  get mayBeOrphan(): boolean {
    const { process } = this;
    if (
      !process.dead && !this.left && process.pid !== 0 &&
      !this.rings.some((ring) => ring?.process.pid === 0)
    ) {
      return false;
    }
    if (this.isBegun ? this.claimed() >= 0 : this.region.isBegun) return false;
    return this.rings.every((ring) =>
      ring === undefined || (ring.process.pid === 0 && ring.reader.outstanding === 0)
    );
  }

  /** Whether anybody still has it is asked later, and each time later than before. */
  askLater(nowMs: number): void {
    this.everyMs = Math.min(EVERY_MS_MAX, this.everyMs * 2);
    this.dueMs = nowMs + this.everyMs;
  }

  /** The processes that are known to write to it, or are asked whether they do. */
  writers(): number[] {
    const pids = new Set(this.asked);
    if (!this.process.dead && !this.left) pids.add(this.identity.pid);
    for (const ring of this.rings) if (ring !== undefined && !ring.gone) pids.add(ring.process.pid);
    pids.delete(0);
    return [...pids];
  }

  /** Takes it into use once its first page is written. */
  begin(): void {
    const { address } = this.region.map();
    if (address !== 0n) {
      this.#range = `${address.toString(16)}-${(address + BigInt(this.region.lengthBytes)).toString(16)}`;
    }
    this.#showHeaders(1);
  }

  /** A hook claims the lowest spare ring, so only one header of a ring that was never claimed is touched. */
  #showHeaders(count: number): void {
    const { ringCount } = this.region.geometry!;
    while (this.#headers.length < Math.min(count, ringCount)) {
      this.#headers.push(new Int32Array(this.region.view(this.#headers.length, PAGE), 0, RING.size >> 2));
    }
  }

  /** The next ring that is claimed and not read; -1 when there is none. */
  claimed(): number {
    for (let ring = 0; ring < this.#headers.length; ring++) {
      if (this.rings[ring] !== undefined) continue;
      const header = this.#headers[ring];
      if (Atomics.load(header, RING.owner >> 2) === 0) continue;
      if (ring === this.#headers.length - 1) this.#showHeaders(ring + 2);
      const retired = Atomics.load(header, RING.retired >> 2);
      // What a predecessor wanted nothing of, this agent may want.
      const isRead = retired === 0 || retired === RETIRED.unwanted;
      if (isRead && Atomics.load(header, RING.magic >> 2) === MAGIC) return ring;
    }
    return -1;
  }

  /** Whether {@linkcode claimed} may have news: one look at a word for each ring. */
  get mayBeClaimed(): boolean {
    const headers = this.#headers;
    for (let ring = 0; ring < headers.length; ring++) {
      if (this.rings[ring] === undefined && Atomics.load(headers[ring], RING.owner >> 2) !== 0) return true;
    }
    return false;
  }

  /** A view of a ring's header, until {@linkcode isMappedElsewhere}. */
  header(ring: number): Int32Array {
    return this.#headers[ring];
  }

  /** Headers of the rings that may be claimed next. */
  *spareHeaders(): Iterable<Int32Array> {
    for (const [ring, header] of this.#headers.entries()) if (this.rings[ring] === undefined) yield header;
  }

  /** Tells a ring's owner that it is not read. */
  refuse(ring: number): void {
    Atomics.store(this.#headers[ring], RING.retired >> 2, RETIRED.forGood);
    this.region.punch(ring, PAGE, this.region.geometry!.ringStride);
  }

  /** Makes a ring spare whose process is gone: its counters go on from where they are. */
  recycle(ring: ProgramRing): void {
    const header = this.#headers[ring.index]?.slice();
    if (header === undefined) return;
    ring.recycle();
    this.recycled.set(ring.index, (offset) => counterOf(header[offset >> 2], header[(offset >> 2) + 1]));
  }

  /** Name of the process that claimed a ring, by its own word. */
  claimedName(ring: number): string {
    const { buffer, byteOffset } = this.#headers[ring];
    return paddedText(new Uint8Array(buffer, byteOffset), RING.comm, 16);
  }

  ownerOf(ring: number): number {
    return Atomics.load(this.#headers[ring], RING.owner >> 2) >>> 0;
  }

  /** Whether anybody still has it in memory; undefined when that cannot be known. False: it is unmapped here too. */
  isMappedElsewhere(): boolean | undefined {
    const headers = this.#headers.length;
    this.#headers.length = 0;
    for (const ring of this.rings) ring?.keepHeader();
    const isMapped = this.region.isMappedElsewhere();
    if (isMapped !== false && this.isBegun) {
      this.#showHeaders(headers);
      for (const ring of this.rings) ring?.showAgain();
    }
    return isMapped;
  }

  /**
   * Whether a process has it in memory, by the kernel's word; undefined when its maps must be read to know. A process may have
   * unmapped some of it, so that it lies elsewhere than in its maker.
   */
  isMappedBy(pid: number): boolean | undefined {
    const range = this.#ranges.get(pid) ?? this.#range;
    if (range === undefined) return undefined;
    if (range === "nowhere") return false;
    // Who brought it had it; when it has left is not to be seen.
    if (range === "hidden") return pid === this.identity.pid;
    const path = `/proc/${pid}/map_files/${range}`;
    const key = fileKey(path);
    if (key !== undefined) return key === this.region.key;
    // Who may not follow these links can still see that one is there; what it leads to was read from the maps.
    const isThere = mayExist(path) && this.#ranges.has(pid);
    if (!isThere) this.#ranges.delete(pid);
    return isThere || undefined;
  }

  /** A process has it in memory no more. */
  noteLeft(pid: number): void {
    if (pid === this.identity.pid) this.left = true;
    for (const ring of this.rings) if (ring?.process.pid === pid) ring.left = true;
  }

  /** Takes in what was read in the maps of a process; undefined when they are hidden. */
  setMappings(pid: number, mappings: readonly RegionMapping[] | undefined): void {
    this.asked.delete(pid);
    const mapping = mappings?.find(({ key }) => key === this.region.key);
    this.#ranges.set(pid, mappings === undefined ? "hidden" : mapping?.range ?? "nowhere");
  }

  /**
   * The process that claimed a ring; undefined when it is gone, or cannot be told from others; a number when the maps of that
   * process must be read first.
   */
  findOwner(ring: number): Identity | number | undefined {
    const owner = this.ownerOf(ring);
    if (this.rings.some((other) => other !== undefined && other.reader.header.owner === owner)) {
      return undefined;
    }
    const pid = this.#findProcess(owner);
    if (pid === undefined || pid === this.identity.pid) return pid === undefined ? undefined : this.identity;
    if (!this.#mayBeKin(pid)) return undefined;
    const isMapped = this.isMappedBy(pid);
    if (isMapped === undefined) return pid;
    return isMapped ? identify(pid, [this.identity.pid]) : undefined;
  }

  /** Nobody's claim has the maps of another user's process read: memory is shared by fork, from which on only root becomes another user. */
  #mayBeKin(pid: number): boolean {
    const { uid, ancestors } = this.identity;
    return uid === 0 || processStatus(pid)?.uid === uid || (ancestors?.includes(pid) ?? false);
  }

  #findProcess(owner: number): number | undefined {
    const { pid } = this.identity;
    const status = processStatus(pid);
    if (owner === OWNER_UNKNOWN) return status && pid;
    const isNested = status === undefined
      ? this.region.geometry!.pid !== pid
      : status.namespacePids.length > 1;
    if (isNested) return processWithThread(familyOf(pid, DESCENDANTS_MAX), owner);
    const claimer = processStatus(owner)?.pid;
    if (claimer !== undefined) return claimer;
    // A thread that has ended, most likely of the process that has no other ring.
    const isOthers = this.rings.some((other) => other?.program.pid === pid);
    return isOthers ? undefined : status && pid;
  }
}

/** Whether a link is there, or may not be looked for: then what was read from the maps has to do. */
function mayExist(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    return error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable;
  }
}

/** What the kernel says of a process; undefined when it is gone. `kin` have shared memory with it by fork. */
export function identify(pid: number, kin: readonly number[] = []): Identity | undefined {
  const status = processStatus(pid);
  const comm = processName(pid);
  if (status === undefined || comm === undefined) return undefined;
  const ancestors = ancestorsOf(pid);
  return {
    pid,
    uid: status.uid,
    comm,
    ...placeOf(pid),
    networkNamespace: namespaceInode(`/proc/${pid}/ns/net`),
    ancestors: ancestors && [...new Set([...ancestors, ...kin])],
  };
}
