// SPDX-License-Identifier: MIT
/**
 * Header blocks of one direction as what they are on their streams: heads, interim responses, trailers, promises
 * (RFC 9113, section 8).
 *
 * @module
 */
import type { Direction } from "../codec.ts";
import type { Doubt } from "../http/event.ts";
import { FieldId } from "../http/field.ts";
import type { Http2Connection, Stream } from "./connection.ts";
import type { BlockOwner } from "./header_block.ts";
import { hasPseudo, type MutableRequestHead, readRequestHead, readResponseHead } from "./pseudo.ts";

export class MessageHeads<Exchange> {
  constructor(readonly connection: Http2Connection<Exchange>, readonly direction: Direction) {}

  /** Takes the block that was decoded to the connection's scratch. A string is the reason to give the direction up. */
  block(owner: BlockOwner): string | undefined {
    if (owner.promisedId !== 0) return this.#promise(owner);
    if (this.direction === 0) this.#request(owner);
    else this.#response(owner);
    return undefined;
  }

  /** A stream whose request was not seen. */
  orphan(streamId: number): Stream<Exchange> {
    const { connection } = this;
    const side = streamId % 2 === 1 ? 0 : 1;
    if (streamId > connection.lastStreamId[side]) {
      if (side === 0) connection.skipTo(streamId);
      connection.lastStreamId[side] = streamId;
    }
    connection.found(streamId);
    const stream = connection.addStream(streamId, connection.events.orphan(streamId));
    stream.orphan = true;
    connection.cutClosed(stream);
    return stream;
  }

  #request(owner: BlockOwner): void {
    const { connection } = this;
    const { scratch, lastStreamId, events } = connection;
    const { streamId, endStream } = owner;
    let stream = connection.streams.get(streamId);
    if (stream !== undefined && stream.head[0]) {
      return this.#trailers(stream, endStream);
    }
    if (stream === undefined && streamId <= lastStreamId[0]) {
      return connection.events.count("headers-on-closed-stream");
    }
    const { request } = scratch;
    if (
      stream !== undefined ||
      (connection.halves[0].incomplete && !hasPseudo(request.fields) && request.fields.lostCount === 0)
    ) {
      // Trailers of a request whose head was not seen.
      if (streamId > lastStreamId[0]) lastStreamId[0] = streamId;
      if (stream !== undefined && endStream) connection.cut(stream, 0, "gap");
      return;
    }
    if (connection.halves[0].mayHaveSkipped) {
      connection.halves[0].mayHaveSkipped = false;
      connection.skipTo(streamId);
    }
    lastStreamId[0] = streamId;
    const fault = readRequestHead(request);
    if (fault !== undefined) {
      connection.events.count(`refused-${fault}`);
      stream = connection.addStream(streamId, undefined);
    } else {
      for (const one of request.faults) events.count(`tolerated-${one}`);
      request.doubt = this.#doubt(streamId);
      stream = connection.addStream(streamId, events.request(streamId, request, false));
    }
    stream.head[0] = true;
    if (endStream) connection.finish(stream, 0);
    connection.cutClosed(stream);
  }

  #response(owner: BlockOwner): void {
    const { connection } = this;
    const { streamId, endStream } = owner;
    const { response } = connection.scratch;
    let stream = connection.streams.get(streamId);
    if (stream === undefined) {
      if (!connection.mayBeLost(streamId)) {
        connection.events.count("headers-on-closed-stream");
        return;
      }
      if (!hasPseudo(response.fields) && response.fields.lostCount === 0) return;
      stream = this.orphan(streamId);
    }
    if (stream.head[1] && !this.#wasInterim(stream)) {
      return this.#trailers(stream, endStream);
    }
    if (stream.ended[1]) {
      return connection.events.count("headers-after-end-stream");
    }
    if (stream.exchange === undefined) {
      if (endStream) connection.finish(stream, 1);
      return;
    }
    const fault = readResponseHead(response) ?? (response.status === 101 ? "invalid-status" : undefined) ??
      (response.status >= 100 && response.status < 200 && endStream ? "interim-end-stream" : undefined);
    if (fault !== undefined) {
      connection.refuse(stream, fault);
      if (endStream) connection.finish(stream, 1);
      return;
    }
    for (const one of response.faults) connection.events.count(`tolerated-${one}`);
    connection.confirm(stream);
    response.doubt = connection.halves[1].reader.sure ? "" : "resync";
    if (response.status >= 100 && response.status < 200) {
      return connection.events.interim(stream.exchange, response);
    }
    stream.head[1] = true;
    stream.statusLost = response.status === 0 && !endStream && !response.faults.includes("status");
    connection.events.response(stream.exchange, response);
    if (endStream) connection.finish(stream, 1);
  }

  /** Whether the block at hand is another head, so that the one before, of unknown status, was that of an interim response. */
  #wasInterim(stream: Stream<Exchange>): boolean {
    const { events, scratch } = this.connection;
    if (!stream.statusLost || stream.exchange === undefined || !hasPseudo(scratch.response.fields)) {
      return false;
    }
    stream.statusLost = false;
    if (!events.retract(stream.exchange)) return false;
    stream.head[1] = false;
    return true;
  }

  /** A block behind the head (RFC 9113, section 8.1). */
  #trailers(stream: Stream<Exchange>, endStream: boolean): void {
    const { connection, direction } = this;
    if (stream.ended[direction]) {
      connection.events.count("headers-after-end-stream");
    } else if (!endStream) {
      connection.refuse(stream, "headers-in-body");
    } else {
      const { fields } = connection.scratch.request;
      if (fields.overflow) connection.events.count("trailers-over-bound");
      else if (stream.exchange !== undefined && !stream.lost[direction]) {
        connection.events.trailers(stream.exchange, direction, fields);
      }
      connection.finish(stream, direction);
    }
  }

  #promise(owner: BlockOwner): string | undefined {
    const { connection } = this;
    const { lastStreamId, events, scratch } = connection;
    const { promisedId } = owner;
    if (promisedId % 2 === 1 || promisedId <= lastStreamId[1]) {
      return connection.incomplete && promisedId % 2 === 0 ? undefined : "stream-id";
    }
    lastStreamId[1] = promisedId;
    const fault = this.#promiseFault(owner.streamId) ?? readRequestHead(scratch.request) ??
      promisedRequestFault(scratch.request);
    let exchange: Exchange | undefined;
    if (fault !== undefined) events.count(`refused-${fault}`);
    else {
      scratch.request.doubt = this.#doubt(promisedId);
      exchange = events.request(promisedId, scratch.request, true);
    }
    const stream = connection.addStream(promisedId, exchange);
    stream.head[0] = true;
    connection.finish(stream, 0);
    connection.cutClosed(stream);
    return undefined;
  }

  /** Why the client takes no promise here, whatever it is. */
  #promiseFault(streamId: number): string | undefined {
    const { halves, streams, incomplete } = this.connection;
    if (!halves[0].pushAllowed) return "push-disabled";
    if (!halves[1].reader.sure) return "push-unconfirmed";
    const stream = streams.get(streamId);
    if (stream === undefined ? !incomplete : stream.ended[1]) return "push-on-closed-stream";
    return undefined;
  }

  /** Of a request of this direction's sender, or of one that it promises. */
  #doubt(streamId: number): Doubt {
    const { connection, direction } = this;
    if (!connection.halves[direction].reader.sure) return "resync";
    if (streamId <= connection.lastTakenId[direction]) return "";
    connection.events.count("request-after-goaway");
    return "goaway";
  }
}

/** Promised requests are safe, cacheable and without a body (RFC 9113, section 8.4). */
function promisedRequestFault(head: MutableRequestHead): string | undefined {
  const { fields, method, protocol, firstRegular, faults } = head;
  if (fields.overflow) return "header-list-size";
  // It is servers that take these.
  if (faults.includes("protocol")) return "protocol-pseudo-header";
  if (faults.includes("scheme")) return "missing-pseudo-header";
  if (protocol >= 0 || !(fields.valueIs(method, "GET") || fields.valueIs(method, "HEAD"))) {
    return "push-method";
  }
  for (let i = firstRegular; i < fields.count; i++) {
    if (fields.id[i] !== FieldId.CONTENT_LENGTH) continue;
    for (let at = fields.valueStart[i]; at < fields.valueEnd[i]; at++) {
      if (fields.bytes[at] !== 0x30) return "push-with-body";
    }
  }
  return undefined;
}
