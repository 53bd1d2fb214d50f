// SPDX-License-Identifier: MIT
/** A body out of its content codings, as it comes. @module */
import { ByteWriter } from "../http1/byte_writer.ts";
import type { MessageBudget } from "./budget.ts";
import { type Format, ZlibStream } from "./zlib_stream.ts";

/** A content coding that can be undone. */
export type Coding = "gzip" | "deflate" | "br" | "zstd";

/** Codings of one body at most: curl takes five, browsers any number, and what all of them give together is bounded. */
export const MAX_CODINGS = 10;

/** Why a body is not decoded any further. */
export type Stop = "malformed" | "trailing" | "size" | "ratio";

/** Decoded bytes come in pieces of so much at most. */
const PIECE_BYTES = 64 * 1024;
/** Encoded bytes are given in pieces of so much. */
const STEP_BYTES = 16 * 1024;
/**
 * Encoded bytes without a decoded one that are kept, to be shown should decoding fail. A block of zstd has 128 KiB; what is longer decodes
 * to nothing: names in gzip's header, skippable frames of zstd, brotli's metadata.
 */
const MAX_SILENT_BYTES = 256 * 1024;

/** Used by one call at a time, so that all flows can share them. */
const BUFFERS = Array.from({ length: MAX_CODINGS }, () => new Uint8Array(PIECE_BYTES));
const FIRST = new Uint8Array(1);

/** One coding: what its name leaves open is told by the first two bytes, as servers mix up `deflate`, zlib and gzip. */
class Layer {
  stream: ZlibStream | undefined;
  /** The first byte, while it is alone. */
  first = -1;

  constructor(readonly coding: Coding) {
    if (coding === "br" || coding === "zstd") this.stream = new ZlibStream(coding);
  }

  /** Answers how many bytes it took. */
  begin(input: Uint8Array, at: number, end: number): number {
    if (this.first < 0) {
      this.first = input[at];
      if (end - at < 2) return 1;
      at++;
      this.#open(input[at]);
      return 1;
    }
    this.#open(input[at]);
    return 0;
  }

  #open(second: number): void {
    const format = this.#formatOf(this.first, second);
    this.stream = new ZlibStream(format);
    FIRST[0] = this.first;
    this.stream.step(FIRST, 0, 1, BUFFERS[0]);
  }

  #formatOf(first: number, second: number): Format {
    if (first === 0x1f && second === 0x8b) return "gzip";
    const isZlib = (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0;
    if (isZlib) return "zlib";
    return this.coding === "gzip" ? "gzip" : "raw-deflate";
  }
}

export class ContentDecoder {
  /** The outermost, which was applied last, comes first. */
  readonly #layers: readonly Layer[];
  /** Given before the step at hand, from the step on that gave the last decoded bytes. */
  readonly #silent = new ByteWriter(0);
  /** Where the step at hand begins, or what is behind the end of the stream. */
  #restFrom = 0;
  #hasEmitted = false;
  #forgottenBytes = 0;
  /** Of `#silent`, the step that gave decoded bytes. */
  #emittedLength = 0;

  /** `codings` in the order they were applied. */
  constructor(codings: readonly Coding[], readonly budget: MessageBudget) {
    this.#layers = codings.toReversed().map((coding) => new Layer(coding));
  }

  /** Decodes as far as it can; `emit` borrows each piece. Answers why it stopped, if it did: it must not be called again then. */
  push(bytes: Uint8Array, emit: (piece: Uint8Array) => void): Stop | "" {
    for (let at = 0; at < bytes.length; at += STEP_BYTES) {
      const end = Math.min(at + STEP_BYTES, bytes.length);
      this.budget.received(end - at);
      this.#restFrom = at;
      this.#hasEmitted = false;
      const stop = this.#feed(0, bytes, at, end, emit);
      if (stop !== "") return stop;
      if (this.#hasEmitted) {
        this.#silent.length = 0;
        this.#emittedLength = end - at;
      }
      if (this.#silent.length > MAX_SILENT_BYTES) this.#forget();
      this.#silent.copy(bytes, at, end);
    }
    return "";
  }

  #forget(): void {
    this.#forgottenBytes += this.#silent.length;
    this.#silent.length = this.#emittedLength = 0;
  }

  /** Encoded bytes that gave nothing and are not kept any more, since this was last asked. */
  takeForgottenBytes(): number {
    const bytes = this.#forgottenBytes;
    this.#forgottenBytes = 0;
    return bytes;
  }

  /** What it may hold by now. */
  get memoryBytes(): number {
    return this.#layers.reduce((sum, { stream }) => sum + (stream?.memoryBytes ?? 0), this.#silent.length);
  }

  /**
   * What must be shown encoded, when the call with `bytes` has stopped: all that is behind the end of a stream, or else all of which
   * nothing decoded may have come, and as much before it as was given together.
   */
  rest(bytes: Uint8Array, stop: Stop): Uint8Array {
    if (stop === "trailing") return bytes.subarray(this.#restFrom);
    this.#silent.copy(bytes, this.#restFrom, bytes.length);
    return this.#silent.view();
  }

  /** The same between two calls: `all`, or only that of which nothing decoded can have come. */
  unshown(all: boolean): Uint8Array {
    return this.#silent.view().slice(all ? 0 : this.#emittedLength);
  }

  /** Whether the body may end here. Asked once. */
  isWhole(): boolean {
    return this.#layers.every(({ stream }) => stream?.isWhole() ?? false);
  }

  close(): void {
    for (const { stream } of this.#layers) stream?.close();
  }

  #feed(
    depth: number,
    input: Uint8Array,
    start: number,
    end: number,
    emit: (piece: Uint8Array) => void,
  ): Stop | "" {
    if (depth === this.#layers.length) {
      this.#hasEmitted = true;
      emit(input.subarray(start, end));
      return "";
    }
    const layer = this.#layers[depth];
    let at = start;
    if (layer.stream === undefined && at < end) at += layer.begin(input, at, end);
    const { stream } = layer;
    if (stream === undefined) return "";
    const output = BUFFERS[depth];
    for (;;) {
      stream.step(input, at, end, output);
      const { consumed, produced, isMalformed } = stream;
      at += consumed;
      if (produced > 0) {
        const stop = this.budget.take(produced) || this.#feed(depth + 1, output, 0, produced, emit);
        if (stop !== "") return stop;
      }
      if (isMalformed) return "malformed";
      if (produced === output.length) continue;
      if (at === end) return "";
      if (consumed > 0 || produced > 0) continue;
      if (depth > 0) return "malformed";
      this.#restFrom = at;
      return "trailing";
    }
  }
}
