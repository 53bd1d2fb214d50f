// SPDX-License-Identifier: MIT
/**
 * One direction of an HTTP/2 connection: frames to events.
 *
 * @module
 */
import { type Direction, TO_CLIENT, TO_SERVER } from "../direction.ts";
import type { HttpEvents } from "../http/event.ts";
import { BlockReader, type SharedParts } from "./block_reader.ts";
import type { DirectionState } from "./direction_state.ts";
import {
  Flag,
  type FrameHeader,
  FrameType,
  isSettingsAck,
  LARGEST_MAX_FRAME_SIZE,
  readStreamId,
} from "./frame.ts";
import { FrameReader, type FrameSink } from "./frame_reader.ts";
import type { HpackDecoder } from "./hpack/decoder.ts";
import { readSettings, type SettingsChange } from "./settings.ts";
import { isLost, lacksHead, type Stream, StreamState } from "./stream.ts";
import type { StreamTable } from "./streams.ts";

/** SETTINGS that wait for their acknowledgement; real peers send one or two at a time. */
const MAX_PENDING_SETTINGS = 64;

export class ConnectionHalf<Exchange> implements FrameSink {
  readonly reader: FrameReader;
  readonly #streams: StreamTable<Exchange>;
  readonly #state: DirectionState;
  readonly #blocks: BlockReader<Exchange>;
  #peer!: ConnectionHalf<Exchange>;
  /** SETTINGS sent in this direction and not acknowledged in the other. */
  #pendingSettings: SettingsChange[] = [];
  /** Stream of the DATA frame at hand, where there is one and its stream goes on. */
  #dataStream: Stream<Exchange> | undefined;
  /** The reason under which data is counted that is not told; empty where it is told. */
  #dropReason = "data-dropped-bytes";

  private constructor(readonly direction: Direction, shared: SharedParts<Exchange>, joinedLate: boolean) {
    this.#streams = shared.streams;
    this.#state = shared.streams.directions[direction];
    this.reader = new FrameReader(direction, this, joinedLate, shared.limits.maxBlockBytes);
    this.#blocks = new BlockReader(direction, shared);
    if (joinedLate) {
      this.decoder.forget();
      this.decoder.allowTableSize(Infinity);
      this.reader.maxFrameSize = LARGEST_MAX_FRAME_SIZE;
    }
  }

  get #events(): HttpEvents<Exchange> {
    return this.#streams.events;
  }

  /** Both directions of a connection, each the other's peer. */
  static pair<Exchange>(
    shared: SharedParts<Exchange>,
    joinedLate: boolean,
  ): [toServer: ConnectionHalf<Exchange>, toClient: ConnectionHalf<Exchange>] {
    const toServer = new ConnectionHalf(TO_SERVER, shared, joinedLate);
    const toClient = new ConnectionHalf(TO_CLIENT, shared, joinedLate);
    toServer.#peer = toClient;
    toClient.#peer = toServer;
    return [toServer, toClient];
  }

  get decoder(): HpackDecoder {
    return this.#blocks.decoder;
  }

  /** Memory of what is put together, as far as it can be let go. */
  get heldBytes(): number {
    return this.reader.excessBytes + this.#blocks.heldBytes;
  }

  /** Lets that go: of a header block the beginning is told. */
  giveWay(): void {
    this.reader.giveWay();
    this.#blocks.giveWay();
  }

  /** The direction has ended: what is unfinished in it stays so. */
  end(): void {
    if (this.#state.closed) return;
    const unsynced = this.reader.unsyncedBytes;
    if (unsynced > 0) this.#events.count("resync-skipped-bytes", unsynced);
    if (this.#blocks.isOpen || this.reader.isWithinBlock) this.#events.count("header-block-unfinished");
    this.#streams.close(this.direction);
  }

  // FrameSink

  get isSure(): boolean {
    return this.#state.isSure;
  }

  frame(header: FrameHeader): string | undefined {
    const { type, streamId } = header;
    const blocks = this.#blocks;
    if (blocks.isOpen !== (type === FrameType.CONTINUATION)) {
      if (blocks.isOpen && type > FrameType.CONTINUATION) return this.#state.tolerate("continuation");
      if (blocks.isOpen || !this.#state.isIncomplete) return "continuation";
    }
    const fault = (this.#state.isBeginning ? this.#firstFrame(header) : undefined) ??
      (header.lengthBytes > this.reader.maxFrameSize ? this.#state.tolerate("frame-size") : undefined);
    if (fault !== undefined) return fault;
    switch (type) {
      case FrameType.DATA:
        return this.#dataFrame(header);
      case FrameType.HEADERS:
        if (this.direction === TO_SERVER) return streamId % 2 === 0 ? "stream-id" : undefined;
        if (!this.#peer.isSure && !this.#streams.has(streamId)) this.#peer.reader.answered(streamId);
        return this.#tolerateIdle(streamId);
      case FrameType.RST_STREAM:
        return this.#tolerateIdle(streamId);
      case FrameType.PRIORITY:
        return streamId === 0 ? this.#state.tolerate("frame-stream") : undefined;
      case FrameType.GOAWAY:
        return streamId !== 0 ? this.#state.tolerate("frame-stream") : undefined;
      case FrameType.PUSH_PROMISE:
        if (this.direction === TO_SERVER) return "push-from-client";
        return this.#streams.isIdle(streamId) ? "idle-stream" : undefined;
      case FrameType.CONTINUATION:
        return blocks.continue(streamId);
      default:
        return undefined;
    }
  }

  payload(header: FrameHeader, bytes: Uint8Array, start: number, end: number): string | undefined {
    switch (header.type) {
      case FrameType.HEADERS:
      case FrameType.PUSH_PROMISE:
        return this.#blocks.begin(header, bytes, start, end);
      case FrameType.CONTINUATION:
        return this.#blocks.append(header, bytes, start, end);
      case FrameType.SETTINGS:
        return this.#settingsFrame(header, bytes, start, end);
      case FrameType.RST_STREAM:
        this.#streams.reset(header.streamId, this.direction);
        return undefined;
      case FrameType.GOAWAY:
        this.#streams.goAway(this.direction, readStreamId(bytes, start));
        return undefined;
      default:
        return undefined;
    }
  }

  payloadLost(header: FrameHeader): void {
    this.#events.count("frame-payload-lost");
    switch (header.type) {
      case FrameType.HEADERS:
      case FrameType.PUSH_PROMISE:
      case FrameType.CONTINUATION:
        this.#blocks.lose(header);
        return;
      case FrameType.SETTINGS:
        this.#settingsUnknown();
        return;
      case FrameType.RST_STREAM:
        this.#streams.reset(header.streamId, this.direction);
        return;
      case FrameType.DATA: {
        this.#endData();
        const stream = this.#streams.get(header.streamId);
        if (stream !== undefined) this.#streams.lose(stream, this.direction);
        return;
      }
    }
  }

  data(_header: FrameHeader, bytes: Uint8Array, start: number, end: number): void {
    if (this.#dropReason !== "") return this.#events.count(this.#dropReason, end - start);
    const { exchange } = this.#dataStream!;
    if (exchange === undefined) this.#events.count("refused-body-bytes", end - start);
    else this.#events.body(exchange, this.direction, bytes, start, end);
  }

  badPadding(): string | undefined {
    const stream = this.#dataStream;
    this.#endData();
    const fault = this.#state.tolerate("frame-padding");
    // Those who go on behind the frame reset its stream.
    if (fault === undefined && stream !== undefined) this.#streams.cut(stream, this.direction, "malformed");
    return fault;
  }

  dataGap(_header: FrameHeader, lengthBytes: number): void {
    const exchange = this.#dataStream?.exchange;
    if (exchange === undefined || this.#dropReason !== "") return;
    this.#events.bodyGap(exchange, this.direction, lengthBytes);
  }

  dataEnd(header: FrameHeader): void {
    const stream = this.#dataStream;
    this.#endData();
    if (stream !== undefined && (header.flags & Flag.END_STREAM) !== 0) {
      this.#streams.finish(stream, this.direction);
    }
  }

  syncLost(): void {
    this.#events.count("sync-lost");
    this.#streams.bytesMissing(this.direction);
    this.#state.placeLost();
    this.#endData();
    this.#blocks.forget();
    this.#settingsUnknown();
    this.#streams.placeLost(this.direction);
  }

  isExpected(streamId: number): boolean {
    return this.#streams.has(streamId);
  }

  synced(skippedBytes: number): void {
    this.#streams.boundaryFound(this.direction);
    if (skippedBytes > 0) this.#events.count("resync-skipped-bytes", skippedBytes);
  }

  unreadable(reason: string, bytes: Uint8Array): void {
    if (!this.#state.closed) {
      this.#events.count(`unreadable-${reason}`);
      this.end();
      this.#streams.bytesMissing(this.direction);
    }
    this.#events.unreadable(this.direction, reason, bytes);
  }

  // Frames

  /** The first frame of a direction should be SETTINGS. */
  #firstFrame(header: FrameHeader): string | undefined {
    const { type, lengthBytes, streamId } = header;
    this.#state.firstFrame();
    if (type === FrameType.SETTINGS && !isSettingsAck(header)) return undefined;
    // A client has sent the preface; what a server says may still be another protocol.
    if (this.direction === TO_CLIENT) {
      if (lengthBytes > this.reader.maxFrameSize) return "frame-size";
      if (type > FrameType.CONTINUATION && streamId !== 0) return "no-settings";
    }
    return this.#state.tolerate("no-settings");
  }

  #tolerateIdle(streamId: number): string | undefined {
    return this.#streams.isIdle(streamId) ? this.#state.tolerate("idle-stream") : undefined;
  }

  /** The header of a DATA frame: whose its bytes are. */
  #dataFrame({ streamId }: FrameHeader): string | undefined {
    if (this.#streams.isIdle(streamId)) return this.#state.tolerate("idle-stream");
    const stream = this.#streams.get(streamId) ??
      (this.#streams.mayBeLost(streamId) ? this.#streams.addOrphan(streamId) : undefined);
    if (stream === undefined) {
      this.#events.count("data-on-closed-stream");
      return undefined;
    }
    const state = stream.states[this.direction];
    if (state === StreamState.ENDED) {
      this.#events.count("data-after-end-stream");
      return undefined;
    }
    if (lacksHead(state) && !this.#streams.isIncomplete) {
      // A stream error of the sender; its reset or the end of the flow tells the rest.
      this.#events.count("data-before-headers");
      return undefined;
    }
    if (this.direction === TO_CLIENT) stream.mayBeInterim = false;
    this.#dataStream = stream;
    this.#dropReason = isLost(state) ? "body-after-gap-bytes" : "";
    return undefined;
  }

  /** No DATA frame is at hand. */
  #endData(): void {
    this.#dataStream = undefined;
    this.#dropReason = "data-dropped-bytes";
  }

  #settingsFrame(header: FrameHeader, bytes: Uint8Array, start: number, end: number): string | undefined {
    if (isSettingsAck(header)) {
      const acknowledged = this.#peer.#pendingSettings.shift();
      if (acknowledged === undefined) return undefined;
      if (acknowledged.headerTableSize >= 0) this.decoder.allowTableSize(acknowledged.headerTableSize);
      return undefined;
    }
    const change = readSettings(bytes, start, end);
    if (typeof change === "string") return change;
    const fault = (header.flags & Flag.ACK) !== 0 ? this.#state.tolerate("settings-flags") : undefined;
    if (fault !== undefined) return fault;
    if (change.badPush) {
      // Every server minds it, the client of Go does not.
      const badPush = this.direction === TO_SERVER
        ? "settings-value"
        : this.#state.tolerate("settings-value");
      if (badPush !== undefined) return badPush;
    }
    if (this.direction === TO_SERVER && change.enablePush >= 0) {
      this.#streams.pushAllowed = change.enablePush === 1;
    }
    // The sender accepts longer frames from when it has said so; when the other side begins to send them is its own affair.
    const peer = this.#peer.reader;
    if (change.maxFrameSize > peer.maxFrameSize) peer.maxFrameSize = change.maxFrameSize;
    if (change.maxFrameSize > peer.likelyMaxFrameSize) peer.likelyMaxFrameSize = change.maxFrameSize;
    if (this.#pendingSettings.length < MAX_PENDING_SETTINGS) this.#pendingSettings.push(change);
    else this.#settingsUnknown();
    return undefined;
  }

  /** SETTINGS of this direction were not seen, or not kept: what they allow the other direction is not known. */
  #settingsUnknown(): void {
    this.#pendingSettings = [];
    this.#peer.decoder.allowTableSize(Infinity);
    this.#peer.reader.maxFrameSize = LARGEST_MAX_FRAME_SIZE;
  }
}
