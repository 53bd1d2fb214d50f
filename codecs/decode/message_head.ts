// SPDX-License-Identifier: MIT
/** What a head of HTTP/1.1 says of the body behind it, and heads with other fields. @module */
import { Buffer } from "node:buffer";
import { type Direction, TO_SERVER } from "../direction.ts";

const LF = 10;
const COLON = 58;

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
  /** Readers may differ about where the message ends: lengths that differ, other transfer codings, lines that are folded. */
  readonly isAmbiguous: boolean;
  /** In the order they were applied, lower case, without `identity`. */
  readonly contentCodings: readonly string[];
  readonly hasRange: boolean;
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

/** By length, so that most lines are passed over at a glance. */
const NAMES: readonly string[] = [];
for (
  const name of [
    "upgrade",
    "connection",
    "content-range",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    DECODED_MARK,
    "sec-websocket-extensions",
  ]
) (NAMES as string[])[name.length] = name;

const latin1 = (bytes: Uint8Array, start: number, end: number) =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");

/** A head with its empty line; undefined when its first line is none of HTTP/1. */
export function readHead(direction: Direction, bytes: Uint8Array): MessageHead | undefined {
  let lineEnd = bytes.indexOf(LF);
  const first = latin1(bytes, 0, lineEnd).trimEnd();
  const request = direction === TO_SERVER ? /^(\S+) .*[ ]HTTP\/1\.([01])$/.exec(first) : null;
  const response = direction === TO_SERVER ? null : /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(first);
  if (request === null && response === null) return undefined;
  const fields: Record<string, string | undefined> = {};
  let isFolded = false;
  for (let start = lineEnd + 1; start < bytes.length; start = lineEnd + 1) {
    lineEnd = bytes.indexOf(LF, start);
    if (lineEnd < 0) break;
    if (bytes[start] <= 32 && bytes[start] !== LF && bytes[start] !== 13) isFolded = true;
    const colon = bytes.indexOf(COLON, start);
    if (colon < 0 || colon > lineEnd) continue;
    const name = latin1(bytes, start, colon);
    // Whitespace before the colon is read as part of the name by some and left out by others.
    if (name.length > name.trimEnd().length) isFolded ||= NAMES[name.trimEnd().length] !== undefined;
    if (NAMES[name.length] === undefined) continue;
    const lower = name.toLowerCase();
    if (lower !== NAMES[name.length] && !MARKS.test(lower)) continue;
    const value = latin1(bytes, colon + 1, lineEnd).trim();
    const before = fields[lower];
    fields[lower] = before === undefined ? value : `${before}, ${value}`;
  }
  const isHttp10 = (request?.[2] ?? response?.[1]) === "0";
  const length = lengthOf(fields["content-length"]);
  const transferCoding = fields["transfer-encoding"]?.toLowerCase();
  const isChunked = transferCoding === "chunked";
  return {
    method: request?.[1] ?? "",
    status: Number(response?.[2] ?? 0),
    isHttp10,
    contentLength: length ?? -1,
    isChunked,
    isAmbiguous: isFolded || length === undefined ||
      transferCoding !== undefined && (!isChunked || length >= 0 || isHttp10),
    contentCodings: words(fields["content-encoding"]).filter((coding) => coding !== "identity"),
    hasRange: fields["content-range"] !== undefined,
    keepsAlive: words(fields.connection).includes("keep-alive"),
    upgrade: fields.upgrade?.toLowerCase() ?? "",
    webSocketExtensions: fields["sec-websocket-extensions"]?.toLowerCase() ?? "",
    hasMarks: Object.keys(fields).some((name) => MARKS.test(name)),
  };
}

const words = (value = "") => value.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);

/** -1 where there is none, undefined where it is no length or several. */
function lengthOf(value: string | undefined): number | undefined {
  if (value === undefined) return -1;
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
