// SPDX-License-Identifier: MIT
/**
 * Pseudo-header fields (RFC 9113, section 8.3): from a decoded list to a request or response head, or to the reason
 * why a receiver must treat the message as malformed and what it meant cannot be told.
 *
 * @module
 */
import type { RequestHead, ResponseHead } from "../http/event.ts";
import { FieldId, isPseudo } from "../http/field.ts";
import { FieldList } from "../http/field_list.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What only a reader of HTTP/2 needs to know of a head. */
interface Faults {
  /** What of it is malformed, but unambiguous, and some peer takes it. */
  readonly faults: HeadFault[];
}

type HeadFault = "pseudo-header-order" | "protocol" | "scheme" | "status" | "foreign-pseudo-header";

export type MutableRequestHead = Mutable<RequestHead> & Faults;
export type MutableResponseHead = Mutable<ResponseHead> & Faults;

const newRequestHead = (fields: FieldList): MutableRequestHead => ({
  fields,
  method: -1,
  target: -1,
  authority: -1,
  protocol: -1,
  firstRegular: 0,
  faults: [],
  doubt: "",
});

const newResponseHead = (fields: FieldList): MutableResponseHead => ({
  fields,
  status: 0,
  firstRegular: 0,
  faults: [],
  doubt: "",
});

/** What the decoder fills and heads point into; borrowed by one call at a time, so that all connections can share it. */
export interface DecodeScratch {
  readonly request: MutableRequestHead;
  readonly response: MutableResponseHead;
}

export function newDecodeScratch(): DecodeScratch {
  const fields = new FieldList();
  return { request: newRequestHead(fields), response: newResponseHead(fields) };
}

/** Whether the list holds a pseudo-header field: a head, no trailers. */
export function hasPseudo(fields: FieldList): boolean {
  return firstRegular(fields) > 0;
}

/** Whether a list that lost fields may have lost a pseudo-header field among them: none follows a regular one. */
function mayLackPseudo(fields: FieldList): boolean {
  if (fields.isCut) return true;
  for (let i = 0; i < fields.count; i++) {
    if (fields.id[i] === FieldId.LOST) return true;
    if (!isPseudo(fields.id[i])) return false;
  }
  return false;
}

/** Position of the first field that is no pseudo-header, passing over what was lost before it. */
function firstRegular(fields: FieldList): number {
  let first = 0;
  for (let i = 0; i < fields.count; i++) if (isPseudo(fields.id[i])) first = i + 1;
  return first;
}

/** Whether one of these was sent again and again, and is left out. */
const isRepeated = (fields: FieldList, ids: readonly FieldId[]): boolean =>
  fields.elidedCount > 0 && ids.some((id) => fields.hasElided(id));

/** A pseudo-header field, or one that may be. */
const isPseudoOrLost = (id: number): boolean => isPseudo(id) || id === FieldId.LOST;

/** Puts the fields in the order that they should have; returns how many the first part has. */
function order(head: Faults & { readonly fields: FieldList }): number {
  const { fields, faults } = head;
  const regular = firstRegular(fields);
  faults.length = 0;
  let inOrder = true;
  for (let i = 0; i < regular; i++) if (!isPseudoOrLost(fields.id[i])) inOrder = false;
  if (inOrder) return regular;
  faults.push("pseudo-header-order");
  fields.moveFirst(isPseudoOrLost);
  return firstRegular(fields);
}

/** Of these a head has one. */
const REQUEST_IDS = [FieldId.METHOD, FieldId.PATH, FieldId.AUTHORITY, FieldId.PROTOCOL];
const RESPONSE_IDS = [FieldId.STATUS];

/** Fills `head` from its `fields`; returns why it is malformed. */
export function readRequestHead(head: MutableRequestHead): string | undefined {
  const { fields } = head;
  head.method =
    head.target =
    head.authority =
    head.protocol =
      -1;
  if (isRepeated(fields, REQUEST_IDS)) return "duplicate-pseudo-header";
  let schemes = 0;
  const regular = head.firstRegular = order(head);
  for (let i = 0; i < regular; i++) {
    switch (fields.id[i]) {
      case FieldId.METHOD:
        if (head.method >= 0) return "duplicate-pseudo-header";
        head.method = i;
        break;
      case FieldId.PATH:
        if (head.target >= 0) return "duplicate-pseudo-header";
        head.target = i;
        break;
      case FieldId.AUTHORITY:
        if (head.authority >= 0) return "duplicate-pseudo-header";
        head.authority = i;
        break;
      case FieldId.SCHEME:
        schemes++;
        break;
      case FieldId.PROTOCOL:
        if (head.protocol >= 0) return "duplicate-pseudo-header";
        head.protocol = i;
        break;
      case FieldId.LOST:
        break;
      default:
        return "unknown-pseudo-header";
    }
  }
  if (mayLackPseudo(fields)) return undefined;
  if (head.method < 0 || fields.valueEnd[head.method] === fields.valueStart[head.method]) {
    return "missing-pseudo-header";
  }
  const isConnect = fields.valueIs(head.method, "CONNECT");
  const { protocol } = head;
  // It makes only a CONNECT another request, and only by its value.
  const meansNothing = protocol >= 0 &&
    (!isConnect || fields.valueEnd[protocol] === fields.valueStart[protocol]);
  if (meansNothing) {
    head.faults.push("protocol");
    head.protocol = -1;
  }
  if (isConnect && head.protocol < 0) {
    if (!meansNothing && (head.target >= 0 || schemes > 0)) return "connect-pseudo-header";
    return head.authority < 0 ? "missing-pseudo-header" : undefined;
  }
  if (head.target < 0) return "missing-pseudo-header";
  // It is not written, so that nothing hangs on which of several a peer takes.
  if (schemes !== 1) head.faults.push("scheme");
  return undefined;
}

/** Fills `head` from its `fields`; returns why it is malformed. */
export function readResponseHead(head: MutableResponseHead): string | undefined {
  const { fields, faults } = head;
  head.status = 0;
  if (isRepeated(fields, RESPONSE_IDS)) return "duplicate-pseudo-header";
  let status = -1;
  const regular = head.firstRegular = order(head);
  for (let i = 0; i < regular; i++) {
    if (fields.id[i] === FieldId.LOST) continue;
    if (fields.id[i] !== FieldId.STATUS) {
      if (!faults.includes("foreign-pseudo-header")) faults.push("foreign-pseudo-header");
      continue;
    }
    if (status >= 0) return "duplicate-pseudo-header";
    status = i;
  }
  if (status < 0) return mayLackPseudo(fields) ? undefined : "missing-pseudo-header";
  head.status = statusOf(fields, status);
  if (head.status === 0) faults.push("status");
  return undefined;
}

/** Three digits, the first of them not 0; else 0. */
function statusOf(fields: FieldList, i: number): number {
  const start = fields.valueStart[i];
  if (fields.valueEnd[i] - start !== 3) return 0;
  let status = 0;
  for (let k = 0; k < 3; k++) {
    const digit = fields.bytes[start + k] - 0x30;
    if (digit < 0 || digit > 9) return 0;
    status = status * 10 + digit;
  }
  return status < 100 ? 0 : status;
}
