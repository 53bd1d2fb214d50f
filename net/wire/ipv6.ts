// SPDX-License-Identifier: MIT
/** IPv6 headers without extension headers (RFC 8200). Integers are big-endian. @module */
import { malformed, needMore, type Parsed, parsed } from "./parsed.ts";

/** At 0: version (4 bits), traffic class (8), flow label (20). */
export const IPV6_PAYLOAD_LENGTH = 4;
const IPV6_NEXT_HEADER = 6;
const IPV6_HOP_LIMIT = 7;
const IPV6_SOURCE = 8;
const IPV6_DESTINATION = 24;
export const IPV6_HEADER_LENGTH = 40;

/** Addresses are 16 bytes. */
export interface Ipv6Header {
  readonly trafficClass: number;
  readonly flowLabel: number;
  /** What follows this header. */
  readonly payloadLength: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/** Addresses of the result are borrowed. The payload may be cut. */
export function parseIpv6(bytes: Uint8Array, offset: number): Parsed<Ipv6Header> {
  if (bytes.length - offset < IPV6_HEADER_LENGTH) return needMore(IPV6_HEADER_LENGTH);
  if (bytes[offset] >> 4 !== 6) return malformed(`IP version ${bytes[offset] >> 4} where 6 was expected`);
  return parsed({
    trafficClass: (bytes[offset] & 0xf) << 4 | bytes[offset + 1] >> 4,
    flowLabel: (bytes[offset + 1] & 0xf) << 16 | bytes[offset + 2] << 8 | bytes[offset + 3],
    payloadLength: bytes[offset + IPV6_PAYLOAD_LENGTH] << 8 | bytes[offset + IPV6_PAYLOAD_LENGTH + 1],
    nextHeader: bytes[offset + IPV6_NEXT_HEADER],
    hopLimit: bytes[offset + IPV6_HOP_LIMIT],
    source: bytes.subarray(offset + IPV6_SOURCE, offset + IPV6_DESTINATION),
    destination: bytes.subarray(offset + IPV6_DESTINATION, offset + IPV6_HEADER_LENGTH),
  }, IPV6_HEADER_LENGTH);
}

/** Writes {@linkcode IPV6_HEADER_LENGTH} bytes at `offset`. */
export function writeIpv6(header: Ipv6Header, bytes: Uint8Array, offset: number): void {
  bytes[offset] = 0x60 | header.trafficClass >> 4;
  bytes[offset + 1] = (header.trafficClass & 0xf) << 4 | header.flowLabel >> 16;
  bytes[offset + 2] = header.flowLabel >> 8 & 0xff;
  bytes[offset + 3] = header.flowLabel & 0xff;
  bytes[offset + IPV6_PAYLOAD_LENGTH] = header.payloadLength >> 8;
  bytes[offset + IPV6_PAYLOAD_LENGTH + 1] = header.payloadLength & 0xff;
  bytes[offset + IPV6_NEXT_HEADER] = header.nextHeader;
  bytes[offset + IPV6_HOP_LIMIT] = header.hopLimit;
  bytes.set(header.source, offset + IPV6_SOURCE);
  bytes.set(header.destination, offset + IPV6_DESTINATION);
}
