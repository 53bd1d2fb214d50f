// SPDX-License-Identifier: MIT
/**
 * Node's decompressors, driven piece by piece and synchronously: a codec has no place for a promise, and a body may never end.
 *
 * The public synchronous calls of `node:zlib` want the whole of a body and give all of it. What they are made of does not: the
 * stream's handle, whose `writeSync` decodes from one buffer into another and tells how far it came. A test holds the runtime to that.
 *
 * @module
 */
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";

/** A compressed format. */
export type Format = "gzip" | "zlib" | "raw-deflate" | "br" | "zstd";

interface Handle {
  onerror: (message: string, number: number, code: string) => void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  close(): void;
}

interface Decompressor {
  readonly _handle: Handle;
  /** Bytes that are left after `writeSync`: of the output, of the input. */
  readonly _writeState: Uint32Array;
}

interface Kind {
  open(): unknown;
  /** Gives out all that can be told from the input so far. */
  readonly flush: number;
  readonly finish: number;
}

/** RFC 9659: no content coding has a larger window. */
const ZSTD_WINDOW_LOG = 23;
/** Of a decompressor without what it keeps of a long window: gzip's 26 KiB, of zstd 41, of brotli 73. */
const STATE_BYTES = 64 * 1024;

const DEFLATE = { flush: constants.Z_SYNC_FLUSH, finish: constants.Z_FINISH };
const KINDS: Readonly<Record<Format, Kind>> = {
  "gzip": { ...DEFLATE, open: () => createGunzip() },
  "zlib": { ...DEFLATE, open: () => createInflate() },
  "raw-deflate": { ...DEFLATE, open: () => createInflateRaw() },
  "br": {
    open: () => createBrotliDecompress(),
    flush: constants.BROTLI_OPERATION_PROCESS,
    finish: constants.BROTLI_OPERATION_PROCESS,
  },
  "zstd": {
    open: () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
    flush: constants.ZSTD_e_continue,
    finish: constants.ZSTD_e_continue,
  },
};

const NOTHING = new Uint8Array(0);
/** Begins no frame of zstd, nor anything of brotli that would not be taken as more of an unfinished stream. */
const FOREIGN = new Uint8Array(8).fill(0x78);
const SCRATCH = new Uint8Array(1024);

/** One compressed stream. Members of gzip and frames of zstd that follow each other are one. */
export class ZlibStream {
  /** Of the last step. */
  consumed = 0;
  produced = 0;
  /** The input is not of this format from somewhere in the last step on. */
  isMalformed = false;
  readonly #stream: Decompressor;
  readonly #kind: Kind;
  #error = "";
  #windowBytes = 0;
  /** Since the stream began. */
  #takenBytes = 0;
  #givenBytes = 0;

  constructor(readonly format: Format) {
    this.#kind = KINDS[format];
    this.#stream = this.#kind.open() as Decompressor;
    this.#stream._handle.onerror = (message) => this.#error = message;
  }

  /**
   * Decodes `input` from `start` to `end` into `output`, as far as there is room. Where it leaves input though there is room, it made
   * what it could of it: calling again goes on, and a step that neither takes nor gives is the end of the stream.
   */
  step(input: Uint8Array, start: number, end: number, output: Uint8Array): void {
    if (this.#takenBytes === 0 && start < end) this.#windowBytes = windowBytesOf(this.format, input[start]);
    this.#run(this.#kind.flush, input, start, end, output);
    this.#takenBytes += this.consumed;
    this.#givenBytes += this.produced;
  }

  /** What it may hold by now: a window is filled by what was decoded. */
  get memoryBytes(): number {
    return STATE_BYTES + Math.min(this.#windowBytes, this.#givenBytes);
  }

  /** Whether the stream may end where the input has. Asked once, behind the last step. */
  isWhole(): boolean {
    if (this.isMalformed) return false;
    switch (this.format) {
      case "br":
        // Bytes behind the end are not taken.
        this.#run(this.#kind.finish, FOREIGN, 0, 1, SCRATCH);
        return this.consumed === 0 && !this.isMalformed;
      case "zstd":
        this.#run(this.#kind.finish, FOREIGN, 0, FOREIGN.length, SCRATCH);
        return /unknown frame descriptor/i.test(this.#error);
      default:
        this.#run(this.#kind.finish, NOTHING, 0, 0, SCRATCH);
        return !this.isMalformed;
    }
  }

  close(): void {
    this.#stream._handle.close();
  }

  #run(flush: number, input: Uint8Array, start: number, end: number, output: Uint8Array): void {
    const { _handle, _writeState } = this.#stream;
    this.consumed = this.produced = 0;
    try {
      _handle.writeSync(flush, input, start, end - start, output, 0, output.length);
    } catch (error) {
      // Of what it throws nothing more is known than that.
      this.#error = (error as Error).message || "failed";
      this.isMalformed = true;
      return;
    }
    this.produced = output.length - _writeState[0];
    this.consumed = end - start - _writeState[1];
    this.isMalformed = this.#error !== "";
  }
}

/** The window of a stream that begins with this byte; of deflate it is a part of the state. */
function windowBytesOf(format: Format, first: number): number {
  if (format === "zstd") return 2 ** ZSTD_WINDOW_LOG;
  return format === "br" ? 2 ** brotliWindowBits(first) : 0;
}

/** WBITS (RFC 7932, section 9.1). */
function brotliWindowBits(first: number): number {
  const [middle, high] = [first >> 1 & 7, first >> 4 & 7];
  if ((first & 1) === 0) return 16;
  if (middle !== 0) return 17 + middle;
  return high === 0 ? 17 : 8 + high;
}
