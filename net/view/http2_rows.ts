// SPDX-License-Identifier: MIT
/** What a reader of HTTP/2 tells as rows of the exchange log. @module */
import { type Direction, TO_SERVER } from "../../codecs/direction.ts";
import type { HttpEvents, Partial, RequestHead, ResponseHead } from "../../codecs/http/event.ts";
import type { FieldList } from "../../codecs/http/field_list.ts";
import { ByteWriter } from "../../codecs/http1/byte_writer.ts";
import { writeFields, writeValue, writeWord } from "./field_text.ts";
import { Mark, Protocol, RowKind } from "./log_layout.ts";
import type { ViewContext } from "./protocol_view.ts";

/** Used by one call at a time. */
const HEAD = new ByteWriter();

/** Exchanges are known by the numbers of their rows. */
export class Http2Rows implements HttpEvents<number> {
  /** When what is told next came. */
  timeNs = 0;
  readonly #context: ViewContext;

  constructor(context: ViewContext) {
    this.#context = context;
  }

  request(streamId: number, head: RequestHead, pushed: boolean): number {
    const { log, flowAt } = this.#context;
    const row = log.begin(RowKind.EXCHANGE, Protocol.HTTP_2, flowAt(), this.timeNs);
    log.setStream(row, streamId);
    HEAD.length = 0;
    const { fields } = head;
    if (head.method < 0) HEAD.ascii("?");
    else writeWord(HEAD, fields, head.method);
    HEAD.ascii(" ");
    const target = head.target >= 0 ? head.target : head.authority;
    if (target < 0) HEAD.ascii("?");
    else writeValue(HEAD, fields, target);
    HEAD.ascii(" HTTP/2\r\n");
    if (head.authority >= 0) {
      HEAD.ascii("host: ");
      writeValue(HEAD, fields, head.authority);
      HEAD.ascii("\r\n");
    }
    if (head.protocol >= 0) {
      HEAD.ascii(":protocol: ");
      writeValue(HEAD, fields, head.protocol);
      HEAD.ascii("\r\n");
    }
    writeFields(HEAD, fields, head.firstRegular);
    log.requestHead(row, HEAD.bytes, 0, HEAD.length);
    if (pushed) log.mark(row, Mark.PUSHED);
    if (head.doubt === "resync") log.mark(row, Mark.RESYNCED);
    this.#markLost(row, fields);
    return row;
  }

  orphan(streamId: number): number {
    const { log, flowAt } = this.#context;
    const row = log.begin(RowKind.EXCHANGE, Protocol.HTTP_2, flowAt(), this.timeNs);
    log.setStream(row, streamId);
    log.mark(row, Mark.NO_REQUEST);
    return row;
  }

  interim(): void {}

  response(row: number, head: ResponseHead): void {
    const { log } = this.#context;
    HEAD.length = 0;
    HEAD.ascii("HTTP/2 ");
    HEAD.ascii(String(head.status));
    HEAD.ascii("\r\n");
    writeFields(HEAD, head.fields, head.firstRegular);
    log.responseHead(row, head.status, HEAD.bytes, 0, HEAD.length, this.timeNs);
    this.#markLost(row, head.fields);
  }

  retract(row: number): boolean {
    this.#context.log.responseHead(row, 0, HEAD.bytes, 0, 0, this.timeNs);
    return true;
  }

  body(row: number, direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.#context.log.body(row, direction, bytes, start, end, this.timeNs);
  }

  bodyGap(row: number, direction: Direction, lengthBytes: number): void {
    this.#context.log.bodyGap(row, direction, lengthBytes);
  }

  trailers(row: number, direction: Direction, fields: FieldList): void {
    HEAD.length = 0;
    writeFields(HEAD, fields, 0);
    this.#context.log.trailers(row, direction, HEAD.bytes, 0, HEAD.length);
  }

  ended(row: number, direction: Direction): void {
    this.#context.log.messageEnd(row, endMark(direction), this.timeNs);
  }

  truncated(row: number, direction: Direction, why: Partial): void {
    this.#context.log.cut(row, why);
    this.ended(row, direction);
  }

  reset(): void {}

  aborted(row: number, why: Partial): void {
    this.#context.log.cut(row, why);
    this.#context.log.end(row, this.timeNs);
  }

  count(): void {}

  unreadable(): void {}

  #markLost(row: number, fields: FieldList): void {
    if (fields.lostCount > 0 || fields.isCut) this.#context.log.mark(row, Mark.LOST_FIELDS);
  }
}

const endMark = (direction: Direction): number =>
  direction === TO_SERVER ? Mark.REQUEST_ENDED : Mark.RESPONSE_ENDED;
