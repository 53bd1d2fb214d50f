// SPDX-License-Identifier: MIT
/**
 * The memory of one program: checked once when it arrives, mapped, and given to rings piece by piece.
 *
 * @module
 */
import { errno, errnoName, libc } from "../../ffi/libc.ts";
import { SharedMapping } from "../../ffi/mapping.ts";
import {
  ABI,
  DATA_MAX,
  GREETING,
  GREETING_NO_WAKE,
  MAGIC,
  paddedText,
  PAGE,
  SLOTS_MAX,
  SUBRINGS_MAX,
  subringStride,
  UNIT,
} from "../record/layout.ts";

const F_GET_SEALS = 1034;
const SEALS = { seal: 1, shrink: 2, grow: 4 } as const;
const SEEK_END = 2;
const TMPFS_MAGIC = 0x0102_1994n;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/** A hook may align its sub-rings to huge pages. */
const STRIDE_SLACK = 2 << 20;

/** A region that is not taken; the message says what is wrong with it. */
export class RegionError extends Error {
  override name = "RegionError";
}

/** `struct sslc_greeting`, checked. */
export interface Greeting {
  /** Of the program, in its own pid namespace. */
  readonly pid: number;
  readonly subringCount: number;
  readonly subringStride: number;
  readonly slotCapacity: number;
  readonly dataCapacity: number;
  readonly noWake: boolean;
  readonly comm: string;
}

/** @throws {RegionError} for a greeting that is not of this version, not for `identity` or out of bounds. */
export function parseGreeting(bytes: Uint8Array<ArrayBuffer>, identity: bigint): Greeting {
  if (bytes.length !== GREETING.size) throw new RegionError(`its greeting has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (at: number) => view.getUint32(at, true);
  if (u32(GREETING.magic) !== MAGIC) throw new RegionError("its greeting has the wrong magic");
  if (u32(GREETING.abi) !== ABI) {
    throw new RegionError(`its hook speaks version ${u32(GREETING.abi)}, this agent ${ABI}`);
  }
  if (view.getBigUint64(GREETING.identity, true) !== identity) {
    throw new RegionError("its greeting is for another agent");
  }
  const greeting = {
    pid: u32(GREETING.pid),
    subringCount: u32(GREETING.subringCount),
    subringStride: u32(GREETING.subringStride),
    slotCapacity: u32(GREETING.slotCapacity),
    dataCapacity: u32(GREETING.dataCapacity),
    noWake: (u32(GREETING.flags) & GREETING_NO_WAKE) !== 0,
    comm: paddedText(bytes, GREETING.comm, 16),
  };
  const { subringCount, slotCapacity, dataCapacity } = greeting;
  if (subringCount < 1 || subringCount > SUBRINGS_MAX) {
    throw new RegionError(`it has ${subringCount} sub-rings`);
  }
  if (slotCapacity < 2 || slotCapacity > SLOTS_MAX) {
    throw new RegionError(`its rings have ${slotCapacity} slots`);
  }
  if (dataCapacity < PAGE || dataCapacity > DATA_MAX || dataCapacity % UNIT !== 0) {
    throw new RegionError(`its rings have ${dataCapacity} bytes of data`);
  }
  const least = subringStride(slotCapacity, dataCapacity);
  const stride = greeting.subringStride;
  if (stride < least || stride > least + STRIDE_SLACK || stride % PAGE !== 0) {
    throw new RegionError(`its sub-rings are ${stride} bytes apart`);
  }
  return greeting;
}

/** A mapped region. Its descriptor stays open: memory is preallocated and given back through it. */
export class Region {
  /** Number of the memory file, as in `/proc/PID/maps`. */
  readonly inode: number;
  readonly #fd: number;
  readonly #mapping: SharedMapping;
  /** Calls on other threads that use the descriptor. */
  readonly #calls = new Set<Promise<number>>();

  private constructor(readonly greeting: Greeting, fd: number, mapping: SharedMapping) {
    this.#fd = fd;
    this.#mapping = mapping;
    this.inode = Deno.statSync(`/proc/self/fd/${fd}`).ino ?? 0;
  }

  /**
   * Maps the memory that came with a greeting for the agent `identity`. Takes over `fd`, also when it throws.
   *
   * @throws {RegionError} unless it is memory of the declared size that nobody can shrink, grow or unseal.
   */
  static map(bytes: Uint8Array<ArrayBuffer>, identity: bigint, fd: number): Region {
    try {
      const greeting = parseGreeting(bytes, identity);
      const status = new BigUint64Array(32);
      // On huge pages a read may fault without memory to answer it; on any other file the seals mean nothing.
      if (libc().fstatfs(fd, new Uint8Array(status.buffer)) !== 0 || status[0] !== TMPFS_MAGIC) {
        throw new RegionError("its descriptor is no memory file");
      }
      const seals = libc().fcntl(fd, F_GET_SEALS, 0);
      const wanted = SEALS.seal | SEALS.shrink | SEALS.grow;
      if (seals < 0 || (seals & wanted) !== wanted) throw new RegionError("its memory is not sealed");
      const size = Number(libc().lseek(fd, 0n, SEEK_END));
      const declared = greeting.subringCount * greeting.subringStride;
      if (size !== declared) throw new RegionError(`its memory has ${size} bytes and not ${declared}`);
      try {
        return new Region(greeting, fd, SharedMapping.map(fd, size));
      } catch (error) {
        throw new RegionError((error as Error).message);
      }
    } catch (error) {
      libc().close(fd);
      throw error;
    }
  }

  /** A view of the first `lengthBytes` of a sub-ring; {@linkcode release} it. */
  view(subring: number, lengthBytes: number): ArrayBuffer {
    return this.#mapping.view(subring * this.greeting.subringStride, lengthBytes);
  }

  release(view: ArrayBuffer): void {
    this.#mapping.release(view);
  }

  /**
   * Puts memory behind a part of a sub-ring, charged to the agent and not to the program that touches it first.
   * False when there is none.
   */
  preallocate(subring: number, start: number, end: number): boolean {
    if (end <= start) return true;
    const offset = BigInt(subring * this.greeting.subringStride + start);
    return libc().fallocate(this.#fd, FALLOC_FL_KEEP_SIZE, offset, BigInt(end - start)) === 0;
  }

  /** The same on another thread: the kernel clears a megabyte in about half a millisecond. */
  async preallocateElsewhere(subring: number, start: number, end: number): Promise<boolean> {
    if (end <= start) return true;
    const offset = BigInt(subring * this.greeting.subringStride + start);
    const call = libc().fallocateElsewhere(this.#fd, FALLOC_FL_KEEP_SIZE, offset, BigInt(end - start));
    this.#calls.add(call);
    const result = await call;
    this.#calls.delete(call);
    return result === 0;
  }

  /** Gives memory back: whole pages from `start` to `end`, which read as zeros from then on. */
  punch(subring: number, start: number, end: number): void {
    const from = Math.ceil(start / PAGE) * PAGE;
    if (from >= end) return;
    const offset = BigInt(subring * this.greeting.subringStride + from);
    const length = BigInt(Math.floor(end / PAGE) * PAGE - from);
    const mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
    if (length > 0n && libc().fallocate(this.#fd, mode, offset, length) !== 0) {
      throw new Error(`Cannot give memory back: ${errnoName(errno())}`);
    }
  }

  /** Makes a sub-ring as new, its owner being dead: the last page to go is the one that names the owner. */
  recycle(subring: number): void {
    this.punch(subring, PAGE, this.greeting.subringStride);
    this.punch(subring, 0, PAGE);
  }

  /** Detaches all views and unmaps at once; closes as soon as no other thread uses the descriptor. */
  async close(): Promise<void> {
    this.#mapping.unmap();
    await Promise.all(this.#calls);
    libc().close(this.#fd);
  }
}
