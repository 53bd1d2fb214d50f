// SPDX-License-Identifier: MIT
/** Ethernet II headers, with or without one 802.1Q tag. Integers are big-endian. @module */
import { malformed, needMore, type Parsed, parsed } from "./parsed.ts";

const ETHERNET_DESTINATION = 0;
const ETHERNET_SOURCE = 6;
const ETHERNET_TYPE = 12;
export const ETHERNET_HEADER_LENGTH = 14;
/** An 802.1Q tag goes between the source address and the type: 0x8100, then priority (3 bits), DEI (1), id (12). */
export const VLAN_TAG_LENGTH = 4;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_VLAN = 0x8100;
/** Types below this are lengths of 802.3 frames. */
const ETHERTYPE_FIRST = 0x0600;

/** Addresses are 6 bytes. */
export interface EthernetHeader {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  readonly etherType: number;
  /** Id of the 802.1Q tag, 0 to 4094 (0: priority only); absent: no tag. */
  readonly vlan?: number;
  /** Priority code point of the tag, 0 to 7; absent: 0. */
  readonly vlanPriority?: number;
}

export function ethernetHeaderLength(header: EthernetHeader): number {
  return ETHERNET_HEADER_LENGTH + (header.vlan === undefined ? 0 : VLAN_TAG_LENGTH);
}

/** Addresses of the result are borrowed from `bytes`. */
export function parseEthernet(bytes: Uint8Array, offset: number): Parsed<EthernetHeader> {
  if (bytes.length - offset < ETHERNET_HEADER_LENGTH) return needMore(ETHERNET_HEADER_LENGTH);
  const destination = bytes.subarray(offset + ETHERNET_DESTINATION, offset + ETHERNET_SOURCE);
  const source = bytes.subarray(offset + ETHERNET_SOURCE, offset + ETHERNET_TYPE);
  const at = offset + ETHERNET_TYPE;
  const etherType = bytes[at] << 8 | bytes[at + 1];
  if (etherType < ETHERTYPE_FIRST) return malformed(`EtherType ${etherType} is a length, not a type`);
  if (etherType !== ETHERTYPE_VLAN) {
    return parsed({ destination, source, etherType }, ETHERNET_HEADER_LENGTH);
  }
  const tagged = ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH;
  if (bytes.length - offset < tagged) return needMore(tagged);
  const control = bytes[at + 2] << 8 | bytes[at + 3];
  const inner = bytes[at + 4] << 8 | bytes[at + 5];
  return parsed(
    { destination, source, etherType: inner, vlan: control & 0xfff, vlanPriority: control >> 13 },
    tagged,
  );
}

/** Writes {@linkcode ethernetHeaderLength} bytes at `offset`, which must have room for them. */
export function writeEthernet(header: EthernetHeader, bytes: Uint8Array, offset: number): void {
  bytes.set(header.destination, offset + ETHERNET_DESTINATION);
  bytes.set(header.source, offset + ETHERNET_SOURCE);
  let at = offset + ETHERNET_TYPE;
  if (header.vlan !== undefined) {
    const control = (header.vlanPriority ?? 0) << 13 | header.vlan;
    bytes[at++] = ETHERTYPE_VLAN >> 8;
    bytes[at++] = ETHERTYPE_VLAN & 0xff;
    bytes[at++] = control >> 8;
    bytes[at++] = control & 0xff;
  }
  bytes[at] = header.etherType >> 8;
  bytes[at + 1] = header.etherType & 0xff;
}
