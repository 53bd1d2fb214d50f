// SPDX-License-Identifier: MIT
/**
 * Messages of a WebSocket (RFC 6455) that agreed on permessage-deflate (RFC 7692), without compression and without mask: what is
 * written are frames still, of the same messages.
 *
 * @module
 */
import type { Direction } from "../direction.ts";
import { ByteWriter } from "../http1/byte_writer.ts";
import { headerLength, isMasked, payloadLength } from "../websocket_header.ts";
import { type DecoderHolder, MessageBudget } from "./budget.ts";
import type { DecodeContext } from "./decoded_message.ts";
import type { Outlet } from "./outlet.ts";
import { ZlibStream } from "./zlib_stream.ts";

const FIN = 0x80;
const COMPRESSED = 0x40;
const FIRST_CONTROL_OPCODE = 8;
const MAX_HEADER_BYTES = 14;
/** Decoded bytes come in pieces of so much at most, and are written when there are four of them. */
const PIECE_BYTES = 16 * 1024;
const WRITE_BYTES = 4 * PIECE_BYTES;
/** Compressed bytes without a decoded one that are kept: a block's tables are far shorter, what is longer is empty blocks. */
const MAX_SILENT_BYTES = 64 * 1024;

const PIECE = new Uint8Array(PIECE_BYTES);
/** What the sender leaves off the end of every message. */
const TAIL = Uint8Array.of(0, 0, 0xff, 0xff);

/** For each direction, whether the sender begins every message anew. */
export type AgreedDeflate = readonly [toServer: boolean, toClient: boolean];

/** What `Sec-WebSocket-Extensions` of the response, in lower case, says; undefined without permessage-deflate. */
export function agreedDeflate(extensions: string): AgreedDeflate | undefined {
  const parameters = extensions.split(",").map((one) => one.split(";").map((part) => part.trim()))
    .find(([name]) => name === "permessage-deflate");
  return parameters && [
    parameters.includes("client_no_context_takeover"),
    parameters.includes("server_no_context_takeover"),
  ];
}

/** One direction. */
export class WebSocketDecoder implements DecoderHolder {
  readonly direction: Direction;
  readonly #header = new Uint8Array(MAX_HEADER_BYTES);
  #headerLength = 0;
  /** Of the frame at hand: its first byte, the bytes to come, where its mask is, how much of it has come. */
  #first = 0;
  #left = 0;
  #maskAt = -1;
  #maskPosition = 0;
  #isInFrame = false;
  /** The message at hand is compressed. */
  #isCompressed = false;
  /** What the next frame written of it begins with. */
  #opcode = 0;
  #inflate: ZlibStream | undefined;
  /** Of the message, and of which nothing decoded may have come. */
  readonly #silent = new ByteWriter(0);
  #budget: MessageBudget;
  /** Nothing more is decoded, or read at all. */
  #isStopped = false;
  #isLost = false;

  constructor(
    readonly beginsAnew: boolean,
    readonly outlet: Outlet,
    readonly context: DecodeContext,
  ) {
    this.direction = outlet.direction;
    this.#budget = new MessageBudget(context.budget, context.options);
  }

  data(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#isLost) return this.outlet.pass(bytes.subarray(at));
      at = this.#isInFrame ? this.#payload(bytes, at) : this.#frameHeader(bytes, at);
    }
  }

  /** The rest is as it came: nobody knows where the next frame begins. */
  gap(lengthBytes: number): void {
    if (!this.#isLost) {
      this.#stop("gap");
      this.#isLost = true;
      this.flush();
      this.outlet.write(this.#header.slice(0, this.#headerLength));
      this.#headerLength = 0;
    }
    this.outlet.gap(lengthBytes);
  }

  /** What is decoded is written, as a part of its message. */
  flush(): void {
    if (this.context.scratch.decoded.length > 0) this.#writeDecoded(0);
  }

  end(): void {
    this.flush();
    if (this.#headerLength > 0) this.outlet.write(this.#header.slice(0, this.#headerLength));
    this.#headerLength = 0;
    this.#release();
  }

  evict(): void {
    this.#stop("memory");
  }

  /** What it may hold by now. */
  get memoryBytes(): number {
    return (this.#inflate?.memoryBytes ?? 0) + this.#silent.length;
  }

  #frameHeader(bytes: Uint8Array, at: number): number {
    const header = this.#header;
    header[this.#headerLength++] = bytes[at++];
    const length = this.#headerLength;
    if (length < 2) return at;
    const lengthEnd = headerLength(header);
    const hasMask = isMasked(header);
    if (length < lengthEnd + (hasMask ? 4 : 0)) return at;
    this.#left = payloadLength(header);
    this.#maskAt = hasMask ? lengthEnd : -1;
    this.#maskPosition = 0;
    this.#beginFrame();
    return at;
  }

  #beginFrame(): void {
    const first = this.#first = this.#header[0];
    const opcode = first & 0x0f;
    this.#headerLength = 0;
    this.#isInFrame = true;
    if (opcode < FIRST_CONTROL_OPCODE && opcode > 0) {
      this.#isCompressed = (first & COMPRESSED) !== 0 && !this.#isStopped;
      this.#opcode = opcode;
      if (this.#isCompressed) this.#beginMessage();
    }
    if (!this.#isDecoding) {
      this.flush();
      this.#writeHeader(first, this.#left);
    }
    if (this.#left === 0) this.#endFrame();
  }

  /** Whether the frame at hand is of a message that is decoded. */
  get #isDecoding(): boolean {
    return this.#isCompressed && (this.#first & 0x0f) < FIRST_CONTROL_OPCODE;
  }

  #beginMessage(): void {
    this.#budget = new MessageBudget(this.context.budget, this.context.options);
    if (this.#inflate !== undefined) return;
    this.context.pool.add(this.context.budget, this);
    this.#inflate = new ZlibStream("raw-deflate");
  }

  #payload(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.#left, at + PIECE_BYTES);
    const plain = this.#unmasked(bytes, at, end);
    this.#left -= end - at;
    if (this.#isDecoding) this.#decode(plain, this.#left === 0);
    else this.outlet.write(plain);
    if (this.#left === 0) this.#endFrame();
    return end;
  }

  #unmasked(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const piece = bytes.slice(start, end);
    if (this.#maskAt < 0) return piece;
    for (let i = 0; i < piece.length; i++) {
      piece[i] ^= this.#header[this.#maskAt + (this.#maskPosition++ & 3)];
    }
    return piece;
  }

  #endFrame(): void {
    this.#isInFrame = false;
    if (!this.#isDecoding || (this.#first & FIN) === 0) return;
    this.#isCompressed = false;
    if (!this.#run(TAIL)) return this.#showEncoded(FIN);
    this.#writeDecoded(FIN);
    this.#silent.length = 0;
    this.context.count("decoded-permessage-deflate");
    if (this.beginsAnew) this.#release();
  }

  #decode(plain: Uint8Array, isFrameEnd: boolean): void {
    this.#budget.received(plain.length);
    const before = this.context.scratch.decoded.length;
    this.#silent.copy(plain, 0, plain.length);
    if (this.#run(plain)) {
      const isSilent = this.context.scratch.decoded.length === before;
      if (isSilent && this.#silent.length <= MAX_SILENT_BYTES) return;
      if (isSilent) this.context.count("encoded-silent-bytes", this.#silent.length);
      this.#silent.length = 0;
      return;
    }
    this.#isCompressed = false;
    this.#showEncoded(isFrameEnd ? this.#first & FIN : 0);
    if (!isFrameEnd) this.#writeHeader(this.#first & FIN, this.#left);
  }

  /** What could not be decoded goes on as parts of its message, or as the whole of it. */
  #showEncoded(fin: number): void {
    this.flush();
    const first = this.#opcode > 0 ? this.#opcode | COMPRESSED : 0;
    this.#writeHeader(first | fin, this.#silent.length);
    this.outlet.write(this.#silent.view());
    this.#silent.length = 0;
    this.#opcode = 0;
  }

  /** Answers whether all of it could be decoded. */
  #run(input: Uint8Array): boolean {
    const stream = this.#inflate;
    const { decoded } = this.context.scratch;
    for (let at = 0; stream !== undefined;) {
      stream.step(input, at, input.length, PIECE);
      const { consumed, produced, isMalformed } = stream;
      const bound = this.#budget.take(produced);
      if (bound !== "" || isMalformed) {
        this.#stop(bound || "malformed");
        return false;
      }
      decoded.copy(PIECE, 0, produced);
      at += consumed;
      if (decoded.length >= WRITE_BYTES) this.flush();
      if (produced === PIECE_BYTES) continue;
      if (at === input.length) return true;
      if (consumed === 0 && produced === 0) {
        this.#stop("trailing");
        return false;
      }
    }
    return false;
  }

  #writeDecoded(fin: number): void {
    const { decoded } = this.context.scratch;
    this.#writeHeader(fin | this.#opcode, decoded.length);
    this.outlet.write(decoded.view());
    decoded.length = 0;
    this.#opcode = 0;
  }

  #writeHeader(first: number, length: number): void {
    const { written } = this.context.scratch;
    const bytes = new Uint8Array(10);
    const view = new DataView(bytes.buffer);
    bytes[0] = first;
    bytes[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
    if (bytes[1] === 126) view.setUint16(2, length);
    if (bytes[1] === 127) view.setBigUint64(2, BigInt(length));
    written.copy(bytes, 0, bytes[1] === 126 ? 4 : bytes[1] === 127 ? 10 : 2);
    this.outlet.write(written.view());
    written.length = 0;
  }

  /** Messages go on compressed. */
  #stop(reason: string): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#release();
    this.context.count(`encoded-websocket-${reason}`);
  }

  #release(): void {
    this.#inflate?.close();
    this.#inflate = undefined;
    this.context.pool.remove(this.context.budget, this);
  }
}
