// SPDX-License-Identifier: MIT
/** Frames with a ClientHello, in every form that the observer of interfaces has to know. @module */
import { concat } from "./bytes.ts";

const CLIENT_MAC = [0x0a, 0, 0, 0, 0, 1];
const SERVER_MAC = [0x0a, 0, 0, 0, 0, 2];

export interface FrameOptions {
  /** Ids of VLAN tags, outermost first; a pair has its type. */
  readonly vlans?: readonly (number | readonly [type: number, id: number])[];
  readonly isIpv6?: boolean;
  /** Extension headers of IPv6, of 8 bytes each, by their number. */
  readonly extensions?: readonly number[];
  /** 32-bit words of IPv4 options, and of TCP options. */
  readonly ipOptions?: number;
  readonly tcpOptions?: number;
  readonly fragmentOffset?: number;
  readonly protocol?: number;
  readonly payload: Uint8Array;
}

/** The record of a ClientHello with this random, `random` 32 bytes. */
export function helloRecord(random: Uint8Array): Uint8Array<ArrayBuffer> {
  const rest = new Uint8Array(150);
  const length = 2 + random.length + rest.length;
  const header = [0x16, 3, 1, length + 4 >> 8, length + 4 & 0xff, 1, 0, length >> 8, length & 0xff, 3, 3];
  return concat([Uint8Array.from(header), random, rest]);
}

/** From 192.0.2.1:40000 to 198.51.100.7:443, or 2001:db8::1 to 2001:db8::7; checksums are 0. */
export function tcpFrame(options: FrameOptions): Uint8Array<ArrayBuffer> {
  const { vlans = [], isIpv6 = false, tcpOptions = 0, payload } = options;
  const tags = vlans.flatMap((vlan) => {
    const [type, id] = typeof vlan === "number" ? [0x8100, vlan] : vlan;
    return [type >> 8, type & 0xff, id >> 8, id & 0xff];
  });
  const tcp = new Uint8Array(20 + tcpOptions * 4);
  tcp.set([40_000 >> 8, 40_000 & 0xff, 443 >> 8, 443 & 0xff]);
  tcp[12] = tcp.length / 4 << 4;
  tcp[13] = 0x18;
  const ip = isIpv6 ? ipv6(options, tcp.length) : ipv4(options, tcp.length);
  const type = isIpv6 ? [0x86, 0xdd] : [8, 0];
  return concat([Uint8Array.from([...SERVER_MAC, ...CLIENT_MAC, ...tags, ...type]), ip, tcp, payload]);
}

function ipv4({ ipOptions = 0, fragmentOffset = 0, protocol = 6, payload }: FrameOptions, tcpBytes: number) {
  const header = new Uint8Array(20 + ipOptions * 4);
  const view = new DataView(header.buffer);
  header[0] = 0x40 | header.length / 4;
  view.setUint16(2, header.length + tcpBytes + payload.length);
  view.setUint16(6, fragmentOffset);
  header[8] = 64;
  header[9] = protocol;
  header.set([192, 0, 2, 1], 12);
  header.set([198, 51, 100, 7], 16);
  return header;
}

function ipv6({ extensions = [], protocol = 6, payload }: FrameOptions, tcpBytes: number) {
  const chain = [...extensions, protocol];
  const header = new Uint8Array(40 + extensions.length * 8);
  const view = new DataView(header.buffer);
  header[0] = 0x60;
  view.setUint16(4, extensions.length * 8 + tcpBytes + payload.length);
  header[6] = chain[0];
  header[7] = 64;
  header.set([0x20, 1, 0xd, 0xb8], 8);
  header.set([0x20, 1, 0xd, 0xb8], 24);
  header[23] = 1;
  header[39] = 7;
  for (const [at] of extensions.entries()) header[40 + at * 8] = chain[at + 1];
  return header;
}
