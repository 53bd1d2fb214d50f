// SPDX-License-Identifier: MIT
/** What a head of HTTP/1 says of the body behind it, read in one pass that makes no object. @module */
import { type Direction, TO_SERVER } from "../../codecs/direction.ts";

const CR = 13;
const TAB = 9;
const SPACE = 32;
const COMMA = 44;
const ZERO = 48;
const COLON = 58;
/** Set in lower-case letters. */
const LOWER = 32;
/** Of each byte of a word all bits but the highest. */
const LOW_BITS = 0x7f7f7f7f;
const LINE_FEEDS = 0x0a0a0a0a;

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const VERSION = ascii("HTTP/1.");
const CONTENT_LENGTH = ascii("content-length");
const TRANSFER_ENCODING = ascii("transfer-encoding");
const UPGRADE = ascii("upgrade");
const EXTENSIONS = ascii("sec-websocket-extensions");
const CHUNKED = ascii("chunked");
const WEBSOCKET = ascii("websocket");
const HEAD = ascii("head");
const CONNECT = ascii("connect");
const SWITCHING_PROTOCOLS = ascii("101");

/** Methods that decide what follows a response. */
export const MethodKind = { OTHER: 0, HEAD: 1, CONNECT: 2 } as const;
export type MethodKind = typeof MethodKind[keyof typeof MethodKind];

/** Beyond this a length is none: numbers are exact up to it. */
const LENGTH_MAX = 2 ** 52;

/** Memory in which heads lie, as bytes and as words; its length is a multiple of 4. */
export interface ScannedText {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}

/** Heads of messages are shorter, mostly by far. */
const COPY_BYTES_MAX = 4 * 1024;
const COPY = textOf(COPY_BYTES_MAX);

/** Whether {@linkcode scannedCopy} makes no object for it. */
export const isShort = (bytes: Uint8Array): boolean => bytes.length <= COPY_BYTES_MAX;

/** Memory that can be scanned. */
export function textOf(lengthBytes: number): ScannedText {
  const memory = new ArrayBuffer(lengthBytes + 3 & ~3);
  return { bytes: new Uint8Array(memory), words: new Int32Array(memory) };
}

/** A copy that can be scanned; good until the next one is made. */
export function scannedCopy(bytes: Uint8Array): ScannedText {
  const text = isShort(bytes) ? COPY : textOf(bytes.length);
  text.bytes.set(bytes);
  return text;
}

/** Its fields are those of the head that was read last. */
export class HeadScan {
  /** Of a request. */
  method: MethodKind = MethodKind.OTHER;
  /** Of a response. */
  status = 0;
  isHttp10 = false;
  /** -1: none. Of several that differ the first. */
  contentLength = -1;
  /** The last transfer coding is `chunked`. */
  isChunked = false;
  /** Readers may differ about where the message ends. */
  isAmbiguous = false;
  upgradesToWebSocket = false;
  /** Where `Sec-WebSocket-Extensions` has its value; the last one, -1: none. */
  extensionsStart = -1;
  extensionsEnd = -1;

  /**
   * Where the head ends that begins at `start`, 0: behind `end`. -1: its first line is none of HTTP/1. Answers count from the
   * beginning of `text`.
   */
  read(direction: Direction, text: ScannedText, start: number, end: number): number {
    this.method = MethodKind.OTHER;
    this.status = 0;
    this.isHttp10 =
      this.isChunked =
      this.isAmbiguous =
      this.upgradesToWebSocket =
        false;
    this.contentLength = this.extensionsStart = this.extensionsEnd = -1;
    const lineEnd = lineEndFrom(text.words, start, end);
    if (lineEnd >= end) return 0;
    const { bytes } = text;
    const isHead = direction === TO_SERVER
      ? this.#requestLine(bytes, start, lineEnd)
      : this.#statusLine(bytes, start);
    return isHead ? this.#fields(text, lineEnd + 1, end) : -1;
  }

  /**
   * Of the message that was read, where its request had `method`; -1 where its length is not told, or more than a message begins.
   * RFC 9112, section 6.3.
   */
  bodyLength(direction: Direction, method: MethodKind): number {
    if (this.isChunked) return -1;
    if (direction === TO_SERVER) return Math.max(0, this.contentLength);
    const { status, contentLength } = this;
    if (status < 200 || method === MethodKind.CONNECT) return -1;
    return method === MethodKind.HEAD || status === 204 || status === 304 ? 0 : contentLength;
  }

  #requestLine(bytes: Uint8Array, start: number, lineEnd: number): boolean {
    const end = bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const version = end - VERSION.length - 1;
    if (version < start + 3 || bytes[version - 1] !== SPACE || !this.#version(bytes, version)) return false;
    if (isAt(bytes, start, HEAD) && bytes[start + HEAD.length] === SPACE) this.method = MethodKind.HEAD;
    else if (isAt(bytes, start, CONNECT) && bytes[start + CONNECT.length] === SPACE) {
      this.method = MethodKind.CONNECT;
    }
    return true;
  }

  #statusLine(bytes: Uint8Array, start: number): boolean {
    if (!this.#version(bytes, start)) return false;
    const at = start + VERSION.length + 2;
    for (let i = at; i < at + 3; i++) {
      const digit = bytes[i] - ZERO;
      if (!(digit >= 0 && digit <= 9)) return false;
      this.status = 10 * this.status + digit;
    }
    return bytes[at - 1] === SPACE && !(bytes[at + 3] > SPACE);
  }

  #version(bytes: Uint8Array, at: number): boolean {
    const minor = bytes[at + VERSION.length] - ZERO;
    this.isHttp10 = minor === 0;
    return (minor === 0 || minor === 1) && isExactlyAt(bytes, at, VERSION);
  }

  /** Answers where the empty line behind them ends, 0 where there is none before `end`. */
  #fields({ bytes, words }: ScannedText, start: number, end: number): number {
    for (let at = start; at < end;) {
      const lineEnd = lineEndFrom(words, at, end);
      if (lineEnd >= end) return 0;
      if (lineEnd === at || lineEnd === at + 1 && bytes[at] === CR) return lineEnd + 1;
      switch (bytes[at] | LOWER) {
        case 0x63: // c
          if (this.#frames(bytes, at, CONTENT_LENGTH)) {
            this.#length(bytes, at + CONTENT_LENGTH.length + 1, lineEnd);
          }
          break;
        case 0x74: // t
          if (this.#frames(bytes, at, TRANSFER_ENCODING)) {
            this.#codings(bytes, at + TRANSFER_ENCODING.length + 1, lineEnd);
          }
          break;
        case 0x75: // u
          if (isField(bytes, at, UPGRADE)) {
            const from = valueStart(bytes, at + UPGRADE.length + 1);
            this.upgradesToWebSocket = isAt(bytes, from, WEBSOCKET);
          }
          break;
        case 0x73: // s
          if (isField(bytes, at, EXTENSIONS)) {
            this.extensionsStart = valueStart(bytes, at + EXTENSIONS.length + 1);
            this.extensionsEnd = valueEnd(bytes, lineEnd);
          }
          break;
        case SPACE:
        case TAB | LOWER:
          // A folded line, or in the place of an empty one something else.
          if (bytes[at] === SPACE || bytes[at] === TAB) this.isAmbiguous = true;
      }
      at = lineEnd + 1;
    }
    return 0;
  }

  /** Whether a field that frames the message is here; whitespace before the colon is part of the name to some, and nothing to others. */
  #frames(bytes: Uint8Array, at: number, name: Uint8Array): boolean {
    const behind = bytes[at + name.length];
    if (behind !== COLON && behind > SPACE || !isAt(bytes, at, name)) return false;
    if (behind !== COLON) this.isAmbiguous = true;
    return behind === COLON;
  }

  /** Of all transfer codings the last one decides. RFC 9112, section 6.1. */
  #codings(bytes: Uint8Array, from: number, lineEnd: number): void {
    const start = valueStart(bytes, from);
    const end = valueEnd(bytes, lineEnd);
    const last = end - CHUNKED.length;
    const isWord = last === start || last > start && isBetweenWords(bytes[last - 1]);
    if (this.isChunked || this.isHttp10 || this.contentLength >= 0) this.isAmbiguous = true;
    this.isChunked = isWord && isAt(bytes, last, CHUNKED);
    if (!this.isChunked) this.isAmbiguous = true;
    // Nor may it be among the others.
    for (let at = start; at < last; at++) if (isAt(bytes, at, CHUNKED)) this.isAmbiguous = true;
  }

  #length(bytes: Uint8Array, start: number, lineEnd: number): void {
    const end = valueEnd(bytes, lineEnd);
    let length = 0;
    let at = valueStart(bytes, start);
    if (at >= end) this.isAmbiguous = true;
    for (; at < end; at++) {
      const digit = bytes[at] - ZERO;
      if (!(digit >= 0 && digit <= 9) || length > LENGTH_MAX / 10) {
        this.isAmbiguous = true;
        break;
      }
      length = 10 * length + digit;
    }
    if (this.isChunked || this.contentLength >= 0 && this.contentLength !== length) this.isAmbiguous = true;
    if (this.contentLength < 0) this.contentLength = length;
  }
}

/**
 * The next line feed, of what is behind `end` any number from `end` on. Looks at four bytes at a time, since lines are shorter than a
 * call of `indexOf` is long: of each byte that is a line feed the highest bit of `found` is set.
 */
function lineEndFrom(words: Int32Array, at: number, end: number): number {
  let before = -1 << ((at & 3) << 3);
  for (let word = at >>> 2; word << 2 < end; word++) {
    const difference = words[word] ^ LINE_FEEDS;
    const found = ~((difference & LOW_BITS) + LOW_BITS | difference | LOW_BITS) & before;
    if (found !== 0) return (word << 2) + (31 - Math.clz32(found & -found) >>> 3);
    before = -1;
  }
  return end;
}

/** Whether a piece begins as the request, or the response, does behind which there may be a tunnel. */
export function beginsTunnel(direction: Direction, { bytes }: ScannedText, start: number): boolean {
  return direction === TO_SERVER
    ? isAt(bytes, start, CONNECT)
    : isAt(bytes, start + VERSION.length + 2, SWITCHING_PROTOCOLS);
}

/** Whether `bytes[at…]` is `name`, letters in either case; `name` is in lower case. */
function isAt(bytes: Uint8Array, at: number, name: Uint8Array): boolean {
  if (at < 0) return false;
  for (let i = 0; i < name.length; i++) {
    const letter = bytes[at + i];
    if (letter !== name[i] && (letter | LOWER) !== name[i]) return false;
  }
  return true;
}

function isExactlyAt(bytes: Uint8Array, at: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return false;
  return true;
}

const isBetweenWords = (byte: number): boolean => byte === COMMA || byte === SPACE || byte === TAB;

const isField = (bytes: Uint8Array, at: number, name: Uint8Array): boolean =>
  bytes[at + name.length] === COLON && isAt(bytes, at, name);

function valueStart(bytes: Uint8Array, at: number): number {
  while (bytes[at] === SPACE || bytes[at] === TAB) at++;
  return at;
}

function valueEnd(bytes: Uint8Array, lineEnd: number): number {
  let end = lineEnd;
  while (bytes[end - 1] === CR || bytes[end - 1] === SPACE || bytes[end - 1] === TAB) end--;
  return end;
}
