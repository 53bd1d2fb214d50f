// SPDX-License-Identifier: MIT
/** One file that grows: only ever appended to, and looked after whether others moved, removed or cut it. @module */
import { keepPrivate } from "../ffi/private_file.ts";
import { moveAside } from "./aside.ts";

/** Where a file that was written is now, as far as its path tells. */
export type Whereabouts = "in place" | "moved" | "removed";

/** A path that is no regular file (a pipe, a device) is written as it is: nobody moves or cuts it. */
export class GrownFile {
  /** Whether it is a file whose length means something. */
  readonly isRegular: boolean;
  readonly device: number;
  readonly inode: number | null;
  /** Bytes that it should have: all that was written since it was last empty. */
  bytes = 0;
  readonly #file: Deno.FsFile;

  private constructor(readonly path: string, file: Deno.FsFile) {
    this.#file = file;
    const { isFile, dev, ino } = file.statSync();
    this.isRegular = isFile;
    this.device = dev;
    this.inode = ino;
  }

  /** Opens a file that is to have `bytes` bytes: the rest of one that is there is cut off. */
  static open(path: string, bytes = 0): GrownFile {
    const isNew = statOf(path) === undefined;
    const file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    try {
      if (isNew) keepPrivate(path);
      const grown = new GrownFile(path, file);
      if (grown.isRegular) file.truncateSync(bytes);
      grown.bytes = bytes;
      return grown;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * Opens what took the place of a file that was moved: an empty one is gone on with, as whoever rotates may have made it for
   * that; anything else is nobody's to overwrite, and is moved aside.
   */
  static openInstead(path: string, warn: (message: string) => void): GrownFile {
    const there = statOf(path);
    if (there?.isFile && there.size > 0) moveAside(path, "another file took its place", warn);
    return GrownFile.open(path);
  }

  /** Writes as much as goes; answers how much that was, and why not all. `bytes` has grown by it. */
  append(bytes: Uint8Array, start = 0, end = bytes.length): { bytes: number; error?: unknown } {
    let at = start;
    let error: unknown;
    try {
      while (at < end) at += this.#file.writeSync(bytes.subarray(at, end));
    } catch (thrown) {
      error = thrown;
    }
    this.bytes += at - start;
    return { bytes: at - start, error };
  }

  /** Writes all, or throws. */
  appendAll(bytes: Uint8Array): void {
    const { error } = this.append(bytes);
    if (error !== undefined) throw error;
  }

  /** Bytes that it has, where another program has left it fewer than it should have; else undefined. */
  get cutTo(): number | undefined {
    return this.isRegular ? this.#cutTo(this.#file.seekSync(0, Deno.SeekMode.End)) : undefined;
  }

  /** Where it is now, and what {@linkcode GrownFile.cutTo} says. */
  look(): { readonly whereabouts: Whereabouts; readonly cutTo: number | undefined } {
    if (!this.isRegular) return IN_PLACE;
    const there = statOf(this.path);
    if (there?.ino === this.inode && there.dev === this.device) {
      return there.size >= this.bytes ? IN_PLACE : { whereabouts: "in place", cutTo: there.size };
    }
    const { nlink, size } = this.#file.statSync();
    return { whereabouts: (nlink ?? 1) === 0 ? "removed" : "moved", cutTo: this.#cutTo(size) };
  }

  #cutTo(size: number): number | undefined {
    return size < this.bytes ? size : undefined;
  }

  /** Cuts it to what it should have been at `bytes`; never makes it longer. */
  cut(bytes: number): void {
    if (this.isRegular && this.#file.statSync().size > bytes) this.#file.truncateSync(bytes);
    this.bytes = bytes;
  }

  close(): void {
    this.#file.close();
  }
}

const IN_PLACE = { whereabouts: "in place", cutTo: undefined } as const;

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
