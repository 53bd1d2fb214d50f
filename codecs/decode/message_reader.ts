// SPDX-License-Identifier: MIT
/** One direction of HTTP/1.1 into heads, bodies and what frames them, in pieces as they come. @module */
import { type Direction, TO_SERVER } from "../direction.ts";
import { ByteWriter } from "../http1/byte_writer.ts";

/** Heads of no message are longer: `http2to1` writes 256 KiB, servers take less. */
const MAX_HEAD_BYTES = 512 * 1024;
/** A line of the chunked coding. */
const MAX_LINE_BYTES = 16 * 1024;
/** A method: servers take any word, as long as what they take of all fields. */
const MAX_METHOD_BYTES = 16 * 1024;

const LF = 10;
const CR = 13;
const SPACE = 32;

/** What follows a head: so many bytes of body, or one of these. */
export const Framing = { CHUNKED: -1, UNTIL_END: -2, OPAQUE: -3 } as const;
export type Framing = number;

/** Told what comes, in its order; all bytes are borrowed, and together they are all that came. */
export interface MessageParts {
  /** A head with its empty line; answers what follows. */
  head(bytes: Uint8Array): Framing;
  body(bytes: Uint8Array): void;
  /** Of the chunked coding, in any pieces; or an empty line before a head. */
  framing(bytes: Uint8Array): void;
  /** A trailer line, without its end; its bytes were `framing`. */
  trailer(line: string): void;
  /** The message is whole. */
  messageEnd(): void;
  /** Bytes of the body, or of what is opaque, are missing. */
  gap(lengthBytes: number): void;
  /** The framing is broken, in a line of which so much has come; what follows is opaque. */
  broken(line: string): void;
  /** No message, or none whose end can be told. */
  opaque(bytes: Uint8Array): void;
}

/**
 * ```
 *   ┌──────────────────────────whole──────────────────────────────┐
 *   ▼                                                              │
 * HEAD ──length──▶ LENGTH ─────────────────────────────────────────┤
 *   ├──chunked──▶ SIZE ──▶ CHUNK ──▶ CHUNK_END ──▶ SIZE            │
 *   │               └──last──▶ TRAILERS ───────────────────────────┘
 *   ├──neither──▶ UNTIL_END
 *   └──no message, or a tunnel; and from anywhere where framing breaks──▶ OPAQUE
 * ```
 */
const State = {
  HEAD: 0,
  LENGTH: 1,
  SIZE: 2,
  CHUNK: 3,
  CHUNK_END: 4,
  TRAILERS: 5,
  UNTIL_END: 6,
  OPAQUE: 7,
} as const;
type State = typeof State[keyof typeof State];

export class MessageReader {
  #state: State = State.HEAD;
  /** Of the body or chunk. */
  #left = 0;
  /** Of a head, while it is not whole. */
  #held: ByteWriter | undefined;
  /** Of the chunked coding, while it is not whole. */
  #line = "";

  constructor(readonly direction: Direction, readonly parts: MessageParts) {}

  get isOpaque(): boolean {
    return this.#state === State.OPAQUE;
  }

  data(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at = this.#next(bytes, at);
  }

  /** Whether nothing of a message has come since the last. */
  get isIdle(): boolean {
    return this.#state === State.HEAD && this.#held === undefined;
  }

  /** Of a head that is not whole. */
  get heldBytes(): number {
    return this.#held?.length ?? 0;
  }

  /** Bytes are missing: unless that is inside a body, what follows is opaque. */
  gap(lengthBytes: number): void {
    const isBody = this.#state === State.LENGTH || this.#state === State.CHUNK;
    if (isBody && lengthBytes <= this.#left) {
      this.#left -= lengthBytes;
      this.parts.gap(lengthBytes);
      if (this.#left === 0) this.#bodyEnd();
      return;
    }
    if (this.#state !== State.OPAQUE && this.#state !== State.UNTIL_END) this.#break();
    this.parts.gap(lengthBytes);
  }

  /** The direction has ended. */
  end(): void {
    if (this.#state === State.UNTIL_END) this.#messageEnd();
    else this.makeOpaque();
  }

  /** Nothing more is read: a tunnel begins. */
  makeOpaque(): void {
    this.#state = State.OPAQUE;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.parts.opaque(held.view());
  }

  /** Answers where the next part begins. */
  #next(bytes: Uint8Array, at: number): number {
    switch (this.#state) {
      case State.HEAD:
        return this.#head(bytes, at);
      case State.LENGTH:
      case State.CHUNK: {
        const end = Math.min(at + this.#left, bytes.length);
        this.#left -= end - at;
        this.parts.body(partOf(bytes, at, end));
        if (this.#left === 0) this.#bodyEnd();
        return end;
      }
      case State.UNTIL_END:
        this.parts.body(partOf(bytes, at, bytes.length));
        return bytes.length;
      case State.OPAQUE:
        this.parts.opaque(bytes.subarray(at));
        return bytes.length;
      default:
        return this.#framing(bytes, at);
    }
  }

  #bodyEnd(): void {
    if (this.#state === State.CHUNK) this.#state = State.CHUNK_END;
    else this.#messageEnd();
  }

  #messageEnd(): void {
    this.#state = State.HEAD;
    this.parts.messageEnd();
  }

  #break(): void {
    const line = this.#line;
    this.#line = "";
    this.parts.broken(line);
    this.makeOpaque();
  }

  #head(bytes: Uint8Array, at: number): number {
    const held = this.#held;
    if (held !== undefined) return this.#moreOfHead(held, bytes, at);
    const start = skipLineEnds(bytes, at);
    if (start > at) this.parts.framing(bytes.subarray(at, start));
    if (start === bytes.length) return start;
    const end = headEnd(bytes, start, bytes.length);
    if (end > 0) {
      this.#begin(bytes.subarray(start, end));
      return end;
    }
    if (!mayBeHead(this.direction, bytes, start, bytes.length)) {
      this.makeOpaque();
      return start;
    }
    this.#held = new ByteWriter(bytes.length - start + 1024);
    this.#held.copy(bytes, start, bytes.length);
    return bytes.length;
  }

  #moreOfHead(held: ByteWriter, bytes: Uint8Array, at: number): number {
    const before = held.length;
    held.copy(bytes, at, bytes.length);
    const end = headEnd(held.bytes, Math.max(0, before - 2), held.length);
    if (end > 0) {
      this.#held = undefined;
      this.#begin(held.bytes.subarray(0, end));
      return at + end - before;
    }
    if (held.length > MAX_HEAD_BYTES || !mayBeHead(this.direction, held.bytes, 0, held.length)) {
      this.makeOpaque();
    }
    return bytes.length;
  }

  #begin(head: Uint8Array): void {
    const framing = this.parts.head(head);
    switch (framing) {
      case Framing.CHUNKED:
        this.#state = State.SIZE;
        break;
      case Framing.UNTIL_END:
        this.#state = State.UNTIL_END;
        break;
      case Framing.OPAQUE:
        this.#state = State.OPAQUE;
        break;
      case 0:
        this.#messageEnd();
        break;
      default:
        this.#state = State.LENGTH;
        this.#left = framing;
    }
  }

  /** A line of the chunked coding, or a part of it. */
  #framing(bytes: Uint8Array, at: number): number {
    const lineFeed = bytes.indexOf(LF, at);
    const end = lineFeed < 0 ? bytes.length : lineFeed + 1;
    const piece = bytes.subarray(at, end);
    this.parts.framing(piece);
    for (const byte of piece) this.#line += String.fromCharCode(byte);
    if (this.#line.length > MAX_LINE_BYTES) this.#break();
    else if (lineFeed >= 0) {
      this.#framingLine(this.#line.replace(/\r?\n$/, ""));
      this.#line = "";
    }
    return end;
  }

  #framingLine(line: string): void {
    if (this.#state === State.TRAILERS) {
      if (line === "") this.#messageEnd();
      else this.parts.trailer(line);
    } else if (this.#state === State.CHUNK_END) {
      if (line === "") this.#state = State.SIZE;
      else this.#break();
    } else {
      const size = /^([0-9a-f]{1,13})[ \t]*(?:;.*)?$/i.exec(line);
      if (size === null) return this.#break();
      this.#left = parseInt(size[1], 16);
      this.#state = this.#left > 0 ? State.CHUNK : State.TRAILERS;
    }
  }
}

/** `bytes[start, end)`; of all of them no view is made, which is what bodies mostly come in. */
function partOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
}

function skipLineEnds(bytes: Uint8Array, at: number): number {
  while (at < bytes.length && (bytes[at] === CR || bytes[at] === LF)) at++;
  return at;
}

/** Behind the empty line that ends a head, 0 where there is none. A loop: lines are shorter than a call of `indexOf` is long. */
function headEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end - 1; at++) {
    if (bytes[at] !== LF) continue;
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && at + 2 < end && bytes[at + 2] === LF) return at + 3;
  }
  return 0;
}

const HTTP = new TextEncoder().encode("HTTP/1.");

/** Whether bytes could be the beginning of a head: kept are only those that may be one. */
export function mayBeHead(direction: Direction, bytes: Uint8Array, start: number, end: number): boolean {
  if (direction === TO_SERVER) {
    for (let at = start; at < Math.min(end, start + MAX_METHOD_BYTES); at++) {
      if (bytes[at] === SPACE) return at > start;
      if (bytes[at] < 0x21 || bytes[at] > 0x7e) return false;
    }
    return end - start < MAX_METHOD_BYTES;
  }
  for (let i = 0; i < Math.min(HTTP.length, end - start); i++) {
    if (bytes[start + i] !== HTTP[i]) return false;
  }
  return true;
}
