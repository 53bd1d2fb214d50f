// SPDX-License-Identifier: MIT
/** A file that stays the one it was, whatever its path leads to meanwhile. @module */
import type { ReadAt } from "../../elf/elf_file.ts";
import { readerOf } from "../../elf/reader.ts";
import { cString, errno, errnoName, libc } from "../../ffi/libc.ts";
import { openInRoot } from "../../ffi/open_in_root.ts";
import { boundedReader, OtherFile } from "./look.ts";
import { overlaidFile } from "../../ffi/overlaid_file.ts";

/** O_PATH | O_CLOEXEC: nothing is read or waited for, as a named pipe would make it. */
const O_PATH_CLOEXEC = 0o12000000;

/** The path leads nowhere any more: a process has ended. */
export class GoneFile extends Error {}

export class PinnedFile {
  /** Its descriptor. */
  readonly fd: number;
  /**
   * Which file it is, and how it was when it was opened: another text when it has been written to since. A file that several overlays show is
   * one, as it is for the kernel's probes.
   */
  readonly identity: string;
  /** User that it belongs to. */
  readonly owner: number;
  /** Bytes. */
  readonly #size: number;
  #readBytes = 0;

  private constructor(fd: number) {
    this.fd = fd;
    this.identity = this.#look();
    const { uid, size } = Deno.statSync(this.path);
    this.owner = uid ?? 0;
    this.#size = size;
  }

  /** Throws {@linkcode GoneFile} and {@linkcode OtherFile}. */
  static open(path: string): PinnedFile {
    const fd = openPath(path);
    if (fd >= 0) {
      try {
        return new PinnedFile(fd);
      } catch (error) {
        libc().close(fd);
        throw error;
      }
    }
    const name = errnoName(errno());
    if (name === "ENOENT" || name === "ESRCH") throw new GoneFile(name);
    throw new OtherFile(name);
  }

  /** Whether a path leads to the file that was so; without rights to look, it does not. */
  static leadsTo(path: string, identity: string): boolean {
    try {
      const file = PinnedFile.open(path);
      file.close();
      return file.identity === identity;
    } catch {
      return false;
    }
  }

  /** By which this process reaches it, and nothing else, until it is closed. */
  get path(): string {
    return `/proc/self/fd/${this.fd}`;
  }

  /** Whether it was written to since it was opened. */
  get hasChanged(): boolean {
    return this.#look() !== this.identity;
  }

  /** Reads it for one look; what is read in all is bounded. */
  withReader<T>(use: (read: ReadAt) => T): T {
    using file = Deno.openSync(this.path);
    return use(boundedReader(readerOf(file), this.#size, (bytes) => this.#readBytes += bytes));
  }

  /** What was read of it so far. */
  get readBytes(): number {
    return this.#readBytes;
  }

  close(): void {
    libc().close(this.fd);
  }

  #look(): string {
    const { isFile, dev, ino, mtime, size } = Deno.statSync(this.path);
    if (!isFile) throw new OtherFile("it is no file");
    return `${overlaidFile(this.fd) ?? dev}:${ino}:${mtime?.getTime()}:${size}`;
  }
}

/** A path in a process's root. */
const IN_ROOT = /^(\/proc\/\d+\/root)(\/.+)$/;

/** Links in a process's root lead within that: whoever made it has no say in what else of this host is opened. */
function openPath(path: string): number {
  const [, root, inside] = IN_ROOT.exec(path) ?? [];
  const { open, close } = libc();
  const fd = open(cString(root ?? path), O_PATH_CLOEXEC, 0);
  if (root === undefined || fd < 0) return fd;
  const file = openInRoot(fd, inside, O_PATH_CLOEXEC);
  close(fd);
  return file;
}
