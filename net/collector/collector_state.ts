// SPDX-License-Identifier: MIT
/**
 * What a collector must know after it was killed: how many packets of each session it has, and how long its files were
 * when it had them. One JSON line for each commit, appended with one write; the file is written anew, and renamed into
 * place, when it has grown.
 *
 * @module
 */
import { dirname } from "node:path";
import type { FileProgress } from "../sinks/sink_files.ts";
import { keepPrivate } from "../ffi/private_file.ts";
import { systemError } from "../ffi/system_error.ts";
import { FileLock } from "../ffi/file_lock.ts";
import { checkedLine, readCheckedLine } from "../link/session/checked_line.ts";
import { Sessions } from "./sessions.ts";

/**
 * The file is written anew when it has more bytes than this, and twice what it had then: at the fastest some times a
 * minute, for it waits for the disk.
 */
const COMPACT_BYTES = 8 * 1024 * 1024;

const encoder = new TextEncoder();

/**
 * Survives the collector's end by a signal at any moment. A crash of the whole host may lose the last commits, and what
 * the kernel had not written of the sinks' files.
 */
export class CollectorState {
  /** Packets that the collector has, as committed. */
  readonly sessions: Sessions;
  /**
   * What was noted last may be missing: the host has gone down since, and the kernel kept more of the files on disk than of what was
   * noted of them, or lines are damaged.
   */
  mayLack = false;
  /** Lines that were not as they had been written; what they said is not known. */
  damagedLines = 0;
  /** Files of the sinks at the last commit; those begun since then have a size of 0. */
  files: readonly FileProgress[] = [];
  #file: Deno.FsFile | undefined;
  #bytes = 0;
  #compactBytes = 0;
  /** Nothing is committed any more after a commit that failed: it may be in the file, or a part of it. */
  #failure: Error | undefined;
  readonly #lock: FileLock;

  /** Reads the file, or begins it; `linksPerAgent` as for {@linkcode Sessions}. Throws an `Error` of one line. */
  constructor(readonly path: string, linksPerAgent: number) {
    this.sessions = new Sessions(linksPerAgent);
    try {
      this.#lock = FileLock.take(`${path}.lock`);
    } catch (error) {
      throw new Error(`cannot use the state file ${JSON.stringify(path)}: ${systemError(error).text}`);
    }
    try {
      this.#read();
      this.#compact();
    } catch (error) {
      this.#lock.release();
      throw new Error(`cannot use the state file ${JSON.stringify(path)}: ${systemError(error).text}`);
    }
  }

  /** Whether commits fail from now on. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** From now on the collector has the packets of `session` below `have`, and its files are as told. Throws when that cannot be kept: nothing has changed then. */
  commit(session: string, have: number, files: readonly FileProgress[]): void {
    this.#append({ session, have, files });
    this.sessions.set(session, have);
    this.files = files;
    this.#compactWhenDue();
  }

  /** Notes the files alone. */
  commitFiles(files: readonly FileProgress[]): void {
    this.#append({ files });
    this.files = files;
    this.#compactWhenDue();
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#lock.release();
  }

  #append(entry: Readonly<Record<string, unknown>>): void {
    if (this.#failure) throw this.#failure;
    const bytes = encoder.encode(`${checkedLine(entry)}\n`);
    try {
      for (let at = 0; at < bytes.length;) at += this.#file!.writeSync(bytes.subarray(at));
    } catch (error) {
      // A part of a line would swallow the one behind it.
      try {
        this.#file!.truncateSync(this.#bytes);
      } catch {
        // Reading passes over it.
      }
      throw this.#fail(error);
    }
    this.#bytes += bytes.length;
  }

  #compactWhenDue(): void {
    if (this.#bytes <= this.#compactBytes) return;
    try {
      this.#compact();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #fail(error: unknown): Error {
    const { text } = systemError(error);
    return this.#failure = new Error(`cannot write the state file ${JSON.stringify(this.path)}: ${text}`);
  }

  #read(): void {
    let text: string;
    try {
      text = Deno.readTextFileSync(this.path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    const lines = text.split("\n");
    lines.pop(); // empty, or torn by the end of the process that wrote it
    let isChecked = false;
    for (const line of lines) {
      const read = readCheckedLine(line);
      // Versions without checksums wrote whole files without them.
      if (read === undefined || (isChecked && !read.isChecked)) {
        this.damagedLines++;
        continue;
      }
      isChecked = read.isChecked;
      const { session, have, files, boot } = read.value;
      if (typeof session === "string" && Number.isSafeInteger(have)) {
        this.sessions.set(session, have as number);
      }
      if (Array.isArray(files)) this.files = files;
      if (typeof boot === "string") this.mayLack = boot !== bootId();
    }
    this.mayLack ||= this.damagedLines > 0;
  }

  /** On disk before it takes the place of the old one: a crash of the host finds one of them whole. */
  #compact(): void {
    const lines = [checkedLine({ boot: bootId(), files: this.files })];
    for (const [session, have] of this.sessions) lines.push(checkedLine({ session, have }));
    const bytes = encoder.encode(lines.join("\n") + "\n");
    const path = `${this.path}.new`;
    removeIfThere(path);
    const fresh = Deno.openSync(path, { append: true, createNew: true, mode: 0o600 });
    try {
      keepPrivate(path);
      for (let at = 0; at < bytes.length;) at += fresh.writeSync(bytes.subarray(at));
      fresh.syncSync();
      Deno.renameSync(path, this.path);
    } catch (error) {
      fresh.close();
      removeIfThere(path);
      throw error;
    }
    syncDirectory(dirname(this.path));
    this.#file?.close();
    this.#file = fresh;
    this.#bytes = bytes.length;
    this.#compactBytes = Math.max(COMPACT_BYTES, 2 * bytes.length);
  }
}

/** Another after every start of the host; empty where the system does not tell. */
function bootId(): string {
  try {
    return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
  } catch {
    return "";
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** So that a file's new name outlives a crash of the host; where directories cannot be opened, the system sees to it. */
function syncDirectory(path: string): void {
  try {
    const directory = Deno.openSync(path, { read: true });
    try {
      directory.syncSync();
    } finally {
      directory.close();
    }
  } catch {
    // The file itself is on disk, under the old name or the new.
  }
}
