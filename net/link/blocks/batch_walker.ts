// SPDX-License-Identifier: MIT
/** Checking blocks of a link where they lie. @module */
import { FRAME_LENGTH_MAX } from "../../forge/packet_batch.ts";
import { ETHERNET_HEADER_LENGTH } from "../../wire/ethernet.ts";
import * as pcapng from "../../wire/pcapng.ts";
import {
  BLOCK_CUSTOM_NO_COPY,
  bodyOf,
  isControlBlock,
  KIND_PACKED,
  LINK_BLOCK_MAX,
  type LinkMessage,
  parseLinkBody,
} from "./link.ts";

/** Bytes of options that one packet may have. */
const OPTIONS_MAX = 32768;
/** Values of `if_tsresol`: a power of ten; the second is meant when it is left out. */
const NANOSECONDS = 9;
const MICROSECONDS = 6;

/** What {@linkcode isControlBlock} looks at, and the second length. */
const CONTROL_BLOCK_MIN = 24;

/** A stream begins with a record of TLS: its other side encrypts, and this one does not. */
export class TlsInstead extends RangeError {}

/** Whether the first four bytes, little-endian, are of an alert or a handshake (RFC 8446, section 5.1). */
function isTls(firstWord: number): boolean {
  const contentType = firstWord & 0xff;
  const major = firstWord >>> 8 & 0xff;
  return (contentType === 21 || contentType === 22) && major === 3;
}

/** Steps over blocks without allocating for packets. */
export class BatchWalker {
  /** Of the block that the last step found. */
  blockLength = 0;
  /** What the block says, when it is one of the link's own. */
  message: LinkMessage | undefined;
  readonly #view: DataView;
  readonly #sectionSeen: { value: boolean };

  /** `frameMax` is the longest frame allowed, in bytes. */
  constructor(
    readonly memory: Uint8Array,
    public frameMax: number,
    sectionSeen: { value: boolean } = { value: false },
  ) {
    this.#view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#sectionSeen = sectionSeen;
  }

  /** The same stream going on in other memory. */
  on(memory: Uint8Array, frameMax: number): BatchWalker {
    return memory === this.memory ? this : new BatchWalker(memory, frameMax, this.#sectionSeen);
  }

  /**
   * Looks at the block at `at`: a whole and well-formed packet of interface 0, packed packets, some other block, or not whole
   * before `end`. Throws a `RangeError` that says what is wrong with it. Guarantees for a packet: both lengths agree, the frame
   * and every option lie within it, and the frame has an Ethernet header and at most `frameMax` bytes.
   */
  step(at: number, end: number): "packet" | "packed" | "other" | "more" {
    const view = this.#view;
    if (end - at < pcapng.BLOCK_OVERHEAD) {
      if (!this.#sectionSeen.value && end - at >= 4) this.#checkSection(view.getUint32(at, true));
      return "more";
    }
    const type = view.getUint32(at, true);
    if (!this.#sectionSeen.value) this.#checkSection(type);
    const length = view.getUint32(at + pcapng.BLOCK_LENGTH, true);
    if (length < pcapng.BLOCK_OVERHEAD || (length & 3) !== 0 || length > LINK_BLOCK_MAX) {
      throw new RangeError(`block of type 0x${type.toString(16)} with length ${length}`);
    }
    if (type === pcapng.BLOCK_SECTION_HEADER) {
      if (view.getUint32(at + pcapng.BLOCK_BODY, true) !== pcapng.BYTE_ORDER_MAGIC) {
        throw new RangeError("section that is not little-endian pcapng");
      }
      this.#sectionSeen.value = true;
    }
    if (end - at < length) return "more";
    if (view.getUint32(at + length - 4, true) !== length) {
      throw new RangeError("block whose two lengths differ");
    }
    this.blockLength = length;
    if (type === pcapng.BLOCK_ENHANCED_PACKET) {
      this.#checkPacket(at, length);
      return "packet";
    }
    this.message = undefined;
    if (type === BLOCK_CUSTOM_NO_COPY) {
      if (length >= CONTROL_BLOCK_MIN && isControlBlock(this.#viewFrom(at), KIND_PACKED)) return "packed";
      this.message = parseLinkBody(bodyOf(this.memory.subarray(at, at + length)));
    } else if (type === pcapng.BLOCK_INTERFACE_DESCRIPTION) {
      this.#checkInterface(at, length);
    }
    return "other";
  }

  #viewFrom(at: number): DataView {
    return new DataView(this.memory.buffer, this.memory.byteOffset + at, this.memory.length - at);
  }

  #checkSection(type: number): void {
    if (isTls(type)) throw new TlsInstead("no pcapng stream but TLS");
    if (type !== pcapng.BLOCK_SECTION_HEADER) throw new RangeError("no pcapng stream");
  }

  #checkInterface(at: number, length: number): void {
    const linkType = length < 20 ? -1 : this.#view.getUint16(at + pcapng.BLOCK_BODY, true);
    if (linkType !== pcapng.LINKTYPE_ETHERNET) throw new RangeError(`interface of link type ${linkType}`);
    const resolution = this.#timeResolution(at + 16, at + length - 4);
    if (resolution !== NANOSECONDS) throw new RangeError(`interface with if_tsresol ${resolution}`);
  }

  /** Value of the option, or what its absence means. */
  #timeResolution(at: number, end: number): number {
    while (at + 4 <= end) {
      const code = this.#view.getUint16(at, true);
      const length = this.#view.getUint16(at + 2, true);
      if (code === pcapng.OPTION_END) break;
      if (length > end - at - 4) throw new RangeError(`option ${code} passes its block`);
      if (code === pcapng.OPTION_IF_TSRESOL && length === 1) return this.#view.getUint8(at + 4);
      at += 4 + (length + 3 & ~3);
    }
    return MICROSECONDS;
  }

  #checkPacket(at: number, length: number): void {
    const view = this.#view;
    if (length < pcapng.PACKET_OVERHEAD) throw new RangeError(`packet block of ${length} bytes`);
    const interfaceId = view.getUint32(at + pcapng.PACKET_INTERFACE, true);
    if (interfaceId !== 0) throw new RangeError(`packet of interface ${interfaceId}`);
    const captured = view.getUint32(at + pcapng.PACKET_CAPTURED_LENGTH, true);
    if (captured > length - pcapng.PACKET_OVERHEAD) {
      throw new RangeError(`packet of ${captured} bytes passes its block of ${length}`);
    }
    if (captured > this.frameMax) {
      throw new RangeError(`packet of ${captured} bytes is over the limit of ${this.frameMax}`);
    }
    if (captured < ETHERNET_HEADER_LENGTH) throw new RangeError(`packet of ${captured} bytes`);
    const options = at + pcapng.PACKET_FRAME + (captured + 3 & ~3);
    const end = at + length - 4;
    if (options !== end) this.#checkOptions(options, end);
  }

  #checkOptions(at: number, end: number): void {
    if (end - at > OPTIONS_MAX) throw new RangeError(`${end - at} bytes of options`);
    while (at < end) {
      const code = this.#view.getUint16(at, true);
      const length = this.#view.getUint16(at + 2, true);
      at += 4;
      if (code === pcapng.OPTION_END && length === 0) return;
      if (length > end - at) throw new RangeError(`option ${code} passes its block`);
      at += length + 3 & ~3;
    }
  }
}

/** Packets that lie together and are all too long, or all not. */
export interface Run {
  packets: number;
  lengthBytes: number;
  readonly isTooLong: boolean;
}

/**
 * What `bytes` hold, which were said to be `packets` packet blocks and nothing else: as few runs as possible. Throws a
 * `RangeError` when they are not.
 */
export function runsOf(bytes: Uint8Array, packets: number, frameMax: number): Run[] {
  const walker = new BatchWalker(bytes, FRAME_LENGTH_MAX, { value: true });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const runs: Run[] = [];
  let found = 0;
  for (let at = 0; at < bytes.length; at += walker.blockLength) {
    if (walker.step(at, bytes.length) !== "packet") break;
    found++;
    const isTooLong = view.getUint32(at + pcapng.PACKET_CAPTURED_LENGTH, true) > frameMax;
    let run = runs[runs.length - 1];
    if (run?.isTooLong !== isTooLong) runs.push(run = { packets: 0, lengthBytes: 0, isTooLong });
    run.packets++;
    run.lengthBytes += walker.blockLength;
  }
  const length = runs.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  if (found !== packets || length !== bytes.length) throw new RangeError("not the packets that were written");
  return runs;
}

/** Offset of the block behind the first `packets` whole packet blocks of trusted bytes. */
export function offsetAfter(blocks: Uint8Array, packets: number): number {
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  let at = 0;
  for (let skipped = 0; skipped < packets; skipped++) at += view.getUint32(at + pcapng.BLOCK_LENGTH, true);
  return at;
}
