// SPDX-License-Identifier: MIT
/**
 * Reads a recording and makes the calls that it holds again. The layout is in `recording_format.ts`.
 *
 * @module
 */
import type { CaptureProgram, CaptureTarget } from "../target.ts";
import { deliver } from "../record/deliver.ts";
import { FLAG, KIND, numberOf, paddedText, RecordError, SLOT } from "../record/layout.ts";
import {
  BODY_MAX,
  END,
  ENTRY,
  ENTRY_TYPE,
  entryBytes,
  FLAG_DIED,
  RECORDING_HEADER,
  RECORDING_MAGIC,
  RECORDING_VERSION,
  START,
} from "./format.ts";

export { type RecordingOptions, RecordingWriter } from "./writer.ts";

const BUFFER_BYTES = 1 << 20;
/** As many programs at once as there can be sub-rings. */
const PROGRAMS_MAX = 65_536;
const decoder = new TextDecoder();

/** A recording that is cut or damaged; everything before `offset` has been delivered. */
export class RecordingError extends Error {
  override name = "RecordingError";
  /** @param offset byte of the file at which the reading stopped */
  constructor(message: string, readonly offset: number) {
    super(`${message} (at byte ${offset})`);
  }
}

/** Where bytes come from; a `Deno.FsFile` is one. */
export interface RecordingSource {
  /** Puts bytes into `buffer` and answers how many, null at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  close?(): void;
}

export interface ReplayOptions {
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
  readonly #source: RecordingSource;
  #buffer: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  /** What is unread lies from `#start` to `#end` of the buffer; `#start` is byte `#offset` of the file. */
  #start = 0;
  #end = 0;
  #offset = 0;
  #entries = 0;
  #finished = false;
  readonly #programs = new Map<number, CaptureProgram>();

  private constructor(source: RecordingSource, readonly totalBytes: number | undefined) {
    this.#source = source;
    this.#buffer = new Uint8Array(BUFFER_BYTES);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Nanoseconds since 1970 that the recording's times count from. */
  timeBaseNs = 0n;

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
    const { magic, version, headerBytes, timeBaseNs, size } = RECORDING_HEADER;
    for (let i = 0; i < Math.min(RECORDING_MAGIC.length, this.#end); i++) {
      if (this.#buffer[magic + i] !== RECORDING_MAGIC[i]) {
        throw new RecordingError("This is no recording: it begins with other bytes", i);
      }
    }
    if (!whole) throw new RecordingError("The recording is cut in its header", this.#end);
    const found = this.#view.getUint32(version, true);
    if (found !== RECORDING_VERSION) {
      throw new RecordingError(
        `The recording is of version ${found}, this program reads ${RECORDING_VERSION}`,
        version,
      );
    }
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
      this.#deliverEntry(target, this.#start + ENTRY.size, bodyBytes);
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
        return this.#deliverEnd(target, this.#program(id), body, bodyBytes);
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
        throw this.#damaged(`an entry of unknown type ${type}`);
    }
  }

  #program(id: number): CaptureProgram {
    const program = this.#programs.get(id);
    if (program === undefined) throw this.#damaged(`an entry of program ${id}, which is not there`);
    return program;
  }

  #number(at: number): number {
    const value = numberOf(this.#view.getInt32(at, true), this.#view.getInt32(at + 4, true));
    if (Number.isNaN(value)) throw this.#damaged("a number out of range");
    return value;
  }

  #deliverStart(target: CaptureTarget, id: number, body: number, bodyBytes: number): void {
    if (bodyBytes !== START.size) throw this.#damaged("a program's start of the wrong size");
    if (this.#programs.has(id)) throw this.#damaged(`a second start of program ${id}`);
    if (this.#programs.size >= PROGRAMS_MAX) throw this.#damaged("too many programs");
    const program: CaptureProgram = {
      id,
      pid: this.#view.getUint32(body + START.pid, true),
      uid: this.#view.getUint32(body + START.uid, true),
      comm: paddedText(this.#buffer, body + START.comm, 16),
    };
    const timeNs = this.#number(body + START.timeNs);
    this.#programs.set(id, program);
    target.programStart(program, timeNs);
  }

  #deliverRecord(target: CaptureTarget, program: CaptureProgram, body: number, bodyBytes: number): void {
    const view = this.#view;
    if (bodyBytes < SLOT.size) throw this.#damaged("a record without its slot");
    const length = view.getUint32(body + SLOT.length, true);
    if (SLOT.size + length !== bodyBytes) throw this.#damaged("a record of the wrong size");
    const kind = view.getUint8(body + SLOT.kind);
    const flags = view.getUint16(body + SLOT.flags, true);
    const flow = this.#number(body + SLOT.flow);
    const timeNs = this.#number(body + SLOT.timeNs);
    const payload = this.#buffer.subarray(body + SLOT.size, body + bodyBytes);
    if (kind === KIND.close && (flags & (FLAG_DIED | FLAG.orderly)) === FLAG_DIED) {
      return target.close(program, flow, "died", timeNs);
    }
    const direction = view.getUint8(body + SLOT.direction);
    const offset = this.#number(body + SLOT.offset);
    const amount = this.#number(body + SLOT.amount);
    try {
      deliver(target, program, kind, direction, flags, flow, offset, amount, payload, timeNs);
    } catch (error) {
      if (error instanceof RecordError) throw this.#damaged(error.message);
      throw error;
    }
  }

  #deliverEnd(target: CaptureTarget, program: CaptureProgram, body: number, bodyBytes: number): void {
    if (bodyBytes < END.size) throw this.#damaged("a program's end of the wrong size");
    const retired = this.#view.getUint32(body + END.retired, true) !== 0;
    const end = {
      unreportedBytes: this.#number(body + END.unreported),
      holes: this.#number(body + END.holes),
      unmirrored: this.#number(body + END.unmirrored),
      retired: retired
        ? decoder.decode(this.#buffer.subarray(body + END.reason, body + bodyBytes))
        : undefined,
    };
    const timeNs = this.#number(body + END.timeNs);
    this.#programs.delete(program.id);
    target.programEnd(program, end, timeNs);
  }
}
