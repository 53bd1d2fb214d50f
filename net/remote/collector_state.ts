/**
 * What a collector must know after it was killed: how many packets of each session it has, and how long its files were
 * when it had them. One JSON line for each commit, appended with one write; the file is written anew, and renamed into
 * place, when it has grown.
 *
 * @module
 */
import { systemError } from "../sinks/sink_options.ts";
import { FileLock } from "./file_lock.ts";

/** Bytes of lines after which the file is written anew. */
const COMPACT_BYTES = 1024 * 1024;
/** Sessions that are remembered; the longest unused are forgotten first. */
const SESSIONS_MAX = 10_000;

/** A file of a sink, as it was at the last commit. */
export interface FileProgress {
  readonly path: string;
  readonly device: number;
  readonly inode: number | null;
  readonly size: number;
}

const encoder = new TextEncoder();

/**
 * Survives the collector's end by a signal at any moment. A crash of the whole host may lose what the kernel had not
 * written, in this file as in the sinks'.
 */
export class CollectorState {
  /** Packets that the collector has, by session; least recently used first. */
  readonly sessions = new Map<string, number>();
  /** Files of the sinks, by path. */
  files: readonly FileProgress[] = [];
  #file: Deno.FsFile | undefined;
  #bytes = 0;
  readonly #lock: FileLock;

  /** Reads the file, or begins it. Throws an `Error` of one line. */
  constructor(readonly path: string) {
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

  /** From now on the collector has the packets of `session` below `have`, and its files are as told. Throws when it cannot be written. */
  commit(session: string, have: number, files: readonly FileProgress[]): void {
    this.sessions.delete(session);
    this.sessions.set(session, have);
    this.files = files;
    if (this.sessions.size > SESSIONS_MAX) this.sessions.delete(this.sessions.keys().next().value!);
    this.#append(`${JSON.stringify({ session, have, files })}\n`);
  }

  /** Notes the files alone. */
  commitFiles(files: readonly FileProgress[]): void {
    this.files = files;
    this.#append(`${JSON.stringify({ files })}\n`);
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#lock.release();
  }

  #append(line: string): void {
    if (this.#bytes > COMPACT_BYTES) return this.#compact();
    const bytes = encoder.encode(line);
    for (let at = 0; at < bytes.length;) at += this.#file!.writeSync(bytes.subarray(at));
    this.#bytes += bytes.length;
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
    for (const line of lines) {
      let entry;
      try {
        entry = JSON.parse(line);
      } catch {
        continue;
      }
      if (typeof entry.session === "string" && Number.isSafeInteger(entry.have)) {
        this.sessions.delete(entry.session);
        this.sessions.set(entry.session, entry.have);
      }
      if (Array.isArray(entry.files)) this.files = entry.files;
    }
  }

  #compact(): void {
    const lines = [JSON.stringify({ files: this.files })];
    for (const [session, have] of this.sessions) lines.push(JSON.stringify({ session, have }));
    const text = lines.join("\n") + "\n";
    const fresh = `${this.path}.new`;
    Deno.writeTextFileSync(fresh, text, { mode: 0o600 });
    Deno.renameSync(fresh, this.path);
    this.#file?.close();
    this.#file = Deno.openSync(this.path, { append: true });
    this.#bytes = encoder.encode(text).length;
  }
}

/** A file as it is now; undefined when it is none that grows (a pipe, a device) or is not there. */
export function fileProgress(path: string): FileProgress | undefined {
  try {
    const { isFile, dev, ino, size } = Deno.statSync(path);
    return isFile ? { path, device: dev, inode: ino, size } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Cuts what was written behind the last commit, whose packets agents will send again. The size to go on from; undefined
 * when the file is another one now, or gone.
 */
export function cutToCommit(committed: FileProgress): number | undefined {
  const now = fileProgress(committed.path);
  if (now === undefined || now.device !== committed.device || now.inode !== committed.inode) return undefined;
  if (now.size < committed.size) return undefined;
  if (now.size > committed.size) Deno.truncateSync(committed.path, committed.size);
  return committed.size;
}
