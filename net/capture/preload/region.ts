// SPDX-License-Identifier: MIT
/**
 * The memory of one program and its children: opened and locked when it is found, mapped once there is something in it, and
 * given to rings piece by piece.
 *
 * @module
 */
import { cString, EAGAIN, EBUSY, errno, errnoName, libc } from "../../ffi/libc.ts";
import { SharedMapping } from "../../ffi/mapping.ts";
import { fileKey } from "../../ffi/stat.ts";
import {
  ABI,
  counterOf,
  DATA_MAX,
  DATA_MIN,
  MAGIC,
  PAGE,
  REGION,
  RING,
  RINGS_MAX,
  ringStride,
  SLOTS_MAX,
} from "../record/layout.ts";

const O_RDWR = 2;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const LOCK_EX = 2;
const LOCK_NB = 4;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const SEALS = { shrink: 2, grow: 4, write: 8 } as const;
const SEEK_END = 2;
const TMPFS_MAGIC = 0x0102_1994n;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const SLOTS_STEP = 64;

/** A region that is not taken; the message says what is wrong with it. */
export class RegionError extends Error {
  override name = "RegionError";
}

/** What `struct sslc_region` says once and is believed from then on. */
export interface Geometry {
  readonly ringCount: number;
  readonly ringStride: number;
  readonly slotCapacity: number;
  readonly dataCapacity: number;
  /** Of the process that made the region, in its own pid namespace: its claim. */
  readonly pid: number;
  /** Where that process and its children map it: its claim; 0 is unknown. */
  readonly address: bigint;
}

/** @throws {RegionError} for a page that is not of this version, or whose numbers are out of bounds or not of this length. */
function parseGeometry(page: DataView, lengthBytes: number): Geometry {
  const u32 = (at: number) => page.getUint32(at, true);
  if (u32(REGION.magic) !== MAGIC) throw new RegionError("its first page has the wrong magic");
  if (u32(REGION.abi) !== ABI) {
    throw new RegionError(`its hook speaks version ${u32(REGION.abi)}, this agent ${ABI}`);
  }
  const geometry = {
    ringCount: u32(REGION.ringCount),
    ringStride: u32(REGION.ringStride),
    slotCapacity: u32(REGION.slotCapacity),
    dataCapacity: u32(REGION.dataCapacity),
    pid: u32(REGION.pid),
    address: page.getBigUint64(REGION.address, true),
  };
  const { ringCount, slotCapacity, dataCapacity } = geometry;
  if (ringCount < 1 || ringCount > RINGS_MAX) throw new RegionError(`it has ${ringCount} rings`);
  if (slotCapacity < SLOTS_STEP || slotCapacity > SLOTS_MAX || slotCapacity % SLOTS_STEP !== 0) {
    throw new RegionError(`its rings have ${slotCapacity} slots`);
  }
  if (dataCapacity < DATA_MIN || dataCapacity > DATA_MAX || dataCapacity % PAGE !== 0) {
    throw new RegionError(`its rings have ${dataCapacity} bytes of data`);
  }
  if (geometry.ringStride !== ringStride(slotCapacity, dataCapacity)) {
    throw new RegionError(`its rings are ${geometry.ringStride} bytes apart`);
  }
  const declared = PAGE + ringCount * geometry.ringStride;
  if (declared !== lengthBytes) {
    throw new RegionError(`its memory has ${lengthBytes} bytes and not ${declared}`);
  }
  return geometry;
}

/**
 * A memory file that this process alone reads: the lock is on a description of its own, and the kernel gives it back however
 * this process ends. The descriptor stays open: memory is preallocated and given back through it.
 */
export class Region {
  /** Device and inode number of the memory file. */
  readonly key: string;
  readonly lengthBytes: number;
  readonly #fd: number;
  #geometry: Geometry | undefined;
  #mapping: SharedMapping | undefined;
  /** Calls on other threads that use the descriptor. */
  readonly #calls = new Set<Promise<number>>();
  readonly #atClose: (() => void)[] = [];
  #isSealed = false;
  #isLost = false;

  private constructor(fd: number, lengthBytes: number) {
    this.#fd = fd;
    this.lengthBytes = lengthBytes;
    this.key = keyOf(fd) ?? "";
  }

  /**
   * Opens the memory file that another description is open on, which stays its owner's. Undefined when somebody else reads it.
   *
   * @throws {RegionError} unless it is memory that nobody can shrink or grow. Anything else is not opened, which can wait for ever,
   *   or do something, and may be more than who sent it was allowed.
   */
  static of(offered: number): Region | undefined {
    checkMemory(offered);
    const fd = openFile(`/proc/self/fd/${offered}`, O_RDWR);
    if (libc().flock(fd, LOCK_EX | LOCK_NB) === 0) {
      return new Region(fd, Number(libc().lseek(fd, 0n, SEEK_END)));
    }
    const failure = errno();
    libc().close(fd);
    if (failure !== EAGAIN) throw new RegionError(`its memory cannot be locked: ${errnoName(failure)}`);
    return undefined;
  }

  /**
   * Opens what a path of /proc leads to, as {@linkcode of} does; as harmlessly as can be, since it may be another file by now.
   *
   * @throws {RegionError} likewise.
   */
  static at(path: string): Region | undefined {
    const fd = openFile(path, O_NONBLOCK | O_NOCTTY);
    try {
      return Region.of(fd);
    } finally {
      libc().close(fd);
    }
  }

  /** Whether its first page is written: before that no ring has been claimed. Touches no page. */
  get isBegun(): boolean {
    return this.#read(REGION.magic, 4)?.getUint32(0, true) === MAGIC;
  }

  /**
   * Maps it.
   *
   * @throws {RegionError} when its first page is wrong, or there are no addresses.
   */
  map(): Geometry {
    const page = this.#read(0, REGION.size);
    if (page === undefined) throw new RegionError("its first page cannot be read");
    this.#geometry = parseGeometry(page, this.lengthBytes);
    this.#mapAgain();
    return this.#geometry;
  }

  #mapAgain(): void {
    try {
      this.#mapping = SharedMapping.map(this.#fd, this.lengthBytes);
    } catch (error) {
      throw new RegionError((error as Error).message);
    }
  }

  /** False when it was sealed against that since. */
  #canMapAgain(): boolean {
    try {
      this.#mapAgain();
      return true;
    } catch (error) {
      if (!(error instanceof RegionError)) throw error;
      return false;
    }
  }

  /** Absent before {@linkcode map}. */
  get geometry(): Geometry | undefined {
    return this.#geometry;
  }

  /** A counter of its first page, one that only grows, by the program's word. */
  counter(offset: number): number {
    const page = this.#read(offset, 8);
    return page === undefined ? 0 : counterOf(page.getInt32(0, true), page.getInt32(4, true));
  }

  #read(offset: number, lengthBytes: number): DataView | undefined {
    const bytes = new Uint8Array(lengthBytes);
    const read = libc().pread(this.#fd, bytes, BigInt(lengthBytes), BigInt(offset));
    return Number(read) === lengthBytes ? new DataView(bytes.buffer) : undefined;
  }

  /** A ring's owner, by the word of whoever claimed it; 0: it is spare. Touches no page. */
  ownerOf(ring: number): number {
    return this.#read(this.#at(ring) + RING.owner, 4)?.getUint32(0, true) ?? 0;
  }

  #at(ring: number): number {
    return PAGE + ring * this.#geometry!.ringStride;
  }

  /** A view of the first `lengthBytes` of a ring; {@linkcode release} it. */
  view(ring: number, lengthBytes: number): ArrayBuffer {
    return this.#mapping!.view(this.#at(ring), lengthBytes);
  }

  release(view: ArrayBuffer): void {
    this.#mapping?.release(view);
  }

  /**
   * Puts memory behind a part of a ring, charged to the agent and not to the program that touches it first. False when there is
   * none.
   */
  preallocate(ring: number, start: number, end: number): boolean {
    if (end <= start) return true;
    const offset = BigInt(this.#at(ring) + start);
    return libc().fallocate(this.#fd, FALLOC_FL_KEEP_SIZE, offset, BigInt(end - start)) === 0;
  }

  /** The same on another thread: the kernel clears a megabyte in about half a millisecond. */
  async preallocateElsewhere(ring: number, start: number, end: number): Promise<boolean> {
    if (end <= start) return true;
    const offset = BigInt(this.#at(ring) + start);
    const call = libc().fallocateElsewhere(this.#fd, FALLOC_FL_KEEP_SIZE, offset, BigInt(end - start));
    this.#calls.add(call);
    const result = await call;
    this.#calls.delete(call);
    return result === 0;
  }

  /**
   * Gives memory back: whole pages from `start` to `end`, which read as zeros from then on. False when the kernel refuses, as where
   * somebody has sealed it against writing: then it {@linkcode isSealed}.
   */
  punch(ring: number, start: number, end: number): boolean {
    const from = Math.ceil(start / PAGE) * PAGE;
    const length = Math.floor(end / PAGE) * PAGE - from;
    if (length <= 0) return true;
    const mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
    const isFreed = libc().fallocate(this.#fd, mode, BigInt(this.#at(ring) + from), BigInt(length)) === 0;
    this.#isSealed ||= !isFreed;
    return isFreed;
  }

  /** It has memory that nobody can give back while it is mapped, be it the agent's. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  /** Others map it, and this process cannot any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Calls `action` when it is let go of. */
  atClose(action: () => void): void {
    this.#atClose.push(action);
  }

  /**
   * Whether any process still maps it; undefined when that cannot be known. All views are detached: when it is mapped, and
   * after undefined, it is mapped here again, else it is of no use to anybody any more. False, too, when it cannot be mapped
   * again: then it is of no use here.
   */
  isMappedElsewhere(): boolean | undefined {
    const wasMapped = this.#mapping !== undefined;
    this.#mapping?.unmap();
    this.#mapping = undefined;
    // The kernel refuses this seal as long as anybody could write through a mapping.
    if (libc().fcntl(this.#fd, F_ADD_SEALS, SEALS.write) === 0) return this.#isLost = false;
    const isMapped = errno() === EBUSY ? true : undefined;
    this.#isLost ||= wasMapped && !this.#canMapAgain();
    return this.#isLost ? false : isMapped;
  }

  /** Detaches all views and unmaps at once; lets go of it as soon as no other thread uses the descriptor. */
  async close(): Promise<void> {
    this.#mapping?.unmap();
    this.#mapping = undefined;
    await Promise.all(this.#calls);
    libc().close(this.#fd);
    for (const action of this.#atClose) action();
  }
}

/** The key of the memory file that a descriptor is open on. Undefined for any other file, which is not asked: it may never answer. */
export function memoryKey(fd: number): string | undefined {
  return sealsOf(fd) < 0 ? undefined : keyOf(fd);
}

const keyOf = (fd: number): string | undefined => fileKey(`/proc/self/fd/${fd}`);

/** Below 0 for what is no memory file. */
const sealsOf = (fd: number): number => libc().fcntl(fd, F_GET_SEALS, 0);

function openFile(path: string, flags: number): number {
  const fd = libc().open(cString(path), flags | O_CLOEXEC, 0);
  if (fd < 0) throw new RegionError(`its memory cannot be opened: ${errnoName(errno())}`);
  return fd;
}

/** @throws {RegionError} unless a descriptor is open on memory that nobody can shrink or grow. */
function checkMemory(fd: number): void {
  const seals = sealsOf(fd);
  if (seals < 0) throw new RegionError("its descriptor is no memory file");
  const wanted = SEALS.shrink | SEALS.grow;
  if ((seals & wanted) !== wanted) throw new RegionError("its memory is not sealed");
  const status = new BigUint64Array(32);
  // On huge pages a read may fault without memory to answer it.
  if (libc().fstatfs(fd, new Uint8Array(status.buffer)) !== 0 || status[0] !== TMPFS_MAGIC) {
    throw new RegionError("its descriptor is no memory file");
  }
}
