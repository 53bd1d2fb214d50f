// SPDX-License-Identifier: MIT
/**
 * Keeps what a capture source tells, on the way to where it goes. The layout is in `format.ts`.
 *
 * @module
 */
import type { Direction } from "../../../codecs/direction.ts";
import type {
  CaptureAddress,
  CaptureEnd,
  CaptureGap,
  CaptureHello,
  CaptureOpen,
  CaptureProgram,
  CaptureProgramEnd,
  CaptureTarget,
  CaptureWire,
} from "../target.ts";
import { FLAG, KIND, SLOT } from "../record/layout.ts";
import { encodeHello, encodeOpen, openFlags, setUint64 } from "./record_writer.ts";
import {
  ENTRY,
  ENTRY_TYPE,
  entryBytes,
  RECORDING_FLAG,
  RECORDING_HEADER,
  RECORDING_MAGIC,
  RECORDING_VERSION,
} from "./format.ts";
import { encodeWire } from "./wire_entries.ts";
import { encodeEnd, encodeStart } from "./program_entries.ts";

const BUFFER_BYTES = 1 << 20;
const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();

export interface RecordingOptions {
  /** CLOCK_REALTIME that times count from. */
  readonly timeBaseNs: bigint;
  /** Where every call goes on to. */
  readonly target: CaptureTarget;
  /** Told once when the file cannot be written any more; the calls go on to `target` nevertheless. */
  readonly failed?: (message: string) => void;
}

/** Writes each call to a file before it passes it on. The file is readable by its owner only: it holds clear text. */
export class RecordingWriter implements CaptureTarget {
  readonly #file: Deno.FsFile;
  readonly #path: string;
  readonly #target: CaptureTarget;
  readonly #failed: ((message: string) => void) | undefined;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  #used = 0;
  #entries = 0;
  #broken = false;
  #closed = false;

  /** @throws {Error} naming the path when the file cannot be made. */
  constructor(path: string, options: RecordingOptions) {
    this.#path = path;
    this.#target = options.target;
    this.#failed = options.failed;
    try {
      this.#file = Deno.openSync(path, { write: true, create: true, truncate: true, mode: 0o600 });
    } catch (error) {
      throw new Error(`Cannot record to "${path}": ${(error as Error).message}`);
    }
    this.#buffer.set(RECORDING_MAGIC, RECORDING_HEADER.magic);
    this.#view.setUint32(RECORDING_HEADER.version, RECORDING_VERSION, true);
    this.#view.setUint32(RECORDING_HEADER.headerBytes, RECORDING_HEADER.size, true);
    this.#view.setBigUint64(RECORDING_HEADER.timeBaseNs, options.timeBaseNs, true);
    this.#used = RECORDING_HEADER.size;
  }

  programStart(program: CaptureProgram, timeNs: number): void {
    this.#body(ENTRY_TYPE.start, program.id, encodeStart(program, timeNs));
    this.#target.programStart(program, timeNs);
  }

  open(program: CaptureProgram, flow: number, open: CaptureOpen, timeNs: number): void {
    const [offset, amount] = open.offsets;
    const flags = openFlags(open) | standingFlags(open.address);
    this.#record(program, { kind: KIND.open, flags, flow, offset, amount, timeNs }, encodeOpen(open));
    this.#target.open(program, flow, open, timeNs);
  }

  hello(program: CaptureProgram, hello: CaptureHello, timeNs: number): void {
    const flags = standingFlags(hello.address);
    this.#record(program, { kind: KIND.hello, flags, timeNs }, encodeHello(hello));
    this.#target.hello(program, hello, timeNs);
  }

  wire(news: CaptureWire, timeNs: number): void {
    const [type, body] = encodeWire(news, timeNs);
    this.#body(type, 0, body);
    this.#target.wire(news, timeNs);
  }

  data(
    program: CaptureProgram,
    flow: number,
    direction: Direction,
    offset: number,
    bytes: Uint8Array,
    timeNs: number,
  ): void {
    this.#record(program, { kind: KIND.data, direction, flow, offset, timeNs }, bytes);
    this.#target.data(program, flow, direction, offset, bytes, timeNs);
  }

  gap(program: CaptureProgram, flow: number, gap: CaptureGap, timeNs: number): void {
    const { direction, offset, length: amount } = gap;
    this.#record(
      program,
      { kind: KIND.gap, direction, flow, offset, amount, timeNs },
      encoder.encode(gap.reason),
    );
    this.#target.gap(program, flow, gap, timeNs);
  }

  close(program: CaptureProgram, flow: number, end: CaptureEnd, timeNs: number): void {
    const flags = end === "orderly" ? FLAG.orderly : end === "died" ? RECORDING_FLAG.died : 0;
    this.#record(program, { kind: KIND.close, flags, flow, timeNs }, EMPTY);
    this.#target.close(program, flow, end, timeNs);
  }

  programEnd(program: CaptureProgram, end: CaptureProgramEnd, timeNs: number): void {
    this.#body(ENTRY_TYPE.end, program.id, encodeEnd(end, timeNs));
    this.#target.programEnd(program, end, timeNs);
  }

  tick(timeNs: number): void {
    setUint64(this.#view, this.#entry(ENTRY_TYPE.tick, 0, 8), timeNs);
    this.#flush();
    this.#target.tick(timeNs);
  }

  /** Writes the end mark and closes the file; idempotent. */
  finish(): void {
    if (this.#closed) return;
    const entries = this.#entries;
    setUint64(this.#view, this.#entry(ENTRY_TYPE.finish, 0, 8), entries);
    this.#flush();
    this.#closed = true;
    this.#file.close();
  }

  #record(program: CaptureProgram, head: Head, payload: Uint8Array): void {
    const { kind, timeNs, direction = 0, flags = 0, flow = 0, offset = 0, amount = 0 } = head;
    const bodyBytes = SLOT.size + payload.length;
    const whole = entryBytes(bodyBytes) <= BUFFER_BYTES;
    const at = this.#entry(ENTRY_TYPE.record, program.id, bodyBytes, whole ? bodyBytes : SLOT.size);
    this.#buffer[at + SLOT.kind] = kind;
    this.#buffer[at + SLOT.direction] = direction;
    this.#view.setUint16(at + SLOT.flags, flags, true);
    this.#view.setUint32(at + SLOT.length, payload.length, true);
    setUint64(this.#view, at + SLOT.flow, flow);
    setUint64(this.#view, at + SLOT.offset, offset);
    setUint64(this.#view, at + SLOT.timeNs, timeNs);
    setUint64(this.#view, at + SLOT.amount, amount);
    if (whole) {
      this.#buffer.set(payload, at + SLOT.size);
    } else {
      this.#flush();
      this.#writeAll(payload);
      this.#writeAll(EMPTY_PADDING.subarray(0, entryBytes(bodyBytes) - ENTRY.size - bodyBytes));
    }
  }

  /** An entry whose body is short. */
  #body(type: number, program: number, body: Uint8Array): void {
    const at = this.#entry(type, program, body.length);
    this.#buffer.set(body, at);
  }

  /** Begins an entry and answers where its body goes; the first `inBuffer` bytes of it are zeroed. */
  #entry(type: number, program: number, bodyBytes: number, inBuffer: number = bodyBytes): number {
    const bytes = entryBytes(inBuffer);
    if (this.#used + bytes > BUFFER_BYTES) this.#flush();
    const start = this.#used;
    this.#buffer.fill(0, start, start + Math.min(bytes, ENTRY.size + SLOT.size));
    this.#buffer.fill(0, start + bytes - 8, start + bytes);
    this.#view.setUint32(start + ENTRY.type, type, true);
    this.#view.setUint32(start + ENTRY.program, program, true);
    this.#view.setUint32(start + ENTRY.bodyBytes, bodyBytes, true);
    this.#used += bytes;
    this.#entries++;
    return start + ENTRY.size;
  }

  #flush(): void {
    this.#writeAll(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  #writeAll(bytes: Uint8Array): void {
    if (this.#broken || this.#closed) return;
    try {
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    } catch (error) {
      this.#broken = true;
      this.#failed?.(`Cannot record to "${this.#path}" any more: ${(error as Error).message}`);
    }
  }
}

const EMPTY_PADDING = new Uint8Array(8);

/** What the slot of a record says; what is absent is 0. */
interface Head {
  readonly kind: number;
  readonly direction?: Direction;
  readonly flags?: number;
  readonly flow?: number;
  readonly offset?: number;
  readonly amount?: number;
  readonly timeNs: number;
}

/** Flags for what the kernel says of an address. */
function standingFlags(address: CaptureAddress | undefined): number {
  if (address?.confirmed === undefined) return 0;
  return address.confirmed ? RECORDING_FLAG.confirmed : RECORDING_FLAG.denied;
}
