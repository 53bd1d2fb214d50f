// SPDX-License-Identifier: MIT
/**
 * Field lines of HTTP/1.1 heads and trailers, and what they tell of the message: names that are tokens, values without a byte
 * that ends a line, lines of a length that parsers take.
 *
 * @module
 */
import { FieldId, RESERVED_PREFIX } from "../http/field.ts";
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

const newFacts = (): HeadFacts => ({
  declaredLength: LENGTH_ABSENT,
  claim: "",
  expects: false,
  apart: "",
  fieldCount: 0,
  repeatedFields: 0,
});

/** Facts of no head at all, for every message whose head has not come: nobody changes them. */
export const NO_FACTS: HeadFacts = newFacts();

export const CRLF = "\r\n";

/** The line that tells why a message is not whole, or not sure. */
export const partialLine = (why: string): string => `${RESERVED_PREFIX}partial: ${why}${CRLF}`;

/** The line that tells for how many requests this one stands. */
export const foldedLine = (times: number): string => `${RESERVED_PREFIX}folded: ${times}${CRLF}`;

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

/** Lines that are written next to `out`, from one list; one head, or one message's trailers, at a time. */
export class FieldLines {
  readonly facts: HeadFacts = newFacts();

  constructor(readonly out: ByteWriter, readonly fields: FieldList, readonly count: Count) {
    headNumber = (headNumber + 1) >>> 0;
  }

  /** One more `content-length`: like ones are one, differing ones are a claim that cannot be true. */
  contentLength(i: number): void {
    const { facts } = this;
    const { bytes, valueStart, valueEnd } = this.fields;
    const length = parseContentLength(bytes, valueStart[i], valueEnd[i]);
    let text = "";
    for (let at = valueStart[i]; at < valueEnd[i] && text.length < 64; at++) {
      const c = bytes[at];
      text += c > 0x20 && c < 0x7f ? String.fromCharCode(c) : "_";
    }
    const line = `${RESERVED_PREFIX}content-length: ${text}${CRLF}`;
    if (facts.claim === line) return;
    facts.declaredLength = facts.claim === "" ? length : LENGTH_INVALID;
    // Three differing claims tell as much as a thousand.
    if (facts.claim.length < 300) facts.claim += line;
  }

  /** Tells what is not known of a head, or not sure. */
  partialMark(doubt: Doubt): void {
    this.elidedMark();
    const { lostCount, isCut } = this.fields;
    if (lostCount === 0 && !isCut && doubt === "") return;
    const marks = [lostCount > 0 ? "fields" : "", isCut ? "bound" : "", doubt];
    this.out.ascii(partialLine(marks.filter((mark) => mark !== "").join(", ")));
    this.facts.fieldCount++;
    // Another may follow behind the body.
    this.facts.repeatedFields++;
  }

  /** Tells how many fields are left out: each was sent, as bytes, with an earlier message or in this one. */
  elidedMark(): void {
    const { elidedCount } = this.fields;
    if (elidedCount === 0) return;
    this.out.ascii(`${RESERVED_PREFIX}elided: ${elidedCount}${CRLF}`);
    this.facts.fieldCount++;
  }

  /** All cookie crumbs, from field `first` on, in one line, as the peer reads them (RFC 9113, section 8.2.3). */
  cookies(first: number): void {
    const { out, fields } = this;
    const start = out.length;
    out.ascii("Cookie: ");
    const valueStart = out.length;
    for (let i = first; i < fields.count; i++) {
      if (fields.id[i] !== FieldId.COOKIE) continue;
      if (out.length > valueStart) out.ascii("; ");
      this.value(i);
    }
    this.#finishLine(start, valueStart);
  }

  /** The field as it is, its name in title case. */
  field(i: number): void {
    const { out } = this;
    const { bytes, nameStart, valueStart, id } = this.fields;
    const start = out.length;
    // A placeholder's name has the reserved prefix, and is in lower case as all names with it are.
    const write = id[i] === FieldId.LOST ? writeLowerName : writeName;
    this.#nameFault(write(out, bytes, nameStart[i], valueStart[i]));
    this.#finishField(i, start);
  }

  /** The field under `prefix` and its name in lower case. */
  renamed(i: number, prefix: string): void {
    const { out } = this;
    const { bytes, nameStart, valueStart } = this.fields;
    const start = out.length;
    out.ascii(prefix);
    this.#nameFault(writeLowerName(out, bytes, nameStart[i], valueStart[i]));
    this.#finishField(i, start);
  }

  /** A field of the peer whose name has the reserved prefix: `x-sslcollector-a` becomes `x-sslcollector-peer-a`. */
  reserved(i: number): void {
    const { out } = this;
    const { bytes, nameStart, valueStart } = this.fields;
    this.count("renamed-reserved-field");
    const start = out.length;
    out.ascii(`${RESERVED_PREFIX}peer-`);
    writeLowerName(out, bytes, nameStart[i] + RESERVED_PREFIX.length, valueStart[i]);
    this.#finishField(i, start);
  }

  /** The value alone. */
  value(i: number): void {
    const { bytes, valueStart, valueEnd } = this.fields;
    const substituted = writeValue(this.out, bytes, valueStart[i], valueEnd[i]);
    if (substituted > 0) this.count("substituted-value-byte", substituted);
  }

  #nameFault(fault: number): void {
    if (fault === NameFault.NONE) return;
    if (fault & NameFault.SUBSTITUTED) this.count("substituted-name");
    if (fault & NameFault.UPPER_CASE) this.count("upper-case-name");
  }

  /** The value behind a name that was written from `start` on. */
  #finishField(i: number, start: number): void {
    const { out } = this;
    out.reserve(2);
    out.bytes[out.length++] = 0x3a;
    out.bytes[out.length++] = 0x20;
    const valueStart = out.length;
    this.value(i);
    this.#finishLine(start, valueStart);
  }

  /** Ends the line that began at `start`; one that is too long becomes several of one name. */
  #finishLine(start: number, valueStart: number): void {
    const { out, facts } = this;
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
}
