// SPDX-License-Identifier: MIT
/** Reads forged packets back, strictly: what a receiver that trusts nothing would make of them. @module */
import { parseEthernet } from "../../net/wire/ethernet.ts";
import { parseIpv4 } from "../../net/wire/ipv4.ts";
import { parseIpv6 } from "../../net/wire/ipv6.ts";
import { parsePcapngBlock, type PcapngBlock } from "./pcapng_reader.ts";
import { parseTcp, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "../../net/wire/tcp.ts";
import { formatSocketAddress } from "../../net/wire/flow_key.ts";

/** One connection from its SYN on. */
export interface ForgedConnection {
  /** `client>server`. */
  readonly name: string;
  /** Comments of its packets, in order. */
  readonly comments: string[];
  /** Bytes of each direction; missing ones (gaps) are zeros and listed. */
  readonly streams: [Uint8Array, Uint8Array];
  readonly gaps: [Gap[], Gap[]];
  end: "open" | "fin" | "reset";
  packets: number;
}

export interface Gap {
  readonly offset: number;
  readonly length: number;
}

interface Building {
  readonly connection: ForgedConnection;
  readonly initial: [number, number];
  readonly next: [number, number];
  readonly chunks: [{ offset: number; bytes: Uint8Array }[], { offset: number; bytes: Uint8Array }[]];
}

/** Every block of a little-endian pcapng file or batch; throws on a malformed one. */
export function* blocks(capture: Uint8Array): Generator<PcapngBlock> {
  for (let at = 0; at < capture.length;) {
    const block = parsePcapngBlock(capture, at, true);
    if (block.state !== "value") throw new Error(`block at ${at}: ${block.state}`);
    yield block.value;
    at += block.bytesUsed;
  }
}

/** Connections in the order of their SYNs. Throws on a packet out of order, out of a connection or unacknowledged. */
export function forgedConnections(capture: Uint8Array): ForgedConnection[] {
  const open = new Map<string, Building>();
  const all: Building[] = [];
  for (const block of blocks(capture)) {
    if (block.kind !== "packet") continue;
    const segment = parseFrame(block.frame);
    const { tcp, payload, from, to } = segment;
    if (tcp.flags === TCP_SYN) {
      const name = `${from}>${to}`;
      const connection: ForgedConnection = {
        name,
        comments: [],
        streams: [new Uint8Array(), new Uint8Array()],
        gaps: [[], []],
        end: "open",
        packets: 0,
      };
      const sequence = tcp.sequence + 1 >>> 0;
      const building: Building = {
        connection,
        initial: [sequence, 0],
        next: [sequence, 0],
        chunks: [[], []],
      };
      open.set(name, building);
      all.push(building);
    }
    const toServer = open.get(`${from}>${to}`);
    const building = toServer ?? open.get(`${to}>${from}`);
    if (!building) throw new Error(`packet ${from}>${to} outside of a connection`);
    const direction = toServer ? 0 : 1;
    const { connection, next, initial, chunks } = building;
    connection.packets++;
    if (block.comment) connection.comments.push(block.comment);
    if (tcp.flags === (TCP_SYN | TCP_ACK)) initial[1] = next[1] = tcp.sequence + 1 >>> 0;
    if (payload.length > 0 || (tcp.flags & (TCP_SYN | TCP_FIN)) === TCP_FIN) {
      const missing = tcp.sequence - next[direction] | 0;
      if (missing < 0) throw new Error(`${connection.name}: sequence number goes back by ${-missing}`);
      const offset = tcp.sequence - initial[direction] >>> 0;
      if (missing > 0) connection.gaps[direction].push({ offset: offset - missing, length: missing });
      if (payload.length > 0) chunks[direction].push({ offset, bytes: payload });
      next[direction] = tcp.sequence + payload.length >>> 0;
    }
    if ((tcp.flags & TCP_ACK) && !(tcp.flags & TCP_SYN)) {
      const other = 1 - direction;
      const ahead = tcp.acknowledgment - next[other] | 0;
      // An acknowledgement may pass a gap before the next byte shows it.
      if (ahead < 0) {
        throw new Error(`${connection.name}: acknowledges ${-ahead} bytes less than were forged`);
      }
    }
    if (tcp.flags & TCP_RST) connection.end = "reset";
    else if (tcp.flags & TCP_FIN) {
      connection.end = "fin";
      next[direction] = next[direction] + 1 >>> 0;
    }
  }
  return all.map(({ connection, chunks }) => {
    for (const direction of [0, 1] as const) connection.streams[direction] = join(chunks[direction]);
    return connection;
  });
}

function join(chunks: { offset: number; bytes: Uint8Array }[]): Uint8Array {
  const last = chunks.at(-1);
  const stream = new Uint8Array(last ? last.offset + last.bytes.length : 0);
  for (const { offset, bytes } of chunks) stream.set(bytes, offset);
  return stream;
}

function parseFrame(frame: Uint8Array) {
  const ethernet = value(parseEthernet(frame, 0));
  const ip = frame[ethernet.bytesUsed] >> 4 === 6
    ? value(parseIpv6(frame, ethernet.bytesUsed))
    : value(parseIpv4(frame, ethernet.bytesUsed));
  const tcpAt = ethernet.bytesUsed + ip.bytesUsed;
  const tcp = value(parseTcp(frame, tcpAt));
  return {
    tcp: tcp.value,
    payload: frame.subarray(tcpAt + tcp.bytesUsed),
    from: formatSocketAddress({ ip: ip.value.source, port: tcp.value.sourcePort }),
    to: formatSocketAddress({ ip: ip.value.destination, port: tcp.value.destinationPort }),
  };
}

function value<T extends { state: string }>(parsed: T): Extract<T, { state: "value" }> {
  if (parsed.state !== "value") throw new Error(`malformed header: ${JSON.stringify(parsed)}`);
  return parsed as Extract<T, { state: "value" }>;
}
