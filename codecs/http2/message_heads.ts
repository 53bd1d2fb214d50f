// SPDX-License-Identifier: MIT
/**
 * Header blocks of one direction as what they are on their streams: heads, interim responses, trailers, promises
 * (RFC 9113, section 8).
 *
 * @module
 */
import { type Direction, TO_CLIENT, TO_SERVER } from "../direction.ts";
import type { Doubt, HttpEvents } from "../http/event.ts";
import { FieldId } from "../http/field.ts";
import type { FieldList } from "../http/field_list.ts";
import type { BlockOwner } from "./header_block.ts";
import {
  type DecodeScratch,
  hasPseudo,
  type MutableRequestHead,
  readRequestHead,
  readResponseHead,
} from "./pseudo.ts";
import { lacksHead, type Stream, StreamState } from "./stream.ts";
import type { StreamTable } from "./streams.ts";

/** A status that HTTP/2 has not (RFC 9113, section 8.6): some clients take it for an interim one. */
const SWITCHING_PROTOCOLS = 101;

export class MessageHeads<Exchange> {
  constructor(
    readonly direction: Direction,
    readonly streams: StreamTable<Exchange>,
    readonly scratch: DecodeScratch,
  ) {}

  get #events(): HttpEvents<Exchange> {
    return this.streams.events;
  }

  /** Tells the block that was decoded to the scratch. A string is the reason to give the direction up. */
  block(owner: BlockOwner): string | undefined {
    if (owner.promisedId !== 0) return this.#promise(owner);
    if (this.direction === TO_SERVER) this.#request(owner);
    else this.#response(owner);
    return undefined;
  }

  #request({ streamId, endStream }: BlockOwner): void {
    const { streams } = this;
    const known = streams.get(streamId);
    if (known !== undefined && !known.isOrphan) return this.#trailers(known, endStream);
    if (known === undefined && streamId <= streams.lastId[0]) {
      return this.#events.count("headers-on-closed-stream");
    }
    const { request } = this.scratch;
    if (known !== undefined || (streams.directions[TO_SERVER].isIncomplete && isTrailers(request))) {
      // Trailers of a request whose head was not seen.
      if (streamId > streams.lastId[0]) streams.lastId[0] = streamId;
      if (known !== undefined && endStream) streams.cut(known, TO_SERVER, "gap");
      return;
    }
    streams.nextRequest(streamId);
    const stream = streams.add(streamId, this.#tellRequest(streamId));
    if (endStream) streams.finish(stream, TO_SERVER);
    streams.cutClosed(stream);
  }

  /** The request in the scratch; nothing when it is refused. */
  #tellRequest(streamId: number): Exchange | undefined {
    const { request } = this.scratch;
    const fault = readRequestHead(request);
    if (fault !== undefined) {
      this.#events.count(`refused-${fault}`);
      return undefined;
    }
    for (const one of request.faults) this.#events.count(`tolerated-${one}`);
    request.doubt = this.#doubt(streamId);
    return this.#events.request(streamId, request, false);
  }

  #response({ streamId, endStream }: BlockOwner): void {
    const { streams } = this;
    const { response } = this.scratch;
    let stream = streams.get(streamId);
    if (stream === undefined) {
      if (!streams.mayBeLost(streamId)) return this.#events.count("headers-on-closed-stream");
      if (isTrailers(response)) return;
      stream = streams.addOrphan(streamId);
    }
    if (!lacksHead(stream.states[TO_CLIENT]) && !this.#wasInterim(stream)) {
      return this.#trailers(stream, endStream);
    }
    if (stream.states[TO_CLIENT] === StreamState.ENDED) {
      return this.#events.count("headers-after-end-stream");
    }
    if (stream.exchange !== undefined) this.#tellResponse(stream, stream.exchange, endStream);
    if (endStream) streams.finish(stream, TO_CLIENT);
  }

  /** The final or interim response in the scratch, or nothing when it is refused. */
  #tellResponse(stream: Stream<Exchange>, exchange: Exchange, endStream: boolean): void {
    const { streams } = this;
    const { response } = this.scratch;
    const fault = readResponseHead(response) ??
      (isInterim(response.status) && endStream ? "interim-end-stream" : undefined);
    if (fault !== undefined) return streams.refuse(stream, fault);
    if (response.status === SWITCHING_PROTOCOLS) this.#events.count("tolerated-switching-protocols");
    for (const one of response.faults) this.#events.count(`tolerated-${one}`);
    streams.confirm(stream);
    response.doubt = streams.directions[TO_CLIENT].isSure ? "" : "resync";
    if (isInterim(response.status)) return this.#events.interim(exchange, response);
    streams.responseHead(stream);
    stream.mayBeInterim = response.status === 0 && !endStream && !response.faults.includes("status");
    this.#events.response(exchange, response);
  }

  /** Whether the block at hand is another head, so that the one before, of unknown status, was that of an interim response. */
  #wasInterim(stream: Stream<Exchange>): boolean {
    if (!stream.mayBeInterim || stream.exchange === undefined || !hasPseudo(this.scratch.response.fields)) {
      return false;
    }
    stream.mayBeInterim = false;
    if (!this.#events.retract(stream.exchange)) return false;
    this.streams.retractHead(stream);
    return true;
  }

  /** A block behind the head (RFC 9113, section 8.1). */
  #trailers(stream: Stream<Exchange>, endStream: boolean): void {
    const { streams, direction } = this;
    const state = stream.states[direction];
    if (state === StreamState.ENDED) return this.#events.count("headers-after-end-stream");
    if (!endStream) return streams.refuse(stream, "headers-in-body");
    const { fields } = this.scratch.request;
    if (stream.exchange !== undefined && state === StreamState.BODY) {
      this.#events.trailers(stream.exchange, direction, fields);
    }
    if (fields.isCut) streams.cut(stream, direction, "bound");
    else streams.finish(stream, direction);
  }

  #promise({ streamId, promisedId }: BlockOwner): string | undefined {
    const { streams } = this;
    if (promisedId % 2 === 1 || promisedId <= streams.lastId[1]) {
      return streams.isIncomplete && promisedId % 2 === 0 ? undefined : "stream-id";
    }
    streams.lastId[1] = promisedId;
    const stream = streams.add(promisedId, this.#tellPromise(streamId, promisedId));
    streams.finish(stream, TO_SERVER);
    streams.cutClosed(stream);
    return undefined;
  }

  /** The promised request in the scratch; nothing when the client does not take it. */
  #tellPromise(streamId: number, promisedId: number): Exchange | undefined {
    const { request } = this.scratch;
    const fault = this.#promiseFault(streamId) ?? readRequestHead(request) ?? promisedRequestFault(request);
    if (fault !== undefined) {
      this.#events.count(`refused-${fault}`);
      return undefined;
    }
    request.doubt = this.#doubt(promisedId);
    return this.#events.request(promisedId, request, true);
  }

  /** Why the client takes no promise on this stream, whatever it is. */
  #promiseFault(streamId: number): string | undefined {
    const { streams } = this;
    if (!streams.pushAllowed) return "push-disabled";
    if (!streams.directions[TO_CLIENT].isSure) return "push-unconfirmed";
    const stream = streams.get(streamId);
    const isClosed = stream === undefined
      ? !streams.isIncomplete
      : stream.states[TO_CLIENT] === StreamState.ENDED;
    return isClosed ? "push-on-closed-stream" : undefined;
  }

  /** Of a request of this direction's sender, or of one that it promises. */
  #doubt(streamId: number): Doubt {
    if (!this.streams.directions[this.direction].isSure) return "resync";
    if (!this.streams.isRefusedByGoAway(streamId)) return "";
    this.#events.count("request-after-goaway");
    return "goaway";
  }
}

/** Whether the list is no head: it has no pseudo-header field, and has lost none. */
const isTrailers = ({ fields }: { readonly fields: FieldList }): boolean =>
  !hasPseudo(fields) && fields.lostCount === 0;

const isInterim = (status: number): boolean => status >= 100 && status < 200;

/** Promised requests are safe, cacheable and without a body (RFC 9113, section 8.4). */
function promisedRequestFault(head: MutableRequestHead): string | undefined {
  const { fields, method, protocol, firstRegular, faults } = head;
  if (fields.isCut) return "header-list-size";
  // A server takes requests with such faults, a client no such promise.
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
