// SPDX-License-Identifier: MIT
/** One endpoint of a forged connection: its headers, made once, and its place in the sequence. @module */
import type { SocketAddress } from "../wire/flow_key.ts";
import { type ForgeSettings, MTU_MAX, MTU_MIN } from "./settings.ts";
import { checksumOfSum, foldSum, nativeSum, swap16, WordView } from "../wire/checksum.ts";
import {
  type EthernetHeader,
  ethernetHeaderLength,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  writeEthernet,
} from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { sequenceAdd, type SequenceNumber, sequenceNumber } from "../wire/seq.ts";
import * as tcp from "../wire/tcp.ts";

const TIME_TO_LIVE = 64;
/** Both endpoints offer 65,535 << 7 bytes (8 MiB) for the whole connection: no forged segment is out of window. */
const WINDOW = 65535;
const WINDOW_SCALE = 7;
/** 16-bit words of the options of a SYN: maximum segment size, window scale and a byte of padding. */
const SYN_OPTION_WORDS = 4;
const ZERO = sequenceNumber(0);

/**
 * Headers are written once by the functions of `wire/` into a template. A frame is a copy of it with the fields that
 * change put in, its checksums made from the template's partial sums. All sums are native (see `checksum.ts`), and
 * every header begins at an even offset: frames at a multiple of 4, Ethernet headers have 14 or 18 bytes.
 */
export class Endpoint {
  /** Sequence number of the next byte. */
  next: SequenceNumber = ZERO;
  /** Segments with payload, FIN or gaps that the other endpoint has not acknowledged. */
  unanswered = 0;
  /** Writes since the other endpoint wrote. */
  turnWrites = 0;
  readonly #settings: ForgeSettings;
  /** Bytes of IP and TCP header of a segment without options. */
  readonly #headersLength: number;
  /** Bytes of payload in the longest segment, as the SYN of the present connection says. */
  #maximumSegmentSize = 0;
  readonly #isIpv6: boolean;
  readonly #ipOffset: number;
  readonly #tcpOffset: number;
  readonly #from: SocketAddress;
  readonly #to: SocketAddress;
  readonly #ethernet: EthernetHeader;
  /** Ethernet, IP and TCP header of a segment without options. That of a SYN is made when needed: flows at rest are many. */
  readonly #template: Uint16Array;
  /** Sum of the IPv4 header without total length, identification and checksum. */
  readonly #ipSum: number;
  readonly #pseudoSum: number;
  #identification = 0;

  constructor(
    from: SocketAddress,
    to: SocketAddress,
    link: Omit<EthernetHeader, "etherType">,
    settings: ForgeSettings,
  ) {
    const mtu = settings.mtu;
    if (!(mtu >= MTU_MIN && mtu <= MTU_MAX)) {
      throw new RangeError(
        `Cannot forge packets of ${mtu} bytes: the MTU must be from ${MTU_MIN} to ${MTU_MAX}`,
      );
    }
    const isIpv6 = from.ip.length === 16;
    const ipLength = isIpv6 ? ipv6.IPV6_HEADER_LENGTH : ipv4.IPV4_HEADER_LENGTH;
    const ethernet: EthernetHeader = {
      destination: link.destination,
      source: settings.markMac ?? link.source,
      etherType: isIpv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
      vlan: link.vlan,
    };
    this.#isIpv6 = isIpv6;
    this.#settings = settings;
    this.#headersLength = ipLength + tcp.TCP_HEADER_LENGTH;
    this.#ipOffset = ethernetHeaderLength(ethernet);
    this.#tcpOffset = this.#ipOffset + ipLength;
    this.#from = from;
    this.#to = to;
    this.#ethernet = ethernet;
    const plain = this.#makeTemplate();
    this.#template = new Uint16Array(plain.buffer);
    this.#ipSum = isIpv6 ? 0 : headerSum(plain, this.#ipOffset, ipLength);
    this.#pseudoSum = swap16(foldSum(tcp.pseudoHeaderSum(from.ip, to.ip)));
  }

  /** Headers without what changes from frame to frame, with the options that `options` has. */
  #makeTemplate(options: Partial<tcp.TcpHeader> = {}): Uint8Array<ArrayBuffer> {
    const header = {
      sourcePort: this.#from.port,
      destinationPort: this.#to.port,
      sequence: ZERO,
      acknowledgment: ZERO,
      flags: 0,
      window: WINDOW,
      urgentPointer: 0,
      ...options,
    };
    const bytes = new Uint8Array(this.#tcpOffset + tcp.tcpHeaderLength(header));
    writeEthernet(this.#ethernet, bytes, 0);
    const writeIp = this.#isIpv6 ? writeIpv6Template : writeIpv4Template;
    writeIp(this.#from.ip, this.#to.ip, bytes, this.#ipOffset);
    tcp.writeTcp(header, bytes, this.#tcpOffset);
    return bytes;
  }

  #makeSynTemplate(): Uint16Array {
    const options = { maximumSegmentSize: this.#maximumSegmentSize, windowScale: WINDOW_SCALE };
    return new Uint16Array(this.#makeTemplate(options).buffer);
  }

  /** Starts a connection at this initial sequence number. */
  begin(initial: SequenceNumber): void {
    this.next = initial;
    this.unanswered = 0;
    this.turnWrites = 0;
    this.#identification = initial >>> 8 & 0xffff;
    this.#maximumSegmentSize = this.#room();
  }

  /** Bytes of payload that a segment may have now: fewer than announced where the MTU has shrunk since. */
  get segmentLengthMax(): number {
    return Math.min(this.#maximumSegmentSize, this.#room());
  }

  #room(): number {
    return Math.floor(this.#settings.mtu) - this.#headersLength;
  }

  frameLength(flags: number, payloadLength: number): number {
    return ((flags & tcp.TCP_SYN) === 0 ? this.#template.length : this.#template.length + SYN_OPTION_WORDS) *
        2 +
      payloadLength;
  }

  /**
   * Writes the frame of one segment at offset `at` of `memory`, a multiple of 4, and moves on by what it takes of the
   * sequence. `acknowledgment` is the `next` of the other endpoint; it goes out unless this is the first SYN.
   * Called for every packet: its arguments are no object, so that none is made.
   */
  writeFrame(
    memory: WordView,
    at: number,
    flags: number,
    acknowledgment: SequenceNumber,
    payload: Uint8Array,
    start: number,
    length: number,
  ): void {
    const { bytes, words16 } = memory;
    const template = (flags & tcp.TCP_SYN) === 0 ? this.#template : this.#makeSynTemplate();
    const words = template.length;
    for (let word = 0, to = at >>> 1; word < words; word++, to++) words16[to] = template[word];
    const headerLength = words * 2;
    if (length > 0) copy(payload, start, length, memory, at + headerLength);

    const tcpAt = at + this.#tcpOffset;
    const tcpLength = headerLength - this.#tcpOffset + length;
    const ipWord = (at + this.#ipOffset) >>> 1;
    if (this.#isIpv6) {
      words16[ipWord + ipv6.IPV6_PAYLOAD_LENGTH / 2] = swap16(tcpLength);
    } else {
      const total = swap16(ipv4.IPV4_HEADER_LENGTH + tcpLength);
      const identification = swap16(this.#identification);
      this.#identification = this.#identification + 1 & 0xffff;
      words16[ipWord + ipv4.IPV4_TOTAL_LENGTH / 2] = total;
      words16[ipWord + ipv4.IPV4_IDENTIFICATION / 2] = identification;
      words16[ipWord + ipv4.IPV4_CHECKSUM / 2] = checksumOfSum(this.#ipSum + total + identification);
    }
    const tcpWord = tcpAt >>> 1;
    const sequence = this.next;
    words16[tcpWord + tcp.TCP_SEQUENCE / 2] = swap16(sequence >>> 16);
    words16[tcpWord + tcp.TCP_SEQUENCE / 2 + 1] = swap16(sequence);
    if (flags & tcp.TCP_ACK) {
      words16[tcpWord + tcp.TCP_ACKNOWLEDGMENT / 2] = swap16(acknowledgment >>> 16);
      words16[tcpWord + tcp.TCP_ACKNOWLEDGMENT / 2 + 1] = swap16(acknowledgment);
    }
    bytes[tcpAt + tcp.TCP_FLAGS] = flags;
    words16[tcpWord + tcp.TCP_CHECKSUM / 2] = checksumOfSum(
      this.#pseudoSum + swap16(tcpLength) + nativeSum(memory, tcpAt, tcpLength),
    );

    const sequenceLength = length + (flags & (tcp.TCP_SYN | tcp.TCP_FIN) ? 1 : 0);
    if (sequenceLength > 0) {
      this.next = sequenceAdd(sequence, sequenceLength);
      this.unanswered++;
    }
  }
}

/** Bytes up to which a loop copies: making a view of a part costs about as much as moving this many one by one. */
const COPY_LOOP_MAX = 32;

function copy(from: Uint8Array, start: number, length: number, memory: WordView, at: number): void {
  const { bytes, stage } = memory;
  if (length <= COPY_LOOP_MAX) {
    for (let index = 0; index < length; index++) bytes[at + index] = from[start + index];
  } else if (stage !== undefined && from === stage.bytes) {
    stage.copy(at, start, length);
  } else {
    bytes.set(length === from.length ? from : from.subarray(start, start + length), at);
  }
}

function writeIpv4Template(
  source: Uint8Array,
  destination: Uint8Array,
  bytes: Uint8Array,
  offset: number,
): void {
  ipv4.writeIpv4(
    {
      totalLength: 0,
      identification: 0,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      timeToLive: TIME_TO_LIVE,
      protocol: ipv4.IP_PROTOCOL_TCP,
      source,
      destination,
    },
    bytes,
    offset,
  );
  bytes[offset + ipv4.IPV4_CHECKSUM] = bytes[offset + ipv4.IPV4_CHECKSUM + 1] = 0;
}

function writeIpv6Template(
  source: Uint8Array,
  destination: Uint8Array,
  bytes: Uint8Array,
  offset: number,
): void {
  ipv6.writeIpv6(
    {
      trafficClass: 0,
      flowLabel: 0,
      payloadLength: 0,
      nextHeader: ipv4.IP_PROTOCOL_TCP,
      hopLimit: TIME_TO_LIVE,
      source,
      destination,
    },
    bytes,
    offset,
  );
}

/** Native sum of a header at an even offset of a template. */
function headerSum(bytes: Uint8Array, offset: number, length: number): number {
  const copied = new ArrayBuffer(length + 3 & ~3);
  const view = new WordView(copied);
  view.bytes.set(bytes.subarray(offset, offset + length));
  return nativeSum(view, 0, length);
}
