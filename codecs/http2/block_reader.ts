// SPDX-License-Identifier: MIT
/**
 * Header blocks of one direction: from the frames that carry them to decoded lists, and what is left where a part is missing.
 *
 * @module
 */
import { type Direction, TO_CLIENT } from "../direction.ts";
import { Flag, type FrameHeader, FrameType, readStreamId } from "./frame.ts";
import { BlockState, HeaderBlock } from "./header_block.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { MessageHeads } from "./message_heads.ts";
import type { DecodeScratch } from "./pseudo.ts";
import type { RepeatBudget } from "./repeat_budget.ts";
import { StreamState } from "./stream.ts";
import type { StreamTable } from "./streams.ts";

/** Bounds of the header blocks of one direction; see where each default is defined for its derivation. */
export interface BlockLimits {
  /** Bytes of one header block as it is sent. */
  readonly maxBlockBytes: number;
  /** CONTINUATION frames of one block. */
  readonly maxContinuations: number;
  /** Bytes of the dynamic table kept a direction. */
  readonly maxTableBytes: number;
}

/** What both directions of a connection share. */
export interface SharedParts<Exchange> {
  readonly streams: StreamTable<Exchange>;
  readonly repeats: RepeatBudget;
  readonly scratch: DecodeScratch;
  readonly limits: BlockLimits;
}

/** In every method, a returned string is the reason to give the direction up. */
export class BlockReader<Exchange> {
  readonly decoder: HpackDecoder;
  readonly #streams: StreamTable<Exchange>;
  readonly #repeats: RepeatBudget;
  readonly #scratch: DecodeScratch;
  readonly #block: HeaderBlock;
  readonly #messages: MessageHeads<Exchange>;

  constructor(readonly direction: Direction, { streams, repeats, scratch, limits }: SharedParts<Exchange>) {
    this.#streams = streams;
    this.#repeats = repeats;
    this.#scratch = scratch;
    this.decoder = new HpackDecoder(limits.maxTableBytes);
    this.#block = new HeaderBlock(limits.maxBlockBytes, limits.maxContinuations);
    this.#messages = new MessageHeads(direction, streams, scratch);
  }

  /** Whether CONTINUATION frames must follow. */
  get isOpen(): boolean {
    return this.#block.state !== BlockState.CLOSED;
  }

  /** Memory of the block, as far as it can be let go. */
  get heldBytes(): number {
    return this.#block.excessBytes;
  }

  /** What of the block is not its beginning is not kept. */
  giveWay(): void {
    this.#block.giveWay();
  }

  /** A CONTINUATION frame of this stream begins. */
  continue(streamId: number): string | undefined {
    if (this.isOpen && streamId !== this.#block.owner.streamId) return "continuation";
    this.#block.continue();
    return undefined;
  }

  /** Payload of a HEADERS or PUSH_PROMISE frame. */
  begin(header: FrameHeader, bytes: Uint8Array, start: number, end: number): string | undefined {
    const { flags, type } = header;
    if ((flags & Flag.PADDED) !== 0) end -= start < end ? bytes[start++] : 1;
    if (type === FrameType.HEADERS && (flags & Flag.PRIORITY) !== 0) start += 5;
    // Those who go on reset the stream without having decoded anything: nothing goes into the table.
    if (type === FrameType.HEADERS && start > end) {
      return this.#streams.directions[this.direction].tolerate("frame-padding");
    }
    this.#own(header);
    if (type === FrameType.PUSH_PROMISE) {
      if (end - start < 4) return "frame-padding";
      this.#block.owner.promisedId = readStreamId(bytes, start);
      start += 4;
    }
    if ((flags & Flag.END_HEADERS) !== 0) return this.#decode(bytes, start, end, false);
    this.#block.begin();
    this.#block.append(bytes, start, end);
    return undefined;
  }

  /** Payload of a CONTINUATION frame. */
  append(header: FrameHeader, bytes: Uint8Array, start: number, end: number): string | undefined {
    if (!this.isOpen) {
      // The HEADERS frame before it was not seen: nor is what it put into the table.
      this.decoder.forget();
      return undefined;
    }
    this.#block.append(bytes, start, end);
    return (header.flags & Flag.END_HEADERS) !== 0 ? this.#end() : undefined;
  }

  /** The payload of a frame that carries a part of a block is missing. */
  lose(header: FrameHeader): void {
    if (header.type !== FrameType.CONTINUATION) {
      this.#block.begin();
      this.#own(header);
    } else if (!this.isOpen) {
      // Whose block it ends is not known.
      this.#streams.events.count("header-block-lost");
      this.#streams.bytesMissing(this.direction);
      this.decoder.forget();
      return;
    }
    this.#block.lose();
    if ((header.flags & Flag.END_HEADERS) !== 0) this.#end();
  }

  /** Blocks were not seen, and the one at hand does not go on. */
  forget(): void {
    this.#block.close();
    this.decoder.forget();
  }

  /** The block is that of this HEADERS or PUSH_PROMISE frame. */
  #own({ streamId, type, flags }: FrameHeader): void {
    const { owner } = this.#block;
    owner.streamId = streamId;
    owner.promisedId = 0;
    owner.endStream = type === FrameType.HEADERS && (flags & Flag.END_STREAM) !== 0;
  }

  #end(): string | undefined {
    const block = this.#block;
    const { state, bytes, lengthBytes } = block;
    block.close();
    if (state === BlockState.OPEN || state === BlockState.CUT) {
      return this.#decode(bytes, 0, lengthBytes, state === BlockState.CUT);
    }
    this.#streams.events.count("header-block-lost");
    this.decoder.forget();
    this.#messageLost();
    return undefined;
  }

  /** The head or the trailers of the block's stream are unknown. */
  #messageLost(): void {
    const streams = this.#streams;
    const { direction } = this;
    const { streamId, endStream } = this.#block.owner;
    streams.bytesMissing(direction);
    let stream = streams.get(streamId);
    if (stream === undefined) {
      if (direction === TO_CLIENT || streamId <= streams.lastId[0]) return;
      stream = streams.addOrphan(streamId);
    }
    if (endStream) streams.cut(stream, direction, "gap");
    else if (stream.states[direction] === StreamState.BODY) streams.lose(stream, direction);
  }

  /** `isCut`: the block goes on in bytes that were not kept. */
  #decode(bytes: Uint8Array, start: number, end: number, isCut: boolean): string | undefined {
    const { fields } = this.#scratch.request;
    fields.repeatLimitBytes = this.#repeats.limitBytes;
    const error = this.decoder.decode(bytes, start, end, fields);
    this.#repeats.spend(fields.repeatedBytes);
    if (error !== undefined && !(isCut && error === "hpack-truncated")) return error;
    if (isCut) {
      this.#streams.events.count("header-block-over-bound");
      fields.isCut = true;
      this.decoder.forget();
    }
    const { tolerated } = this.decoder;
    const fault = tolerated === undefined
      ? undefined
      : this.#streams.directions[this.direction].tolerate(tolerated);
    return fault ?? this.#messages.block(this.#block.owner);
  }
}
