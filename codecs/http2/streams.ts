// SPDX-License-Identifier: MIT
/**
 * The streams of one HTTP/2 connection (RFC 9113, section 5.1), below both of its directions: which are open, how far each
 * direction of them was seen, and which numbers may be those of streams that were not seen at all.
 *
 * @module
 */
import { type Direction, TO_CLIENT, TO_SERVER } from "../direction.ts";
import type { HttpEvents, Partial } from "../http/event.ts";
import { DirectionState } from "./direction_state.ts";
import { lacksHead, type Stream, StreamState } from "./stream.ts";

/**
 * How long a stream is kept that was reset before it was answered: a server that has begun to answer goes on all the same.
 * Ten times the longest way there and back.
 */
const RESET_WAIT_NS = 1_000_000_000;

/** What a stream takes in memory, with what its exchange leaves when it is written. */
const STREAM_BYTES = 1024;

/** Streams whose request may have been lost and that are remembered, the latest: more than a server has open at a time. */
const MAX_SKIPPED = 512;

/** GOAWAY frames of a sender that are acted on: each asks for all streams. Graceful peers send two. */
const MAX_GOAWAYS = 16;

export class StreamTable<Exchange> {
  readonly directions: readonly [toServer: DirectionState, toClient: DirectionState];
  /** Highest stream number seen of each side: the client's requests, the server's promises. */
  readonly lastId: [requests: number, promises: number] = [0, 0];
  /** The client takes promises. In force from when it says so; what it was sent before its word arrived it does not use. */
  pushAllowed = true;
  /** How often a direction began to be read at a place that had to be looked for. */
  boundariesFound = 0;
  readonly #streams = new Map<number, Stream<Exchange>>();
  /** Highest number, of requests and promises, that the other side says it processes. */
  readonly #lastProcessedId: [requests: number, promises: number] = [Infinity, Infinity];
  readonly #goAways: [number, number] = [0, 0];
  /** Requests may be among what was lost since the last one. */
  #mayHaveSkipped: boolean;
  /** Numbers below the highest seen whose requests may be among what was lost: the server may still answer them. */
  readonly #skipped = new Set<number>();
  #timeNs = 0;
  /** Streams that were reset and may still be answered, in the order of their resets. */
  readonly #reset = new Set<Stream<Exchange>>();

  /** `maxStreams`: beyond so many open ones the oldest is given up. */
  constructor(public events: HttpEvents<Exchange>, readonly maxStreams: number, joinedLate: boolean) {
    const count = (reason: string) => this.events.count(reason);
    this.directions = [new DirectionState(joinedLate, count), new DirectionState(joinedLate, count)];
    this.#mayHaveSkipped = joinedLate;
  }

  /** What follows comes at this time; never goes back. */
  advance(timeNs: number): void {
    this.#timeNs = timeNs;
    for (const stream of this.#reset) {
      if (timeNs - stream.resetNs < RESET_WAIT_NS) return;
      this.abort(stream, "reset");
    }
  }

  /** What the streams and their exchanges take, apart from what the writer counts. */
  get heldBytes(): number {
    return this.#streams.size * STREAM_BYTES;
  }

  /** Gives up the stream that has been open longest; false when there is none. */
  giveUpOldest(): boolean {
    const oldest = this.#streams.values().next().value;
    if (oldest === undefined) return false;
    this.events.count("streams-over-bound");
    this.abort(oldest, "bound");
    return true;
  }

  /** Exchanges of all that are open. */
  *exchanges(): Generator<Exchange> {
    for (const { exchange } of this.#streams.values()) if (exchange !== undefined) yield exchange;
  }

  get(streamId: number): Stream<Exchange> | undefined {
    return this.#streams.get(streamId);
  }

  has(streamId: number): boolean {
    return this.#streams.has(streamId);
  }

  // What was not seen

  /** Whether messages of either direction may be unknown to us although the peers know them. */
  get isIncomplete(): boolean {
    return this.directions[TO_SERVER].isIncomplete || this.directions[TO_CLIENT].isIncomplete;
  }

  /** Something of the direction was not seen. */
  bytesMissing(direction: Direction): void {
    this.directions[direction].bytesMissing();
    if (direction === TO_SERVER) this.#mayHaveSkipped = true;
  }

  /** An unknown number of frames of the direction was lost: no body goes on behind them. */
  placeLost(direction: Direction): void {
    for (const stream of this.#streams.values()) {
      if (stream.states[direction] === StreamState.BODY) this.lose(stream, direction);
    }
  }

  boundaryFound(direction: Direction): void {
    this.directions[direction].boundaryFound();
    this.boundariesFound++;
  }

  /** Whether nobody can have opened this stream yet (RFC 9113, section 5.1). */
  isIdle(streamId: number): boolean {
    return streamId > this.lastId[sideOf(streamId)] && !this.isIncomplete;
  }

  /** Whether a stream that is not known may be one whose request was lost. */
  mayBeLost(streamId: number): boolean {
    if (!this.isIncomplete) return false;
    return streamId > this.lastId[sideOf(streamId)] || this.#skipped.has(streamId);
  }

  /** The client's next stream is this one; the requests of numbers that it passes over may be among what was lost. */
  #skipTo(streamId: number): void {
    const next = this.lastId[0] === 0 ? 1 : this.lastId[0] + 2;
    const from = Math.max(next, streamId - 2 * MAX_SKIPPED);
    for (let id = from; id < streamId; id += 2) this.#skipped.add(id);
    for (const id of this.#skipped) {
      if (this.#skipped.size <= MAX_SKIPPED) return;
      this.#skipped.delete(id);
    }
  }

  /**
   * The server answers on this stream. Where its request was read behind every boundary that had to be looked for, both
   * directions agree on the stream, so that the boundaries were true.
   */
  confirm(stream: Stream<Exchange>): void {
    if (stream.isOrphan || stream.boundariesFound !== this.boundariesFound) return;
    for (const state of this.directions) state.confirm();
  }

  // How streams begin

  /** The request of this number is at hand; {@linkcode add} follows. */
  nextRequest(streamId: number): void {
    if (this.#mayHaveSkipped) {
      this.#mayHaveSkipped = false;
      this.#skipTo(streamId);
    }
    this.lastId[0] = streamId;
  }

  /** A stream whose request's head was read; `exchange` is absent where it was refused. */
  add(id: number, exchange: Exchange | undefined): Stream<Exchange> {
    return this.#add(id, exchange, false);
  }

  /** A stream whose request was not seen. */
  addOrphan(streamId: number): Stream<Exchange> {
    const side = sideOf(streamId);
    if (streamId > this.lastId[side]) {
      if (side === 0) this.#skipTo(streamId);
      this.lastId[side] = streamId;
    }
    this.#skipped.delete(streamId);
    const stream = this.#add(streamId, this.events.orphan(streamId), true);
    this.cutClosed(stream);
    return stream;
  }

  #add(id: number, exchange: Exchange | undefined, isOrphan: boolean): Stream<Exchange> {
    if (this.#streams.size >= this.maxStreams) this.giveUpOldest();
    const stream: Stream<Exchange> = {
      id,
      exchange,
      isOrphan,
      states: [isOrphan ? StreamState.HEAD : StreamState.BODY, StreamState.HEAD],
      boundariesFound: this.boundariesFound,
      mayBeInterim: false,
      resetNs: 0,
    };
    this.#streams.set(id, stream);
    return stream;
  }

  /** A stream that has just begun ends at once in a direction of which nothing more comes. */
  cutClosed(stream: Stream<Exchange>): void {
    if (this.directions[TO_SERVER].closed) this.cut(stream, TO_SERVER, "closed");
    if (this.directions[TO_CLIENT].closed) this.cut(stream, TO_CLIENT, "closed");
  }

  // How streams go on and end

  /** The response's head was read. */
  responseHead(stream: Stream<Exchange>): void {
    const { states } = stream;
    states[TO_CLIENT] = states[TO_CLIENT] === StreamState.LOST_HEAD ? StreamState.LOST : StreamState.BODY;
  }

  /** The response's head that was read is none of a final response: another is still to come. */
  retractHead(stream: Stream<Exchange>): void {
    const { states } = stream;
    if (states[TO_CLIENT] === StreamState.BODY) states[TO_CLIENT] = StreamState.HEAD;
    else if (states[TO_CLIENT] === StreamState.LOST) states[TO_CLIENT] = StreamState.LOST_HEAD;
  }

  /** What follows in this direction of the stream has no known place. */
  lose(stream: Stream<Exchange>, direction: Direction): void {
    const { states, exchange } = stream;
    if (states[direction] === StreamState.HEAD) states[direction] = StreamState.LOST_HEAD;
    else if (states[direction] === StreamState.BODY) states[direction] = StreamState.LOST;
    else return;
    if (exchange !== undefined) this.events.truncated(exchange, direction, "gap");
  }

  /** END_STREAM of a direction. */
  finish(stream: Stream<Exchange>, direction: Direction): void {
    if (stream.states[direction] === StreamState.ENDED) return;
    stream.states[direction] = StreamState.ENDED;
    if (stream.exchange !== undefined) this.events.ended(stream.exchange, direction);
    if (stream.isOrphan && direction === TO_CLIENT) this.cut(stream, TO_SERVER, "gap");
    this.#deleteEnded(stream);
  }

  /** The direction of this stream ends here without having been seen to end. */
  cut(stream: Stream<Exchange>, direction: Direction, why: Partial): void {
    if (stream.states[direction] === StreamState.ENDED) return;
    stream.states[direction] = StreamState.ENDED;
    if (this.#reset.has(stream)) why = "reset";
    if (stream.exchange !== undefined) this.events.truncated(stream.exchange, direction, why);
    this.#deleteEnded(stream);
  }

  /** The direction has ended: what is unfinished in it stays so. */
  close(direction: Direction): void {
    this.directions[direction].closed = true;
    for (const stream of this.#streams.values()) this.cut(stream, direction, "closed");
  }

  #deleteEnded(stream: Stream<Exchange>): void {
    const { states } = stream;
    if (states[TO_SERVER] === StreamState.ENDED && states[TO_CLIENT] === StreamState.ENDED) {
      this.#delete(stream);
    }
  }

  #delete(stream: Stream<Exchange>): void {
    this.#streams.delete(stream.id);
    this.#reset.delete(stream);
  }

  /**
   * RST_STREAM of a direction: the request ends here, and so does what of a response the server has given up. One that has not
   * begun, or that it is the client who does not want, may still come.
   */
  reset(streamId: number, direction: Direction): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    const response = stream.states[TO_CLIENT];
    const isPushed = sideOf(streamId) === 1;
    const isGivenUp = direction === TO_CLIENT && !lacksHead(response);
    if (
      isPushed || isGivenUp || response === StreamState.ENDED || this.directions[TO_CLIENT].closed
    ) {
      return this.abort(stream, "reset");
    }
    if (this.#reset.has(stream)) return;
    this.cut(stream, TO_SERVER, "reset");
    stream.resetNs = this.#timeNs;
    this.#reset.add(stream);
    if (stream.exchange !== undefined) this.events.reset(stream.exchange);
  }

  /** GOAWAY of a direction: its sender has not processed streams of the other side above this one, and will not. */
  goAway(direction: Direction, lastStreamId: number): void {
    // The client's GOAWAY is about promises, which are even.
    const side = direction === TO_CLIENT ? 0 : 1;
    this.#lastProcessedId[side] = Math.min(this.#lastProcessedId[side], lastStreamId);
    if (++this.#goAways[direction] > MAX_GOAWAYS) return;
    for (const stream of this.#streams.values()) {
      if (sideOf(stream.id) === side && stream.id > lastStreamId) this.abort(stream, "goaway");
    }
  }

  /** Whether the peer has said before that it does not process this request or promise. */
  isRefusedByGoAway(streamId: number): boolean {
    return streamId > this.#lastProcessedId[sideOf(streamId)];
  }

  /** Nothing more of this stream is told. */
  abort(stream: Stream<Exchange>, why: Partial): void {
    this.#delete(stream);
    stream.states[TO_SERVER] = stream.states[TO_CLIENT] = StreamState.ENDED;
    const { exchange } = stream;
    stream.exchange = undefined;
    if (exchange !== undefined) this.events.aborted(exchange, why);
  }

  /** Swallows what follows on the stream; what came so far is partial. */
  refuse(stream: Stream<Exchange>, reason: string): void {
    this.events.count(`refused-${reason}`);
    const { exchange } = stream;
    stream.exchange = undefined;
    if (exchange !== undefined) this.events.aborted(exchange, "malformed");
  }
}

/** Who opens streams of this number: 0 the client, by its requests; 1 the server, by its promises. */
const sideOf = (streamId: number): 0 | 1 => streamId % 2 === 1 ? 0 : 1;
