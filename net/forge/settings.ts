// SPDX-License-Identifier: MIT
/** How lanes are forged: what the operator may choose, and its defaults. @module */
import { IP_PACKET_MAX } from "../wire/ipv4.ts";
import type { InitialSequenceNumbers } from "./isn.ts";

/** Settings that all lanes of a run share; but for the MTU they never change. */
export interface ForgeSettings {
  /** Bytes of IP packet that one frame may carry: the least of the sinks', which may change while they are at work. */
  readonly mtu: number;
  readonly initialSequenceNumbers: InitialSequenceNumbers;
  /** Server ports to put other ones for. */
  readonly portMap?: ReadonlyMap<number, number>;
  /** Source address of every forged frame, a label; absent: that of its sender. */
  readonly markMac?: Uint8Array;
  /** Id of an 802.1Q tag, 1 to 4094; absent: that of the flow's link, if it has one. */
  readonly vlan?: number;
  /** Frames have made-up addresses: a switch would learn those of the flows where the mirror goes out. */
  readonly hidesLinks?: boolean;
}

/**
 * Usual ports of protocols over TLS, and those that the same protocols have in the clear: Suricata finds DNS and MQTT on the
 * clear port only, and rules name ports. HTTPS, DNS, MQTT, SMTP, IMAP, POP3, LDAP, FTP.
 */
export const CLEAR_PORTS: ReadonlyMap<number, number> = new Map([
  [443, 80],
  [853, 53],
  [8883, 1883],
  [465, 25],
  [993, 143],
  [995, 110],
  [636, 389],
  [990, 21],
]);

/** Smallest MTU that forging accepts: what every IPv4 link carries (RFC 791) without the forged segments being tiny. */
export const MTU_MIN = 576;
/** Largest IP packet. */
export const MTU_MAX = IP_PACKET_MAX;

/** The ends of a connection on an Ethernet link. */
export interface ForgeLink {
  /** 6 bytes. */
  readonly clientMac: Uint8Array;
  /** 6 bytes. */
  readonly serverMac: Uint8Array;
  /** Id of an 802.1Q tag, 0 to 4094; absent: no tag. */
  readonly vlan?: number;
}

/** Of a connection whose own is not known: locally administered addresses. */
export const MADE_UP_LINK: ForgeLink = {
  clientMac: Uint8Array.of(0x02, 0x73, 0x6c, 0x63, 0x00, 0x01),
  serverMac: Uint8Array.of(0x02, 0x73, 0x6c, 0x63, 0x00, 0x02),
};
