// SPDX-License-Identifier: MIT
/** One number for both directions of a connection. @module */
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN } from "../wire/ethernet.ts";
import { IP_PROTOCOL_TCP } from "../wire/ipv4.ts";
import { TCP_ACK, TCP_RST, TCP_SYN } from "../wire/tcp.ts";

/** What the hash of a frame was computed from; filled in by {@linkcode hashFlow}. */
export interface HashedFrame {
  /** 32 bits, equal for both directions of a connection; frames that are no TCP have 0. */
  hash: number;
  /** Flags of the TCP header. */
  flags: number;
}

/** Looks at the frame's addresses and ports, behind at most one VLAN tag; allocates nothing. */
export function hashFlow(bytes: Uint8Array, offset: number, length: number, into: HashedFrame): void {
  into.hash = into.flags = 0;
  let at = offset + 12;
  const end = offset + length;
  let etherType = bytes[at] << 8 | bytes[at + 1];
  if (etherType === ETHERTYPE_VLAN) {
    at += 4;
    etherType = bytes[at] << 8 | bytes[at + 1];
  }
  at += 2;
  let addresses: number, addressLength: number, ports: number;
  if (etherType === ETHERTYPE_IPV4 && bytes[at + 9] === IP_PROTOCOL_TCP) {
    [addresses, addressLength, ports] = [at + 12, 4, at + (bytes[at] & 15) * 4];
  } else if (etherType === ETHERTYPE_IPV6 && bytes[at + 6] === IP_PROTOCOL_TCP) {
    [addresses, addressLength, ports] = [at + 8, 16, at + 40];
  } else return;
  if (ports + 14 > end) return;
  const source = hashEnd(bytes, addresses, addressLength, ports);
  const destination = hashEnd(bytes, addresses + addressLength, addressLength, ports + 2);
  into.hash = mix(source + destination | 0) >>> 0;
  into.flags = bytes[ports + 13];
}

/** Whether a frame with these flags begins a connection. */
export function opens(flags: number): boolean {
  return (flags & (TCP_SYN | TCP_ACK)) === TCP_SYN;
}

export function resets(flags: number): boolean {
  return (flags & TCP_RST) !== 0;
}

/** The weight of a target for a flow: the highest wins (rendezvous hashing). */
export function weigh(flowHash: number, targetHash: number): number {
  return mix(flowHash ^ targetHash) >>> 0;
}

/** FNV-1a of a name. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return mix(hash) >>> 0;
}

function hashEnd(bytes: Uint8Array, address: number, addressLength: number, port: number): number {
  let hash = 0x811c9dc5;
  for (let at = address; at < address + addressLength; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
  hash = Math.imul(hash ^ bytes[port], 0x01000193);
  return mix(Math.imul(hash ^ bytes[port + 1], 0x01000193));
}

/** Finalizer of MurmurHash3. */
function mix(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16;
}
