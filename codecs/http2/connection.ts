// SPDX-License-Identifier: MIT
/**
 * Both directions of one HTTP/2 connection as HTTP events: streams, header blocks, settings (RFC 9113).
 *
 * Errors stay as small as the RFC makes them: a malformed message loses its exchange, a connection error makes only the
 * direction unreadable from that frame on. What was not seen, because the flow was joined late or bytes were lost, is
 * never guessed: see {@linkcode ConnectionHalf}.
 *
 * @module
 */
import type { Direction } from "../codec.ts";
import type { HttpEvents, Partial } from "../http/event.ts";
import { FieldList } from "../http/field_list.ts";
import { DEFAULT_MAX_BLOCK_BYTES, DEFAULT_MAX_CONTINUATIONS } from "./header_block.ts";
import { decoderSlackBytes } from "./hpack/decoder.ts";
import { DEFAULT_MAX_STORED_BYTES } from "./hpack/table.ts";
import {
  type MutableRequestHead,
  type MutableResponseHead,
  newRequestHead,
  newResponseHead,
} from "./pseudo.ts";
import { ConnectionHalf } from "./connection_half.ts";

/** Bounds of one connection; see where each default is defined for its derivation. */
export interface ConnectionLimits {
  /** Names, values and 32 a field of one header list; what is beyond is left out. */
  readonly maxListBytes: number;
  readonly maxBlockBytes: number;
  /** CONTINUATION frames of one block. */
  readonly maxContinuations: number;
  /** Bytes of the dynamic table kept a direction. */
  readonly maxTableBytes: number;
  /** Streams that are neither ended nor reset; beyond it the oldest is given up. */
  readonly maxStreams: number;
}

export const DEFAULT_LIMITS: ConnectionLimits = {
  // What Chrome and Node take at most, in both directions.
  maxListBytes: 256 * 1024,
  maxBlockBytes: DEFAULT_MAX_BLOCK_BYTES,
  maxContinuations: DEFAULT_MAX_CONTINUATIONS,
  maxTableBytes: DEFAULT_MAX_STORED_BYTES,
  // At about 1 KiB of bookkeeping each: the 16 MiB that a flow may hold.
  maxStreams: 16 * 1024,
};

/**
 * A stream that was reset before it was answered is kept for so long: a server that has begun to answer sends that all the same.
 * Ten times the longest way there and back.
 */
const RESET_WAIT_NS = 1_000_000_000;

/**
 * References to long fields of the table make a list of 240 KiB from 24 bytes. So a flow has that many bytes of lists, and so many
 * more for each byte that comes, up to as many as at first; lists of more than the least bound have to fit. Browsers, with
 * cookies of a few KiB in every request, send no list that long.
 */
const LIST_BURST_BYTES = 512 * 1024;
const LIST_BYTES_PER_BYTE = 64;
const LEAST_LIST_BYTES = 16 * 1024;

/** Streams whose request may have been lost and that are remembered, the latest: more than a server has open at a time. */
const MAX_SKIPPED = 512;

/** What the decoder fills and heads point into; borrowed by one call at a time, so that all connections can share it. */
export interface DecodeScratch {
  readonly request: MutableRequestHead;
  readonly response: MutableResponseHead;
}

export function newDecodeScratch(limits: ConnectionLimits): DecodeScratch {
  const fields = new FieldList(limits.maxListBytes, decoderSlackBytes(limits.maxBlockBytes));
  return { request: newRequestHead(fields), response: newResponseHead(fields) };
}

/** A stream that is neither ended nor reset. */
export interface Stream<Exchange> {
  readonly id: number;
  /** Absent for a refused one: what belongs to it is passed over. */
  exchange: Exchange | undefined;
  /** The request's head was not seen; whether the request has ended is not known either. */
  orphan: boolean;
  /** By direction: END_STREAM was seen, or what is left of it cannot be known. */
  readonly ended: [boolean, boolean];
  /** By direction: the head was seen. */
  readonly head: [boolean, boolean];
  /** By direction: bytes were lost, nothing more is taken. */
  readonly lost: [boolean, boolean];
  /** {@linkcode Http2Connection.resyncs} when it began. */
  readonly resyncs: number;
  /** The response's head was told with a lost status, and no body has come: it may have been an interim one. */
  statusLost: boolean;
  /** When it was reset with the response still to come. */
  resetNs: number;
}

export class Http2Connection<Exchange> {
  readonly halves: readonly [ConnectionHalf<Exchange>, ConnectionHalf<Exchange>];
  readonly streams = new Map<number, Stream<Exchange>>();
  /** Highest stream number seen of each side: [client's requests, server's promises]. */
  readonly lastStreamId: [number, number] = [0, 0];
  /** The highest that the other side says it looks at. */
  readonly lastTakenId: [number, number] = [Infinity, Infinity];
  /** How often a direction began to be read at a place that had to be looked for. */
  resyncs = 0;
  /** Numbers below the highest seen whose requests may be among what was lost: the server may still answer them. */
  readonly #skipped = new Set<number>();
  /** Bytes of header lists that may still be decoded. */
  #listBytes = LIST_BURST_BYTES;
  /** When the bytes at hand came. */
  #timeNs = 0;
  /** Streams that were reset and may still be answered, in the order of their resets. */
  readonly #reset = new Set<Stream<Exchange>>();

  constructor(
    readonly events: HttpEvents<Exchange>,
    readonly scratch: DecodeScratch,
    readonly limits: ConnectionLimits,
    joinedLate: boolean,
  ) {
    this.halves = [new ConnectionHalf(this, 0, joinedLate), new ConnectionHalf(this, 1, joinedLate)];
  }

  /** What follows comes at this time; never goes back. */
  advance(timeNs: number): void {
    this.#timeNs = timeNs;
    for (const stream of this.#reset) {
      if (timeNs - stream.resetNs < RESET_WAIT_NS) return;
      this.abort(stream, "reset");
    }
  }

  data(direction: Direction, bytes: Uint8Array): void {
    this.#listBytes = Math.min(LIST_BURST_BYTES, this.#listBytes + LIST_BYTES_PER_BYTE * bytes.length);
    this.halves[direction].reader.data(bytes);
  }

  /** Bound of the next header list. */
  get listLimitBytes(): number {
    return Math.min(this.limits.maxListBytes, Math.max(LEAST_LIST_BYTES, this.#listBytes));
  }

  /** A header list of so many bytes was decoded. */
  spendList(sizeBytes: number): void {
    this.#listBytes = Math.max(0, this.#listBytes - sizeBytes);
  }

  gap(direction: Direction, lengthBytes: number): void {
    this.halves[direction].reader.gap(lengthBytes);
  }

  /** The direction has ended: what is unfinished in it stays so. */
  end(direction: Direction): void {
    const half = this.halves[direction];
    if (half.closed) return;
    half.closed = true;
    const unsynced = half.reader.unsyncedBytes;
    if (unsynced > 0) this.events.count("resync-skipped-bytes", unsynced);
    for (const stream of this.streams.values()) this.cut(stream, direction, "closed");
  }

  /** The client's next stream is this one; what was lost before it may be the requests of those between. */
  skipTo(streamId: number): void {
    const next = this.lastStreamId[0] === 0 ? 1 : this.lastStreamId[0] + 2;
    const from = Math.max(next, streamId - 2 * MAX_SKIPPED);
    for (let id = from; id < streamId; id += 2) this.#skipped.add(id);
    for (const id of this.#skipped) {
      if (this.#skipped.size <= MAX_SKIPPED) return;
      this.#skipped.delete(id);
    }
  }

  /** Whether a stream that is not known may be one whose request was lost. */
  mayBeLost(streamId: number): boolean {
    if (!this.incomplete) return false;
    return streamId > this.lastStreamId[streamId % 2 === 1 ? 0 : 1] || this.#skipped.has(streamId);
  }

  /** It is known from here on. */
  found(streamId: number): void {
    this.#skipped.delete(streamId);
  }

  /** Whether messages of either direction may be unknown to us although the peers know them. */
  get incomplete(): boolean {
    return this.halves[0].incomplete || this.halves[1].incomplete;
  }

  /**
   * The server answers on this stream: where its request was read behind every place at which frames were looked for, both
   * directions say the same, and such places were boundaries.
   */
  confirm(stream: Stream<Exchange>): void {
    if (stream.orphan || !stream.head[0] || stream.resyncs !== this.resyncs) return;
    for (const { reader } of this.halves) if (!reader.isSearching) reader.sure = true;
  }

  addStream(id: number, exchange: Exchange | undefined): Stream<Exchange> {
    if (this.streams.size >= this.limits.maxStreams) {
      const oldest = this.streams.values().next().value!;
      this.events.count("streams-over-bound");
      this.abort(oldest, "bound");
    }
    const stream: Stream<Exchange> = {
      id,
      exchange,
      orphan: false,
      ended: [false, false],
      head: [false, false],
      lost: [false, false],
      resyncs: this.resyncs,
      statusLost: false,
      resetNs: 0,
    };
    this.streams.set(id, stream);
    return stream;
  }

  /** A stream that has just begun ends at once in a direction of which nothing more comes. */
  cutClosed(stream: Stream<Exchange>): void {
    for (const direction of [0, 1] as const) {
      if (this.halves[direction].closed) this.cut(stream, direction, "closed");
    }
  }

  /** END_STREAM of a direction. */
  finish(stream: Stream<Exchange>, direction: Direction): void {
    if (stream.ended[direction]) return;
    stream.ended[direction] = true;
    if (stream.exchange !== undefined) this.events.ended(stream.exchange, direction);
    if (stream.orphan && direction === 1) this.cut(stream, 0, "gap");
    if (stream.ended[0] && stream.ended[1]) this.#delete(stream);
  }

  /** The direction of this stream ends here without having been seen to end. */
  cut(stream: Stream<Exchange>, direction: Direction, why: Partial): void {
    if (stream.ended[direction]) return;
    stream.ended[direction] = true;
    if (this.#reset.has(stream)) why = "reset";
    if (stream.exchange !== undefined) this.events.truncated(stream.exchange, direction, why);
    if (stream.ended[0] && stream.ended[1]) this.#delete(stream);
  }

  #delete(stream: Stream<Exchange>): void {
    this.streams.delete(stream.id);
    this.#reset.delete(stream);
  }

  /**
   * RST_STREAM of a direction: the request ends here, and so does what of a response the server has given up. One that has not
   * begun, or that it is the client who does not want, may still come.
   */
  reset(stream: Stream<Exchange>, direction: Direction): void {
    const isPushed = stream.id % 2 === 0;
    if (isPushed || stream.ended[1] || this.halves[1].closed || (direction === 1 && stream.head[1])) {
      return this.abort(stream, "reset");
    }
    if (this.#reset.has(stream)) return;
    this.cut(stream, 0, "reset");
    stream.resetNs = this.#timeNs;
    this.#reset.add(stream);
    if (stream.exchange !== undefined) this.events.reset(stream.exchange);
  }

  /** Nothing more of this stream is taken. */
  abort(stream: Stream<Exchange>, why: Partial): void {
    this.#delete(stream);
    stream.ended[0] = stream.ended[1] = true;
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
