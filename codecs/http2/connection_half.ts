// SPDX-License-Identifier: MIT
/**
 * One direction of an HTTP/2 connection: frames to events.
 *
 * @module
 */
import type { Direction } from "../codec.ts";
import type { Http2Connection, Stream } from "./connection.ts";
import {
  Flag,
  type FrameHeader,
  FrameType,
  isSettingsAck,
  LARGEST_MAX_FRAME_SIZE,
  readStreamId,
} from "./frame.ts";
import { FrameReader, type FrameSink } from "./frame_reader.ts";
import { HeaderBlock } from "./header_block.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { MessageHeads } from "./message_heads.ts";
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
  /** Requests may be among what was lost since the last one. */
  mayHaveSkipped: boolean;
  readonly #block: HeaderBlock;
  readonly #messages: MessageHeads<Exchange>;
  #sawSettings: boolean;
  /** SETTINGS sent in this direction and not acknowledged in the other. */
  #pending: SettingsChange[] = [];
  /** Of the client: it takes promises. In force from when it says so; what it was sent before its word arrived it does not use. */
  pushAllowed = true;
  #goAways = 0;
  /** Stream of the DATA frame at hand, when its data is to be taken. */
  #dataStream: Stream<Exchange> | undefined;

  constructor(
    readonly connection: Http2Connection<Exchange>,
    readonly direction: Direction,
    joinedLate: boolean,
  ) {
    const { maxBlockBytes, maxContinuations, maxTableBytes } = connection.limits;
    this.reader = new FrameReader(direction, this, joinedLate, maxBlockBytes);
    this.decoder = new HpackDecoder(maxTableBytes);
    this.incomplete = this.mayHaveSkipped = joinedLate;
    this.#sawSettings = joinedLate;
    this.#block = new HeaderBlock(maxBlockBytes, maxContinuations);
    this.#messages = new MessageHeads(connection, direction);
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
      if (this.#block.open && type > FrameType.CONTINUATION) return this.#tolerate("continuation");
      if (this.#block.open || !this.incomplete) return "continuation";
    }
    const fault = (this.#sawSettings ? undefined : this.#firstFrame(header)) ??
      (header.lengthBytes > this.reader.maxFrameSize ? this.#tolerate("frame-size") : undefined);
    if (fault !== undefined) return fault;
    switch (type) {
      case FrameType.DATA:
        return this.#dataFrame(header);
      case FrameType.HEADERS:
        if (this.direction === 0) return streamId % 2 === 0 ? "stream-id" : undefined;
        if (!this.#other.reader.sure && !this.connection.streams.has(streamId)) {
          this.#other.reader.answered(streamId);
        }
        return this.#isIdle(streamId) ? this.#tolerate("idle-stream") : undefined;
      case FrameType.RST_STREAM:
        return this.#isIdle(streamId) ? this.#tolerate("idle-stream") : undefined;
      case FrameType.PRIORITY:
        return streamId === 0 ? this.#tolerate("frame-stream") : undefined;
      case FrameType.GOAWAY:
        return streamId !== 0 ? this.#tolerate("frame-stream") : undefined;
      case FrameType.PUSH_PROMISE:
        if (this.direction === 0) return "push-from-client";
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

  badPadding(): string | undefined {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    const fault = this.#tolerate("frame-padding");
    // Those who go on behind the frame reset its stream.
    if (fault === undefined && stream !== undefined) this.connection.cut(stream, this.direction, "malformed");
    return fault;
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

  isExpected(streamId: number): boolean {
    return this.connection.streams.has(streamId);
  }

  synced(skippedBytes: number): void {
    this.connection.resyncs++;
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

  /**
   * A connection error that real peers differ about: some end the connection, others pass the frame over and go on. Where
   * the framing stays certain so does this reader, or a peer that goes on would be alone in seeing what follows.
   */
  #tolerate(reason: string): string | undefined {
    // Where it is not sure that these are frames, it speaks against it.
    if (!this.reader.sure) return reason;
    this.#count(`tolerated-${reason}`);
    return undefined;
  }

  /** The first frame of a direction should be SETTINGS. */
  #firstFrame(header: FrameHeader): string | undefined {
    const { type, lengthBytes, streamId } = header;
    this.#sawSettings = true;
    if (type === FrameType.SETTINGS && !isSettingsAck(header)) return undefined;
    // A client has sent the preface; what a server says may still be another protocol.
    if (this.direction === 1 && lengthBytes > this.reader.maxFrameSize) return "frame-size";
    if (this.direction === 1 && type > FrameType.CONTINUATION && streamId !== 0) return "no-settings";
    return this.#tolerate("no-settings");
  }

  /** Something of this direction was not seen. */
  #unseen(): void {
    this.incomplete = this.mayHaveSkipped = true;
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
    if (this.#isIdle(header.streamId)) return this.#tolerate("idle-stream");
    let stream = connection.streams.get(header.streamId);
    if (stream === undefined) {
      if (!connection.mayBeLost(header.streamId)) {
        this.#count("data-on-closed-stream");
        return undefined;
      }
      stream = this.#messages.orphan(header.streamId);
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
    if (direction === 1) stream.statusLost = false;
    this.#dataStream = stream;
    return undefined;
  }

  #headersFrame(header: FrameHeader, bytes: Uint8Array, start: number, end: number): string | undefined {
    const { flags, type } = header;
    if ((flags & Flag.PADDED) !== 0) end -= start < end ? bytes[start++] : 1;
    if (type === FrameType.HEADERS && (flags & Flag.PRIORITY) !== 0) start += 5;
    // Those who go on reset the stream without having decoded anything: nothing goes into the table.
    if (type === FrameType.HEADERS && start > end) return this.#tolerate("frame-padding");
    const { owner } = this.#block;
    owner.streamId = header.streamId;
    owner.promisedId = 0;
    owner.endStream = type === FrameType.HEADERS && (flags & Flag.END_STREAM) !== 0;
    if (type === FrameType.PUSH_PROMISE) {
      if (end - start < 4) return "frame-padding";
      owner.promisedId = readStreamId(bytes, start);
      start += 4;
    }
    if ((flags & Flag.END_HEADERS) !== 0) return this.#decode(bytes, start, end);
    this.#block.begin();
    this.#block.append(bytes, start, end);
    return undefined;
  }

  #blockEnd(): string | undefined {
    const block = this.#block;
    const { lost, cut, bytes, lengthBytes } = block;
    block.close();
    if (!lost) return this.#decode(bytes, 0, lengthBytes, cut);
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
    let stream = connection.streams.get(streamId);
    if (stream === undefined) {
      if (direction === 1 || streamId <= connection.lastStreamId[0]) return;
      stream = this.#messages.orphan(streamId);
    }
    if (endStream) {
      connection.cut(stream, direction, "gap");
    } else if (stream.head[direction]) {
      this.#lose(stream);
    }
  }

  /** `cut`: the block goes on in bytes that were not kept. */
  #decode(bytes: Uint8Array, start: number, end: number, cut = false): string | undefined {
    const { connection } = this;
    const { fields } = connection.scratch.request;
    fields.limitBytes = connection.listLimitBytes;
    const error = this.decoder.decode(bytes, start, end, fields);
    connection.spendList(fields.sizeBytes);
    if (error !== undefined && !(cut && error === "hpack-truncated")) return error;
    if (cut) {
      this.#count("header-block-over-bound");
      fields.cut();
      this.decoder.forget();
    }
    const { tolerated } = this.decoder;
    const fault = tolerated === undefined ? undefined : this.#tolerate(tolerated);
    if (fault !== undefined) return fault;
    return this.#messages.block(this.#block.owner);
  }

  #resetStream(streamId: number): void {
    const stream = this.connection.streams.get(streamId);
    if (stream !== undefined) this.connection.reset(stream, this.direction);
  }

  /** Streams that the sender of GOAWAY has not looked at and will not. */
  #goAway(lastStreamId: number): void {
    const { lastTakenId } = this.connection;
    const side = this.direction === 1 ? 0 : 1;
    lastTakenId[side] = Math.min(lastTakenId[side], lastStreamId);
    if (++this.#goAways > MAX_GOAWAYS) return;
    // Those of the other side: the client's are odd.
    const initiator = this.direction;
    for (const stream of this.connection.streams.values()) {
      if (stream.id % 2 === initiator && stream.id > lastStreamId) this.connection.abort(stream, "goaway");
    }
  }

  #settingsFrame(header: FrameHeader, bytes: Uint8Array, start: number, end: number): string | undefined {
    if (isSettingsAck(header)) {
      const acknowledged = this.#other.#pending.shift();
      if (acknowledged === undefined) return undefined;
      if (acknowledged.headerTableSize >= 0) this.decoder.allowTableSize(acknowledged.headerTableSize);
      return undefined;
    }
    const change = readSettings(bytes, start, end);
    if (typeof change === "string") return change;
    const fault = (header.flags & Flag.ACK) !== 0 ? this.#tolerate("settings-flags") : undefined;
    if (fault !== undefined) return fault;
    if (change.badPush) {
      // Every server minds it, the client of Go does not.
      const badPush = this.direction === 0 ? "settings-value" : this.#tolerate("settings-value");
      if (badPush !== undefined) return badPush;
    }
    if (change.enablePush >= 0) this.pushAllowed = change.enablePush === 1;
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
