// SPDX-License-Identifier: MIT
/** Packets of ClientHellos, as the filter lets them through. @module */
import type { SocketAddress } from "../../wire/flow_key.ts";
import { CUT_MAX, mayBeBeginning, mayBeHello, RANDOM_END } from "./hello_filter.ts";

/** Who sent a ClientHello to whom. */
export interface HelloPacket {
  /**
   * Lower-case hex of what may be its random, 32 bytes each; several where its header is cut off and it cannot be told; less of it, or
   * nothing, where the hello goes on in another packet.
   */
  readonly clientRandoms: readonly string[];
  readonly client: SocketAddress;
  readonly server: SocketAddress;
  /** 6 bytes: who sent the frame. */
  readonly clientMac: Uint8Array;
  /** 6 bytes: whom the frame goes to. */
  readonly serverMac: Uint8Array;
  /** Id of its outermost VLAN tag in the frame; undefined: it has none. */
  readonly vlan: number | undefined;
}

const TCP = 6;
const RANDOM_BYTES = 32;
/** Place of the random in the record. */
const RANDOM_AT = 11;
const TAGS = [0x8100, 0x88a8];

/** What the packet says, `undefined` for one that is none; from its Ethernet header on, as far as it was kept. */
export function parseHelloPacket(bytes: Uint8Array): HelloPacket | undefined {
  const at16 = (at: number) => bytes[at] << 8 | bytes[at + 1];
  let typeAt = 12;
  let vlan: number | undefined;
  while (TAGS.includes(at16(typeAt)) && typeAt < 20) {
    vlan ??= at16(typeAt + 2) & 0xfff;
    typeAt += 4;
  }
  const ipAt = typeAt + 2;
  const isIpv6 = at16(typeAt) === 0x86dd;
  const tcpAt = isIpv6 ? afterIpv6(bytes, ipAt) : ipAt + (bytes[ipAt] & 0xf) * 4;
  const payloadAt = tcpAt + (bytes[tcpAt + 12] >> 4) * 4;
  const payloadEnd = Math.min(bytes.length, ipAt + (isIpv6 ? 40 + at16(ipAt + 4) : at16(ipAt + 2)));
  const clientRandoms: string[] = [];
  const isCut = payloadEnd - payloadAt < RANDOM_END &&
    mayBeBeginning(bytes, payloadAt, payloadEnd - payloadAt);
  if (isCut) {
    clientRandoms.push(
      bytes.subarray(payloadAt + RANDOM_AT, Math.max(payloadAt + RANDOM_AT, payloadEnd)).toHex(),
    );
  }
  for (let cut = 0; cut <= CUT_MAX; cut++) {
    const at = payloadAt + RANDOM_AT - cut;
    if (at + RANDOM_BYTES > bytes.length || !mayBeHello(bytes, payloadAt, cut)) continue;
    clientRandoms.push(bytes.subarray(at, at + RANDOM_BYTES).toHex());
  }
  if (clientRandoms.length === 0) return undefined;
  const ipLength = isIpv6 ? 16 : 4;
  const sourceAt = ipAt + (isIpv6 ? 8 : 12);
  const ip = (at: number) => bytes.slice(at, at + ipLength);
  return {
    clientRandoms,
    client: { ip: ip(sourceAt), port: at16(tcpAt) },
    server: { ip: ip(sourceAt + ipLength), port: at16(tcpAt + 2) },
    clientMac: bytes.slice(6, 12),
    serverMac: bytes.slice(0, 6),
    vlan,
  };
}

/** Where TCP begins behind an IPv6 header and its extension headers. */
function afterIpv6(bytes: Uint8Array, ipAt: number): number {
  let next = bytes[ipAt + 6];
  let at = ipAt + 40;
  while (next !== TCP && at < bytes.length) {
    next = bytes[at];
    at += (bytes[at + 1] + 1) * 8;
  }
  return at;
}
