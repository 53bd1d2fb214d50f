// SPDX-License-Identifier: MIT
/** Frames of a WebSocket (RFC 6455), one direction, with their mask undone. @module */
import { headerLength, isMasked, payloadLength } from "../../codecs/websocket_header.ts";

const FIN = 0x80;
const COMPRESSED = 0x40;
const HEADER_BYTES_MAX = 14;
/** Payload comes in pieces of so much at most. */
const PIECE_BYTES = 16 * 1024;

/** What a frame begins with. */
export interface FrameStart {
  readonly opcode: number;
  /** It is the last of its message. */
  readonly isFinal: boolean;
  readonly isCompressed: boolean;
}

/** Told what comes, in its order. */
export interface FrameParts {
  frame(start: FrameStart): void;
  /** Without mask; borrowed. */
  payload(bytes: Uint8Array): void;
  frameEnd(): void;
}

export class WebSocketFrames {
  readonly #parts: FrameParts;
  readonly #header = new Uint8Array(HEADER_BYTES_MAX);
  readonly #piece = new Uint8Array(PIECE_BYTES);
  #headerBytes = 0;
  #left = 0;
  /** Where the mask stands in the header, -1: none. */
  #maskAt = -1;
  #maskPosition = 0;
  #isInFrame = false;

  constructor(parts: FrameParts) {
    this.#parts = parts;
  }

  data(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      at = this.#isInFrame ? this.#payload(bytes, at) : this.#headerByte(bytes[at]) + at;
    }
  }

  /** Takes a byte of a header; answers 1. */
  #headerByte(byte: number): 1 {
    const header = this.#header;
    header[this.#headerBytes++] = byte;
    if (this.#headerBytes < 2) return 1;
    const lengthEnd = headerLength(header);
    const hasMask = isMasked(header);
    if (this.#headerBytes < lengthEnd + (hasMask ? 4 : 0)) return 1;
    this.#left = payloadLength(header);
    this.#maskAt = hasMask ? lengthEnd : -1;
    this.#maskPosition = this.#headerBytes = 0;
    this.#isInFrame = true;
    this.#parts.frame({
      opcode: header[0] & 0x0f,
      isFinal: (header[0] & FIN) !== 0,
      isCompressed: (header[0] & COMPRESSED) !== 0,
    });
    if (this.#left === 0) this.#end();
    return 1;
  }

  #payload(bytes: Uint8Array, at: number): number {
    const length = Math.min(bytes.length - at, this.#left, PIECE_BYTES);
    const piece = this.#piece;
    for (let i = 0; i < length; i++) {
      const mask = this.#maskAt < 0 ? 0 : this.#header[this.#maskAt + (this.#maskPosition++ & 3)];
      piece[i] = bytes[at + i] ^ mask;
    }
    this.#left -= length;
    this.#parts.payload(piece.subarray(0, length));
    if (this.#left === 0) this.#end();
    return at + length;
  }

  #end(): void {
    this.#isInFrame = false;
    this.#parts.frameEnd();
  }
}
