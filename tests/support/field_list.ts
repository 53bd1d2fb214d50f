// SPDX-License-Identifier: MIT
/** Header lists and heads made of text. @module */
import { fieldId } from "../../codecs/http/field.ts";
import type { FieldList } from "../../codecs/http/field_list.ts";
import {
  type MutableRequestHead,
  type MutableResponseHead,
  newDecodeScratch,
  readRequestHead,
  readResponseHead,
} from "../../codecs/http2/pseudo.ts";
import { bytesOf, type Fields } from "./http2_frames.ts";

/** Adds fields, latin-1, as a decoder would. */
export function addFields(list: FieldList, fields: Fields): FieldList {
  for (const [name, value] of fields) {
    const nameBytes = bytesOf(name);
    const valueStart = list.end + name.length;
    list.reserve(list.end, name.length + value.length);
    list.bytes.set(nameBytes, list.end);
    list.bytes.set(bytesOf(value), valueStart);
    list.add(valueStart, valueStart + value.length, fieldId(nameBytes, 0, nameBytes.length));
  }
  return list;
}

/** A head to fill: its list has these fields. */
export function unreadRequest(fields: Fields): MutableRequestHead {
  const { request } = newDecodeScratch();
  addFields(request.fields, fields);
  return request;
}
export function unreadResponse(fields: Fields): MutableResponseHead {
  const { response } = newDecodeScratch();
  addFields(response.fields, fields);
  return response;
}

/** Heads of valid lists; throw where a list is refused. */
export function requestHead(fields: Fields): MutableRequestHead {
  const head = unreadRequest(fields);
  const fault = readRequestHead(head);
  if (fault !== undefined) throw new Error(`refused: ${fault}`);
  return head;
}
export function responseHead(fields: Fields): MutableResponseHead {
  const head = unreadResponse(fields);
  const fault = readResponseHead(head);
  if (fault !== undefined) throw new Error(`refused: ${fault}`);
  return head;
}

/** Counts by reason. */
export class Counts extends Map<string, number> {
  readonly count = (reason: string, amount = 1): void => {
    this.set(reason, (this.get(reason) ?? 0) + amount);
  };
}
