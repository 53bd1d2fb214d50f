/**
 * One direction of an HTTP/2 connection: frames to events.
 *
 * @module
 */
import type { Direction } from "../codec.ts";
import type { Http2Connection, Stream } from "./connection.ts";
import { Flag, type FrameHeader, FrameType, LARGEST_MAX_FRAME_SIZE, readStreamId } from "./frame.ts";
import { FrameReader, type FrameSink } from "./frame_reader.ts";
import { HeaderBlock } from "./header_block.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { hasPseudo, readRequestHead, readResponseHead } from "./pseudo.ts";
import { readSettings, type SettingsChange } from "./settings.ts";

/** SETTINGS that wait for their acknowledgement; real peers send one or two at a time. */
const MAX_PENDING_SETTINGS = 64;
/** GOAWAY frames that are looked at: each asks for all streams. Graceful peers send two. */
const MAX_GOAWAYS = 16;

/**
 * `incomplete` is the honest state of not knowing: bytes of this direction were never seen, so streams may exist
 * whose head is unknown, settings may be in force that were not read, and table entries may be missing.
 */
export class ConnectionHalf<Exchange> implements FrameSink {
  readonly reader: FrameReader;
  readonly decoder: HpackDecoder;
  incomplete: boolean;
  closed = false;
  readonly #block: HeaderBlock;
  #sawSettings: boolean;
  /** SETTINGS sent in this direction and not acknowledged in the other. */
  #pending: SettingsChange[] = [];
  #pushAllowed = true;
  #goAways = 0;
  /** Stream of the DATA frame at hand, when its data is to be taken. */
  #dataStream: Stream<Exchange> | undefined;

  constructor(
    readonly connection: Http2Connection<Exchange>,
    readonly direction: Direction,
    joinedLate: boolean,
  ) {
    const { maxBlockBytes, maxTableBytes } = connection.limits;
    this.reader = new FrameReader(direction, this, joinedLate, maxBlockBytes);
    this.decoder = new HpackDecoder(maxTableBytes);
    this.incomplete = joinedLate;
    this.#sawSettings = joinedLate;
    this.#block = new HeaderBlock(maxBlockBytes);
    if (joinedLate) {
      this.decoder.forget();
      this.decoder.allowTableSize(Infinity);
      this.reader.maxFrameSize = LARGEST_MAX_FRAME_SIZE;
    }
  }

  get #other(): ConnectionHalf<Exchange> {
    return this.connection.halves[this.direction === 0 ? 1 : 0];
  }

  #count(reason: string, amount?: number): void {
    this.connection.events.count(reason, amount);
  }

  // FrameSink

  frame(header: FrameHeader): string | undefined {
    const { type, streamId } = header;
    if (this.#block.open !== (type === FrameType.CONTINUATION)) {
      if (this.#block.open || !this.incomplete) return "continuation";
    }
    if (!this.#sawSettings) {
      if (type !== FrameType.SETTINGS || (header.flags & Flag.ACK) !== 0) return "no-settings";
      this.#sawSettings = true;
    }
    switch (type) {
      case FrameType.DATA:
        return this.#dataFrame(header);
      case FrameType.HEADERS:
        if (this.direction === 0) return streamId % 2 === 0 ? "stream-id" : undefined;
        return this.#isIdle(streamId) ? "idle-stream" : undefined;
      case FrameType.RST_STREAM:
        return this.#isIdle(streamId) ? "idle-stream" : undefined;
      case FrameType.PUSH_PROMISE:
        if (this.direction === 0) return "push-from-client";
        if (!this.#other.#pushAllowed) return "push-disabled";
        return this.#isIdle(streamId) ? "idle-stream" : undefined;
      case FrameType.CONTINUATION:
        if (this.#block.open && streamId !== this.#block.owner.streamId) return "continuation";
        this.#block.continue();
        return undefined;
      default:
        return undefined;
    }
  }

  payload(header: FrameHeader, bytes: Uint8Array, start: number, end: number): string | undefined {
    switch (header.type) {
      case FrameType.HEADERS:
      case FrameType.PUSH_PROMISE:
        return this.#headersFrame(header, bytes, start, end);
      case FrameType.CONTINUATION:
        if (!this.#block.open) {
          // The HEADERS frame before it was not seen: nor is what it put into the table.
          this.decoder.forget();
          return undefined;
        }
        this.#block.append(bytes, start, end);
        return (header.flags & Flag.END_HEADERS) !== 0 ? this.#blockEnd() : undefined;
      case FrameType.SETTINGS:
        return this.#settingsFrame(header, bytes, start, end);
      case FrameType.RST_STREAM:
        this.#resetStream(header.streamId);
        return undefined;
      case FrameType.GOAWAY:
        this.#goAway(readStreamId(bytes, start));
        return undefined;
      default:
        return undefined;
    }
  }

  payloadLost(header: FrameHeader): void {
    this.#count("frame-payload-lost");
    switch (header.type) {
      case FrameType.HEADERS:
      case FrameType.PUSH_PROMISE: {
        this.#block.begin();
        this.#block.drop();
        const { owner } = this.#block;
        owner.streamId = header.streamId;
        owner.promisedId = 0;
        owner.endStream = header.type === FrameType.HEADERS && (header.flags & Flag.END_STREAM) !== 0;
        if ((header.flags & Flag.END_HEADERS) !== 0) this.#blockEnd();
        return;
      }
      case FrameType.CONTINUATION:
        this.#block.drop();
        if ((header.flags & Flag.END_HEADERS) !== 0) this.#blockEnd();
        return;
      case FrameType.SETTINGS:
        this.#settingsUnknown();
        return;
      case FrameType.RST_STREAM:
        this.#resetStream(header.streamId);
        return;
      case FrameType.DATA: {
        const stream = this.connection.streams.get(header.streamId);
        if (stream !== undefined) this.#lose(stream);
        return;
      }
    }
  }

  data(_header: FrameHeader, bytes: Uint8Array, start: number, end: number): void {
    const stream = this.#dataStream;
    if (stream === undefined) this.#count("data-dropped-bytes", end - start);
    else if (stream.lost[this.direction]) this.#count("body-after-gap-bytes", end - start);
    else if (stream.exchange !== undefined) {
      this.connection.events.body(stream.exchange, this.direction, bytes, start, end);
    } else this.#count("refused-body-bytes", end - start);
  }

  dataGap(_header: FrameHeader, lengthBytes: number): void {
    const stream = this.#dataStream;
    if (stream?.exchange === undefined || stream.lost[this.direction]) return;
    this.connection.events.bodyGap(stream.exchange, this.direction, lengthBytes);
  }

  dataEnd(header: FrameHeader): void {
    const stream = this.#dataStream;
    if (stream !== undefined && (header.flags & Flag.END_STREAM) !== 0) {
      this.connection.finish(stream, this.direction);
    }
    this.#dataStream = undefined;
  }

  syncLost(): void {
    this.#count("sync-lost");
    this.#unseen();
    this.#block.close();
    this.#dataStream = undefined;
    this.decoder.forget();
    this.#settingsUnknown();
    for (const stream of this.connection.streams.values()) {
      if (stream.head[this.direction] && !stream.ended[this.direction]) this.#lose(stream);
    }
  }

  synced(skippedBytes: number): void {
    if (skippedBytes > 0) this.#count("resync-skipped-bytes", skippedBytes);
  }

  unreadable(reason: string, bytes: Uint8Array): void {
    if (!this.closed) {
      this.#count(`unreadable-${reason}`);
      this.connection.end(this.direction);
      this.#unseen();
    }
    this.connection.events.unreadable(this.direction, reason, bytes);
  }

  // Frames

  /** Something of this direction was not seen. */
  #unseen(): void {
    this.incomplete = true;
    this.#sawSettings = true;
  }

  /** What follows in this direction of the stream has no known place. */
  #lose(stream: Stream<Exchange>): void {
    if (stream.lost[this.direction]) return;
    stream.lost[this.direction] = true;
    if (stream.exchange !== undefined) {
      this.connection.events.truncated(stream.exchange, this.direction, "gap");
    }
  }

  /** Whether nobody can have opened this stream yet (RFC 9113, section 5.1). */
  #isIdle(streamId: number): boolean {
    if (this.connection.incomplete) return false;
    return streamId > this.connection.lastStreamId[streamId % 2 === 1 ? 0 : 1];
  }

  #dataFrame(header: FrameHeader): string | undefined {
    const { connection, direction } = this;
    this.#dataStream = undefined;
    if (this.#isIdle(header.streamId)) return "idle-stream";
    let stream = connection.streams.get(header.streamId);
    if (stream === undefined) {
      if (
        !connection.incomplete ||
        header.streamId <= connection.lastStreamId[header.streamId % 2 === 1 ? 0 : 1]
      ) {
        this.#count("data-on-closed-stream");
        return undefined;
      }
      stream = this.#orphan(header.streamId);
    }
    if (stream.ended[direction]) {
      this.#count("data-after-end-stream");
      return undefined;
    }
    if (!stream.head[direction] && !connection.incomplete) {
      // A stream error of the sender; its reset or the end of the flow tells the rest.
      this.#count("data-before-headers");
      return undefined;
    }
    this.#dataStream = stream;
    return undefined;
  }

  #orphan(streamId: number): Stream<Exchange> {
    const { connection } = this;
    const side = streamId % 2 === 1 ? 0 : 1;
    if (streamId > connection.lastStreamId[side]) connection.lastStreamId[side] = streamId;
    const stream = connection.addStream(streamId, connection.events.orphan(streamId));
    stream.orphan = true;
    connection.cutClosed(stream);
    return stream;
  }

  #headersFrame(header: FrameHeader, bytes: Uint8Array, start: number, end: number): string | undefined {
    const { flags, type } = header;
    if ((flags & Flag.PADDED) !== 0) {
      const padding = bytes[start++];
      if (padding > end - start) return "frame-padding";
      end -= padding;
    }
    const { owner } = this.#block;
    owner.streamId = header.streamId;
    owner.promisedId = 0;
    owner.endStream = type === FrameType.HEADERS && (flags & Flag.END_STREAM) !== 0;
    if (type === FrameType.HEADERS) {
      if ((flags & Flag.PRIORITY) !== 0) start += 5;
    } else {
      if (end - start < 4) return "frame-padding";
      owner.promisedId = readStreamId(bytes, start);
      start += 4;
    }
    if (start > end) return "frame-padding";
    if ((flags & Flag.END_HEADERS) !== 0) return this.#decode(bytes, start, end);
    this.#block.begin();
    this.#block.append(bytes, start, end);
    return undefined;
  }

  #blockEnd(): string | undefined {
    const block = this.#block;
    const { lost, bytes, lengthBytes } = block;
    block.close();
    if (!lost) return this.#decode(bytes, 0, lengthBytes);
    this.#count("header-block-lost");
    this.decoder.forget();
    this.#messageLost();
    return undefined;
  }

  /** The head or the trailers of the block's stream are unknown. */
  #messageLost(): void {
    const { connection, direction } = this;
    const { streamId, endStream } = this.#block.owner;
    this.#unseen();
    const stream = connection.streams.get(streamId);
    if (stream === undefined) return;
    if (endStream) {
      connection.cut(stream, direction, "gap");
    } else if (stream.head[direction]) {
      this.#lose(stream);
    }
  }

  #decode(bytes: Uint8Array, start: number, end: number): string | undefined {
    const { connection } = this;
    const error = this.decoder.decode(bytes, start, end, connection.scratch.request.fields);
    if (error !== undefined) return error;
    const { promisedId } = this.#block.owner;
    if (promisedId !== 0) return this.#promise(promisedId);
    return this.direction === 0 ? this.#requestBlock() : this.#responseBlock();
  }

  #requestBlock(): string | undefined {
    const { connection } = this;
    const { scratch, lastStreamId, events } = connection;
    const { streamId, endStream } = this.#block.owner;
    let stream = connection.streams.get(streamId);
    if (stream !== undefined && stream.head[0]) {
      this.#trailers(stream);
      return undefined;
    }
    if (stream === undefined && streamId <= lastStreamId[0]) {
      this.#count("headers-on-closed-stream");
      return undefined;
    }
    const { request } = scratch;
    if (
      stream !== undefined ||
      (this.incomplete && !hasPseudo(request.fields) && request.fields.lostCount === 0)
    ) {
      // Trailers of a request whose head was not seen.
      if (streamId > lastStreamId[0]) lastStreamId[0] = streamId;
      if (stream !== undefined && endStream) connection.cut(stream, 0, "gap");
      return undefined;
    }
    lastStreamId[0] = streamId;
    const fault = readRequestHead(request);
    if (fault !== undefined) {
      this.#count(`refused-${fault}`);
      stream = connection.addStream(streamId, undefined);
    } else {
      stream = connection.addStream(streamId, events.request(streamId, request, false));
    }
    stream.head[0] = true;
    if (endStream) connection.finish(stream, 0);
    connection.cutClosed(stream);
    return undefined;
  }

  #responseBlock(): string | undefined {
    const { connection } = this;
    const { streamId, endStream } = this.#block.owner;
    const { response } = connection.scratch;
    let stream = connection.streams.get(streamId);
    if (stream === undefined) {
      const side = streamId % 2 === 1 ? 0 : 1;
      if (!connection.incomplete || streamId <= connection.lastStreamId[side]) {
        this.#count("headers-on-closed-stream");
        return undefined;
      }
      if (!hasPseudo(response.fields) && response.fields.lostCount === 0) return undefined;
      stream = this.#orphan(streamId);
    }
    if (stream.head[1]) {
      this.#trailers(stream);
      return undefined;
    }
    if (stream.ended[1]) {
      this.#count("headers-after-end-stream");
      return undefined;
    }
    if (stream.exchange === undefined) {
      if (endStream) connection.finish(stream, 1);
      return undefined;
    }
    const fault = readResponseHead(response) ?? (response.status === 101 ? "invalid-status" : undefined) ??
      (response.status >= 100 && response.status < 200 && endStream ? "interim-end-stream" : undefined);
    if (fault !== undefined) {
      connection.refuse(stream, fault);
      if (endStream) connection.finish(stream, 1);
      return undefined;
    }
    if (response.status >= 100 && response.status < 200) {
      connection.events.interim(stream.exchange, response);
      return undefined;
    }
    stream.head[1] = true;
    connection.events.response(stream.exchange, response);
    if (endStream) connection.finish(stream, 1);
    return undefined;
  }

  /** A block behind the head (RFC 9113, section 8.1). */
  #trailers(stream: Stream<Exchange>): void {
    const { connection, direction } = this;
    const { endStream } = this.#block.owner;
    if (stream.ended[direction]) {
      this.#count("headers-after-end-stream");
    } else if (!endStream) {
      connection.refuse(stream, "headers-in-body");
    } else {
      const { fields } = connection.scratch.request;
      if (fields.overflow) this.#count("trailers-over-bound");
      else if (stream.exchange !== undefined && !stream.lost[direction]) {
        connection.events.trailers(stream.exchange, direction, fields);
      }
      connection.finish(stream, direction);
    }
  }

  #promise(promisedId: number): string | undefined {
    const { connection } = this;
    const { lastStreamId, events, scratch } = connection;
    if (promisedId % 2 === 1 || promisedId <= lastStreamId[1]) {
      return connection.incomplete && promisedId % 2 === 0 ? undefined : "stream-id";
    }
    lastStreamId[1] = promisedId;
    const fault = readRequestHead(scratch.request);
    let exchange: Exchange | undefined;
    if (fault !== undefined) this.#count(`refused-${fault}`);
    else exchange = events.request(promisedId, scratch.request, true);
    const stream = connection.addStream(promisedId, exchange);
    stream.head[0] = true;
    connection.finish(stream, 0);
    connection.cutClosed(stream);
    return undefined;
  }

  #resetStream(streamId: number): void {
    const stream = this.connection.streams.get(streamId);
    if (stream !== undefined) this.connection.abort(stream, "reset");
  }

  /** Streams that the sender of GOAWAY has not looked at and will not. */
  #goAway(lastStreamId: number): void {
    if (++this.#goAways > MAX_GOAWAYS) return;
    // Those of the other side: the client's are odd.
    const initiator = this.direction;
    for (const stream of this.connection.streams.values()) {
      if (stream.id % 2 === initiator && stream.id > lastStreamId) this.connection.abort(stream, "goaway");
    }
  }

  #settingsFrame(header: FrameHeader, bytes: Uint8Array, start: number, end: number): string | undefined {
    if ((header.flags & Flag.ACK) !== 0) {
      const acknowledged = this.#other.#pending.shift();
      if (acknowledged === undefined) return undefined;
      if (acknowledged.headerTableSize >= 0) this.decoder.allowTableSize(acknowledged.headerTableSize);
      if (acknowledged.enablePush >= 0) this.#other.#pushAllowed = acknowledged.enablePush === 1;
      return undefined;
    }
    const change = readSettings(bytes, start, end);
    if (typeof change === "string") return change;
    // The sender takes such frames from when it has said so; when the other side begins is its own affair.
    const peer = this.#other.reader;
    if (change.maxFrameSize > peer.maxFrameSize) peer.maxFrameSize = change.maxFrameSize;
    if (change.maxFrameSize > peer.likelyMaxFrameSize) peer.likelyMaxFrameSize = change.maxFrameSize;
    if (this.#pending.length < MAX_PENDING_SETTINGS) this.#pending.push(change);
    else this.#settingsUnknown();
    return undefined;
  }

  /** SETTINGS of this direction were not seen, or not kept: what they allow the other direction is not known. */
  #settingsUnknown(): void {
    this.#pending = [];
    this.#other.decoder.allowTableSize(Infinity);
    this.#other.reader.maxFrameSize = LARGEST_MAX_FRAME_SIZE;
  }
}
