// SPDX-License-Identifier: MIT
/** What a head of HTTP/1.1 says of the body behind it, and heads with other fields. @module */
import { Buffer } from "node:buffer";
import { type Direction, TO_SERVER } from "../direction.ts";

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const ZERO = 48;
const COLON = 58;
/** Set in lower-case letters. */
const LOWER = 32;
const VERSION = Buffer.from("HTTP/1.");
const VERSION_BYTES = VERSION.length + 1;

/** What of a head matters here. */
export interface MessageHead {
  /** Of a request; else empty. */
  readonly method: string;
  /** Of a response; else 0. */
  readonly status: number;
  readonly isHttp10: boolean;
  /** -1: none. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  /** Readers may differ about where the message ends: lengths that differ, other transfer codings, lines that are folded and matter. */
  readonly isAmbiguous: boolean;
  /** In the order they were applied, lower case, without `identity`. */
  readonly contentCodings: readonly string[];
  readonly keepsAlive: boolean;
  readonly upgrade: string;
  readonly webSocketExtensions: string;
  /** It has fields that only a codec may write. */
  readonly hasMarks: boolean;
}

/** Written in the place of `Content-Encoding`: the codings that were undone. */
export const DECODED_MARK = "x-sslcollector-decoded";
/** Why a body is encoded, or from which byte on. */
export const ENCODED_MARK = "x-sslcollector-encoded";
/** Names of the peer's fields that would be taken for one of them. */
const MARKS = /^x-sslcollector-(decoded|encoded)$/i;

/** By length: most lines are passed over without a look at more than that and the first letter. */
const NAMES: readonly string[] = byLength([
  "upgrade",
  "connection",
  "content-length",
  "content-encoding",
  "transfer-encoding",
  DECODED_MARK,
  "sec-websocket-extensions",
]);
const SHORT_BYTES = 32;
const LONGEST_NAME = NAMES.length - 1;

function byLength(names: readonly string[]): string[] {
  const table: string[] = [];
  for (const name of names) table[name.length] = name;
  return table;
}

/** Short ones are not worth a `Buffer`. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT_BYTES) {
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
  }
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]);
  return text;
}

/** A head with its empty line; undefined when its first line is none of HTTP/1. */
export function readHead(direction: Direction, bytes: Uint8Array): MessageHead | undefined {
  const lineEnd = bytes.indexOf(LF);
  const first = direction === TO_SERVER ? readRequestLine(bytes, lineEnd) : readStatusLine(bytes, lineEnd);
  if (first === undefined) return undefined;
  const { fields, isFolded } = readFields(bytes, lineEnd + 1);
  const length = lengthOf(fields["content-length"]);
  const transferCoding = fields["transfer-encoding"]?.toLowerCase();
  const isChunked = transferCoding === "chunked";
  return {
    ...first,
    contentLength: length ?? -1,
    isChunked,
    isAmbiguous: isFolded || length === undefined ||
      transferCoding !== undefined && (!isChunked || length >= 0 || first.isHttp10),
    contentCodings: words(fields["content-encoding"]).filter((coding) => coding !== "identity"),
    keepsAlive: words(fields.connection).includes("keep-alive"),
    upgrade: fields.upgrade?.toLowerCase() ?? "",
    webSocketExtensions: fields["sec-websocket-extensions"]?.toLowerCase() ?? "",
    hasMarks: fields[DECODED_MARK] !== undefined || fields[ENCODED_MARK] !== undefined,
  };
}

type FirstLine = Pick<MessageHead, "method" | "status" | "isHttp10">;

function readRequestLine(bytes: Uint8Array, lineEnd: number): FirstLine | undefined {
  const end = bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
  const methodEnd = bytes.indexOf(SPACE);
  const version = end - VERSION_BYTES;
  if (methodEnd < 1 || methodEnd >= version - 1 || bytes[version - 1] !== SPACE) return undefined;
  const minor = versionAt(bytes, version);
  return minor < 0 ? undefined : { method: latin1(bytes, 0, methodEnd), status: 0, isHttp10: minor === 0 };
}

function readStatusLine(bytes: Uint8Array, lineEnd: number): FirstLine | undefined {
  const minor = versionAt(bytes, 0);
  const statusEnd = VERSION_BYTES + 4;
  if (minor < 0 || lineEnd < statusEnd || bytes[VERSION_BYTES] !== SPACE || bytes[statusEnd] > SPACE) {
    return undefined;
  }
  let status = 0;
  for (let at = VERSION_BYTES + 1; at < statusEnd; at++) {
    const digit = bytes[at] - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    status = 10 * status + digit;
  }
  return { method: "", status, isHttp10: minor === 0 };
}

/** The minor version of `HTTP/1.0` or `HTTP/1.1`, else -1. */
function versionAt(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < VERSION.length; i++) {
    if (bytes[at + i] !== VERSION[i]) return -1;
  }
  const minor = bytes[at + VERSION.length] - ZERO;
  return minor === 0 || minor === 1 ? minor : -1;
}

type Fields = Record<string, string | undefined>;

/** Those that matter, several of a name joined; and whether a line matters that is no field as all readers take it. */
function readFields(bytes: Uint8Array, at: number): { fields: Fields; isFolded: boolean } {
  const fields: Fields = {};
  let isFolded = false, mattersBefore = true;
  for (let lineEnd = at; at < bytes.length; at = lineEnd + 1) {
    lineEnd = bytes.indexOf(LF, at);
    // To some it goes on with the field before it, to others it is one of its own.
    const start = skipBlanks(bytes, at);
    const name = nameAt(bytes, start);
    if (start > at) isFolded ||= mattersBefore || name !== undefined;
    else mattersBefore = name !== undefined;
    if (name === undefined) continue;
    const nameEnd = start + name.length;
    // Whitespace before the colon is part of the name to some, and nothing to others.
    if (bytes[nameEnd] !== COLON) isFolded = true;
    const colon = bytes.indexOf(COLON, nameEnd);
    const value = colon < 0 || colon > lineEnd ? "" : latin1(bytes, colon + 1, lineEnd).trim();
    const before = fields[name];
    fields[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return { fields, isFolded };
}

function skipBlanks(bytes: Uint8Array, at: number): number {
  while (bytes[at] === SPACE || bytes[at] === TAB) at++;
  return at;
}

/** The name that begins here, in lower case, if it matters. */
function nameAt(bytes: Uint8Array, start: number): string | undefined {
  const end = nameEndOf(bytes, start);
  const expected = NAMES[end - start];
  if (expected === undefined || (bytes[start] | LOWER) !== expected.charCodeAt(0)) return undefined;
  const name = latin1(bytes, start, end).toLowerCase();
  return name === expected || name === ENCODED_MARK ? name : undefined;
}

/** Where a field's name ends, if it is no longer than those that matter. */
function nameEndOf(bytes: Uint8Array, start: number): number {
  const most = Math.min(bytes.length, start + LONGEST_NAME + 1);
  let at = start;
  while (at < most && bytes[at] > SPACE && bytes[at] !== COLON) at++;
  return at;
}

const NO_WORDS: readonly string[] = [];

function words(value: string | undefined): readonly string[] {
  if (value === undefined) return NO_WORDS;
  return value.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
}

/** -1 where there is none, undefined where it is no length or several. */
function lengthOf(value: string | undefined): number | undefined {
  if (value === undefined) return -1;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  const lengths = new Set(value.split(",").map((one) => one.trim()));
  const [length] = lengths;
  return lengths.size === 1 && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** The head without the fields named in `without`, the peer's marks renamed, and `lines` behind its last. */
export function rewriteHead(
  bytes: Uint8Array,
  without: ReadonlySet<string>,
  lines: readonly string[],
): Uint8Array {
  const [first, ...fields] = latin1(bytes, 0, bytes.length).trimEnd().split(/\r?\n/);
  const kept = fields.flatMap((line) => {
    const name = line.slice(0, Math.max(0, line.indexOf(":")));
    if (without.has(name.toLowerCase())) return [];
    return [MARKS.test(name) ? renamed(line) : line];
  });
  return Buffer.from([first, ...kept, ...lines, "", ""].join("\r\n"), "latin1");
}

/** A line of a peer's that looks like a mark, as `http2to1` renames it. */
export const renamed = (line: string): string =>
  line.replace(/^x-sslcollector-(?=(decoded|encoded)\s*:)/i, "x-sslcollector-peer-");
