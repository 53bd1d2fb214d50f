// SPDX-License-Identifier: MIT
/**
 * Packets on disk until they are acknowledged, so that they outlive the agent. One directory for each target; in it, for
 * each session, segments `SESSION-NNNNNNNNNN.pcapng`, each a link stream of its own (docs/link.md) that tshark opens.
 *
 * @module
 */
import { systemError } from "../../ffi/system_error.ts";
import { FileLock } from "../../ffi/file_lock.ts";
import { linkBlock, linkHead } from "../blocks/link.ts";
import { readSegment, type SpoolPart } from "./spool_part.ts";

/** Bytes after which a segment is followed by another: what is on disk beyond what is needed, at most. */
const SEGMENT_BYTES = 8 * 1024 * 1024;
export interface SpoolOptions {
  readonly directory: string;
  /** Bytes that all segments together may have. */
  readonly maxBytes: number;
  readonly application: string;
  readonly warn?: (message: string) => void;
}

const SEGMENT_NAME = /^([0-9a-f]{32})-\d{10}\.pcapng$/;

/** Whether there are segments right in the directory; false where it cannot be read. */
export function hasSegments(directory: string): boolean {
  try {
    return [...Deno.readDirSync(directory)].some(({ name }) => SEGMENT_NAME.test(name));
  } catch {
    return false;
  }
}

/** A spool directory, of one agent at a time. */
export class Spool {
  /** Bytes on disk. */
  usedBytes = 0;
  /** What an agent before this one left, oldest first. */
  readonly recovered: SpoolSession[] = [];
  readonly #lock: FileLock;

  /** Makes the directory where it is missing, for its owner only. Throws an `Error` of one line. */
  constructor(readonly options: SpoolOptions) {
    const { directory } = options;
    try {
      Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
      this.#lock = FileLock.take(`${directory}/lock`);
    } catch (error) {
      throw new Error(
        `cannot use the spool directory ${JSON.stringify(directory)}: ${systemError(error).text}`,
      );
    }
    try {
      this.#recover();
    } catch (error) {
      this.#lock.release();
      throw new Error(
        `cannot read the spool directory ${JSON.stringify(directory)}: ${systemError(error).text}`,
      );
    }
  }

  #recover(): void {
    const { directory } = this.options;
    const sessions = new Map<string, string[]>();
    for (const { name } of [...Deno.readDirSync(directory)].sort((a, b) => a.name < b.name ? -1 : 1)) {
      const session = SEGMENT_NAME.exec(name)?.[1];
      if (session === undefined) continue;
      sessions.set(session, [...sessions.get(session) ?? [], `${directory}/${name}`]);
    }
    for (const [session, paths] of sessions) {
      const recovered = SpoolSession.recover(this, session, paths);
      if (recovered.parts.length > 0) this.recovered.push(recovered);
    }
    this.recovered.sort((a, b) => a.startedMs - b.startedMs);
  }

  close(): void {
    this.#lock.release();
  }

  warn(message: string): void {
    this.options.warn?.(message);
  }
}

interface Segment {
  readonly path: string;
  bytes: number;
  /** Packets below this number are all that it holds; grows while it is the last. */
  end: number;
}

/** The segments of one session. */
export class SpoolSession {
  /** What recovery found, in order; empty for a session that has just begun. */
  readonly parts: SpoolPart[] = [];
  startedMs = 0;
  readonly #segments: Segment[] = [];
  #file: Deno.FsFile | undefined;
  #count = 0;
  #hasFailed = false;
  /** Written in front of the next packets: nothing is lost on disk when no packets follow. */
  #losses: { next: number; reason: string }[] = [];
  /** Number of the packet behind the last on disk. */
  #written = 0;
  /** What was read last: a part may be asked for in pieces. */
  #loaded: { readonly part: SpoolPart; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;

  private constructor(readonly spool: Spool, readonly session: string) {}

  static begin(spool: Spool, session: string, nowMs: number): SpoolSession {
    const created = new SpoolSession(spool, session);
    created.startedMs = nowMs;
    return created;
  }

  static recover(spool: Spool, session: string, paths: readonly string[]): SpoolSession {
    const recovered = new SpoolSession(spool, session);
    for (const path of paths) {
      let bytes: Uint8Array;
      try {
        bytes = Deno.readFileSync(path);
        recovered.startedMs ||= Deno.statSync(path).mtime?.getTime() ?? 0;
      } catch (error) {
        setAside(spool, path, systemError(error).text);
        continue;
      }
      const before = recovered.parts.length;
      const wrong = readSegment(path, bytes, recovered.parts);
      const last = recovered.parts[recovered.parts.length - 1];
      if (recovered.parts.length === before) {
        if (wrong === undefined) Deno.removeSync(path);
        else setAside(spool, path, wrong);
        continue;
      }
      if (wrong !== undefined) spool.warn(`${path}: ${wrong}; what follows in this segment is lost`);
      recovered.#segments.push({ path, bytes: bytes.length, end: last.first + last.packets });
      spool.usedBytes += bytes.length;
    }
    recovered.#fillHoles();
    return recovered;
  }

  #fillHoles(): void {
    for (let at = 1; at < this.parts.length; at++) {
      const { first, packets, path, offset } = this.parts[at - 1];
      const missing = this.parts[at].first - (first + packets);
      if (missing <= 0) continue;
      const hole = { first: first + packets, packets: missing, path, offset, lengthBytes: 0 };
      this.parts.splice(at, 0, { ...hole, reason: "not-spooled" });
    }
  }

  /** Writes the packets behind the others; the answer is where they are, or why they are not. */
  append(blocks: Uint8Array, first: number, packets: number): SpoolPart | string {
    const { spool } = this;
    if (spool.usedBytes + blocks.length > spool.options.maxBytes) return "spool-full";
    const segment = this.#segmentFor();
    if (segment === undefined) return "spool-failed";
    if (this.#losses.length > 0) this.#written = this.#losses[this.#losses.length - 1].next;
    if (this.#written < first) this.#losses.push({ next: first, reason: "not-spooled" });
    for (const loss of this.#losses) {
      if (!this.#write(segment, linkBlock({ kind: "position", ...loss }))) return "spool-failed";
    }
    this.#losses.length = 0;
    const offset = segment.bytes;
    if (!this.#write(segment, blocks)) return "spool-failed";
    segment.end = this.#written = first + packets;
    return { first, packets, path: segment.path, offset, lengthBytes: blocks.length, reason: "" };
  }

  /** Notes that the packets below `next`, after all that came before, are lost. */
  lose(next: number, reason: string): void {
    const last = this.#losses[this.#losses.length - 1];
    if (last?.reason === reason) last.next = next;
    else this.#losses.push({ next, reason });
  }

  /** The bytes of a part; the caller's to read. Throws when the segment cannot be read. */
  load(part: SpoolPart): Uint8Array<ArrayBuffer> {
    const last = this.#loaded;
    const from = part.offset - (last?.part.offset ?? 0);
    if (last?.part.path === part.path && from >= 0 && from + part.lengthBytes <= last.bytes.length) {
      return last.bytes.subarray(from, from + part.lengthBytes);
    }
    const bytes = new Uint8Array(part.lengthBytes);
    const file = Deno.openSync(part.path);
    try {
      file.seekSync(part.offset, Deno.SeekMode.Start);
      for (let at = 0; at < bytes.length;) {
        const read = file.readSync(bytes.subarray(at));
        if (read === null) throw new Error("ends early");
        at += read;
      }
    } finally {
      file.close();
    }
    this.#loaded = { part, bytes };
    return bytes;
  }

  /** Deletes the segments whose packets are all below `have`. */
  acknowledge(have: number): void {
    while (this.#segments.length > 0 && this.#segments[0].end <= have) {
      const isLast = this.#segments.length === 1;
      // The last one goes on, unless the session is over or it has grown.
      if (isLast && this.#file !== undefined && this.#segments[0].bytes < SEGMENT_BYTES) return;
      this.#delete(this.#segments.shift()!);
    }
  }

  /** Closes the file; deletes everything when all packets below `next` are acknowledged. */
  close(isDone: boolean): void {
    this.#file?.close();
    this.#file = undefined;
    if (isDone) { for (const segment of this.#segments.splice(0)) this.#delete(segment); }
  }

  #delete(segment: Segment): void {
    if (this.#segments.length === 0) {
      this.#file?.close();
      this.#file = undefined;
    }
    this.spool.usedBytes -= segment.bytes;
    try {
      Deno.removeSync(segment.path);
    } catch (error) {
      this.spool.warn(`${segment.path}: cannot delete: ${systemError(error).text}`);
    }
  }

  /** The segment that takes what follows; undefined when none can be made. */
  #segmentFor(): Segment | undefined {
    const last = this.#segments[this.#segments.length - 1];
    if (this.#file !== undefined && last !== undefined && last.bytes < SEGMENT_BYTES) return last;
    this.#file?.close();
    this.#file = undefined;
    const { directory, application } = this.spool.options;
    const path = `${directory}/${this.session}-${String(this.#count++).padStart(10, "0")}.pcapng`;
    try {
      this.#file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
    const segment: Segment = { path, bytes: 0, end: this.#written };
    this.#segments.push(segment);
    const head = linkHead(application, "spool");
    const position = linkBlock({ kind: "position", next: this.#written, reason: "" });
    if (this.#write(segment, head) && this.#write(segment, position)) return segment;
    this.#segments.pop();
    this.#delete(segment);
    this.#file?.close();
    this.#file = undefined;
    return undefined;
  }

  #write(segment: Segment, bytes: Uint8Array): boolean {
    try {
      for (let at = 0; at < bytes.length;) at += this.#file!.writeSync(bytes.subarray(at));
    } catch (error) {
      this.#failed(error);
      try {
        this.#file!.truncateSync(segment.bytes);
        this.#file!.seekSync(segment.bytes, Deno.SeekMode.Start);
      } catch {
        this.#file?.close();
        this.#file = undefined; // a segment with a torn end is left as it is; the next begins anew
      }
      return false;
    }
    segment.bytes += bytes.length;
    this.spool.usedBytes += bytes.length;
    return true;
  }

  #failed(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.spool.warn(`spool ${this.spool.options.directory}: packets are lost: ${systemError(error).text}`);
  }
}

/** A segment that a later version or nobody can read is not ours to delete. */
function setAside(spool: Spool, path: string, why: string): void {
  const kept = `${path}.bad`;
  try {
    Deno.renameSync(path, kept);
    spool.warn(`${path}: ${why}; its packets are not sent, the file is kept as ${kept}`);
  } catch (error) {
    spool.warn(
      `${path}: ${why}; its packets are not sent, and it cannot be renamed: ${systemError(error).text}`,
    );
  }
}
