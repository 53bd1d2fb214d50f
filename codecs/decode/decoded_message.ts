// SPDX-License-Identifier: MIT
/**
 * A message whose body is decoded: its head waits until it is certain what can be said of the body.
 *
 * @module
 */
import { ByteWriter } from "../http1/byte_writer.ts";
import { MAX_CHUNK_BYTES } from "../http1/message_writer.ts";
import type { MemoryBudget } from "../memory_budget.ts";
import { type DecoderHolder, type DecoderPool, type FlowBudget, MessageBudget } from "./budget.ts";
import { type Coding, ContentDecoder, type Stop } from "./content_decoder.ts";
import { DECODED_MARK, ENCODED_MARK, type MessageHead, renamed, rewriteHead } from "./message_head.ts";
import type { DecodeOptions } from "./options.ts";
import type { Outlet } from "./outlet.ts";

/** Decoded bytes are written when there are so many, or no more at hand. */
const WRITE_BYTES = 64 * 1024;
/** Trailer lines of a message. */
const MAX_TRAILER_BYTES = 64 * 1024;

const NOTHING: Uint8Array = new Uint8Array(0);
const NO_NAMES: ReadonlySet<string> = new Set();
const REPLACED: ReadonlySet<string> = new Set(["content-encoding", "content-length", "transfer-encoding"]);

/** Why a body, or the rest of it, is shown encoded. */
type Reason = Stop | "truncated" | "memory" | "gap" | "framing";

/** Used by one call at a time, so that all flows can share them. */
export interface DecodeScratch {
  /** Decoded, and not written. */
  readonly decoded: ByteWriter;
  readonly written: ByteWriter;
}

/** What messages of a flow share. */
export interface DecodeContext {
  readonly options: DecodeOptions;
  readonly pool: DecoderPool;
  readonly budget: FlowBudget;
  readonly scratch: DecodeScratch;
  readonly memory: MemoryBudget;
  count(reason: string, amount?: number): void;
}

/**
 * ```
 * HELD ──whole at once───────────────────────────▶ DONE
 *  ├──something is decoded──▶ STREAMING ──end────▶ DONE
 *  └──nothing can be decoded──▶ ENCODED: the rest of the message passes as it comes
 * ```
 */
const State = { HELD: 0, STREAMING: 1, ENCODED: 2, DONE: 3 } as const;
type State = typeof State[keyof typeof State];

export class DecodedMessage implements DecoderHolder {
  #state: State = State.HELD;
  #decoder: ContentDecoder | undefined;
  /** As it came behind the head, while it can still be shown so. */
  #kept: ByteWriter | undefined = new ByteWriter(0);
  #encodedBytes = 0;
  #decodedBytes = 0;
  /** Encoded, given up between two calls. */
  #rest = NOTHING;
  /** Why nothing more is decoded. */
  #stop: Reason | "" = "";
  #trailers: string[] = [];
  #trailerBytes = 0;

  /** `bytes` is the head with its empty line. */
  constructor(
    readonly head: MessageHead,
    readonly bytes: Uint8Array,
    readonly outlet: Outlet,
    readonly context: DecodeContext,
  ) {
    const budget = new MessageBudget(context.budget, context.options);
    context.pool.add(context.budget, this);
    this.#decoder = new ContentDecoder(codingsOf(head), budget);
  }

  /** Nothing of it was decoded: what follows passes as it comes. */
  get isEncoded(): boolean {
    return this.#state === State.ENCODED;
  }

  /** What it may hold by now. */
  get memoryBytes(): number {
    return (this.#decoder?.memoryBytes ?? 0) + (this.#kept?.length ?? 0);
  }

  body(bytes: Uint8Array): void {
    this.#encodedBytes += bytes.length;
    if (this.#decoder === undefined) return this.#afterStop(bytes);
    this.#keep(bytes);
    const stop = this.#decoder.push(bytes, this.#emit);
    this.#forget(this.#decoder.takeForgottenBytes());
    if (stop === "") return;
    const rest = this.#decoder.rest(bytes, stop);
    // Nothing of brotli but its end is told: an end before the first byte is none.
    this.#giveUp(stop === "trailing" && this.#decodedBytes === 0 ? "malformed" : stop);
    if (this.#kept === undefined) this.#append(rest);
    else this.#showEncoded();
  }

  /** So many encoded bytes that gave nothing are left out: what follows can only be shown decoded, or behind the head of that. */
  #forget(lengthBytes: number): void {
    if (lengthBytes === 0) return;
    this.context.count("encoded-silent-bytes", lengthBytes);
    this.#kept = undefined;
    if (this.#state === State.HELD) this.#stream();
  }

  /** Bytes of the chunked coding. */
  framing(bytes: Uint8Array): void {
    this.#keep(bytes);
    this.#showEncoded();
  }

  trailer(line: string): void {
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > MAX_TRAILER_BYTES) return this.context.count("trailers-left-out");
    this.#trailers.push(renamed(line));
  }

  /** Bytes of the body are missing. Where nothing was decoded the message is encoded now, and has a place for the gap. */
  gap(lengthBytes: number): void {
    if (this.#stop === "") this.#abandon("gap");
    this.#showEncoded();
    if (!this.isEncoded) this.context.count("encoded-gap-bytes", lengthBytes);
  }

  /** Nothing more comes in this call. */
  flush(): void {
    this.#showEncoded();
    if (this.#state < State.ENCODED && this.context.scratch.decoded.length > 0) this.#stream();
  }

  /** The message is whole. */
  end(): void {
    if (this.#encodedBytes === 0) return this.#asItCame([]);
    if (this.#decoder && !this.#decoder.isWhole()) this.#abandon("truncated");
    this.#showEncoded();
    this.#release();
    if (this.#state === State.HELD) this.#writeWhole();
    else if (this.#state === State.STREAMING) this.#endStream(this.#marksBehind());
    if (this.#state < State.ENCODED) this.#countDecoded();
    this.#state = State.DONE;
  }

  /** Nothing more of the message comes, and it is not whole. */
  cut(): void {
    this.#release();
    if (this.#kept !== undefined) return this.#asItCame([]);
    this.flush();
    if (this.#state >= State.ENCODED) return;
    this.#countDecoded();
    this.#state = State.DONE;
  }

  /** So is its framing: what follows it comes as it is. */
  broken(line: string): void {
    if (this.#stop === "") this.#abandon("framing");
    this.#showEncoded();
    if (this.isEncoded) return;
    if (this.#state === State.HELD) this.#stream();
    this.#endStream(this.#marksBehind());
    this.#countDecoded();
    this.#state = State.DONE;
    this.outlet.write(latin1Bytes(line));
  }

  evict(): void {
    this.#abandon("memory");
  }

  readonly #emit = (piece: Uint8Array): void => {
    this.#decodedBytes += piece.length;
    this.#kept = undefined;
    this.#append(piece);
  };

  #append(bytes: Uint8Array): void {
    const { decoded } = this.context.scratch;
    decoded.copy(bytes, 0, bytes.length);
    if (decoded.length >= WRITE_BYTES) this.#stream();
  }

  #keep(bytes: Uint8Array): void {
    this.#kept?.copy(bytes, 0, bytes.length);
  }

  #afterStop(bytes: Uint8Array): void {
    this.#keep(bytes);
    this.#showEncoded();
    if (!this.isEncoded) this.#append(bytes);
  }

  #giveUp(reason: Reason): void {
    this.#stop = reason;
    this.#release();
    this.context.count(`encoded-${reason}`);
  }

  /** Gives up between two pieces of the body; may not write. */
  #abandon(reason: Reason): void {
    if (this.#kept === undefined) this.#rest = this.#decoder!.unshown(reason !== "truncated");
    this.#giveUp(reason);
  }

  #release(): void {
    this.#decoder?.close();
    this.#decoder = undefined;
    this.context.pool.remove(this.context.budget, this);
  }

  /** Once nothing more will be decoded: what waits for that. */
  #showEncoded(): void {
    if (this.#stop === "") return;
    const rest = this.#rest;
    this.#rest = NOTHING;
    if (rest.length > 0) this.#append(rest);
    if (this.#kept !== undefined) this.#asItCame([`${ENCODED_MARK}: ${this.#stop}`]);
  }

  #asItCame(marks: readonly string[]): void {
    this.#release();
    this.#state = State.ENCODED;
    this.outlet.write(rewriteHead(this.bytes, NO_NAMES, marks));
    this.outlet.write(this.#kept!.slice());
    this.#kept = undefined;
  }

  /** The head of the decoded message, with its framing. */
  #head(framing: readonly string[]): void {
    const { contentCodings, contentLength } = this.head;
    const lines = [`${DECODED_MARK}: ${contentCodings.join(", ")}`];
    if (contentLength >= 0) lines.push(`x-sslcollector-content-length: ${contentLength}`);
    if (this.#stop !== "") lines.push(this.#encodedMark());
    const { written } = this.context.scratch;
    const head = rewriteHead(this.bytes, REPLACED, [...lines, ...framing]);
    written.copy(head, 0, head.length);
  }

  #encodedMark(): string {
    return `${ENCODED_MARK}: ${this.#stop}, from byte ${this.#decodedBytes}`;
  }

  /** What became known behind the head. */
  #marksBehind(): string[] {
    return this.#stop === "" || this.#isStopInHead ? [] : [this.#encodedMark()];
  }
  #isStopInHead = false;

  #writeWhole(): void {
    const { decoded, written } = this.context.scratch;
    if (this.#trailers.length > 0) {
      this.#stream();
      return this.#endStream([]);
    }
    this.#head([`Content-Length: ${decoded.length}`]);
    written.copy(decoded.bytes, 0, decoded.length);
    decoded.length = 0;
    this.#flushWritten();
  }

  /** Writes what is decoded, and the head before it. */
  #stream(): void {
    const { decoded, written } = this.context.scratch;
    if (this.#state === State.HELD) {
      this.#isStopInHead = this.#stop !== "";
      this.#head(this.head.isHttp10 ? [] : ["Transfer-Encoding: chunked"]);
      this.#state = State.STREAMING;
    }
    if (this.head.isHttp10) written.copy(decoded.bytes, 0, decoded.length);
    else this.#chunks();
    decoded.length = 0;
    this.#flushWritten();
  }

  #chunks(): void {
    const { decoded, written } = this.context.scratch;
    for (let at = 0; at < decoded.length; at += MAX_CHUNK_BYTES) {
      const end = Math.min(at + MAX_CHUNK_BYTES, decoded.length);
      written.ascii(`${(end - at).toString(16)}\r\n`);
      written.copy(decoded.bytes, at, end);
      written.ascii("\r\n");
    }
  }

  #endStream(marks: readonly string[]): void {
    if (this.context.scratch.decoded.length > 0) this.#stream();
    if (this.head.isHttp10) return;
    this.context.scratch.written.ascii(`0\r\n${[...this.#trailers, ...marks, "", ""].join("\r\n")}`);
    this.#flushWritten();
  }

  #flushWritten(): void {
    const { written } = this.context.scratch;
    this.outlet.write(written.view());
    written.length = 0;
  }

  #countDecoded(): void {
    for (const coding of this.head.contentCodings) this.context.count(`decoded-${coding}`);
    this.context.count("decoded-bytes", this.#decodedBytes);
  }
}

const latin1Bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

const CODINGS: Readonly<Record<string, Coding>> = {
  "gzip": "gzip",
  "x-gzip": "gzip",
  "deflate": "deflate",
  "br": "br",
  "zstd": "zstd",
};

/** Whether there is a decoder for a content coding. */
export const isKnownCoding = (name: string): boolean => Object.hasOwn(CODINGS, name);

const codingsOf = ({ contentCodings }: MessageHead) => contentCodings.map((name) => CODINGS[name]);
