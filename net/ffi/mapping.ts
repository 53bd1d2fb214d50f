// SPDX-License-Identifier: MIT
/**
 * Shared memory of a file as `ArrayBuffer`s that cannot outlive it.
 *
 * @module
 */
import { errno, errnoName, isMapFailed, libc } from "./libc.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/**
 * One `MAP_SHARED` mapping. Views are taken of parts of it, because V8 counts the length of each towards its heap
 * limits, touched or not. Before memory is unmapped every view is detached: a read through one afterwards answers
 * `undefined` instead of ending the process.
 */
export class SharedMapping {
  #address: Deno.PointerObject | null;
  readonly #views = new Set<ArrayBuffer>();

  private constructor(address: Deno.PointerObject, readonly lengthBytes: number) {
    this.#address = address;
  }

  /**
   * Maps a file from `offset` on, a multiple of the page's size; what is not writable may not be stored to.
   *
   * @throws {Error} naming the failure; the caller keeps `fd`.
   */
  static map(fd: number, lengthBytes: number, { offset = 0, isWritable = true } = {}): SharedMapping {
    const protection = isWritable ? PROT_READ | PROT_WRITE : PROT_READ;
    const address = libc().mmap(null, BigInt(lengthBytes), protection, MAP_SHARED, fd, BigInt(offset));
    if (isMapFailed(address)) throw new Error(`Cannot map ${lengthBytes} bytes: ${errnoName(errno())}`);
    return new SharedMapping(address, lengthBytes);
  }

  /** A view of `lengthBytes` from `offset`, valid until {@linkcode release} or {@linkcode unmap}. */
  view(offset: number, lengthBytes: number): ArrayBuffer {
    if (this.#address === null) throw new Error("Cannot view memory that is unmapped");
    if (offset < 0 || lengthBytes < 0 || offset + lengthBytes > this.lengthBytes) {
      throw new RangeError(`Cannot view ${lengthBytes} bytes at ${offset} of ${this.lengthBytes}`);
    }
    const view = Deno.UnsafePointerView.getArrayBuffer(this.#address, lengthBytes, offset);
    this.#views.add(view);
    return view;
  }

  /** Address of a word in it, for libc. */
  pointer(offset: number): Deno.PointerObject {
    if (this.#address === null) throw new Error("Cannot point into memory that is unmapped");
    return Deno.UnsafePointer.offset(this.#address, offset)!;
  }

  /** Detaches a view. */
  release(view: ArrayBuffer): void {
    if (this.#views.delete(view)) view.transfer(0);
  }

  /** Detaches every view and gives the addresses back; idempotent. */
  unmap(): void {
    if (this.#address === null) return;
    for (const view of this.#views) view.transfer(0);
    this.#views.clear();
    libc().munmap(this.#address, BigInt(this.lengthBytes));
    this.#address = null;
  }
}
