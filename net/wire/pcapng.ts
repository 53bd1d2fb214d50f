// SPDX-License-Identifier: MIT
/**
 * Writing pcapng (draft-ietf-opsawg-pcapng), little-endian: section header, interface description, enhanced packet
 * and interface statistics blocks.
 *
 * Every block is: type, total length, body, total length again; 32-bit words, padded to 4 bytes. Options are code and
 * length in 16 bits each, value, padding to 4 bytes; a code of 0 ends them.
 *
 * @module
 */

export const BLOCK_SECTION_HEADER = 0x0a0d0d0a;
export const BLOCK_INTERFACE_DESCRIPTION = 1;
export const BLOCK_INTERFACE_STATISTICS = 5;
export const BLOCK_ENHANCED_PACKET = 6;

export const BLOCK_TYPE = 0;
export const BLOCK_LENGTH = 4;
/** Before a block's end, which has the length once more. */
export const BLOCK_LENGTH_AGAIN = 4;
export const BLOCK_BODY = 8;
/** Type and both lengths. */
export const BLOCK_OVERHEAD = 12;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Offsets in an Enhanced Packet Block. */
export const PACKET_INTERFACE = 8;
export const PACKET_TIME_HIGH = 12;
export const PACKET_TIME_LOW = 16;
export const PACKET_CAPTURED_LENGTH = 20;
export const PACKET_FRAME = 28;
/** Everything but the frame, its padding and options. */
export const PACKET_OVERHEAD = 32;

export const LINKTYPE_ETHERNET = 1;
/** Above every frame that is written: 65,535 bytes of IP packet, Ethernet and VLAN headers. */
export const SNAP_LENGTH = 262144;

export const OPTION_END = 0;
export const OPTION_COMMENT = 1;
export const OPTION_USER_APPLICATION = 4;
export const OPTION_IF_NAME = 2;
const OPTION_IF_DESCRIPTION = 3;
export const OPTION_IF_TSRESOL = 9;
const OPTION_ISB_START_TIME = 2;
const OPTION_ISB_END_TIME = 3;
export const OPTION_ISB_RECEIVED = 4;
export const OPTION_ISB_DROPPED = 5;

/** What opens a file: one section with one Ethernet interface, number 0, whose times are nanoseconds. */
export interface PcapngHead {
  /** Program and version that writes. */
  readonly application: string;
  readonly interfaceName: string;
  readonly interfaceDescription?: string;
  /** On the section. */
  readonly comment?: string;
}

const encoder = new TextEncoder();

export function padded(length: number): number {
  return length + 3 & ~3;
}

/** Section header and interface description; a new array. */
export function pcapngHead(head: PcapngHead): Uint8Array<ArrayBuffer> {
  const section = [
    ...head.comment === undefined ? [] : [option(OPTION_COMMENT, encoder.encode(head.comment))],
    option(OPTION_USER_APPLICATION, encoder.encode(head.application)),
  ];
  const description = [
    option(OPTION_IF_NAME, encoder.encode(head.interfaceName)),
    ...head.interfaceDescription === undefined
      ? []
      : [option(OPTION_IF_DESCRIPTION, encoder.encode(head.interfaceDescription))],
    option(OPTION_IF_TSRESOL, Uint8Array.of(9)),
  ];
  const sectionBody = new Uint8Array(16);
  const sectionView = new DataView(sectionBody.buffer);
  sectionView.setUint32(0, BYTE_ORDER_MAGIC, true);
  sectionView.setUint16(4, 1, true); // version 1.0
  sectionView.setBigInt64(8, -1n, true); // length of the section: not given
  const interfaceBody = new Uint8Array(8);
  const interfaceView = new DataView(interfaceBody.buffer);
  interfaceView.setUint16(0, LINKTYPE_ETHERNET, true);
  interfaceView.setUint32(4, SNAP_LENGTH, true);
  return joined([
    block(BLOCK_SECTION_HEADER, [sectionBody, ...section, END]),
    block(BLOCK_INTERFACE_DESCRIPTION, [interfaceBody, ...description, END]),
  ]);
}

/** What closes a file: counters of interface 0. Times are nanoseconds since 1970. */
export interface PcapngStatistics {
  readonly startTimeNs: bigint;
  readonly endTimeNs: bigint;
  readonly received: number;
  readonly dropped: number;
}

/** An interface statistics block; a new array. */
export function pcapngStatistics(statistics: PcapngStatistics): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(12);
  body.set(time(statistics.endTimeNs), 4);
  const count = (value: number) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
    return bytes;
  };
  return block(BLOCK_INTERFACE_STATISTICS, [
    body,
    option(OPTION_ISB_START_TIME, time(statistics.startTimeNs)),
    option(OPTION_ISB_END_TIME, time(statistics.endTimeNs)),
    option(OPTION_ISB_RECEIVED, count(statistics.received)),
    option(OPTION_ISB_DROPPED, count(statistics.dropped)),
    END,
  ]);
}

/** Length of an enhanced packet block; a `commentLength` of 0 stands for no comment. */
export function packetBlockLength(frameLength: number, commentLength: number): number {
  return PACKET_OVERHEAD + (frameLength + 3 & ~3) +
    (commentLength === 0 ? 0 : 4 + padded(commentLength) + 4);
}

/**
 * Writes an enhanced packet block of interface 0 all around its frame, which the caller fills in from
 * `blockOffset + PACKET_FRAME`: every byte of {@linkcode packetBlockLength} but those. `blockOffset` is a multiple of
 * 4 and `words32` and `bytes` are one buffer. The time is nanoseconds since 1970 in two unsigned halves.
 * Called for every packet: its arguments are no object, so that none is made.
 */
export function writePacketBlock(
  words32: Int32Array,
  bytes: Uint8Array,
  blockOffset: number,
  frameLength: number,
  timeHigh: number,
  timeLow: number,
  comment: Uint8Array | undefined,
): void {
  const blockLength = packetBlockLength(frameLength, comment === undefined ? 0 : comment.length);
  const word = blockOffset >>> 2;
  words32[word] = BLOCK_ENHANCED_PACKET;
  words32[word + 1] = blockLength;
  words32[word + 2] = 0;
  words32[word + 3] = timeHigh;
  words32[word + 4] = timeLow;
  words32[word + 5] = frameLength;
  words32[word + 6] = frameLength;
  let after = word + 7 + (frameLength + 3 >>> 2);
  if (frameLength > 0) words32[after - 1] = 0;
  if (comment !== undefined && comment.length > 0) {
    words32[after++] = OPTION_COMMENT | comment.length << 16;
    const words = comment.length + 3 >>> 2;
    words32[after + words - 1] = 0;
    bytes.set(comment, after << 2);
    after += words;
    words32[after++] = OPTION_END;
  }
  words32[after] = blockLength;
}

/** One option, padded. */
function option(code: number, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + padded(value.length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, value.length, true);
  bytes.set(value, 4);
  return bytes;
}

const END = new Uint8Array(4);

/** A whole block around the parts of its body, which together are a multiple of 4 bytes. */
export function block(type: number, parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, BLOCK_OVERHEAD);
  const frame = new Uint8Array(8);
  const view = new DataView(frame.buffer);
  view.setUint32(BLOCK_TYPE, type, true);
  view.setUint32(BLOCK_LENGTH, length, true);
  return joined([frame, ...parts, frame.subarray(BLOCK_LENGTH)]);
}

/** Nanoseconds since 1970 as pcapng writes a time: high half, low half. */
function time(ns: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Number(ns >> 32n & 0xffffffffn), true);
  view.setUint32(4, Number(ns & 0xffffffffn), true);
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
