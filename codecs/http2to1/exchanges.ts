// SPDX-License-Identifier: MIT
/**
 * HTTP events to HTTP/1.1 exchanges: collects heads, bodies and ends, and lets {@linkcode Lanes} write them.
 *
 * @module
 */
import type { CodecOutput } from "../codec.ts";
import { type Direction, TO_CLIENT, TO_SERVER } from "../direction.ts";
import type { HttpEvents, Partial, RequestHead, ResponseHead } from "../http/event.ts";
import type { FieldList } from "../http/field_list.ts";
import type { ByteWriter } from "../http1/byte_writer.ts";
import { type Count, MAX_FIELDS } from "../http1/field_lines.ts";
import {
  MAX_PROTOCOL_BYTES,
  type RequestKind,
  requestKind,
  writeInterimFields,
  writeRequestHead,
  writeResponseHead,
  writeTrailers,
} from "../http1/head.ts";
import { BodyRule, type Message } from "../http1/message.ts";
import { MAX_CHUNK_BYTES, type MessageWriter } from "../http1/message_writer.ts";
import { Exchange, EXCHANGE_OVERHEAD_BYTES, Tunnel } from "./exchange.ts";
import { Lanes } from "./lanes.ts";
import type { LanePolicy } from "./options.ts";
import { RawBytes } from "./raw_bytes.ts";

/** Field lines of interim responses kept for the final one: a few Early Hints with long `link` fields. */
const MAX_INTERIM_BYTES = 64 * 1024;
/** Tunnel bytes that wait for the 200: a client may send the ClientHello of the tunnelled session at once. */
const MAX_TUNNEL_WAITING_BYTES = 64 * 1024;

const NO_BYTES = new Uint8Array(0);

const AMPLIFIED =
  "http2to1: header fields that repeat earlier ones make more than 64 bytes for each that came; those that decide nothing are left out";

/** Used by one call at a time, so that all flows can share it. */
interface WriteScratch {
  readonly head: ByteWriter;
  readonly writer: MessageWriter;
}

export class Exchanges implements HttpEvents<Exchange> {
  timeNs = 0;
  readonly lanes: Lanes;
  readonly #count: Count;
  readonly #scratch: WriteScratch;
  /** What cannot be read, from where it cannot. */
  #remainder: RawBytes | undefined;
  readonly #isUnreadable: [boolean, boolean] = [false, false];
  /** Header fields that repeat earlier ones were more than their bytes allow. */
  #isAmplified = false;

  constructor(readonly output: CodecOutput, policy: LanePolicy, scratch: WriteScratch) {
    this.lanes = new Lanes(output, policy, scratch.writer);
    this.#scratch = scratch;
    this.#count = (reason, amount) => output.count(reason, amount);
  }

  request(streamId: number, head: RequestHead, pushed: boolean): Exchange {
    const exchange = new Exchange(streamId, this.timeNs);
    exchange.kind = requestKind(head);
    exchange.pushed = pushed;
    if (exchange.kind !== "ordinary" && exchange.kind !== "head") exchange.apart = "tunnel";
    if (exchange.kind === "connect" || exchange.kind === "upgrade") exchange.tunnel = Tunnel.UNDECIDED;
    if (exchange.kind === "upgrade") {
      const { bytes, valueStart, valueEnd } = head.fields;
      const start = valueStart[head.protocol];
      exchange.protocol = bytes.slice(start, Math.min(valueEnd[head.protocol], start + MAX_PROTOCOL_BYTES));
    }
    const out = this.#scratch.head;
    out.length = 0;
    this.#countElided(head.fields);
    exchange.isDear = head.fields.isBeyondLimit;
    exchange.request.facts = writeRequestHead(out, head, exchange.kind, this.#count, pushed);
    exchange.request.keepHead(out, this.#scratch.writer.pool);
    const protocolBytes = exchange.protocol?.length ?? 0;
    this.lanes.add(exchange, EXCHANGE_OVERHEAD_BYTES + protocolBytes + exchange.request.heldBytes);
    return exchange;
  }

  orphan(streamId: number): Exchange {
    return new Exchange(streamId, this.timeNs);
  }

  interim(exchange: Exchange, head: ResponseHead): void {
    if (exchange.isClosed) return;
    const out = this.#scratch.head;
    out.length = 0;
    this.#countElided(head.fields);
    writeInterimFields(out, head, this.#count);
    if (out.length === 0) return;
    const before = exchange.interim ?? NO_BYTES;
    if (before.length + out.length > MAX_INTERIM_BYTES || this.lanes.isFull(out.length)) {
      const leftOut = head.fields.count - head.firstRegular;
      this.#count("interim-fields-over-bound", leftOut);
      exchange.interimLeftOut += leftOut;
      return;
    }
    exchange.interim = new Uint8Array(before.length + out.length);
    exchange.interim.set(before);
    exchange.interim.set(out.view(), before.length);
    this.lanes.hold(exchange, out.length);
  }

  response(exchange: Exchange, head: ResponseHead): void {
    if (exchange.isClosed) return;
    const { response, request, kind } = exchange;
    if (exchange.tunnel === Tunnel.UNDECIDED) {
      exchange.tunnel = head.status >= 200 && head.status < 300 ? Tunnel.OPEN : Tunnel.REFUSED;
    }
    const { tunnel } = exchange;
    const upgraded = tunnel === Tunnel.OPEN ? exchange.protocol : undefined;
    const out = this.#scratch.head;
    out.length = 0;
    this.#countElided(head.fields);
    exchange.isDear ||= head.fields.isBeyondLimit;
    response.facts = writeResponseHead(out, head, upgraded, exchange, this.#count);
    exchange.interim = undefined;
    if (tunnel !== Tunnel.OPEN) response.bodyRule = responseBodyRule(kind, head.status);
    response.keepHead(out, this.#scratch.writer.pool);
    if (request.hasHead) {
      this.lanes.resume(exchange);
      this.lanes.hold(exchange, response.heldBytes);
    } else {
      this.#count("response-without-request");
      this.lanes.add(exchange, EXCHANGE_OVERHEAD_BYTES + response.heldBytes);
    }
    if (exchange.isClosed) return;
    if (tunnel === Tunnel.OPEN) {
      if (exchange.hasLane) this.lanes.writeOwn(exchange);
      else this.lanes.beginOrLose(exchange, "tunnel");
    } else if (tunnel === Tunnel.REFUSED) {
      if (request.sizeBytes > 0) this.#count("tunnel-bytes-refused", request.bodyLength);
      request.releaseBody(this.#scratch.writer.pool);
      request.ended = true;
    }
    this.lanes.writeLater(exchange);
  }

  retract(exchange: Exchange): boolean {
    const { response, tunnel } = exchange;
    if (exchange.isClosed || response.head === undefined || tunnel !== Tunnel.NONE) return false;
    this.#count("interim-of-unknown-status");
    const before = response.heldBytes;
    response.dropHead(this.#scratch.writer.pool);
    this.lanes.hold(exchange, -before);
    return true;
  }

  body(exchange: Exchange, direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    const { lanes } = this;
    const { writer } = this.#scratch;
    const message = this.#message(exchange, direction);
    if (exchange.isClosed || message.ended) return this.#count("body-dropped-bytes", end - start);
    if (!hasPlace(message)) {
      return this.#raw(exchange, message).write(direction, bytes.subarray(start, end));
    }
    if (!exchange.hasLane || exchange.tunnel === Tunnel.UNDECIDED) {
      return this.#keepBody(exchange, message, bytes, start, end);
    }
    if (writer.passes(message)) {
      const piece = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
      const excess = writer.pass(message, this.output, exchange.lane, piece);
      if (excess > 0) this.#count("body-over-length-bytes", excess);
      return;
    }
    message.append(bytes, start, end, writer.pool);
    if (message.bodyLength >= MAX_CHUNK_BYTES) lanes.writeOwn(exchange);
    else lanes.writeLater(exchange);
  }

  /** Keeps body bytes of which nothing can be written yet, those of a tunnel within their bound. */
  #keepBody(exchange: Exchange, message: Message, bytes: Uint8Array, start: number, end: number): void {
    const before = message.heldBytes;
    const length = end - start;
    if (
      exchange.tunnel === Tunnel.UNDECIDED &&
      (message.sizeBytes + length > MAX_TUNNEL_WAITING_BYTES || this.lanes.isFull(length))
    ) {
      this.#count("tunnel-over-bound-bytes", length);
      message.appendGap(length);
    } else message.append(bytes, start, end, this.#scratch.writer.pool);
    this.lanes.hold(exchange, message.heldBytes - before);
  }

  bodyGap(exchange: Exchange, direction: Direction, lengthBytes: number): void {
    const message = this.#message(exchange, direction);
    if (exchange.isClosed || message.ended) return;
    if (!hasPlace(message)) return exchange.raw?.gap(direction, lengthBytes);
    this.#count("body-gap-bytes", lengthBytes);
    const before = message.heldBytes;
    message.appendGap(lengthBytes);
    this.lanes.hold(exchange, message.heldBytes - before);
    this.lanes.writeLater(exchange);
  }

  trailers(exchange: Exchange, direction: Direction, fields: FieldList): void {
    const message = this.#message(exchange, direction);
    if (exchange.isClosed || message.ended) return;
    if (exchange.tunnel === Tunnel.OPEN || !message.allowsTrailers) return this.#count("trailers-left-out");
    const out = this.#scratch.head;
    out.length = 0;
    this.#countElided(fields);
    const facts = writeTrailers(out, fields, this.#count);
    if (out.length === 0) return;
    message.trailers = out.slice();
    message.facts.fieldCount += facts.fieldCount;
    message.facts.repeatedFields += facts.repeatedFields;
    message.facts.apart ||= message.facts.fieldCount > MAX_FIELDS ? "many-fields" : facts.apart;
    this.lanes.hold(exchange, out.length);
  }

  ended(exchange: Exchange, direction: Direction): void {
    const message = this.#message(exchange, direction);
    if (exchange.isClosed || message.ended) return;
    message.ended = true;
    this.#messageEnded(exchange);
  }

  truncated(exchange: Exchange, direction: Direction, why: Partial): void {
    const message = this.#message(exchange, direction);
    if (exchange.isClosed || message.ended) return;
    this.#cut(exchange, message, why);
    this.#messageEnded(exchange);
  }

  reset(exchange: Exchange): void {
    const { response } = exchange;
    if (!response.hasHead) this.lanes.suspend(exchange);
    // Clients reset a stream of which they have all, and do not wait for its end.
    else if (exchange.hasWhole(response)) this.ended(exchange, TO_CLIENT);
  }

  aborted(exchange: Exchange, why: Partial): void {
    if (exchange.isClosed) return;
    for (const message of [exchange.request, exchange.response]) this.#cut(exchange, message, why);
    this.lanes.settle(exchange);
  }

  /** Nothing more of the message comes: it is partial unless all of it is there, and no fault of the peer ends it. */
  #cut(exchange: Exchange, message: Message, why: Partial): void {
    if (message.ended) return;
    const isPartial = message.hasHead && (why === "malformed" || !exchange.hasWhole(message));
    message.ended = true;
    if (!isPartial) return;
    message.partial = why;
    this.#count(`partial-${why}`);
  }

  count(reason: string, amount?: number): void {
    this.output.count(reason, amount);
  }

  unreadable(direction: Direction, reason: string, bytes: Uint8Array): void {
    // A flow that is no HTTP/2 from its first byte on is what it is on its own 5-tuple.
    if (this.#remainder === undefined) {
      const { own, shared } = this.lanes;
      this.#remainder = reason === "preface" && shared.makeRaw()
        ? new RawBytes(own, "", 0)
        : new RawBytes(own, `what could not be read, from ${reason}`);
    }
    this.#isUnreadable[direction] = true;
    this.#remainder.write(direction, bytes);
  }

  /** The flow's gap in a direction that is not read any more. */
  rawGap(direction: Direction, lengthBytes: number): void {
    if (this.#isUnreadable[direction]) this.#remainder?.gap(direction, lengthBytes);
  }

  /** The flow has ended. */
  close(): void {
    this.lanes.flush();
    this.#remainder?.close("fin");
    this.lanes.close();
  }

  /** References beyond what their bytes allow: how many are left out, and once a flow in words, on a packet. */
  #countElided({ elidedCount, isBeyondLimit }: FieldList): void {
    if (elidedCount > 0) this.#count("header-fields-elided", elidedCount);
    else if (!isBeyondLimit) return;
    if (this.#isAmplified) return;
    this.#isAmplified = true;
    this.#count("amplified-flow");
    this.output.comment(0, AMPLIFIED);
  }

  #message(exchange: Exchange, direction: Direction): Message {
    return direction === TO_SERVER ? exchange.request : exchange.response;
  }

  /** For a body that would be read as something else: one whose head is not known, or behind a response to HEAD. */
  #raw(exchange: Exchange, message: Message): RawBytes {
    const what = message.hasHead ? "body of a response to HEAD" : "body without its head";
    return exchange.raw ??= new RawBytes(this.lanes.own, `stream ${exchange.streamId}, ${what}`);
  }

  #messageEnded(exchange: Exchange): void {
    if (exchange.hasEnded) this.lanes.settle(exchange);
    else this.lanes.writeLater(exchange);
  }
}

/** RFC 9112, section 6.3. */
function responseBodyRule(kind: RequestKind, status: number): BodyRule {
  if (kind === "head") return BodyRule.OF_HEAD;
  return status === 204 || status === 304 ? BodyRule.NONE : BodyRule.ANY;
}

/** Whether bytes of the body can be part of the message. */
const hasPlace = (message: Message): boolean => message.hasHead && message.bodyRule !== BodyRule.OF_HEAD;
