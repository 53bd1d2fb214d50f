// SPDX-License-Identifier: MIT
/** Forging into a capture file in tests, and reading one back. @module */
import type { FlowKey } from "../../net/wire/flow_key.ts";
import type { ForgeSettings } from "../../net/forge/settings.ts";
import { InitialSequenceNumbers } from "../../net/forge/isn.ts";
import { PacketBuffer } from "../../net/forge/packet_batch.ts";
import { parseEthernet } from "../../net/wire/ethernet.ts";
import { ETHERTYPE_IPV4 } from "../../net/wire/ethernet.ts";
import { parseIpv4 } from "../../net/wire/ipv4.ts";
import { parseIpv6 } from "../../net/wire/ipv6.ts";
import type { Parsed } from "../../net/wire/parsed.ts";
import { pcapngHead } from "../../net/wire/pcapng.ts";
import { PcapngReader } from "./pcapng_reader.ts";
import { parseTcp, type TcpHeader } from "../../net/wire/tcp.ts";
import { tcpChecksumIsRight } from "./tcp_checksum.ts";
import { concat } from "./bytes.ts";

export const TIME_BASE_NS = 1_700_000_000_000_000_000n;

/** A packet buffer that keeps all it was given as one capture. */
export class Recorder {
  readonly buffer: PacketBuffer;
  readonly #parts: Uint8Array[] = [pcapngHead({ application: "test", interfaceName: "test" })];

  constructor() {
    this.buffer = new PacketBuffer({
      timeBaseNs: TIME_BASE_NS,
      onFull: (batch) => this.#parts.push(batch.blocks.slice()),
    });
  }

  /** Everything until now as a pcapng file. */
  bytes(): Uint8Array<ArrayBuffer> {
    this.buffer.flush();
    return concat(this.#parts);
  }

  segments(): Segment[] {
    return readSegments(this.bytes());
  }
}

/** Settings of MTU 1500 and a fixed seed. */
export function testSettings(changes: Partial<ForgeSettings> = {}): ForgeSettings {
  return { mtu: 1500, initialSequenceNumbers: new InitialSequenceNumbers(1), ...changes };
}

export const IPV4_KEY: FlowKey = {
  client: { ip: Uint8Array.of(10, 0, 0, 1), port: 40000 },
  server: { ip: Uint8Array.of(10, 0, 0, 2), port: 80 },
};

export const IPV6_KEY: FlowKey = {
  client: { ip: Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), port: 40001 },
  server: { ip: Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2), port: 80 },
};

/** One TCP segment of a capture, checked: lengths agree and checksums are right. */
export interface Segment {
  readonly timeNs: bigint;
  readonly comment: string;
  readonly vlan: number | undefined;
  readonly sourceMac: Uint8Array;
  readonly source: Uint8Array;
  readonly identification: number | undefined;
  readonly tcp: TcpHeader;
  readonly payload: Uint8Array;
}

/** All packets of a pcapng capture; throws when one is not a whole and right TCP segment over Ethernet. */
export function readSegments(capture: Uint8Array): Segment[] {
  const reader = new PcapngReader();
  reader.push(capture);
  const segments: Segment[] = [];
  while (reader.pending > 0) {
    const block = valueOf(reader.next()).value;
    if (block.kind !== "packet") continue;
    const { frame, comment } = block;
    const ethernet = valueOf(parseEthernet(frame, 0));
    const isIpv4 = ethernet.value.etherType === ETHERTYPE_IPV4;
    const ipv4 = isIpv4 ? valueOf(parseIpv4(frame, ethernet.bytesUsed)) : undefined;
    const ip = ipv4 ?? valueOf(parseIpv6(frame, ethernet.bytesUsed));
    const at = ethernet.bytesUsed + ip.bytesUsed;
    const length = "totalLength" in ip.value ? ip.value.totalLength - ip.bytesUsed : ip.value.payloadLength;
    if (at + length !== frame.length) {
      throw new Error(`frame has ${frame.length} bytes, its headers tell ${at + length}`);
    }
    if (!tcpChecksumIsRight(frame, at, length, ip.value.source, ip.value.destination)) {
      throw new Error(`packet ${segments.length} has a wrong TCP checksum`);
    }
    const tcp = valueOf(parseTcp(frame, at));
    segments.push({
      timeNs: BigInt(block.timeHigh) << 32n | BigInt(block.timeLow),
      comment,
      vlan: ethernet.value.vlan,
      sourceMac: ethernet.value.source.slice(),
      source: ip.value.source.slice(),
      identification: ipv4?.value.identification,
      tcp: tcp.value,
      payload: frame.slice(at + tcp.bytesUsed),
    });
  }
  return segments;
}

function valueOf<T>(answer: Parsed<T>): { readonly value: T; readonly bytesUsed: number } {
  if (answer.state !== "value") throw new Error(`not a value: ${JSON.stringify(answer)}`);
  return answer;
}
