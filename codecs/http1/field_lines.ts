// SPDX-License-Identifier: MIT
/**
 * Field lines of HTTP/1.1 heads and trailers, and what they tell of the message: names that are tokens, values without a byte
 * that ends a line, lines of a length that parsers take.
 *
 * @module
 */
import { FieldId } from "../http/field.ts";
import type { Doubt } from "../http/event.ts";
import type { FieldList } from "../http/field_list.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { LENGTH_ABSENT, LENGTH_INVALID, parseContentLength } from "./field_value.ts";
import { NameFault, writeLowerName, writeName, writeValue } from "./names.ts";

/** Longest line written. Suricata parses nothing more of a connection behind one of over 18,000 bytes. */
export const MAX_LINE_BYTES = 16 * 1024;
/** Most lines of one message that share a connection with others. Suricata stops at about 1,024. */
export const MAX_FIELDS = 1000;

/** What the head says that decides how the message is framed and where it goes. */
export interface HeadFacts {
  /** Bytes of the declared body, {@linkcode LENGTH_ABSENT} or {@linkcode LENGTH_INVALID}. */
  declaredLength: number;
  /** The peer's `content-length` lines renamed, to be put in when they turn out untrue. */
  claim: string;
  /** The client may wait for an answer before it sends the body. */
  expects: boolean;
  /** Why the message must not share a connection; empty when it may. */
  apart: string;
  fieldCount: number;
  /** At least as many as there are lines with the name of an earlier one. */
  repeatedFields: number;
}

/** Counts substitutions and the like by reason. */
export type Count = (reason: string, amount?: number) => void;

/** Facts of no head at all. */
export const newFacts = (): HeadFacts => ({
  declaredLength: LENGTH_ABSENT,
  claim: "",
  expects: false,
  apart: "",
  fieldCount: 0,
  repeatedFields: 0,
});

/** Facts of a head, or of trailers, whose lines are written next. */
export function beginHead(): HeadFacts {
  headNumber = (headNumber + 1) >>> 0;
  return newFacts();
}

/** Prefix of every field that is added or renamed here. */
export const PREFIX = "x-sslcollector-";
const CRLF = "\r\n";

/** Heads in which a name of this hash was seen last; one head is written at a time. */
const seenNames = new Uint32Array(1024);
let headNumber = 0;

/** Whether a name of this head may have come before: told by a hash, so a few more are found than there are. */
function isRepeated(name: Uint8Array, start: number, end: number): boolean {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = (hash * 31 + name[i]) & 0x3fffff;
  hash &= seenNames.length - 1;
  if (seenNames[hash] === headNumber) return true;
  seenNames[hash] = headNumber;
  return false;
}

/** One more `content-length`: like ones are one, differing ones are a claim that cannot be true. */
export function contentLength(fields: FieldList, i: number, facts: HeadFacts): void {
  const length = parseContentLength(fields.bytes, fields.valueStart[i], fields.valueEnd[i]);
  let text = "";
  for (let at = fields.valueStart[i]; at < fields.valueEnd[i] && text.length < 64; at++) {
    const c = fields.bytes[at];
    text += c > 0x20 && c < 0x7f ? String.fromCharCode(c) : "_";
  }
  const line = `${PREFIX}content-length: ${text}\r\n`;
  if (facts.claim === line) return;
  facts.declaredLength = facts.claim === "" ? length : LENGTH_INVALID;
  // Three differing claims tell as much as a thousand.
  if (facts.claim.length < 300) facts.claim += line;
}

/** Tells what is not known of a head, or not sure. */
export function partialMark(out: ByteWriter, fields: FieldList, doubt: Doubt, facts: HeadFacts): void {
  if (fields.lostCount === 0 && !fields.overflow && doubt === "") return;
  const marks = [fields.lostCount > 0 ? "fields" : "", fields.overflow ? "bound" : "", doubt];
  out.ascii(`${PREFIX}partial: ${marks.filter((mark) => mark !== "").join(", ")}\r\n`);
  facts.fieldCount++;
  // Another may follow behind the body.
  facts.repeatedFields++;
}

/** All cookie crumbs in one line, as the peer reads them (RFC 9113, section 8.2.3). */
export function cookieLine(
  out: ByteWriter,
  fields: FieldList,
  first: number,
  facts: HeadFacts,
  count: Count,
): void {
  const start = out.length;
  out.ascii("Cookie: ");
  const valueStart = out.length;
  for (let i = first; i < fields.count; i++) {
    if (fields.id[i] !== FieldId.COOKIE) continue;
    if (out.length > valueStart) out.ascii("; ");
    value(out, fields, i, count);
  }
  finishLine(out, start, valueStart, facts);
}

export function fieldLine(
  out: ByteWriter,
  fields: FieldList,
  i: number,
  facts: HeadFacts,
  count: Count,
): void {
  const start = out.length;
  // The placeholder's name is one of ours, in lower case as those are.
  const lost = fields.id[i] === FieldId.LOST;
  const fault = (lost ? writeLowerName : writeName)(
    out,
    fields.bytes,
    fields.nameStart[i],
    fields.valueStart[i],
  );
  if (fault !== NameFault.NONE) nameFault(fault, count);
  finishField(out, fields, i, start, facts, count);
}

/** The field under `prefix` and its name in lower case. */
export function renamedLine(
  out: ByteWriter,
  fields: FieldList,
  i: number,
  prefix: string,
  facts: HeadFacts,
  count: Count,
): void {
  const start = out.length;
  out.ascii(prefix);
  const fault = writeLowerName(out, fields.bytes, fields.nameStart[i], fields.valueStart[i]);
  if (fault !== NameFault.NONE) nameFault(fault, count);
  finishField(out, fields, i, start, facts, count);
}

/** A field of the peer under the prefix of ours: `x-sslcollector-a` becomes `x-sslcollector-peer-a`. */
export function reservedLine(
  out: ByteWriter,
  fields: FieldList,
  i: number,
  facts: HeadFacts,
  count: Count,
): void {
  count("renamed-reserved-field");
  const start = out.length;
  out.ascii(`${PREFIX}peer-`);
  writeLowerName(out, fields.bytes, fields.nameStart[i] + PREFIX.length, fields.valueStart[i]);
  finishField(out, fields, i, start, facts, count);
}

/** The value behind a name that was written from `start` on. */
function finishField(
  out: ByteWriter,
  fields: FieldList,
  i: number,
  start: number,
  facts: HeadFacts,
  count: Count,
): void {
  out.reserve(2);
  out.bytes[out.length++] = 0x3a;
  out.bytes[out.length++] = 0x20;
  const valueStart = out.length;
  value(out, fields, i, count);
  finishLine(out, start, valueStart, facts);
}

function nameFault(fault: number, count: Count): void {
  if (fault & NameFault.SUBSTITUTED) count("substituted-name");
  if (fault & NameFault.UPPER_CASE) count("upper-case-name");
}

export function value(out: ByteWriter, fields: FieldList, i: number, count: Count): void {
  const substituted = writeValue(out, fields.bytes, fields.valueStart[i], fields.valueEnd[i]);
  if (substituted > 0) count("substituted-value-byte", substituted);
}

/** Ends the line that began at `start`; one that is too long becomes several of the same name. */
function finishLine(out: ByteWriter, start: number, valueStart: number, facts: HeadFacts): void {
  facts.fieldCount++;
  if (isRepeated(out.bytes, start, valueStart)) facts.repeatedFields++;
  if (out.length - start + CRLF.length <= MAX_LINE_BYTES) return out.ascii(CRLF);
  const name = out.bytes.slice(start, valueStart);
  const rest = out.slice(valueStart);
  const room = MAX_LINE_BYTES - CRLF.length - name.length;
  if (room < MAX_LINE_BYTES / 2) {
    facts.apart ||= "long-name";
    return out.ascii(CRLF);
  }
  out.length = valueStart;
  for (let at = 0; at < rest.length; at += room) {
    if (at > 0) {
      out.copy(name, 0, name.length);
      facts.fieldCount++;
      facts.repeatedFields++;
    }
    out.copy(rest, at, Math.min(at + room, rest.length));
    out.ascii(CRLF);
  }
}
