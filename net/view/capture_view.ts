// SPDX-License-Identifier: MIT
/**
 * Looks at the packets of a capture as an agent looks at clear text: every forged connection is a flow. Its segments are in order,
 * and what is skipped in their sequence is a gap; that is what a mirror writes, and what `tcpdump` saw of a lossless link.
 *
 * @module
 */
import { type Direction, TO_CLIENT, TO_SERVER } from "../../codecs/direction.ts";
import { communityId } from "../mirror/community_id.ts";
import type { FlowTap } from "../mirror/flow_tap.ts";
import { type FlowKey, formatFlowKey, formatIp, type SocketAddress } from "../wire/flow_key.ts";
import { parseSegment, type TcpSegment } from "../wire/segment.ts";
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "../wire/tcp.ts";
import type { FlowFacts } from "./flow_facts.ts";

/** Makes who looks at a flow. */
export type OpenFlow = (facts: FlowFacts, timeNs: number) => FlowTap;

/** Connections at a time; the oldest ends for a new one. */
const CONNECTIONS_MAX = 65_536;
/** A step back by more is another lap of the sequence: what is skipped is less than that. */
const HALF_SEQUENCE = 2 ** 31;

interface Connection {
  readonly tap: FlowTap;
  /** Sequence number of the next byte of each direction, -1: not known. */
  readonly next: [number, number];
  readonly ended: [boolean, boolean];
}

export class CaptureView {
  /** Packets that are no TCP over Ethernet. */
  foreign = 0;
  readonly #open: OpenFlow;
  readonly #connections = new Map<string, Connection>();
  /** What comments said of a 5-tuple: a connection that opens again may say nothing. */
  readonly #comments = new Map<string, string>();
  #flows = 0;

  constructor(open: OpenFlow) {
    this.#open = open;
  }

  /** Flows so far. */
  get flows(): number {
    return this.#flows;
  }

  /** One packet; `timeNs` counts from the log's time base. */
  packet(frame: Uint8Array, comment: string, timeNs: number): void {
    const segment = parseSegment(frame);
    if (segment === undefined) {
      this.foreign++;
      return;
    }
    const { source, destination, flags } = segment;
    const forward = formatFlowKey({ client: source, server: destination });
    const backward = formatFlowKey({ client: destination, server: source });
    const isOpening = (flags & (TCP_SYN | TCP_ACK)) === TCP_SYN;
    let name = this.#connections.has(backward) ? backward : forward;
    if (isOpening) {
      name = forward;
      this.#end(name, timeNs);
    }
    if (comment.includes("program=")) this.#remember(name, comment);
    // What acknowledges the end of a connection begins none.
    const isTold = isOpening || segment.payload.length > 0;
    const connection = this.#connections.get(name) ??
      (isTold ? this.#begin(name, segment, !isOpening, timeNs) : undefined);
    if (connection === undefined) return;
    this.#segment(connection, name === forward ? TO_SERVER : TO_CLIENT, segment, timeNs);
    const { ended } = connection;
    if ((flags & TCP_RST) !== 0 || ended[0] && ended[1]) this.#end(name, timeNs);
  }

  /** The capture ends here. */
  end(timeNs: number): void {
    for (const name of [...this.#connections.keys()]) this.#end(name, timeNs);
  }

  #begin(name: string, { source, destination }: TcpSegment, joinedLate: boolean, timeNs: number): Connection {
    if (this.#connections.size >= CONNECTIONS_MAX) this.#end(this.#connections.keys().next().value!, timeNs);
    // The frame is borrowed.
    const copy = ({ ip, port }: SocketAddress) => ({ ip: ip.slice(), port });
    const key = { client: copy(source), server: copy(destination) };
    const facts = factsOf(++this.#flows, key, this.#comments.get(name) ?? "", joinedLate);
    const connection: Connection = { tap: this.#open(facts, timeNs), next: [-1, -1], ended: [false, false] };
    this.#connections.set(name, connection);
    return connection;
  }

  #segment(connection: Connection, direction: Direction, segment: TcpSegment, timeNs: number): void {
    const { sequenceNumber, flags, payload } = segment;
    const { next, tap, ended } = connection;
    if ((flags & TCP_SYN) !== 0) {
      next[direction] = (sequenceNumber + 1) >>> 0;
      return;
    }
    if (next[direction] < 0) next[direction] = sequenceNumber;
    const ahead = (sequenceNumber - next[direction]) >>> 0;
    const isAhead = ahead > 0 && ahead < HALF_SEQUENCE;
    // A repeated byte, as probes of an idle connection have, is told once.
    const repeated = ahead >= HALF_SEQUENCE ? 2 ** 32 - ahead : 0;
    if (isAhead && (payload.length > 0 || (flags & TCP_FIN) !== 0)) {
      tap.gap(direction, ahead, timeNs);
      next[direction] = sequenceNumber;
    }
    if (payload.length > repeated) {
      tap.data(direction, payload.subarray(repeated), timeNs);
      next[direction] = (next[direction] + payload.length - repeated) >>> 0;
    }
    if ((flags & TCP_FIN) !== 0) ended[direction] = true;
  }

  #end(name: string, timeNs: number): void {
    this.#connections.get(name)?.tap.end(timeNs);
    this.#connections.delete(name);
  }

  #remember(name: string, comment: string): void {
    if (this.#comments.size >= CONNECTIONS_MAX) this.#comments.delete(this.#comments.keys().next().value!);
    this.#comments.set(name, comment);
  }
}

/** What the first packet's comment says of a flow; without one only its addresses are known. */
function factsOf(id: number, key: FlowKey, comment: string, joinedLate: boolean): FlowFacts {
  const said = new Map(
    comment.split(" ").map((pair) => {
      const at = pair.indexOf("=");
      return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
  const word = (name: string) => {
    const value = said.get(name) ?? "";
    return value === "-" ? "" : value;
  };
  const isRewritten = !["", "raw"].includes(word("codec"));
  return {
    id,
    program: word("program") || "?",
    pid: Number(word("pid")) || 0,
    uid: Number(word("uid")) || 0,
    role: word("role") === "server" ? "server" : "client",
    sni: word("sni"),
    // What a codec has rewritten is another protocol than what was agreed on.
    alpn: isRewritten ? "" : word("alpn"),
    tls: word("tls") || "-",
    client: { ip: formatIp(key.client.ip), port: key.client.port },
    server: { ip: formatIp(key.server.ip), port: key.server.port },
    communityId: word("community-id") || communityId(key),
    attribution: word("attribution") || "none",
    joinedLate: joinedLate || said.get("joined") === "late",
  };
}
