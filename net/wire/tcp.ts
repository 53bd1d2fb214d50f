// SPDX-License-Identifier: MIT
/** TCP headers and the options that open a connection (RFC 9293, RFC 7323). Integers are big-endian. @module */
import { networkSum } from "./checksum.ts";
import { IP_PROTOCOL_TCP } from "./ipv4.ts";
import { malformed, needMore, type Parsed, parsed } from "./parsed.ts";
import { type SequenceNumber, sequenceNumber } from "./seq.ts";

const TCP_SOURCE_PORT = 0;
const TCP_DESTINATION_PORT = 2;
export const TCP_SEQUENCE = 4;
export const TCP_ACKNOWLEDGMENT = 8;
/** High 4 bits: length of the header in 4-byte words. */
const TCP_DATA_OFFSET = 12;
export const TCP_FLAGS = 13;
const TCP_WINDOW = 14;
export const TCP_CHECKSUM = 16;
const TCP_URGENT = 18;
export const TCP_HEADER_LENGTH = 20;

/** Greatest port. */
export const PORT_MAX = 65535;

export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;

const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_WINDOW_SCALE = 3;
/** RFC 7323 section 2.3. */
const WINDOW_SCALE_MAX = 14;

export interface TcpHeader {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: SequenceNumber;
  readonly acknowledgment: SequenceNumber;
  /** Sum of `TCP_FIN` and its like; ECE, CWR and URG included as they come. */
  readonly flags: number;
  /** The window as the field has it: unscaled. */
  readonly window: number;
  readonly urgentPointer: number;
  /** Option kind 2, in bytes; absent: not there. */
  readonly maximumSegmentSize?: number;
  /** Option kind 3, a shift of 0 to 14; absent: not there. */
  readonly windowScale?: number;
}

/** Header with the options it names, padded to 4 bytes. */
export function tcpHeaderLength(header: TcpHeader): number {
  return TCP_HEADER_LENGTH + (header.maximumSegmentSize === undefined ? 0 : 4) +
    (header.windowScale === undefined ? 0 : 4);
}

/**
 * `bytesUsed` is the whole header; options other than the two known ones are passed over. The checksum is not looked
 * at.
 */
export function parseTcp(bytes: Uint8Array, offset: number): Parsed<TcpHeader> {
  const left = bytes.length - offset;
  if (left < TCP_HEADER_LENGTH) return needMore(TCP_HEADER_LENGTH);
  const headerLength = (bytes[offset + TCP_DATA_OFFSET] >> 4) * 4;
  if (headerLength < TCP_HEADER_LENGTH) return malformed(`TCP header of ${headerLength} bytes`);
  if (left < headerLength) return needMore(headerLength);
  const word = (field: number) => bytes[offset + field] << 8 | bytes[offset + field + 1];
  const long = (field: number) => sequenceNumber(word(field) * 0x10000 + word(field + 2));
  let maximumSegmentSize: number | undefined;
  let windowScale: number | undefined;
  for (let at = TCP_HEADER_LENGTH; at < headerLength;) {
    const kind = bytes[offset + at];
    if (kind === OPTION_END) break;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < headerLength ? bytes[offset + at + 1] : 0;
    if (length < 2 || at + length > headerLength) return malformed(`TCP option ${kind} of impossible length`);
    if (kind === OPTION_MSS && length === 4) maximumSegmentSize = word(at + 2);
    if (kind === OPTION_WINDOW_SCALE && length === 3) {
      windowScale = Math.min(bytes[offset + at + 2], WINDOW_SCALE_MAX);
    }
    at += length;
  }
  return parsed({
    sourcePort: word(TCP_SOURCE_PORT),
    destinationPort: word(TCP_DESTINATION_PORT),
    sequence: long(TCP_SEQUENCE),
    acknowledgment: long(TCP_ACKNOWLEDGMENT),
    flags: bytes[offset + TCP_FLAGS],
    window: word(TCP_WINDOW),
    urgentPointer: word(TCP_URGENT),
    ...maximumSegmentSize === undefined ? undefined : { maximumSegmentSize },
    ...windowScale === undefined ? undefined : { windowScale },
  }, headerLength);
}

/** Writes {@linkcode tcpHeaderLength} bytes at `offset` with a checksum of 0: see {@linkcode writeTcpChecksum}. */
export function writeTcp(header: TcpHeader, bytes: Uint8Array, offset: number): void {
  const put = (field: number, value: number) => {
    bytes[offset + field] = value >>> 8;
    bytes[offset + field + 1] = value & 0xff;
  };
  put(TCP_SOURCE_PORT, header.sourcePort);
  put(TCP_DESTINATION_PORT, header.destinationPort);
  put(TCP_SEQUENCE, header.sequence >>> 16);
  put(TCP_SEQUENCE + 2, header.sequence & 0xffff);
  put(TCP_ACKNOWLEDGMENT, header.acknowledgment >>> 16);
  put(TCP_ACKNOWLEDGMENT + 2, header.acknowledgment & 0xffff);
  bytes[offset + TCP_DATA_OFFSET] = tcpHeaderLength(header) << 2;
  bytes[offset + TCP_FLAGS] = header.flags;
  put(TCP_WINDOW, header.window);
  put(TCP_CHECKSUM, 0);
  put(TCP_URGENT, header.urgentPointer);
  let at = TCP_HEADER_LENGTH;
  if (header.maximumSegmentSize !== undefined) {
    put(at, OPTION_MSS << 8 | 4);
    put(at + 2, header.maximumSegmentSize);
    at += 4;
  }
  if (header.windowScale !== undefined) {
    put(at, OPTION_NOP << 8 | OPTION_WINDOW_SCALE);
    put(at + 2, 3 << 8 | header.windowScale);
  }
}

/** Sum of the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1) without the length of the segment. */
export function pseudoHeaderSum(source: Uint8Array, destination: Uint8Array): number {
  return networkSum(source, 0, source.length) + networkSum(destination, 0, destination.length) +
    IP_PROTOCOL_TCP;
}
