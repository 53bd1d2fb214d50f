// SPDX-License-Identifier: MIT
/** Values that decide whether an HTTP/1.1 parser goes on. @module */
import type { FieldList } from "../http/field_list.ts";

/** No `content-length` at all, or none that is 1 to 15 digits. */
export const LENGTH_ABSENT = -1;
export const LENGTH_INVALID = -2;

/** Reads 1 to 15 digits: below 2^53, and what Suricata takes; anything else is {@linkcode LENGTH_INVALID}. */
export function parseContentLength(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > 15) return LENGTH_INVALID;
  let length = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i] - 0x30;
    if (digit < 0 || digit > 9) return LENGTH_INVALID;
    length = length * 10 + digit;
  }
  return length;
}

/** Whether two fields of a list have the same value, letters in either case: both are host names. */
export function sameValue(fields: FieldList, a: number, b: number): boolean {
  const start = fields.valueStart[a];
  const other = fields.valueStart[b];
  const length = fields.valueEnd[a] - start;
  if (fields.valueEnd[b] - other !== length) return false;
  for (let i = 0; i < length; i++) {
    if (lower(fields.bytes[start + i]) !== lower(fields.bytes[other + i])) return false;
  }
  return true;
}

const lower = (c: number): number => c >= 0x41 && c <= 0x5a ? c | 0x20 : c;

const BASE64 = new Uint8Array(256);
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
  BASE64[c.charCodeAt(0)] = 1;
}

/**
 * Whether an `authorization` value is no Basic at all or one that every parser decodes: `Basic`, one space, and
 * base64 in whole groups with its padding. Suricata gives the connection up at others. Blanks before it, and what is
 * written as one, are passed over as parsers do.
 */
export function decodableBasic(bytes: Uint8Array, start: number, end: number): boolean {
  const scheme = "basic";
  while (start < end && bytes[start] <= 0x20) start++;
  if (end - start < scheme.length) return true;
  for (let i = 0; i < scheme.length; i++) if (lower(bytes[start + i]) !== scheme.charCodeAt(i)) return true;
  let at = start + scheme.length;
  if (bytes[at] !== 0x20) return false;
  at++;
  let padded = end;
  while (padded > at && end - padded < 2 && bytes[padded - 1] === 0x3d) padded--;
  if (padded === at || (end - at) % 4 !== 0) return false;
  for (let i = at; i < padded; i++) if (BASE64[bytes[i]] === 0) return false;
  return true;
}
