// SPDX-License-Identifier: MIT
/** Reading pcapng of either byte order, block by block, from a stream. @module */
import { malformed, needMore, type Parsed, parsed } from "../../net/wire/parsed.ts";
import * as pcapng from "../../net/wire/pcapng.ts";

export const BLOCK_CUSTOM = 0x0bad;
/** Offset in an Enhanced Packet Block. */
const PACKET_ORIGINAL_LENGTH = 24;

/** Bound on one block when none is given: a frame of 64 KiB with room for comments. */
export const BLOCK_LENGTH_MAX = 1 << 20;

/** One block; arrays are borrowed from the bytes that were parsed. */
export type PcapngBlock =
  | { readonly kind: "section"; readonly littleEndian: boolean; readonly application: string }
  | PcapngInterface
  | PcapngPacket
  | {
    readonly kind: "statistics";
    readonly interfaceId: number;
    readonly received: number | undefined;
    readonly dropped: number | undefined;
  }
  /** `enterprise` is the IANA private enterprise number that owns the data. */
  | { readonly kind: "custom"; readonly enterprise: number; readonly data: Uint8Array }
  | { readonly kind: "other"; readonly type: number; readonly body: Uint8Array };

export interface PcapngInterface {
  readonly kind: "interface";
  readonly linkType: number;
  readonly snapLength: number;
  readonly name: string;
  /** The option's byte: 9 is nanoseconds; 6, microseconds, when absent. */
  readonly timeResolution: number;
}

export interface PcapngPacket {
  readonly kind: "packet";
  readonly interfaceId: number;
  /** Units of the interface's resolution since 1970, in two unsigned halves. */
  readonly timeHigh: number;
  readonly timeLow: number;
  readonly originalLength: number;
  readonly frame: Uint8Array;
  /** Empty when there is none; several are joined by line feeds. */
  readonly comment: string;
}

const decoder = new TextDecoder();

/**
 * Parses the block at `offset`. `littleEndian` is the order of the section it is in; a section header finds its own.
 * Guarantees for a value: both lengths agree, at most `lengthMax`, and everything told lies within the block.
 */
export function parsePcapngBlock(
  bytes: Uint8Array,
  offset: number,
  littleEndian: boolean,
  lengthMax: number = BLOCK_LENGTH_MAX,
): Parsed<PcapngBlock> {
  const left = bytes.length - offset;
  if (left < pcapng.BLOCK_OVERHEAD) return needMore(pcapng.BLOCK_OVERHEAD);
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, left);
  let type = view.getUint32(pcapng.BLOCK_TYPE, littleEndian);
  if (type === pcapng.BLOCK_SECTION_HEADER) {
    const magic = view.getUint32(pcapng.BLOCK_BODY, true);
    littleEndian = magic === pcapng.BYTE_ORDER_MAGIC;
    if (!littleEndian && view.getUint32(pcapng.BLOCK_BODY) !== pcapng.BYTE_ORDER_MAGIC) {
      return malformed(`byte-order magic 0x${magic.toString(16)}`);
    }
    type = pcapng.BLOCK_SECTION_HEADER;
  }
  const length = view.getUint32(pcapng.BLOCK_LENGTH, littleEndian);
  const minimum = pcapng.BLOCK_OVERHEAD + (FIXED_LENGTHS.get(type) ?? 0);
  if (length < minimum || length % 4 !== 0) return malformed(`block of type ${type} with length ${length}`);
  if (length > lengthMax) return malformed(`block of ${length} bytes is over the limit of ${lengthMax}`);
  if (left < length) return needMore(length);
  if (view.getUint32(length - 4, littleEndian) !== length) return malformed("block's two lengths differ");
  const reader = new BlockReader(bytes, offset, length, view, littleEndian);
  const value = reader.read(type);
  return typeof value === "string" ? malformed(value) : parsed(value, length);
}

/** Bytes of body that a block of each type has before its options. */
const FIXED_LENGTHS = new Map([
  [pcapng.BLOCK_SECTION_HEADER, 16],
  [pcapng.BLOCK_INTERFACE_DESCRIPTION, 8],
  [pcapng.BLOCK_INTERFACE_STATISTICS, 12],
  [pcapng.BLOCK_ENHANCED_PACKET, 20],
  [BLOCK_CUSTOM, 4],
]);

class BlockReader {
  #options = new Map<number, Uint8Array[]>();

  constructor(
    readonly bytes: Uint8Array,
    readonly offset: number,
    readonly length: number,
    readonly view: DataView,
    readonly littleEndian: boolean,
  ) {}

  /** The block, or what is wrong with it. */
  read(type: number): PcapngBlock | string {
    const body = pcapng.BLOCK_BODY;
    switch (type) {
      case pcapng.BLOCK_SECTION_HEADER: {
        const major = this.view.getUint16(body + 4, this.littleEndian);
        if (major !== 1) return `pcapng version ${major}`;
        const wrong = this.#readOptions(body + 16);
        if (wrong) return wrong;
        const application = this.#text(pcapng.OPTION_USER_APPLICATION);
        return { kind: "section", littleEndian: this.littleEndian, application };
      }
      case pcapng.BLOCK_INTERFACE_DESCRIPTION: {
        const wrong = this.#readOptions(body + 8);
        if (wrong) return wrong;
        return {
          kind: "interface",
          linkType: this.view.getUint16(body, this.littleEndian),
          snapLength: this.#word(body + 4),
          name: this.#text(pcapng.OPTION_IF_NAME),
          timeResolution: this.#options.get(pcapng.OPTION_IF_TSRESOL)?.[0][0] ?? 6,
        };
      }
      case pcapng.BLOCK_ENHANCED_PACKET: {
        const captured = this.#word(pcapng.PACKET_CAPTURED_LENGTH);
        // The frame is padded to 4 bytes, but so is the room: only its own length can pass the end.
        if (captured > this.length - pcapng.PACKET_OVERHEAD) {
          return `packet of ${captured} bytes passes its block`;
        }
        const wrong = this.#readOptions(pcapng.PACKET_FRAME + pcapng.padded(captured));
        if (wrong) return wrong;
        const frame = this.offset + pcapng.PACKET_FRAME;
        return {
          kind: "packet",
          interfaceId: this.#word(pcapng.PACKET_INTERFACE),
          timeHigh: this.#word(pcapng.PACKET_TIME_HIGH),
          timeLow: this.#word(pcapng.PACKET_TIME_LOW),
          originalLength: this.#word(PACKET_ORIGINAL_LENGTH),
          frame: this.bytes.subarray(frame, frame + captured),
          comment: this.#text(pcapng.OPTION_COMMENT),
        };
      }
      case pcapng.BLOCK_INTERFACE_STATISTICS: {
        const wrong = this.#readOptions(body + 12);
        if (wrong) return wrong;
        return {
          kind: "statistics",
          interfaceId: this.#word(body),
          received: this.#count(pcapng.OPTION_ISB_RECEIVED),
          dropped: this.#count(pcapng.OPTION_ISB_DROPPED),
        };
      }
      case BLOCK_CUSTOM:
        return { kind: "custom", enterprise: this.#word(body), data: this.#rest(body + 4) };
      default:
        return { kind: "other", type, body: this.#rest(body) };
    }
  }

  #readOptions(at: number): string | undefined {
    const end = this.length - 4;
    while (at < end) {
      const code = this.view.getUint16(at, this.littleEndian);
      const length = this.view.getUint16(at + 2, this.littleEndian);
      at += 4;
      if (code === pcapng.OPTION_END) return length === 0 ? undefined : "end of options with a length";
      if (length > end - at) return `option ${code} passes its block`;
      const start = this.offset + at;
      const values = this.#options.get(code);
      const value = this.bytes.subarray(start, start + length);
      if (values === undefined) this.#options.set(code, [value]);
      else values.push(value);
      at += pcapng.padded(length);
    }
    return undefined;
  }

  #word(at: number): number {
    return this.view.getUint32(at, this.littleEndian);
  }

  #rest(at: number): Uint8Array {
    return this.bytes.subarray(this.offset + at, this.offset + this.length - 4);
  }

  #text(code: number): string {
    return this.#options.get(code)?.map((value) => decoder.decode(value)).join("\n") ?? "";
  }

  #count(code: number): number | undefined {
    const value = this.#options.get(code)?.[0];
    if (value === undefined || value.length !== 8) return undefined;
    return Number(new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, this.littleEndian));
  }
}

/**
 * Blocks of a stream that comes in pieces of any size. Memory is bounded: at most one block and one piece are kept.
 * After a malformed block it says so for ever: a stream that lost its framing cannot be trusted again.
 */
export class PcapngReader {
  #buffer: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #littleEndian = true;
  #sectionSeen = false;
  #wrong: Parsed<never> | undefined;

  constructor(readonly blockLengthMax: number = BLOCK_LENGTH_MAX) {}

  /** Bytes pushed and not yet answered with a block. */
  get pending(): number {
    return this.#end - this.#start;
  }

  /** Copies `bytes`. Read blocks until `more` before pushing again, or the buffer grows. */
  push(bytes: Uint8Array): void {
    const pending = this.pending;
    if (this.#buffer.length - this.#end < bytes.length) {
      const target = this.#buffer.length >= pending + bytes.length
        ? this.#buffer
        : new Uint8Array(Math.max(65536, 2 * (pending + bytes.length)));
      target.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = target;
      this.#start = 0;
      this.#end = pending;
    }
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The next block; its arrays are borrowed until the next {@linkcode push}. */
  next(): Parsed<PcapngBlock> {
    if (this.#wrong) return this.#wrong;
    const bytes = this.#buffer.subarray(0, this.#end);
    const answer = parsePcapngBlock(bytes, this.#start, this.#littleEndian, this.blockLengthMax);
    if (answer.state === "value") {
      if (answer.value.kind === "section") {
        this.#littleEndian = answer.value.littleEndian;
        this.#sectionSeen = true;
      } else if (!this.#sectionSeen) {
        this.#wrong = malformed("stream does not begin with a section header");
        return this.#wrong;
      }
      this.#start += answer.bytesUsed;
    } else if (answer.state === "malformed") {
      this.#wrong = malformed(answer.reason);
    }
    return answer;
  }
}
