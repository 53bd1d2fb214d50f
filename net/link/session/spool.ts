// SPDX-License-Identifier: MIT
/**
 * Packets on disk until they are acknowledged, so that they outlive the agent. One directory for each target; in it, for
 * each session, segments `SESSION-NNNNNNNNNN.pcapng`, each a link stream of its own (docs/link.md) that tshark opens.
 *
 * @module
 */
import { systemError } from "../../ffi/system_error.ts";
import { FileLock } from "../../ffi/file_lock.ts";
import { linkHead } from "../blocks/link.ts";
import { type LoadedRun, loadedRuns } from "./loaded_part.ts";
import { readSegment } from "./segment.ts";
import { deleteNote, notePath, readNote, sessionOfNote, writeNote } from "./spool_note.ts";
import { DAMAGED, endOf, lostPart, type SpoolPart } from "./spool_part.ts";
import { RUN_HEAD_BYTES, runHead } from "./spool_run.ts";

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
      const ofNote = sessionOfNote(name);
      const session = SEGMENT_NAME.exec(name)?.[1] ?? ofNote;
      if (session === undefined) continue;
      const paths = sessions.get(session) ?? [];
      sessions.set(session, ofNote ? paths : [...paths, `${directory}/${name}`]);
    }
    for (const [session, paths] of sessions) {
      const recovered = SpoolSession.recover(this, session, paths);
      if (recovered.parts.length > 0) this.recovered.push(recovered);
      else recovered.close(true);
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

const NOTHING = new Uint8Array(0);

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
  /** Packets below were acknowledged when this was last noted. */
  #acknowledged = 0;
  /** The session's agent is gone: nothing is appended. */
  #isOver = false;
  #isEndUnknown = false;
  /** What was read last: a part may be asked for in pieces. */
  #loaded: { readonly part: SpoolPart; readonly runs: readonly LoadedRun[] } | undefined;

  private constructor(readonly spool: Spool, readonly session: string) {}

  static begin(spool: Spool, session: string, nowMs: number): SpoolSession {
    const created = new SpoolSession(spool, session);
    created.startedMs = nowMs;
    return created;
  }

  static recover(spool: Spool, session: string, paths: readonly string[]): SpoolSession {
    const recovered = new SpoolSession(spool, session);
    const note = readNote(recovered.#notePath, (message) => spool.warn(message));
    recovered.#acknowledged = note?.acknowledged ?? 0;
    recovered.#isOver = true;
    recovered.#isEndUnknown = note?.end === undefined;
    for (const path of paths) recovered.#recoverSegment(path);
    recovered.#written = Math.max(endOf(recovered.parts, recovered.first), note?.end ?? 0);
    const end = endOf(recovered.parts, recovered.first);
    if (end < recovered.#written) recovered.parts.push(lostPart(end, recovered.#written, DAMAGED));
    return recovered;
  }

  /** Packets below are acknowledged, as far as this is known. */
  get first(): number {
    return this.#acknowledged;
  }

  /** Whether its agent ended without a note: what the collector acknowledged last is not known here. */
  get isEndUnknown(): boolean {
    return this.#isEndUnknown;
  }

  get #notePath(): string {
    return notePath(this.spool.options.directory, this.session);
  }

  #recoverSegment(path: string): void {
    const { spool, parts } = this;
    let bytes: Uint8Array;
    try {
      bytes = Deno.readFileSync(path);
      this.startedMs ||= Deno.statSync(path).mtime?.getTime() ?? 0;
    } catch (error) {
      return setAside(spool, path, systemError(error).text);
    }
    const before = parts.length;
    const wrong = readSegment(path, bytes, parts, endOf(parts, this.first));
    if (parts.length === before) {
      if (wrong !== undefined) setAside(spool, path, wrong);
      else deleteFile(spool, path);
      return;
    }
    if (wrong !== undefined) spool.warn(`${path}: ${wrong}; what cannot be sent is counted as ${DAMAGED}`);
    this.#segments.push({ path, bytes: bytes.length, end: endOf(parts, 0) });
    spool.usedBytes += bytes.length;
  }

  /** Writes the packets behind the others; the answer is where they are, or why they are not. */
  append(blocks: Uint8Array, first: number, packets: number): SpoolPart | string {
    const { spool } = this;
    if (spool.usedBytes + RUN_HEAD_BYTES + blocks.length > spool.options.maxBytes) return "spool-full";
    const segment = this.#segmentFor();
    if (segment === undefined) return "spool-failed";
    for (const { next, reason } of this.#losses.splice(0)) this.#gap(segment, next, reason);
    if (this.#written < first) this.#gap(segment, first, "not-spooled");
    const offset = segment.bytes;
    const head = runHead({ after: first, first, reason: "" }, blocks, packets);
    if (this.#written !== first || !this.#write(segment, head, blocks)) return "spool-failed";
    segment.end = this.#written = first + packets;
    const lengthBytes = segment.bytes - offset;
    return {
      first,
      packets,
      path: segment.path,
      offset,
      lengthBytes,
      packetBytes: blocks.length,
      reason: "",
    };
  }

  /** Writes that the packets up to `next` are lost; where that fails, it is tried again with the next ones. */
  #gap(segment: Segment, next: number, reason: string): void {
    const after = this.#written;
    if (next <= after) return;
    if (this.#write(segment, runHead({ after, first: next, reason }, NOTHING, 0), NOTHING)) {
      this.#written = next;
    } else this.lose(next, reason);
  }

  /** Notes that the packets below `next`, after all that came before, are lost. */
  lose(next: number, reason: string): void {
    const last = this.#losses[this.#losses.length - 1];
    if (last?.reason === reason) last.next = next;
    else this.#losses.push({ next, reason });
  }

  /** What a part holds; the caller's to read. Throws when the segment cannot be read. */
  load(part: SpoolPart): readonly LoadedRun[] {
    const last = this.#loaded?.part;
    if (last?.path === part.path && last.offset === part.offset && last.lengthBytes === part.lengthBytes) {
      return this.#loaded!.runs;
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
    const runs = loadedRuns(part, bytes);
    this.#loaded = { part, runs };
    return runs;
  }

  /** Deletes the segments whose packets are all below `have`. */
  acknowledge(have: number): void {
    while (this.#segments.length > 0 && this.#segments[0].end <= have) {
      const isLast = this.#segments.length === 1;
      // The last one goes on, unless the session is over or it has grown.
      if (isLast && this.#file !== undefined && this.#segments[0].bytes < SEGMENT_BYTES) return;
      // Before: what is missing in front of the first segment would be taken for lost.
      this.#note(this.#segments[0].end);
      this.#delete(this.#segments.shift()!);
    }
  }

  /**
   * Notes that the packets below `have` are acknowledged, for the agent that comes after an unclean end, and deletes the segments
   * when these are all. To be called now and then: it costs a file or two.
   */
  settle(have: number): void {
    const last = this.#segments.at(-1);
    if (last === undefined || have <= this.#acknowledged || !this.#note(have)) return;
    if (last.end <= have) this.#deleteAll();
  }

  /** Answers whether it could. */
  #note(acknowledged: number): boolean {
    this.#acknowledged = acknowledged;
    return writeNote(this.#notePath, { acknowledged, end: this.#isOver ? this.#written : undefined });
  }

  /** Closes the file. Keeps what is not acknowledged: the packets from `first` on; deletes everything when there are none. */
  close(isDone: boolean, first = 0): void {
    this.#file?.close();
    this.#file = undefined;
    if (isDone) {
      this.#deleteAll();
      deleteNote(this.#notePath);
    } else if (
      !writeNote(this.#notePath, { acknowledged: Math.min(first, this.#written), end: this.#written })
    ) {
      this.spool.warn(`${this.#notePath}: cannot write`);
    }
  }

  #deleteAll(): void {
    for (const segment of this.#segments.splice(0)) this.#delete(segment);
  }

  #delete(segment: Segment): void {
    if (this.#segments.length === 0) {
      this.#file?.close();
      this.#file = undefined;
    }
    this.spool.usedBytes -= segment.bytes;
    deleteFile(this.spool, segment.path);
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
    if (this.#write(segment, linkHead(application, "spool"), NOTHING)) return segment;
    this.#segments.pop();
    this.#delete(segment);
    this.#file?.close();
    this.#file = undefined;
    return undefined;
  }

  /** Both behind what is there, or neither. */
  #write(segment: Segment, head: Uint8Array, blocks: Uint8Array): boolean {
    const before = segment.bytes;
    try {
      for (const bytes of [head, blocks]) {
        for (let at = 0; at < bytes.length;) at += this.#file!.writeSync(bytes.subarray(at));
      }
    } catch (error) {
      this.#failed(error);
      try {
        this.#file!.truncateSync(before);
        this.#file!.seekSync(before, Deno.SeekMode.Start);
      } catch {
        this.#file?.close();
        this.#file = undefined; // a segment with a torn end is left as it is; the next begins anew
      }
      return false;
    }
    segment.bytes += head.length + blocks.length;
    this.spool.usedBytes += head.length + blocks.length;
    return true;
  }

  #failed(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.spool.warn(`spool ${this.spool.options.directory}: packets are lost: ${systemError(error).text}`);
  }
}

function deleteFile(spool: Spool, path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    spool.warn(`${path}: cannot delete: ${systemError(error).text}`);
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
