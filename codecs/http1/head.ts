// SPDX-License-Identifier: MIT
/**
 * HTTP/1.1 heads from version-neutral ones, all but the framing: what decides it is returned as {@linkcode HeadFacts},
 * because the framing depends on the body, which comes later.
 *
 * The rules are those for an IDS to read the message that the peer read: one Host, nothing that changes the framing,
 * no byte that ends a line, lines that its parser takes.
 *
 * @module
 */
import type { RequestHead, ResponseHead } from "../http/event.ts";
import { FieldId, RESERVED_PREFIX } from "../http/field.ts";
import type { FieldList } from "../http/field_list.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { type Count, FieldLines, type HeadFacts, MAX_FIELDS, MAX_LINE_BYTES } from "./field_lines.ts";
import { decodableBasic, sameValue } from "./field_value.ts";
import { isRegisteredMethod } from "./methods.ts";
import { reasonPhrase, writeTarget, writeToken } from "./names.ts";

/** `extended`: an extended CONNECT for a protocol that parsers may switch to, written as an exchange with two bodies. */
export type RequestKind = "ordinary" | "head" | "connect" | "upgrade" | "extended";

/**
 * Registered values of `:protocol`, behind whose 101 Suricata takes bytes as they are. Behind others, `h2c` above all, it
 * goes on with another parser.
 */
const OPAQUE_PROTOCOLS = ["websocket", "webtransport", "connect-udp", "connect-ip"];
/** So much is told of a protocol's name, by the request and by the response that accepts it; registered ones have 20 bytes at most. */
export const MAX_PROTOCOL_BYTES = 256;

const LOST_METHOD = "UNKNOWN";
const LOST_TARGET = `/${RESERVED_PREFIX}unknown`;
/** A status that no peer sends and a parser takes. */
const LOST_STATUS = 999;

/** Appends request line and fields, each line with its end, but not the empty line. `kind` as {@linkcode requestKind} says. */
export function writeRequestHead(
  out: ByteWriter,
  head: RequestHead,
  kind: RequestKind,
  count: Count,
  pushed = false,
): HeadFacts {
  const { fields, method } = head;
  const lines = new FieldLines(out, fields, count);
  const { facts } = lines;
  if (
    kind === "ordinary" && method >= 0 &&
    !isRegisteredMethod(fields.bytes, fields.valueStart[method], fields.valueEnd[method])
  ) {
    count("unknown-method");
    facts.apart = "unknown-method";
    // Parsers pass over an empty line, and no other protocol begins with one.
    out.ascii("\r\n");
  }
  const lineStart = out.length;
  if (kind === "upgrade" || kind === "extended") out.ascii("GET");
  else if (method < 0) out.ascii(LOST_METHOD);
  else {
    const substituted = writeToken(
      out,
      fields.bytes,
      fields.valueStart[method],
      fields.valueEnd[method],
    );
    if (substituted > 0) count("substituted-method-byte", substituted);
  }
  out.ascii(" ");
  writeRequestTarget(out, head, kind, count);
  out.ascii(" HTTP/1.1\r\n");
  if (out.length - lineStart > MAX_LINE_BYTES) facts.apart ||= "long-target";

  const host = hostField(head);
  if (host >= 0) {
    const start = out.length;
    out.ascii("Host: ");
    lines.value(host);
    out.ascii("\r\n");
    facts.fieldCount++;
    if (out.length - start > MAX_LINE_BYTES) facts.apart ||= "long-host";
  }
  if (kind === "upgrade") {
    out.ascii("Upgrade: ");
    writeToken(out, fields.bytes, fields.valueStart[head.protocol], fields.valueEnd[head.protocol]);
    out.ascii("\r\nConnection: Upgrade\r\n");
    facts.fieldCount += 2;
  }
  if (kind === "extended") {
    out.ascii(`${RESERVED_PREFIX}protocol: `);
    const start = fields.valueStart[head.protocol];
    writeToken(
      out,
      fields.bytes,
      start,
      Math.min(fields.valueEnd[head.protocol], start + MAX_PROTOCOL_BYTES),
    );
    out.ascii("\r\n");
    facts.fieldCount++;
  }
  lines.partialMark(head.doubt);
  if (pushed) {
    out.ascii(`${RESERVED_PREFIX}pushed: 1\r\n`);
    facts.fieldCount++;
  }
  writeFields(lines, head.firstRegular, host);
  return facts;
}

/** By their status, made when first needed: 900 at most. */
const STATUS_LINES: Uint8Array[] = [];

function writeStatusLine(out: ByteWriter, status: number): void {
  const line = STATUS_LINES[status] ??= new TextEncoder().encode(
    `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`,
  );
  out.copy(line, 0, line.length);
}

/** What earlier 1xx responses left for the final one. */
interface InterimFields {
  /** Their field lines. */
  readonly interim: Uint8Array | undefined;
  /** So many more fields were left out. */
  readonly interimLeftOut: number;
}

/**
 * Appends status line and fields, each line with its end, but not the empty line. `upgraded` is the request head's protocol when this response accepts an upgrade, and the
 * status line then is that of a 101.
 */
export function writeResponseHead(
  out: ByteWriter,
  head: ResponseHead,
  upgraded: Uint8Array | undefined,
  { interim, interimLeftOut }: InterimFields,
  count: Count,
): HeadFacts {
  const lines = new FieldLines(out, head.fields, count);
  const { facts } = lines;
  const status = upgraded !== undefined ? 101 : head.status === 0 ? LOST_STATUS : head.status;
  writeStatusLine(out, status);
  if (upgraded !== undefined) {
    out.ascii("Upgrade: ");
    writeToken(out, upgraded, 0, upgraded.length);
    out.ascii("\r\nConnection: Upgrade\r\n");
    facts.fieldCount += 2;
  }
  lines.partialMark(head.doubt);
  if (interimLeftOut > 0) {
    out.ascii(`${RESERVED_PREFIX}interim-elided: ${interimLeftOut}\r\n`);
    facts.fieldCount++;
  }
  writeFields(lines, head.firstRegular, -1);
  if (interim !== undefined) {
    out.copy(interim, 0, interim.length);
    const lines = interim.reduce((sum, byte) => byte === 0x0a ? sum + 1 : sum, 0);
    facts.fieldCount += lines;
    facts.repeatedFields += lines;
    if (facts.fieldCount > MAX_FIELDS) facts.apart ||= "many-fields";
  }
  return facts;
}

/** Appends the fields of a 1xx response as lines of the final one. */
export function writeInterimFields(out: ByteWriter, head: ResponseHead, count: Count): void {
  const { fields } = head;
  const lines = new FieldLines(out, fields, count);
  for (let i = head.firstRegular; i < fields.count; i++) {
    if (fields.id[i] === FieldId.EMPTY) count("empty-field-name");
    else lines.renamed(i, `${RESERVED_PREFIX}${head.status}-`);
  }
}

/**
 * Appends trailer fields; those that say how to read a message, or whose it is, are renamed. All count as repeated: the names of
 * the head, with which parsers merge them, are not known here.
 */
export function writeTrailers(out: ByteWriter, fields: FieldList, count: Count): HeadFacts {
  const lines = new FieldLines(out, fields, count);
  const { facts } = lines;
  lines.elidedMark();
  for (let i = 0; i < fields.count; i++) {
    switch (fields.id[i]) {
      case FieldId.OTHER:
      case FieldId.USER_AGENT:
      case FieldId.COOKIE:
      case FieldId.LOST:
        lines.field(i);
        break;
      case FieldId.HOST:
      case FieldId.CONTENT_LENGTH:
      case FieldId.CONTENT:
      case FieldId.AUTHORIZATION:
      case FieldId.EXPECT:
        lines.renamed(i, RESERVED_PREFIX);
        break;
      case FieldId.RESERVED:
        lines.reserved(i);
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
  facts.repeatedFields = facts.fieldCount;
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
    if (!asterisk || !fields.valueIs(head.method, "OPTIONS")) {
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

/** Fields from `first` on, and before it what was lost; `host` is the one that was written as Host, or -1. */
function writeFields(lines: FieldLines, first: number, host: number): void {
  const { fields, facts, count } = lines;
  let cookiesWritten = false;
  // What was lost before the pseudo-header fields' end has its place too.
  for (let i = 0; i < first; i++) if (fields.id[i] === FieldId.LOST) lines.field(i);
  for (let i = first; i < fields.count; i++) {
    switch (fields.id[i]) {
      case FieldId.OTHER:
      case FieldId.USER_AGENT:
      case FieldId.CONTENT:
      case FieldId.LOST:
        lines.field(i);
        break;
      case FieldId.HOST:
        if (i === host || (host >= 0 && sameValue(fields, i, host))) break;
        count("renamed-host");
        lines.renamed(i, RESERVED_PREFIX);
        break;
      case FieldId.CONTENT_LENGTH:
        lines.contentLength(i);
        break;
      case FieldId.CONNECTION:
        count("connection-field-left-out");
        break;
      case FieldId.COOKIE:
        if (!cookiesWritten) lines.cookies(i);
        cookiesWritten = true;
        break;
      case FieldId.AUTHORIZATION:
        if (!decodableBasic(fields.bytes, fields.valueStart[i], fields.valueEnd[i])) {
          facts.apart ||= "undecodable-basic";
        }
        lines.field(i);
        break;
      case FieldId.EXPECT:
        facts.expects = true;
        lines.field(i);
        break;
      case FieldId.RESERVED:
        lines.reserved(i);
        break;
      case FieldId.EMPTY:
        count("empty-field-name");
        break;
    }
  }
  if (facts.fieldCount > MAX_FIELDS) facts.apart ||= "many-fields";
}

/** How a request is carried: the method decides, and `:protocol`. */
export function requestKind(head: RequestHead): RequestKind {
  const { fields, protocol } = head;
  if (protocol >= 0) {
    return OPAQUE_PROTOCOLS.some((name) => fields.valueIs(protocol, name)) ? "upgrade" : "extended";
  }
  if (fields.valueIs(head.method, "CONNECT")) return "connect";
  return fields.valueIs(head.method, "HEAD") ? "head" : "ordinary";
}
