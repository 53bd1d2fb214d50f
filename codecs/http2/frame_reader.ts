// SPDX-License-Identifier: MIT
/**
 * Cuts one direction of an HTTP/2 connection into frames, at whatever places the bytes come in pieces. DATA is handed
 * on as it comes; the payload of frames that matter is put together; everything else is passed over.
 *
 * @module
 */
import { type Direction, TO_SERVER } from "../direction.ts";
import { BoundarySearch, type FoundBoundary } from "./boundary_search.ts";
import {
  carriesBlock,
  CONNECTION_PREFACE,
  DEFAULT_MAX_FRAME_SIZE,
  Flag,
  FRAME_HEADER_BYTES,
  type FrameHeader,
  frameHeaderError,
  FrameType,
  readFrameHeader,
} from "./frame.ts";

/** What a reader tells. All bytes are borrowed for the call. A returned string is the reason to give the direction up. */
export interface FrameSink {
  /** Whether frames certainly begin where they are read; where not, a fault means that they begin elsewhere. */
  readonly isSure: boolean;
  /** A header that is valid by itself; its payload follows. */
  frame(header: FrameHeader): string | undefined;
  /** The whole payload of a HEADERS, PUSH_PROMISE, CONTINUATION, RST_STREAM, SETTINGS or GOAWAY frame. */
  payload(header: FrameHeader, bytes: Uint8Array, start: number, end: number): string | undefined;
  /** Of a frame whose payload is put together, or of a DATA frame of unknown padding, not all was seen or it is beyond the bound. */
  payloadLost(header: FrameHeader): void;
  /** A piece of the frame's data, without padding. */
  data(header: FrameHeader, bytes: Uint8Array, start: number, end: number): void;
  /** A DATA frame's padding is longer than what is left of it: none of it is data, and the frame is passed over. */
  badPadding(header: FrameHeader): string | undefined;
  dataGap(header: FrameHeader, lengthBytes: number): void;
  dataEnd(header: FrameHeader): void;
  /** An unknown number of frames was lost. */
  syncLost(): void;
  /** Whether a frame of this stream is no surprise where frames may begin again. */
  isExpected(streamId: number): boolean;
  /** A frame begins here after all; `skippedBytes` were passed over to find it. */
  synced(skippedBytes: number): void;
  /** This direction cannot be read from `bytes` on; called again for all that follows. */
  unreadable(reason: string, bytes: Uint8Array): void;
}

/**
 * ```
 * PREFACE ─▶ HEADER ─┬─▶ KEEP ─────────────▶ HEADER
 *                    ├─▶ PAD_LENGTH ─▶ DATA
 *                    ├─▶ DATA ─▶ SKIP (padding)
 *                    └─▶ SKIP ─────────────▶ HEADER
 * any ──place lost──▶ RESYNC ──boundary found──▶ HEADER, PREFACE
 * any ──fault──▶ UNREADABLE
 * ```
 */
const State = {
  PREFACE: 0,
  HEADER: 1,
  /** Payload that is put together. */
  KEEP: 2,
  /** Payload that is passed over. */
  SKIP: 3,
  PAD_LENGTH: 4,
  DATA: 5,
  /** The next boundary is looked for. */
  RESYNC: 6,
  UNREADABLE: 7,
} as const;
type State = typeof State[keyof typeof State];

/** Boundaries that turn out to be none and are looked for anew: each may cost a search of all that is kept. */
const MAX_FALSE_BOUNDARIES = 8;

const NO_BYTES = new Uint8Array(0);

export class FrameReader {
  /** Longest frame that the receiver of this direction has allowed. */
  maxFrameSize = DEFAULT_MAX_FRAME_SIZE;
  /** Longest frame that counts as a sign of a boundary: what was seen to be allowed, or the default. */
  likelyMaxFrameSize = DEFAULT_MAX_FRAME_SIZE;
  #state: State;
  readonly #header: FrameHeader = { lengthBytes: 0, type: 0, flags: 0, streamId: 0 };
  readonly #headerBytes = new Uint8Array(FRAME_HEADER_BYTES);
  /** Bytes of the header, or of the preface, seen so far. */
  #headerLength = 0;
  /** Payload bytes still to come, padding apart. */
  #remaining = 0;
  /** Bytes to pass over after that. */
  #padding = 0;
  /** KEEP: payload so far. Empty else. */
  #kept = NO_BYTES;
  #keptLength = 0;
  readonly #search: BoundarySearch;
  #falseBoundaries = 0;
  /** UNREADABLE: why. */
  #reason = "";

  /**
   * `joinedLate`: the first bytes are from somewhere inside the direction. `maxKeptBytes` bounds one payload that is
   * put together.
   */
  constructor(
    readonly direction: Direction,
    readonly sink: FrameSink,
    joinedLate: boolean,
    readonly maxKeptBytes: number,
  ) {
    this.#search = new BoundarySearch(direction, joinedLate, (streamId) => sink.isExpected(streamId));
    const first = direction === TO_SERVER ? State.PREFACE : State.HEADER;
    this.#state = joinedLate ? State.RESYNC : first;
  }

  /** Bytes in which no boundary has been found so far. */
  get unsyncedBytes(): number {
    return this.#state === State.RESYNC ? this.#search.unsyncedBytes : 0;
  }

  /** A frame of a header block has begun, and its payload has not all come. */
  get isWithinBlock(): boolean {
    return this.#state === State.KEEP && carriesBlock(this.#header.type);
  }

  /** Memory of a payload that is longer than frames are where nothing else was agreed on. */
  get excessBytes(): number {
    return Math.max(0, this.#kept.length - DEFAULT_MAX_FRAME_SIZE);
  }

  /** Lets such a payload go. */
  giveWay(): void {
    if (this.excessBytes === 0) return;
    this.sink.payloadLost(this.#header);
    this.#releaseKept();
    this.#state = State.SKIP;
  }

  data(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      switch (this.#state) {
        case State.HEADER:
          at = this.#readHeader(bytes, at);
          break;
        case State.DATA:
          at = this.#readData(bytes, at);
          break;
        case State.KEEP:
          at = this.#readKept(bytes, at);
          break;
        case State.SKIP: {
          const length = Math.min(this.#remaining, bytes.length - at);
          at += length;
          this.#remaining -= length;
          if (this.#remaining === 0) this.#nextFrame();
          break;
        }
        case State.PAD_LENGTH:
          at = this.#readPadLength(bytes, at);
          break;
        case State.PREFACE:
          at = this.#readPreface(bytes, at);
          break;
        case State.RESYNC:
          at = this.#resync(bytes, at);
          break;
        case State.UNREADABLE:
          this.sink.unreadable(this.#reason, at === 0 ? bytes : bytes.subarray(at));
          return;
      }
    }
  }

  gap(lengthBytes: number): void {
    const header = this.#header;
    switch (this.#state) {
      case State.UNREADABLE:
        return;
      case State.DATA: {
        const lost = Math.min(lengthBytes, this.#remaining);
        if (lost > 0) this.sink.dataGap(header, lost);
        this.#remaining -= lost;
        lengthBytes -= lost;
        const padding = Math.min(lengthBytes, this.#padding);
        this.#padding -= padding;
        lengthBytes -= padding;
        if (lengthBytes > 0) break;
        if (this.#remaining === 0) this.#finishData();
        return;
      }
      case State.KEEP:
      case State.PAD_LENGTH:
        this.sink.payloadLost(header);
        this.#releaseKept();
        // A padding length that is not known makes data and padding one.
        this.#state = State.SKIP;
        // falls through
      case State.SKIP:
        if (lengthBytes > this.#remaining) break;
        this.#remaining -= lengthBytes;
        if (this.#remaining === 0) this.#nextFrame();
        return;
    }
    this.loseSync();
  }

  /** Where frames begin is not known any more. */
  loseSync(): void {
    if (this.#state === State.UNREADABLE) return;
    this.#search.restart();
    this.#releaseKept();
    this.#state = State.RESYNC;
    this.sink.syncLost();
  }

  /** The server answers this stream: its request may be among the bytes in which a boundary is looked for. */
  answered(streamId: number): void {
    if (this.#state !== State.RESYNC) return;
    const found = this.#search.lookForRequest(streamId, this.likelyMaxFrameSize);
    if (found !== undefined) this.#readFrom(found);
  }

  #releaseKept(): void {
    this.#kept = NO_BYTES;
    this.#keptLength = 0;
  }

  #nextFrame(): void {
    this.#state = State.HEADER;
    this.#headerLength = 0;
  }

  #readPreface(bytes: Uint8Array, at: number): number {
    while (at < bytes.length && this.#headerLength < CONNECTION_PREFACE.length) {
      if (bytes[at] !== CONNECTION_PREFACE[this.#headerLength]) {
        const seen = this.#headerLength;
        this.#fail("preface");
        if (seen > 0) this.sink.unreadable(this.#reason, CONNECTION_PREFACE.subarray(0, seen));
        return at;
      }
      at++;
      this.#headerLength++;
    }
    if (this.#headerLength === CONNECTION_PREFACE.length) this.#nextFrame();
    return at;
  }

  #readHeader(bytes: Uint8Array, at: number): number {
    const header = this.#header;
    if (this.#headerLength === 0 && bytes.length - at >= FRAME_HEADER_BYTES) {
      readFrameHeader(bytes, at, header);
      at += FRAME_HEADER_BYTES;
    } else {
      while (this.#headerLength < FRAME_HEADER_BYTES) {
        if (at === bytes.length) return at;
        this.#headerBytes[this.#headerLength++] = bytes[at++];
      }
      readFrameHeader(this.#headerBytes, 0, header);
    }
    const error = frameHeaderError(header) ?? this.sink.frame(header);
    if (error !== undefined) {
      this.#failFrame(error, NO_BYTES);
      return at;
    }
    this.#remaining = header.lengthBytes;
    switch (header.type) {
      case FrameType.DATA:
        this.#padding = 0;
        if ((header.flags & Flag.PADDED) !== 0) this.#state = State.PAD_LENGTH;
        else if (header.lengthBytes === 0) this.#finishData();
        else this.#state = State.DATA;
        return at;
      case FrameType.HEADERS:
      case FrameType.PUSH_PROMISE:
      case FrameType.CONTINUATION:
      case FrameType.SETTINGS:
      case FrameType.RST_STREAM:
      case FrameType.GOAWAY:
        if (header.lengthBytes > this.maxKeptBytes) {
          this.sink.payloadLost(header);
          this.#state = State.SKIP;
          return at;
        }
        if (bytes.length - at >= header.lengthBytes) {
          this.#deliver(bytes, at, at + header.lengthBytes);
          return at + header.lengthBytes;
        }
        this.#state = State.KEEP;
        return at;
      default:
        if (header.lengthBytes === 0) this.#nextFrame();
        else this.#state = State.SKIP;
        return at;
    }
  }

  /** Hands a whole payload over; the next frame begins behind it. */
  #deliver(bytes: Uint8Array, start: number, end: number): void {
    const error = this.sink.payload(this.#header, bytes, start, end);
    if (error !== undefined) this.#failFrame(error, bytes.subarray(start, end));
    else if (this.#state !== State.RESYNC) this.#nextFrame();
  }

  #readKept(bytes: Uint8Array, at: number): number {
    const length = Math.min(this.#remaining, bytes.length - at);
    const needed = this.#keptLength + length;
    if (needed > this.#kept.length) {
      const grown = new Uint8Array(Math.min(this.#header.lengthBytes, Math.max(256, 2 * needed)));
      grown.set(this.#kept.subarray(0, this.#keptLength));
      this.#kept = grown;
    }
    this.#kept.set(bytes.subarray(at, at + length), this.#keptLength);
    this.#keptLength = needed;
    this.#remaining -= length;
    if (this.#remaining > 0) return at + length;
    const kept = this.#kept;
    this.#releaseKept();
    this.#deliver(kept, 0, needed);
    return at + length;
  }

  #readPadLength(bytes: Uint8Array, at: number): number {
    const padding = bytes[at++];
    // The header has room for this octet: frameHeaderError() has checked it.
    this.#remaining--;
    if (padding > this.#remaining) {
      const error = this.sink.badPadding(this.#header);
      if (error !== undefined) this.#failFrame(error, bytes.subarray(at - 1, at));
      else if (this.#remaining === 0) this.#nextFrame();
      else this.#state = State.SKIP;
      return at;
    }
    this.#padding = padding;
    this.#remaining -= padding;
    if (this.#remaining === 0 && padding === 0) this.#finishData();
    else this.#state = State.DATA;
    return at;
  }

  #readData(bytes: Uint8Array, at: number): number {
    const length = Math.min(this.#remaining, bytes.length - at);
    if (length > 0) this.sink.data(this.#header, bytes, at, at + length);
    this.#remaining -= length;
    at += length;
    if (this.#remaining === 0) this.#finishData();
    return at;
  }

  /** All data of the frame is there; only padding may follow. */
  #finishData(): void {
    this.sink.dataEnd(this.#header);
    if (this.#padding === 0) return this.#nextFrame();
    this.#remaining = this.#padding;
    this.#padding = 0;
    this.#state = State.SKIP;
  }

  #resync(bytes: Uint8Array, at: number): number {
    const search = this.#search;
    const end = at + Math.min(search.roomBytes, bytes.length - at);
    const found = search.look(bytes, at, end, this.likelyMaxFrameSize);
    if (found !== undefined) this.#readFrom(found);
    else if (search.isHopeless) {
      const kept = search.release();
      this.#fail("no-frame-boundary");
      this.sink.unreadable(this.#reason, kept);
    }
    return end;
  }

  #readFrom({ bytes, at, isPreface, skippedBytes }: FoundBoundary): void {
    this.#headerLength = 0;
    this.#state = isPreface ? State.PREFACE : State.HEADER;
    this.sink.synced(skippedBytes);
    this.data(bytes.subarray(at));
  }

  #fail(reason: string): void {
    this.#releaseKept();
    this.#reason = reason;
    this.#state = State.UNREADABLE;
  }

  /** Gives the direction up from the header of this frame on; `payload` is what of it has been taken. */
  #failFrame(reason: string, payload: Uint8Array): void {
    if (!this.sink.isSure && this.#falseBoundaries < MAX_FALSE_BOUNDARIES) {
      this.#falseBoundaries++;
      return this.loseSync();
    }
    this.#fail(reason);
    const { lengthBytes, type, flags, streamId } = this.#header;
    const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
    new DataView(bytes.buffer).setUint32(0, lengthBytes * 256 + type);
    bytes[4] = flags;
    new DataView(bytes.buffer).setUint32(5, streamId);
    bytes.set(payload, FRAME_HEADER_BYTES);
    this.sink.unreadable(reason, bytes);
  }
}
