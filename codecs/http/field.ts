// SPDX-License-Identifier: MIT
/**
 * Names of HTTP fields that decide how a message is framed, routed or written; every other field is carried as it is.
 *
 * @module
 */

/** What a field name means to the reader and the writer. Pseudo-header fields come first. */
export const FieldId = {
  OTHER: 0,
  METHOD: 1,
  SCHEME: 2,
  AUTHORITY: 3,
  PATH: 4,
  PROTOCOL: 5,
  STATUS: 6,
  /** A name that begins with a colon and is none of the above. */
  UNKNOWN_PSEUDO: 7,
  HOST: 8,
  CONTENT_LENGTH: 9,
  /** `connection` and what goes with it: means nothing in HTTP/2 and would change the framing in HTTP/1.1. */
  CONNECTION: 10,
  COOKIE: 11,
  AUTHORIZATION: 12,
  /** Begins with {@linkcode RESERVED_PREFIX}. */
  RESERVED: 13,
  /** `content-*` other than the length. */
  CONTENT: 14,
  /** The name, or name and value, needed a table entry that was not seen. */
  LOST: 15,
  /** No bytes at all. */
  EMPTY: 16,
  /** Lets a final response come before the body, and parsers pass over a body then. */
  EXPECT: 17,
  /** Says who asks; carried as it is. */
  USER_AGENT: 18,
} as const;
export type FieldId = typeof FieldId[keyof typeof FieldId];

/** Fields whose name begins with a colon. */
export const isPseudo = (id: number): boolean => id >= FieldId.METHOD && id <= FieldId.UNKNOWN_PSEUDO;

/** Fields that frame, encode or route a message, or say who asks: without them it is another one. */
export const isDecisive = (id: number): boolean =>
  id !== FieldId.OTHER && id !== FieldId.RESERVED && id !== FieldId.LOST;

const ascii = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

const CONTENT_PREFIX = ascii("content-");
/** Prefix of every field name that the writer adds or renames. */
export const RESERVED_PREFIX = "x-sslcollector-";
const RESERVED_PREFIX_BYTES = ascii(RESERVED_PREFIX);

/** Whole names, by their length. */
const NAMES: { bytes: Uint8Array; id: FieldId }[][] = [];
for (
  const [name, id] of [
    [":method", FieldId.METHOD],
    [":scheme", FieldId.SCHEME],
    [":authority", FieldId.AUTHORITY],
    [":path", FieldId.PATH],
    [":protocol", FieldId.PROTOCOL],
    [":status", FieldId.STATUS],
    ["host", FieldId.HOST],
    ["content-length", FieldId.CONTENT_LENGTH],
    ["connection", FieldId.CONNECTION],
    ["keep-alive", FieldId.CONNECTION],
    ["proxy-connection", FieldId.CONNECTION],
    ["transfer-encoding", FieldId.CONNECTION],
    ["upgrade", FieldId.CONNECTION],
    ["cookie", FieldId.COOKIE],
    ["expect", FieldId.EXPECT],
    ["authorization", FieldId.AUTHORIZATION],
    ["user-agent", FieldId.USER_AGENT],
  ] as const
) {
  (NAMES[name.length] ??= []).push({ bytes: ascii(name), id });
}

/** Whether `bytes[start…]` begins with `prefix`, letters in either case. The caller has checked the length. */
function beginsWith(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) {
    let c = bytes[start + i];
    if (c >= 0x41 && c <= 0x5a) c |= 0x20;
    if (c !== prefix[i]) return false;
  }
  return true;
}

/** Names a field by the bytes `[start, end)`, letters in either case. */
export function fieldId(bytes: Uint8Array, start: number, end: number): FieldId {
  const length = end - start;
  if (length === 0) return FieldId.EMPTY;
  const sameLength = NAMES[length];
  if (sameLength !== undefined) {
    for (let i = 0; i < sameLength.length; i++) {
      if (beginsWith(bytes, start, sameLength[i].bytes)) return sameLength[i].id;
    }
  }
  const first = bytes[start];
  if (first === 0x3a) return FieldId.UNKNOWN_PSEUDO;
  if ((first | 0x20) === 0x63 && length > CONTENT_PREFIX.length && beginsWith(bytes, start, CONTENT_PREFIX)) {
    return FieldId.CONTENT;
  }
  if (
    (first | 0x20) === 0x78 && length >= RESERVED_PREFIX_BYTES.length &&
    beginsWith(bytes, start, RESERVED_PREFIX_BYTES)
  ) {
    return FieldId.RESERVED;
  }
  return FieldId.OTHER;
}
