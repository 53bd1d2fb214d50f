// SPDX-License-Identifier: MIT
/** Fields of HTTP/2 as the lines that heads have in the exchange log. @module */
import type { FieldList } from "../../codecs/http/field_list.ts";
import type { ByteWriter } from "../../codecs/http1/byte_writer.ts";

const CR = 13;
const LF = 10;
const SPACE = 32;
const SUBSTITUTE = 0x3f;

/** The value of field `i`, in which nothing can end a line. */
export function writeValue(out: ByteWriter, fields: FieldList, i: number): void {
  writeBytes(out, fields.bytes, fields.valueStart[i], fields.valueEnd[i]);
}

/** The same of what nothing may end but the next blank: a method. */
export function writeWord(out: ByteWriter, fields: FieldList, i: number): void {
  const start = out.length;
  writeValue(out, fields, i);
  for (let at = start; at < out.length; at++) if (out.bytes[at] === SPACE) out.bytes[at] = SUBSTITUTE;
}

/** A line for each field from `first` on. */
export function writeFields(out: ByteWriter, fields: FieldList, first: number): void {
  for (let i = Math.max(0, first); i < fields.count; i++) {
    writeBytes(out, fields.bytes, fields.nameStart[i], fields.valueStart[i]);
    out.ascii(": ");
    writeValue(out, fields, i);
    out.ascii("\r\n");
  }
}

function writeBytes(out: ByteWriter, source: Uint8Array, start: number, end: number): void {
  out.reserve(end - start);
  const { bytes } = out;
  let at = out.length;
  for (let i = start; i < end; i++) {
    const byte = source[i];
    bytes[at++] = byte === CR || byte === LF ? SUBSTITUTE : byte;
  }
  out.length = at;
}
