// SPDX-License-Identifier: MIT
/**
 * Reads a recording and makes the calls that it holds again. The layout is in `format.ts`.
 *
 * @module
 */
import { isCaptureMagic } from "../../wire/capture_magic.ts";
import type { CaptureProgram, CaptureTarget } from "../target.ts";
import { deliver, PAST_MEANING, RecordHead, type RecordMeaning } from "../record/deliver.ts";
import { FLAG, KIND, RecordError, SLOT } from "../record/layout.ts";
import {
  BODY_MAX,
  ENTRY,
  ENTRY_TYPE,
  entryBytes,
  RECORDING_FLAG,
  RECORDING_HEADER,
  RECORDING_MAGIC,
  RECORDING_VERSION,
  RECORDING_VERSION_LEAST,
} from "./format.ts";
import { decodeWire } from "./wire_entries.ts";
import { decodeEnd, decodeStart, readUint64 } from "./program_entries.ts";

const BUFFER_BYTES = 1 << 20;
/** As many programs at once as there can be sub-rings. */
const PROGRAMS_MAX = 65_536;
const decoder = new TextDecoder();

/** A recording that is cut or damaged; everything before `offset` has been delivered. */
export class RecordingError extends Error {
  /** What it is called in a stack trace. */
  override name = "RecordingError";
  /** `message` is followed by the place. @param offset byte of the file at which the reading stopped */
  constructor(message: string, readonly offset: number) {
    super(`${message} (at byte ${offset})`);
  }
}

/** Whether a file that begins with `head` is a recording. */
export function isRecording(head: Uint8Array): boolean {
  return head.length >= RECORDING_MAGIC.length && differsFromMagic(head) < 0;
}

/** The first byte that no recording has there; -1: none. */
function differsFromMagic(head: Uint8Array): number {
  const { magic } = RECORDING_HEADER;
  return RECORDING_MAGIC.findIndex((byte, at) => magic + at < head.length && head[magic + at] !== byte);
}

/** Where bytes come from; a `Deno.FsFile` is one. */
export interface RecordingSource {
  /** Puts bytes into `buffer` and answers how many, null at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  close?(): void;
}

export interface ReplayOptions {
  /** Gives the number of each program that starts; absent: those of the recording. */
  readonly nextProgram?: () => number;
  /** Called after a stretch of entries, to pass on what came of them; reading waits for it. */
  readonly onBatch?: () => void | Promise<void>;
  /** `totalBytes` is undefined when the source does not know it. */
  readonly progress?: (bytesRead: number, totalBytes: number | undefined) => void;
  /** Ends the replay at the next stretch. */
  readonly signal?: AbortSignal;
}

export interface ReplayResult {
  readonly entries: number;
  readonly bytesRead: number;
}

export class RecordingReader {
  /** Nanoseconds since 1970 that the recording's times count from. */
  timeBaseNs = 0n;
  readonly #source: RecordingSource;
  #buffer: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  /** What is unread lies from `#start` to `#end` of the buffer; `#start` is byte `#offset` of the file. */
  #start = 0;
  #end = 0;
  #offset = 0;
  #entries = 0;
  #finished = false;
  #version = RECORDING_VERSION;
  readonly #head = new RecordHead();
  /** Programs by their number in the file. */
  readonly #programs = new Map<number, CaptureProgram>();
  #nextProgram: (() => number) | undefined;

  private constructor(source: RecordingSource, readonly totalBytes: number | undefined) {
    this.#source = source;
    this.#buffer = new Uint8Array(BUFFER_BYTES);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws {Error} naming the path when it cannot be opened, {@linkcode RecordingError} when it is no recording.
   */
  static async open(path: string): Promise<RecordingReader> {
    let file: Deno.FsFile;
    let size: number | undefined;
    try {
      file = await Deno.open(path);
      const status = await file.stat();
      size = status.isFile ? status.size : undefined;
    } catch (error) {
      throw new Error(`Cannot replay "${path}": ${(error as Error).message}`);
    }
    return await RecordingReader.from(file, size);
  }

  /**
   * Reads the header from any source, which it closes when that fails.
   *
   * @throws {RecordingError} when it is no recording.
   */
  static async from(source: RecordingSource, totalBytes?: number): Promise<RecordingReader> {
    const reader = new RecordingReader(source, totalBytes);
    try {
      await reader.#readHeader();
      return reader;
    } catch (error) {
      source.close?.();
      throw error;
    }
  }

  async #readHeader(): Promise<void> {
    const whole = await this.#fill(RECORDING_HEADER.size);
    const { version, headerBytes, timeBaseNs, size } = RECORDING_HEADER;
    const differing = differsFromMagic(this.#buffer.subarray(0, this.#end));
    if (differing >= 0) {
      throw new RecordingError(
        isCaptureMagic(this.#view.getUint32(0, true))
          ? "This is no recording but a capture, for sslcollector read"
          : "This is no recording: it begins with other bytes",
        differing,
      );
    }
    if (!whole) throw new RecordingError("The recording is cut in its header", this.#end);
    const found = this.#view.getUint32(version, true);
    if (found < RECORDING_VERSION_LEAST || found > RECORDING_VERSION) {
      throw new RecordingError(
        `The recording is of version ${found}, this program reads ${RECORDING_VERSION_LEAST} to ${RECORDING_VERSION}`,
        version,
      );
    }
    this.#version = found;
    if (this.#view.getUint32(headerBytes, true) !== size) {
      throw new RecordingError("The recording's header is damaged", headerBytes);
    }
    this.timeBaseNs = this.#view.getBigUint64(timeBaseNs, true);
    this.#start = this.#offset = size;
  }

  /**
   * Makes every call of the recording on `target`, once; then closes the source. Bytes are borrowed for the call.
   *
   * @throws {RecordingError} where the recording is cut or damaged, after all calls before that place.
   */
  async replay(target: CaptureTarget, options: ReplayOptions = {}): Promise<ReplayResult> {
    this.#nextProgram = options.nextProgram;
    try {
      for (;;) {
        const entries = this.#entries;
        const needed = this.#deliverBuffered(target);
        if (this.#entries > entries) {
          await options.onBatch?.();
          options.progress?.(this.#offset, this.totalBytes);
        }
        options.signal?.throwIfAborted();
        if (!await this.#fill(needed)) break;
      }
      this.#checkEnd();
      return { entries: this.#entries, bytesRead: this.#offset };
    } finally {
      this.#source.close?.();
    }
  }

  /** Gives the source back, of a recording that is not replayed. */
  close(): void {
    this.#source.close?.();
  }

  #checkEnd(): void {
    const end = this.#offset + this.#end - this.#start;
    if (this.#finished) return;
    if (this.#start < this.#end) {
      throw new RecordingError("The recording is cut in the middle of an entry", end);
    }
    throw new RecordingError("The recording is cut: its end mark is missing", end);
  }

  /** Has at least `bytes` unread in the buffer; false when the source ends before. */
  async #fill(bytes: number): Promise<boolean> {
    if (this.#end - this.#start >= bytes) return true;
    const unread = this.#buffer.subarray(this.#start, this.#end);
    if (bytes > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(bytes, BUFFER_BYTES));
      grown.set(unread);
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    } else {
      this.#buffer.copyWithin(0, this.#start, this.#end);
    }
    this.#end = unread.length;
    this.#start = 0;
    while (this.#end < bytes) {
      const read = await this.#source.read(this.#buffer.subarray(this.#end));
      if (read === null) return false;
      this.#end += read;
    }
    return true;
  }

  /** Delivers the whole entries of the buffer; answers how many bytes the next one needs at least. */
  #deliverBuffered(target: CaptureTarget): number {
    for (;;) {
      const available = this.#end - this.#start;
      if (this.#finished) {
        if (available > 0) throw new RecordingError("The recording goes on after its end mark", this.#offset);
        return 1;
      }
      if (available < ENTRY.size) return ENTRY.size;
      const bodyBytes = this.#view.getUint32(this.#start + ENTRY.bodyBytes, true);
      if (bodyBytes > BODY_MAX) throw this.#damaged(`an entry of ${bodyBytes} bytes`);
      const bytes = entryBytes(bodyBytes);
      if (available < bytes) return bytes;
      try {
        this.#deliverEntry(target, this.#start + ENTRY.size, bodyBytes);
      } catch (error) {
        if (error instanceof RecordError) throw this.#damaged(error.message);
        throw error;
      }
      this.#entries++;
      this.#start += bytes;
      this.#offset += bytes;
    }
  }

  #damaged(what: string): RecordingError {
    return new RecordingError(`The recording is damaged: ${what}`, this.#offset);
  }

  #deliverEntry(target: CaptureTarget, body: number, bodyBytes: number): void {
    const type = this.#view.getUint32(this.#start + ENTRY.type, true);
    const id = this.#view.getUint32(this.#start + ENTRY.program, true);
    switch (type) {
      case ENTRY_TYPE.start:
        return this.#deliverStart(target, id, body, bodyBytes);
      case ENTRY_TYPE.record:
        return this.#deliverRecord(target, this.#program(id), body, bodyBytes);
      case ENTRY_TYPE.end:
        this.#deliverEnd(target, this.#program(id), body, bodyBytes);
        this.#programs.delete(id);
        return;
      case ENTRY_TYPE.tick:
        if (bodyBytes !== 8) throw this.#damaged("a tick of the wrong size");
        return target.tick(this.#number(body));
      case ENTRY_TYPE.finish:
        if (bodyBytes !== 8 || this.#number(body) !== this.#entries) {
          throw this.#damaged("an end mark that does not fit");
        }
        this.#finished = true;
        return;
      default:
        return this.#deliverWire(target, type, this.#body(body, bodyBytes));
    }
  }

  #deliverWire(target: CaptureTarget, type: number, body: Uint8Array): void {
    const told = decodeWire(type, body);
    if (told === undefined) throw this.#damaged(`an entry of unknown type ${type}`);
    target.wire(...told);
  }

  #program(id: number): CaptureProgram {
    const program = this.#programs.get(id);
    if (program === undefined) throw this.#damaged(`an entry of program ${id}, which is not there`);
    return program;
  }

  #number(at: number): number {
    return readUint64(this.#view, at);
  }

  #body(body: number, bodyBytes: number): Uint8Array {
    return this.#buffer.subarray(body, body + bodyBytes);
  }

  #deliverStart(target: CaptureTarget, id: number, body: number, bodyBytes: number): void {
    if (this.#programs.has(id)) throw this.#damaged(`a second start of program ${id}`);
    if (this.#programs.size >= PROGRAMS_MAX) throw this.#damaged("too many programs");
    const number = this.#nextProgram?.() ?? id;
    const [program, timeNs] = decodeStart(this.#body(body, bodyBytes), number, this.#version);
    this.#programs.set(id, program);
    target.programStart(program, timeNs);
  }

  #deliverRecord(target: CaptureTarget, program: CaptureProgram, body: number, bodyBytes: number): void {
    const view = this.#view;
    if (bodyBytes < SLOT.size) throw this.#damaged("a record without its slot");
    const length = view.getUint32(body + SLOT.length, true);
    if (SLOT.size + length !== bodyBytes) throw this.#damaged("a record of the wrong size");
    const head = this.#head;
    head.kind = view.getUint8(body + SLOT.kind);
    head.direction = view.getUint8(body + SLOT.direction);
    head.flags = view.getUint16(body + SLOT.flags, true);
    head.flow = this.#number(body + SLOT.flow);
    head.offset = this.#number(body + SLOT.offset);
    head.amount = this.#number(body + SLOT.amount);
    head.timeNs = this.#number(body + SLOT.timeNs);
    const payload = this.#buffer.subarray(body + SLOT.size, body + bodyBytes);
    const { kind, flags, flow, timeNs } = head;
    if (kind === KIND.close && (flags & (RECORDING_FLAG.died | FLAG.orderly)) === RECORDING_FLAG.died) {
      return target.close(program, flow, "died", timeNs);
    }
    deliver(target, program, head, payload, this.#version === 1 ? PAST_MEANING : RECORDING_MEANING);
  }

  #deliverEnd(target: CaptureTarget, program: CaptureProgram, body: number, bodyBytes: number): void {
    const [end, timeNs] = decodeEnd(this.#body(body, bodyBytes), this.#version);
    target.programEnd(program, end, timeNs);
  }
}

const RECORDING_MEANING: RecordMeaning = {
  confirms: (_program, _address, flags) => {
    if ((flags & RECORDING_FLAG.confirmed) !== 0) return true;
    return (flags & RECORDING_FLAG.denied) !== 0 ? false : undefined;
  },
  gapReason: (_flags, payload) => decoder.decode(payload),
};
