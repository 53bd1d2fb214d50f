// SPDX-License-Identifier: MIT
/** A whole frame at once: what one TCP segment says, whatever carries it. @module */
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, parseEthernet } from "./ethernet.ts";
import type { SocketAddress } from "./flow_key.ts";
import { IP_PROTOCOL_TCP, parseIpv4 } from "./ipv4.ts";
import { IPV6_HEADER_LENGTH, parseIpv6 } from "./ipv6.ts";
import { parseTcp } from "./tcp.ts";

/** One TCP segment; everything is borrowed from its frame. */
export interface TcpSegment {
  /** Who sent it. */
  readonly source: SocketAddress;
  /** To whom. */
  readonly destination: SocketAddress;
  /** Sequence number of its first byte, or of its SYN; 32 bits, unsigned. */
  readonly sequenceNumber: number;
  /** The header's: FIN 0x01, SYN 0x02, RST 0x04, PSH 0x08, ACK 0x10. */
  readonly flags: number;
  /** What it carries, without what pads the frame; empty for none. */
  readonly payload: Uint8Array;
}

/** IP header of a packet: where TCP begins and the packet ends, both from the start of the frame. */
interface IpPart {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly tcpAt: number;
  readonly end: number;
}

/** Reads an Ethernet frame, tagged or not, over IPv4 or IPv6. Undefined: it is no TCP segment, one of several fragments, or damaged. */
export function parseSegment(frame: Uint8Array): TcpSegment | undefined {
  const ethernet = parseEthernet(frame, 0);
  if (ethernet.state !== "value") return undefined;
  const ip = ipPart(frame, ethernet.value.etherType, ethernet.bytesUsed);
  if (ip === undefined || ip.end > frame.length) return undefined;
  const tcp = parseTcp(frame, ip.tcpAt);
  const payloadAt = ip.tcpAt + (tcp.state === "value" ? tcp.bytesUsed : 0);
  if (tcp.state !== "value" || payloadAt > ip.end) return undefined;
  const { sourcePort, destinationPort, sequence, flags } = tcp.value;
  return {
    source: { ip: ip.source, port: sourcePort },
    destination: { ip: ip.destination, port: destinationPort },
    sequenceNumber: sequence,
    flags,
    payload: frame.subarray(payloadAt, ip.end),
  };
}

/** Undefined where the packet is none of TCP, or a fragment. */
function ipPart(frame: Uint8Array, etherType: number, at: number): IpPart | undefined {
  if (etherType === ETHERTYPE_IPV4) {
    const ip = parseIpv4(frame, at);
    if (ip.state !== "value") return undefined;
    const { source, destination, protocol, totalLength, moreFragments, fragmentOffset } = ip.value;
    if (protocol !== IP_PROTOCOL_TCP || moreFragments || fragmentOffset > 0) return undefined;
    return { source, destination, tcpAt: at + ip.bytesUsed, end: at + totalLength };
  }
  if (etherType !== ETHERTYPE_IPV6) return undefined;
  const ip = parseIpv6(frame, at);
  if (ip.state !== "value" || ip.value.nextHeader !== IP_PROTOCOL_TCP) return undefined;
  const { source, destination, payloadLength } = ip.value;
  const tcpAt = at + IPV6_HEADER_LENGTH;
  return { source, destination, tcpAt, end: tcpAt + payloadLength };
}
