// SPDX-License-Identifier: MIT
/**
 * Packets on their way from forged connections to the sinks, laid out as the pcapng Enhanced Packet Blocks that a file
 * wants, so that a file sink writes the batch as it is and an interface sink injects each frame from where it lies.
 *
 * @module
 */
import { WordView } from "../wire/checksum.ts";
import { ETHERNET_HEADER_LENGTH, VLAN_TAG_LENGTH } from "../wire/ethernet.ts";
import { IP_PACKET_MAX } from "../wire/ipv4.ts";
import {
  BLOCK_LENGTH,
  PACKET_CAPTURED_LENGTH,
  PACKET_FRAME,
  packetBlockLength,
  writePacketBlock,
} from "../wire/pcapng.ts";

/** Packets that go to a sink together. */
export interface PacketBatch {
  /** Packets in it. */
  readonly count: number;
  /** Enhanced Packet Blocks of interface 0, back to back; borrowed. */
  readonly blocks: Uint8Array<ArrayBuffer>;
}

/** Bytes of Ethernet header and VLAN tag that a frame may have around its IP packet. */
export const FRAME_OVERHEAD_MAX = ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH;
/** Bytes that a frame may have in all. */
export const FRAME_LENGTH_MAX = IP_PACKET_MAX + FRAME_OVERHEAD_MAX;
/** UTF-8 bytes of comment that one packet may have; longer ones are cut. */
export const COMMENT_LENGTH_MAX = 8192;
/** Default size of a batch: some 160 full Ethernet frames, small enough to stay in a core's second-level cache. */
export const BATCH_CAPACITY = 256 * 1024;

/** Bytes that can be staged: two of the longest records of a ring. */
export const STAGE_BYTES = 64 * 1024;

export interface PacketBufferOptions {
  /** Absolute time, nanoseconds since 1970, of time 0 of the packets. */
  readonly timeBaseNs: bigint;
  /** Takes the packets when the buffer is full or flushed; the batch is borrowed for the call and then begun anew. */
  readonly onFull: (batch: PacketBatch) => void;
  /** In bytes, {@linkcode BATCH_CAPACITY} by default, at least one largest packet. */
  readonly capacity?: number;
}

/**
 * The batch that forged connections fill: memory of one size for its whole life, handed on by `onFull` whenever the next packet
 * does not fit. Must not be written to from within `onFull`.
 */
export class PacketBuffer implements PacketBatch {
  /** The batch's memory, for those who fill frames in. */
  readonly memory: WordView;
  #count = 0;
  #used = 0;
  readonly #capacity: number;
  readonly #baseHigh: number;
  readonly #baseLow: number;
  readonly #onFull: (batch: PacketBatch) => void;

  constructor(options: PacketBufferOptions) {
    const capacity = options.capacity ?? BATCH_CAPACITY;
    const least = packetBlockLength(FRAME_LENGTH_MAX, COMMENT_LENGTH_MAX);
    if (capacity < least || capacity % 4 !== 0) {
      throw new RangeError(
        `Cannot make a packet buffer of ${capacity} bytes: at least ${least}, a multiple of 4`,
      );
    }
    this.memory = WordView.of(capacity, STAGE_BYTES);
    this.#capacity = capacity;
    this.#baseHigh = Number(options.timeBaseNs >> 32n);
    this.#baseLow = Number(options.timeBaseNs & 0xffff_ffffn);
    this.#onFull = options.onFull;
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of blocks in it. */
  get length(): number {
    return this.#used;
  }

  get blocks(): Uint8Array<ArrayBuffer> {
    return this.memory.bytes.subarray(0, this.#used);
  }

  /**
   * Makes room for a frame and writes the block around it; the answer is the offset in `memory`, a multiple of 4, from
   * where the caller must write all `frameLength` bytes before anything else is asked of the buffer. `timeNs` is a
   * whole number from 0 to 2^53. `comment` is UTF-8, at most {@linkcode COMMENT_LENGTH_MAX} bytes, copied.
   */
  reserve(frameLength: number, timeNs: number, comment?: Uint8Array): number {
    const blockLength = packetBlockLength(frameLength, comment === undefined ? 0 : comment.length);
    if (this.#used + blockLength > this.#capacity) this.#handOver(frameLength, blockLength);
    const high = Math.floor(timeNs / 0x1_0000_0000);
    const low = this.#baseLow + (timeNs - high * 0x1_0000_0000);
    const carry = low >= 0x1_0000_0000 ? 1 : 0;
    const at = this.#used;
    writePacketBlock(
      this.memory.words32,
      this.memory.bytes,
      at,
      frameLength,
      this.#baseHigh + high + carry,
      low - carry * 0x1_0000_0000,
      comment,
    );
    this.#used = at + blockLength;
    this.#count++;
    return at + PACKET_FRAME;
  }

  /**
   * Copies bytes that go into several frames to the memory's stage. Answers what the frames' payloads are to be taken from, which has
   * them until something else is staged: `bytes` themselves where there is no stage, or they are too many.
   */
  stage(bytes: Uint8Array): Uint8Array {
    const { stage } = this.memory;
    if (stage === undefined || bytes.length > STAGE_BYTES) return bytes;
    stage.bytes.set(bytes);
    return stage.bytes;
  }

  /** Hands over what is in it, if anything. */
  flush(): void {
    if (this.#count === 0) return;
    try {
      this.#onFull(this);
    } finally {
      this.#used = 0;
      this.#count = 0;
    }
  }

  #handOver(frameLength: number, blockLength: number): void {
    if (blockLength > this.#capacity) {
      throw new RangeError(`Cannot write a frame of ${frameLength} bytes: at most ${FRAME_LENGTH_MAX}`);
    }
    this.flush();
  }
}

/** UTF-8 of a comment, cut to {@linkcode COMMENT_LENGTH_MAX} at a character. */
export function encodeComment(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.min(text.length * 3, COMMENT_LENGTH_MAX));
  return bytes.subarray(0, encoder.encodeInto(text, bytes).written);
}

const encoder = new TextEncoder();

/**
 * Steps through the frames of a batch without allocating:
 * `for (cursor.reset(batch); cursor.next();) use(batch.blocks, cursor.frameOffset, cursor.frameLength)`.
 */
export class FrameCursor {
  /** Of the present block in `blocks`. */
  blockOffset = 0;
  /** Of the present block, bytes. */
  blockLength = 0;
  /** Of the present frame in `blocks`. */
  frameOffset = 0;
  /** Of the present frame, bytes. */
  frameLength = 0;
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** Goes before the first frame. The blocks must be whole: they come from this program. */
  reset(blocks: Uint8Array): void {
    this.#view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength);
    this.blockOffset = 0;
    this.blockLength = 0;
  }

  /** Goes to the next frame; false when there is none. */
  next(): boolean {
    const at = this.blockOffset + this.blockLength;
    if (at >= this.#view.byteLength) return false;
    this.blockOffset = at;
    this.blockLength = this.#view.getUint32(at + BLOCK_LENGTH, true);
    this.frameOffset = at + PACKET_FRAME;
    this.frameLength = this.#view.getUint32(at + PACKET_CAPTURED_LENGTH, true);
    return true;
  }

  /** A 32-bit word of the present block, at one of the `PACKET_` offsets. */
  word(field: number): number {
    return this.#view.getUint32(this.blockOffset + field, true);
  }
}
