/**
 * HTTP/1.1 heads from version-neutral ones, all but the framing: what decides it is returned as {@linkcode HeadFacts},
 * because the framing depends on the body, which comes later.
 *
 * The rules are those for an IDS to read the same message as the peer did: one Host, nothing that changes the framing,
 * no byte that ends a line, lines that its parser takes.
 *
 * @module
 */
import type { RequestHead, ResponseHead } from "../http/event.ts";
import { FieldId } from "../http/field.ts";
import type { FieldList } from "../http/field_list.ts";
import type { ByteWriter } from "./byte_writer.ts";
import {
  decodableBasic,
  LENGTH_ABSENT,
  LENGTH_INVALID,
  parseContentLength,
  sameValue,
} from "./field_value.ts";
import {
  NameFault,
  reasonPhrase,
  writeLowerName,
  writeName,
  writeTarget,
  writeToken,
  writeValue,
} from "./names.ts";

/** Longest line written. Suricata parses nothing more of a connection behind one of over 18,000 bytes. */
export const MAX_LINE_BYTES = 16 * 1024;
/** Most lines of one message that share a connection with others. Suricata stops at about 1,024. */
export const MAX_FIELDS = 1000;

export type RequestKind = "ordinary" | "head" | "connect" | "upgrade";

/** What the head says that decides how the message is framed and where it goes. */
export interface HeadFacts {
  /** Bytes of the declared body, {@linkcode LENGTH_ABSENT} or {@linkcode LENGTH_INVALID}. */
  declaredLength: number;
  /** The peer's `content-length` lines renamed, to be put in when they turn out untrue. */
  claim: string;
  /** Why the message must not share a connection; empty when it may. */
  apart: string;
  fieldCount: number;
  /** At least as many as there are lines with the name of an earlier one. */
  repeatedFields: number;
}

function beginHead(): HeadFacts {
  headNumber = (headNumber + 1) >>> 0;
  return newFacts();
}

/** Counts substitutions and the like by reason. */
export type Count = (reason: string, amount?: number) => void;

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

/** Prefix of every field that is added or renamed here. */
const PREFIX = "x-sslcollector-";
const LOST_METHOD = "UNKNOWN";
const LOST_TARGET = "/x-sslcollector-unknown";
/** A status that no peer sends and a parser takes. */
export const LOST_STATUS = 999;

/** Facts of no head at all. */
export const newFacts = (): HeadFacts => ({
  declaredLength: LENGTH_ABSENT,
  claim: "",
  apart: "",
  fieldCount: 0,
  repeatedFields: 0,
});

/** Appends request line and fields, each line with its end, but not the empty line. `kind` as {@linkcode requestKind} says. */
export function writeRequestHead(
  out: ByteWriter,
  head: RequestHead,
  kind: RequestKind,
  count: Count,
): HeadFacts {
  const { fields } = head;
  const facts = beginHead();
  const lineStart = out.length;
  if (kind === "upgrade") out.ascii("GET");
  else if (head.method < 0) out.ascii(LOST_METHOD);
  else {
    const substituted = writeToken(
      out,
      fields.bytes,
      fields.valueStart[head.method],
      fields.valueEnd[head.method],
    );
    if (substituted > 0) count("substituted-method-byte", substituted);
  }
  out.ascii(" ");
  writeRequestTarget(out, head, kind, count);
  out.ascii(" HTTP/1.1\r\n");
  if (out.length - lineStart > MAX_LINE_BYTES) facts.apart = "long-target";

  const host = hostField(head);
  if (host >= 0) {
    const start = out.length;
    out.ascii("Host: ");
    value(out, fields, host, count);
    out.ascii(CRLF);
    facts.fieldCount++;
    if (out.length - start > MAX_LINE_BYTES) facts.apart = "long-host";
  }
  if (kind === "upgrade") {
    out.ascii("Upgrade: ");
    writeToken(out, fields.bytes, fields.valueStart[head.protocol], fields.valueEnd[head.protocol]);
    out.ascii("\r\nConnection: Upgrade\r\n");
    facts.fieldCount += 2;
  }
  if (fields.lostCount > 0) partialMark(out, facts);
  writeFields(out, fields, head.firstRegular, host, facts, count);
  return facts;
}

/**
 * The same for a response. `upgraded` is the request head's protocol when this response accepts an upgrade, and the
 * status line then is that of a 101. `interim` are lines that earlier 1xx responses left.
 */
export function writeResponseHead(
  out: ByteWriter,
  head: ResponseHead,
  upgraded: Uint8Array | undefined,
  interim: Uint8Array | undefined,
  count: Count,
): HeadFacts {
  const facts = beginHead();
  const status = upgraded !== undefined ? 101 : head.status === 0 ? LOST_STATUS : head.status;
  out.ascii(`HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`);
  if (upgraded !== undefined) {
    out.ascii("Upgrade: ");
    writeToken(out, upgraded, 0, upgraded.length);
    out.ascii("\r\nConnection: Upgrade\r\n");
    facts.fieldCount += 2;
  }
  if (head.fields.lostCount > 0) partialMark(out, facts);
  writeFields(out, head.fields, head.firstRegular, -1, facts, count);
  if (interim !== undefined) {
    out.copy(interim, 0, interim.length);
    for (const byte of interim) if (byte === 0x0a) facts.fieldCount++;
    if (facts.fieldCount > MAX_FIELDS) facts.apart ||= "many-fields";
  }
  return facts;
}

/** Appends the fields of a 1xx response as lines of the final one. */
export function writeInterimFields(out: ByteWriter, head: ResponseHead, count: Count): void {
  const facts = beginHead();
  const { fields } = head;
  for (let i = head.firstRegular; i < fields.count; i++) {
    renamedLine(out, fields, i, `${PREFIX}${head.status}-`, facts, count);
  }
}

/** Appends trailer fields; those that say how to read a message, or whose it is, are renamed. Returns the lines. */
export function writeTrailers(out: ByteWriter, fields: FieldList, count: Count): HeadFacts {
  const facts = beginHead();
  for (let i = 0; i < fields.count; i++) {
    switch (fields.id[i]) {
      case FieldId.OTHER:
      case FieldId.COOKIE:
      case FieldId.LOST:
        fieldLine(out, fields, i, facts, count);
        break;
      case FieldId.HOST:
      case FieldId.CONTENT_LENGTH:
      case FieldId.CONTENT:
      case FieldId.AUTHORIZATION:
        renamedLine(out, fields, i, PREFIX, facts, count);
        break;
      case FieldId.RESERVED:
        reservedLine(out, fields, i, facts, count);
        break;
      case FieldId.CONNECTION:
        count("connection-field-left-out");
        break;
      case FieldId.EMPTY:
        count("empty-field-name");
        break;
      default:
        count("pseudo-header-in-trailers");
    }
  }
  return facts;
}

function writeRequestTarget(out: ByteWriter, head: RequestHead, kind: RequestKind, count: Count): void {
  const { fields } = head;
  const source = kind === "connect" ? head.authority : head.target;
  if (source < 0) return out.ascii(LOST_TARGET);
  const start = fields.valueStart[source];
  const end = fields.valueEnd[source];
  if (kind !== "connect" && fields.bytes[start] !== 0x2f || start === end) {
    const asterisk = end - start === 1 && fields.bytes[start] === 0x2a;
    if (start === end) count("empty-target");
    if (!asterisk || !sameText(fields, head.method, "OPTIONS")) {
      if (start !== end) count("target-not-origin-form");
      out.ascii("/");
    }
  }
  const encoded = writeTarget(out, fields.bytes, start, end);
  if (encoded > 0) count("encoded-target-byte", encoded);
}

/** Where the one Host comes from: the authority, else the first `host` field; -1 when there is neither. */
function hostField(head: RequestHead): number {
  const { fields, authority } = head;
  if (authority >= 0 && fields.valueEnd[authority] > fields.valueStart[authority]) return authority;
  for (let i = head.firstRegular; i < fields.count; i++) if (fields.id[i] === FieldId.HOST) return i;
  return authority;
}

function writeFields(
  out: ByteWriter,
  fields: FieldList,
  first: number,
  host: number,
  facts: HeadFacts,
  count: Count,
): void {
  let cookiesWritten = false;
  // What was lost before the pseudo-header fields' end has its place too.
  for (let i = 0; i < first; i++) if (fields.id[i] === FieldId.LOST) fieldLine(out, fields, i, facts, count);
  for (let i = first; i < fields.count; i++) {
    switch (fields.id[i]) {
      case FieldId.OTHER:
      case FieldId.CONTENT:
      case FieldId.LOST:
        fieldLine(out, fields, i, facts, count);
        break;
      case FieldId.HOST:
        if (i === host || (host >= 0 && sameValue(fields, i, host))) break;
        count("renamed-host");
        renamedLine(out, fields, i, PREFIX, facts, count);
        break;
      case FieldId.CONTENT_LENGTH:
        contentLength(fields, i, facts);
        break;
      case FieldId.CONNECTION:
        count("connection-field-left-out");
        break;
      case FieldId.COOKIE:
        if (!cookiesWritten) cookieLine(out, fields, i, facts, count);
        cookiesWritten = true;
        break;
      case FieldId.AUTHORIZATION:
        if (!decodableBasic(fields.bytes, fields.valueStart[i], fields.valueEnd[i])) {
          facts.apart ||= "undecodable-basic";
        }
        fieldLine(out, fields, i, facts, count);
        break;
      case FieldId.RESERVED:
        reservedLine(out, fields, i, facts, count);
        break;
    }
  }
  if (facts.fieldCount > MAX_FIELDS) facts.apart ||= "many-fields";
}

/** One more `content-length`: like ones are one, differing ones are a claim that cannot be true. */
function contentLength(fields: FieldList, i: number, facts: HeadFacts): void {
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

function partialMark(out: ByteWriter, facts: HeadFacts): void {
  out.ascii("x-sslcollector-partial: fields\r\n");
  facts.fieldCount++;
}

/** All cookie crumbs in one line, as the peer reads them (RFC 9113, section 8.2.3). */
function cookieLine(out: ByteWriter, fields: FieldList, first: number, facts: HeadFacts, count: Count): void {
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

function fieldLine(out: ByteWriter, fields: FieldList, i: number, facts: HeadFacts, count: Count): void {
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
  out.reserve(2);
  out.bytes[out.length++] = 0x3a;
  out.bytes[out.length++] = 0x20;
  const valueStart = out.length;
  value(out, fields, i, count);
  finishLine(out, start, valueStart, facts);
}

/** The field under `prefix` and its name in lower case. */
function renamedLine(
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
  out.ascii(": ");
  const valueStart = out.length;
  value(out, fields, i, count);
  finishLine(out, start, valueStart, facts);
}

/** A field of the peer under the prefix of ours: `x-sslcollector-a` becomes `x-sslcollector-peer-a`. */
function reservedLine(out: ByteWriter, fields: FieldList, i: number, facts: HeadFacts, count: Count): void {
  count("renamed-reserved-field");
  const start = out.length;
  out.ascii(`${PREFIX}peer-`);
  writeLowerName(out, fields.bytes, fields.nameStart[i] + PREFIX.length, fields.valueStart[i]);
  out.ascii(": ");
  const valueStart = out.length;
  value(out, fields, i, count);
  finishLine(out, start, valueStart, facts);
}

function nameFault(fault: number, count: Count): void {
  if (fault & NameFault.SUBSTITUTED) count("substituted-name");
  if (fault & NameFault.UPPER_CASE) count("upper-case-name");
}

function value(out: ByteWriter, fields: FieldList, i: number, count: Count): void {
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

function sameText(fields: FieldList, i: number, text: string): boolean {
  if (i < 0 || fields.valueEnd[i] - fields.valueStart[i] !== text.length) return false;
  for (let k = 0; k < text.length; k++) {
    if (fields.bytes[fields.valueStart[i] + k] !== text.charCodeAt(k)) return false;
  }
  return true;
}

/** How a request is carried: the method decides, and `:protocol`. */
export function requestKind(head: RequestHead): RequestKind {
  if (head.protocol >= 0) return "upgrade";
  if (sameText(head.fields, head.method, "CONNECT")) return "connect";
  return sameText(head.fields, head.method, "HEAD") ? "head" : "ordinary";
}
