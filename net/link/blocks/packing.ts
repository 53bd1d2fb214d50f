// SPDX-License-Identifier: MIT
/**
 * Packets in zstd: each block a frame of its own, so that one decompressor serves all connections of a thread, and what is lost
 * or refused spoils nothing behind it.
 *
 * `node:zlib` compresses whole texts, each with a context of its own, or streams, with promises. Its streams are made on a handle
 * whose `writeSync` goes from one buffer into another; a test holds the runtime to that.
 *
 * @module
 */
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";
import { BLOCK_LENGTH, BLOCK_OVERHEAD } from "../../wire/pcapng.ts";
import { BLOCK_CUSTOM_NO_COPY, controlBlock, KIND_PACKED, LINK_BLOCK_MAX } from "./link.ts";

/** What a collector says that takes packed blocks. */
export const ZSTD = "zstd";
/** Bytes that a block may have when it is unpacked: what any buffer of a reader has room for. */
export const CLEAR_MAX = LINK_BLOCK_MAX;
/** No frame needs to look further back than it is long. */
const WINDOW_LOG = 17;
/** The fastest that still halves text. */
const LEVEL = 1;
/** Fewer bytes are not worth a frame. */
const WORTH_BYTES = 512;
/** Of the clear bytes: a block that is longer goes as it is. */
const WORTH_SHARE = 7 / 8;
/** Blocks that are not tried after one that did not pack, twice as many each time up to the last figure. */
const PAUSE_MIN = 4;
const PAUSE_MAX = 64;

/** Within the block: clear bytes, packed bytes, frame. */
const CLEAR_BYTES = 20;
const PACKED_BYTES = 24;
const FRAME = 28;
/** Of a block beside its frame and padding: also the length of a text, which it has none of. */
const OVERHEAD = FRAME + 4;
/**
 * Bytes of memory that a block is made in: where the output has room for a frame of bytes that do not pack (`ZSTD_COMPRESSBOUND`), zstd
 * goes from the input to the output without copies of its own.
 */
export const PACKING_ROOM = CLEAR_MAX + (CLEAR_MAX >> 8) + OVERHEAD + BLOCK_OVERHEAD;
/** Of every block up to {@linkcode CLEAR_BYTES}, but for its length. */
const HEAD = controlBlock(KIND_PACKED, new Uint8Array(0)).slice(0, CLEAR_BYTES);

interface Handle {
  onerror: (message: string) => void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  reset(): void;
  close(): void;
}

interface ZstdStream {
  readonly _handle: Handle;
  /** Bytes left after `writeSync`: of the output, of the input. */
  readonly _writeState: Uint32Array;
}

/** Either direction, of which only the handle is used. */
class Stream {
  readonly #stream: ZstdStream;
  #hasFailed = false;

  constructor(stream: unknown) {
    this.#stream = stream as ZstdStream;
    this.#stream._handle.onerror = () => this.#hasFailed = true;
  }

  /** Bytes that all of `input` became from `start` to `end` of `output`; undefined when it does not fit, or is no such input. */
  run(flush: number, input: Uint8Array, output: Uint8Array, start: number, end: number): number | undefined {
    const { _handle, _writeState } = this.#stream;
    this.#hasFailed = false;
    try {
      _handle.reset();
      _handle.writeSync(flush, input, 0, input.length, output, start, end - start);
    } catch {
      return undefined;
    }
    const [outputLeft, inputLeft] = _writeState;
    return this.#hasFailed || inputLeft > 0 ? undefined : end - start - outputLeft;
  }

  close(): void {
    this.#stream._handle.close();
  }
}

/** An agent's side, for one connection at a time. */
export class Packer {
  readonly #stream = new Stream(createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_windowLog]: WINDOW_LOG,
    },
  }));
  /** Blocks that are not tried. */
  #pause = 0;
  #nextPause = PAUSE_MIN;

  /**
   * Writes the packets, at most {@linkcode CLEAR_MAX} bytes, as one block to `at` of `memory`, which has {@linkcode PACKING_ROOM} bytes
   * there. Answers the block's length; 0: they had better go as they are.
   */
  pack(packets: Uint8Array, memory: Uint8Array, at: number): number {
    if (packets.length < WORTH_BYTES || (this.#pause > 0 && this.#pause-- > 0)) return 0;
    const frame = at + FRAME;
    const packed = this.#stream.run(constants.ZSTD_e_end, packets, memory, frame, at + PACKING_ROOM);
    if (packed === undefined || packed > packets.length * WORTH_SHARE) {
      this.#pause = this.#nextPause;
      this.#nextPause = Math.min(2 * this.#nextPause, PAUSE_MAX);
      return 0;
    }
    this.#nextPause = PAUSE_MIN;
    const text = frame + (packed + 3 & ~3);
    const length = text + 8 - at;
    memory.set(HEAD, at);
    memory.fill(0, frame + packed, text + 4);
    const view = new DataView(memory.buffer, memory.byteOffset + at, length);
    view.setUint32(BLOCK_LENGTH, length, true);
    view.setUint32(CLEAR_BYTES, packets.length, true);
    view.setUint32(PACKED_BYTES, packed, true);
    view.setUint32(length - 4, length, true);
    return length;
  }

  close(): void {
    this.#stream.close();
  }
}

/** Bytes of packets in a packed block. Throws a `RangeError` on a block that cannot be one. */
export function clearBytesOf(block: Uint8Array): number {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  if (view.getUint32(0, true) !== BLOCK_CUSTOM_NO_COPY || block.length < OVERHEAD) {
    throw new RangeError("packed block that is too short");
  }
  const clearBytes = view.getUint32(CLEAR_BYTES, true);
  if (clearBytes > CLEAR_MAX) throw new RangeError(`packed block of ${clearBytes} bytes`);
  if (view.getUint32(PACKED_BYTES, true) > block.length - OVERHEAD) {
    throw new RangeError("packed block whose frame passes it");
  }
  return clearBytes;
}

/** A collector's side, for all connections of a thread. */
export class Unpacker {
  /** Made when it is needed. */
  #stream: Stream | undefined;

  /** Unpacks a block, for which {@linkcode clearBytesOf} was asked, to `at` of `memory`. Throws a `RangeError` when it does not become what it says. */
  unpack(block: Uint8Array, clearBytes: number, memory: Uint8Array, at: number): void {
    const packed = new DataView(block.buffer, block.byteOffset).getUint32(PACKED_BYTES, true);
    this.#stream ??= new Stream(
      createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG } }),
    );
    const frame = block.subarray(FRAME, FRAME + packed);
    const became = this.#stream.run(constants.ZSTD_e_continue, frame, memory, at, at + clearBytes);
    if (became === clearBytes) return;
    this.#stream.close();
    this.#stream = undefined;
    throw new RangeError("packed block that is not what it says");
  }
}

/** Bytes of as many whole packet blocks as a packed block may have; those of the first where that has more. Trusted bytes. */
export function packableBytes(packets: Uint8Array): number {
  if (packets.length <= CLEAR_MAX) return packets.length;
  const view = new DataView(packets.buffer, packets.byteOffset, packets.length);
  let at = view.getUint32(4, true);
  for (let next = at; next <= CLEAR_MAX; next += view.getUint32(next + 4, true)) at = next;
  return at;
}
