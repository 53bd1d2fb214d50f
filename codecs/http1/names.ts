// SPDX-License-Identifier: MIT
/**
 * How methods, field names, targets and values have to look in HTTP/1.1 so that no byte of them ends a line or a name.
 *
 * @module
 */
import type { ByteWriter } from "./byte_writer.ts";

const UNDERSCORE = 0x5f;
const SPACE = 0x20;
const HYPHEN = 0x2d;

/** RFC 9110, section 5.6.2: each byte as it is, or `_` where it is no token character. */
const TOKEN = new Uint8Array(256).fill(UNDERSCORE);
for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  TOKEN[c.charCodeAt(0)] = c.charCodeAt(0);
}
/** Each byte of a name in title case: as the first letter of a word, and as one of the others. */
const TITLE_FIRST = TOKEN.map((c) => c >= 0x61 && c <= 0x7a ? c - 0x20 : c);
const TITLE_REST = TOKEN.map((c) => c >= 0x41 && c <= 0x5a ? c + 0x20 : c);
/** Bytes that a target cannot hold. */
const UNSAFE_IN_TARGET = new Uint8Array(256);
for (let c = 0; c <= 0x20; c++) UNSAFE_IN_TARGET[c] = 1;
UNSAFE_IN_TARGET[0x7f] = 1;

/** Writes a method or protocol name; returns how many bytes were substituted. */
export function writeToken(out: ByteWriter, source: Uint8Array, start: number, end: number): number {
  out.reserve(end - start);
  const { bytes } = out;
  let at = out.length, substituted = 0;
  for (let i = start; i < end; i++) {
    const c = TOKEN[source[i]];
    if (c !== source[i]) substituted++;
    bytes[at++] = c;
  }
  out.length = at;
  return substituted;
}

/** What was found in a name. */
export const NameFault = { NONE: 0, SUBSTITUTED: 1, UPPER_CASE: 2 } as const;

/** Writes a field name in title case; returns bits of {@linkcode NameFault}. */
export function writeName(out: ByteWriter, source: Uint8Array, start: number, end: number): number {
  out.reserve(end - start);
  const { bytes } = out;
  let at = out.length, fault = 0;
  let table = TITLE_FIRST;
  for (let i = start; i < end; i++) {
    const c = source[i];
    bytes[at++] = table[c];
    if (TOKEN[c] !== c) fault |= NameFault.SUBSTITUTED;
    else if (c >= 0x41 && c <= 0x5a) fault |= NameFault.UPPER_CASE;
    table = c === HYPHEN ? TITLE_FIRST : TITLE_REST;
  }
  out.length = at;
  return fault;
}

/** Writes a field name in lower case, as behind the prefix of renamed fields. */
export function writeLowerName(out: ByteWriter, source: Uint8Array, start: number, end: number): number {
  out.reserve(end - start);
  let fault = 0;
  for (let i = start; i < end; i++) {
    const c = source[i];
    out.bytes[out.length++] = TITLE_REST[c];
    if (TOKEN[c] !== c) fault |= NameFault.SUBSTITUTED;
  }
  return fault;
}

/** Writes a field value with a space for each CR, LF and NUL; returns how many there were. */
export function writeValue(out: ByteWriter, source: Uint8Array, start: number, end: number): number {
  out.reserve(end - start);
  const { bytes } = out;
  let at = out.length, substituted = 0;
  for (let i = start; i < end; i++) {
    const c = source[i];
    if (c === 0x0d || c === 0x0a || c === 0) {
      bytes[at++] = SPACE;
      substituted++;
    } else {
      bytes[at++] = c;
    }
  }
  out.length = at;
  return substituted;
}

const HEX = "0123456789ABCDEF";

/** Writes a request target, percent-encoding what would end it; returns how many bytes that were. */
export function writeTarget(out: ByteWriter, source: Uint8Array, start: number, end: number): number {
  out.reserve(3 * (end - start));
  const { bytes } = out;
  let at = out.length, encoded = 0;
  for (let i = start; i < end; i++) {
    const c = source[i];
    if (UNSAFE_IN_TARGET[c] === 0) {
      bytes[at++] = c;
      continue;
    }
    bytes[at++] = 0x25;
    bytes[at++] = HEX.charCodeAt(c >> 4);
    bytes[at++] = HEX.charCodeAt(c & 15);
    encoded++;
  }
  out.length = at;
  return encoded;
}

/** Reason phrases of the IANA registry. */
const REASONS: Readonly<Record<number, string>> = {
  101: "Switching Protocols",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  207: "Multi-Status",
  208: "Already Reported",
  226: "IM Used",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  418: "I'm a teapot",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  423: "Locked",
  424: "Failed Dependency",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  506: "Variant Also Negotiates",
  507: "Insufficient Storage",
  508: "Loop Detected",
  510: "Not Extended",
  511: "Network Authentication Required",
};

/** The standard reason phrase; never empty, because an IDS then has no `http.stat_msg`. */
export const reasonPhrase = (status: number): string => REASONS[status] ?? "Unassigned";
