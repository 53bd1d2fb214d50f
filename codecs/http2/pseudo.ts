/**
 * Pseudo-header fields (RFC 9113, section 8.3): from a decoded list to a request or response head, or to the reason
 * why a receiver must treat the message as malformed and what it meant cannot be told.
 *
 * @module
 */
import type { RequestHead, ResponseHead } from "../http/event.ts";
import { FieldId, isPseudo } from "../http/field.ts";
import type { FieldList } from "../http/field_list.ts";
import { mayLackPseudo } from "./hpack/decoder.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type MutableRequestHead = Mutable<RequestHead>;
export type MutableResponseHead = Mutable<ResponseHead>;

export const newRequestHead = (fields: FieldList): MutableRequestHead => ({
  fields,
  method: -1,
  target: -1,
  authority: -1,
  protocol: -1,
  firstRegular: 0,
});

export const newResponseHead = (fields: FieldList): MutableResponseHead => ({
  fields,
  status: 0,
  firstRegular: 0,
});

/** Whether the list holds a pseudo-header field: a head, no trailers. */
export function hasPseudo(fields: FieldList): boolean {
  return fields.count > 0 && isPseudo(fields.id[0]);
}

/** Position of the first field that is no pseudo-header, passing over what was lost before it. */
function firstRegular(fields: FieldList): number {
  let first = 0;
  for (let i = 0; i < fields.count; i++) if (isPseudo(fields.id[i])) first = i + 1;
  return first;
}

/** Faults that a request and a response can have alike. */
function listFault(fields: FieldList, regular: number): string | undefined {
  if (fields.overflow) return "header-list-size";
  for (let i = 0; i < regular; i++) {
    if (!isPseudo(fields.id[i]) && fields.id[i] !== FieldId.LOST) return "pseudo-header-order";
  }
  for (let i = regular; i < fields.count; i++) if (fields.id[i] === FieldId.EMPTY) return "empty-field-name";
  return undefined;
}

const equals = (fields: FieldList, i: number, text: string): boolean => {
  const start = fields.valueStart[i];
  if (fields.valueEnd[i] - start !== text.length) return false;
  for (let k = 0; k < text.length; k++) if (fields.bytes[start + k] !== text.charCodeAt(k)) return false;
  return true;
};

/** Whether the request's method is this one. */
export const isMethod = (head: RequestHead, method: string): boolean =>
  head.method >= 0 && equals(head.fields, head.method, method);

/** Fills `head` from its `fields`; returns why it is malformed. */
export function readRequestHead(head: MutableRequestHead): string | undefined {
  const { fields } = head;
  head.method =
    head.target =
    head.authority =
    head.protocol =
      -1;
  let scheme = -1;
  const regular = head.firstRegular = firstRegular(fields);
  const fault = listFault(fields, regular);
  if (fault !== undefined) return fault;
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
        if (scheme >= 0) return "duplicate-pseudo-header";
        scheme = i;
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
  const connect = isMethod(head, "CONNECT");
  if (
    head.protocol >= 0 && (!connect || fields.valueEnd[head.protocol] === fields.valueStart[head.protocol])
  ) {
    return "protocol-pseudo-header";
  }
  if (connect && head.protocol < 0) {
    if (head.target >= 0 || scheme >= 0) return "connect-pseudo-header";
    return head.authority < 0 ? "missing-pseudo-header" : undefined;
  }
  return head.target < 0 || scheme < 0 ? "missing-pseudo-header" : undefined;
}

/** Fills `head` from its `fields`; returns why it is malformed. */
export function readResponseHead(head: MutableResponseHead): string | undefined {
  const { fields } = head;
  head.status = 0;
  const regular = head.firstRegular = firstRegular(fields);
  const fault = listFault(fields, regular);
  if (fault !== undefined) return fault;
  for (let i = 0; i < regular; i++) {
    if (fields.id[i] === FieldId.LOST) continue;
    if (fields.id[i] !== FieldId.STATUS) return "unknown-pseudo-header";
    if (head.status !== 0) return "duplicate-pseudo-header";
    head.status = statusOf(fields, i);
    if (head.status === 0) return "invalid-status";
  }
  if (head.status === 0 && !mayLackPseudo(fields)) return "missing-pseudo-header";
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
