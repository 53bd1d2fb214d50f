// SPDX-License-Identifier: MIT
/**
 * Forging: the packets that an IDS would have seen had the session never been encrypted. One {@linkcode Connection} is
 * one TCP connection, or several one after the other on one 5-tuple, between two endpoints that send and acknowledge.
 *
 * Receivers in forged connections acknowledge at least every second segment, and each write that they may have waited for;
 * every segment acknowledges all that was forged the other way; nothing is forged after FIN or RST.
 *
 * @module
 */
import type { Direction } from "../../codecs/direction.ts";
import { TO_CLIENT, TO_SERVER } from "../../codecs/direction.ts";
import type { FlowKey } from "../wire/flow_key.ts";
import { type ForgeLink, type ForgeSettings, MADE_UP_LINK } from "./settings.ts";
import { Endpoint } from "./endpoint.ts";
import { encodeComment, type PacketBuffer } from "./packet_batch.ts";
import { sequenceAdd } from "../wire/seq.ts";
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from "../wire/tcp.ts";

/** Time after which the next tick acknowledges an unanswered segment, as a delayed acknowledgement would be. */
const ACK_DELAY_NS = 40e6;

/**
 * Silence after which an open connection gets a keep-alive probe and its answer: below 30 s, the shortest time
 * after which a stock IDS under pressure forgets a flow (Snort).
 */
const KEEP_ALIVE_NS = 25e9;

/**
 * Longest gap whose sequence numbers are skipped: half of what sequence numbers can tell apart, since a longer one could
 * not be measured in the capture.
 */
export const GAP_LENGTH_MAX = 1 << 30;

/**
 * An IDS looks at bytes when they are acknowledged, at several writes together where they are acknowledged together: one that
 * could only come after another (a tunnel's first bytes behind the answer to CONNECT) is then taken for a part of it. So each
 * of the first writes of a turn is acknowledged by itself, as many as Linux does at a connection's start; later ones are bulk,
 * unless they pause.
 */
const AWAITED_WRITES = 16;
const BULK_PAUSE_NS = 1e6;

/** An acknowledgement past missing bytes must be within the window, 8 MiB: longer gaps are acknowledged in steps. */
const GAP_STEP = 4 << 20;

export class Connection {
  /** Packets forged since it was made. */
  packets = 0;
  /** Its client and server, before any `portMap` of the settings. */
  readonly key: FlowKey;
  readonly #buffer: PacketBuffer;
  readonly #settings: ForgeSettings;
  /** Client and server, by the direction in which they send. */
  readonly #endpoints: readonly [Endpoint, Endpoint];
  readonly #hash: number;
  #open = false;
  /** Time of the last packet; no packet of a connection is older than the one before. */
  #timeNs = 0;
  #comment: Uint8Array | undefined;

  /** Throws a `RangeError` when the addresses are not both IPv4 or both IPv6. */
  constructor(key: FlowKey, buffer: PacketBuffer, settings: ForgeSettings, link: ForgeLink = MADE_UP_LINK) {
    const { client, server } = key;
    if (client.ip.length !== server.ip.length || client.ip.length !== 4 && client.ip.length !== 16) {
      throw new RangeError(
        `Cannot forge between addresses of ${client.ip.length} and ${server.ip.length} bytes`,
      );
    }
    this.key = key;
    this.#buffer = buffer;
    this.#settings = settings;
    const { clientMac, serverMac } = settings.hidesLinks ? MADE_UP_LINK : link;
    const vlan = settings.vlan ?? link.vlan;
    const mapped = { ip: server.ip, port: settings.portMap?.get(server.port) ?? server.port };
    this.#endpoints = [
      new Endpoint(client, mapped, { source: clientMac, destination: serverMac, vlan }, settings),
      new Endpoint(mapped, client, { source: serverMac, destination: clientMac, vlan }, settings),
    ];
    this.#hash = settings.initialSequenceNumbers.hash({ client, server: mapped });
  }

  /** Whether a connection is open: the next close() would forge packets. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Gives the lane's next packet a comment; several are joined by line feeds. */
  comment(text: string): void {
    const comment = encodeComment(text);
    if (comment.length === 0) return;
    const before = this.#comment;
    this.#comment = before === undefined
      ? comment
      : encodeComment(`${decoder.decode(before)}\n${decoder.decode(comment)}`);
  }

  /** Forges the handshake, unless a connection is open. */
  open(timeNs: number): void {
    this.#advance(timeNs);
    if (!this.#open) this.#handshake();
  }

  /**
   * Forges one write: segments, the last of them with PSH, and their acknowledgements; opens a connection first when
   * none is open. `bytes` is borrowed. Nothing happens when it is empty.
   */
  write(direction: Direction, bytes: Uint8Array, timeNs: number): void {
    const length = bytes.length;
    if (length === 0) return;
    const sender = this.#endpoints[direction];
    const receiver = this.#endpoints[1 - direction];
    if (this.#open && sender.unanswered > 0 && this.#isAwaited(sender, timeNs)) {
      this.#segment(receiver, sender, TCP_ACK, NOTHING, 0, 0);
    }
    this.open(timeNs);
    sender.turnWrites++;
    receiver.turnWrites = 0;
    const most = sender.segmentLengthMax;
    const whole = length - most;
    if (whole > 0) bytes = this.#buffer.stage(bytes);
    let at = 0;
    for (; at < whole; at += most) {
      this.#segment(sender, receiver, TCP_ACK, bytes, at, most);
      if (sender.unanswered >= 2) this.#bare(receiver, sender, TCP_ACK);
    }
    this.#segment(sender, receiver, TCP_ACK | TCP_PSH, bytes, at, length - at);
    if (sender.unanswered >= 2) this.#bare(receiver, sender, TCP_ACK);
  }

  /**
   * `length` bytes, above 0, are missing here. `skip`: their sequence numbers were left out and acknowledged past, which an
   * IDS survives inside an opaque flow or a body of declared length (Suricata as long as the connection stays within its
   * reassembly depth; beyond it, it inspects no more in any case). `reset`: they are more than {@linkcode GAP_LENGTH_MAX};
   * the connection was reset, and the next write opens a new one. Either way the packet that shows it says so in a comment.
   */
  gap(direction: Direction, length: number, timeNs: number): "skip" | "reset" {
    this.#advance(timeNs);
    const isSkipped = length <= GAP_LENGTH_MAX;
    if (isSkipped && !this.#open) this.#handshake();
    this.comment(`gap: ${length} bytes to ${direction === TO_CLIENT ? "client" : "server"} are missing`);
    if (!isSkipped) {
      this.#reset();
      return "reset";
    }
    const sender = this.#endpoints[direction];
    const receiver = this.#endpoints[1 - direction];
    for (let left = length; left > 0; left -= GAP_STEP) {
      sender.next = sequenceAdd(sender.next, Math.min(left, GAP_STEP));
      this.#bare(receiver, sender, TCP_ACK);
    }
    return "skip";
  }

  /**
   * Ends the connection, if one is open: FIN both ways beginning with the endpoint that sends in direction `first`, or one
   * RST from that endpoint.
   */
  close(how: "fin" | "reset", timeNs: number, first: Direction = TO_SERVER): void {
    this.#advance(timeNs);
    if (how === "reset") return this.#reset(first);
    if (!this.#open) return;
    const sender = this.#endpoints[first];
    const receiver = this.#endpoints[1 - first];
    if (sender.unanswered > 0) this.#bare(receiver, sender, TCP_ACK);
    this.#bare(sender, receiver, TCP_FIN | TCP_ACK);
    this.#bare(receiver, sender, TCP_FIN | TCP_ACK);
    this.#bare(sender, receiver, TCP_ACK);
    this.#open = false;
  }

  /**
   * Time passes: acknowledges what was left unanswered, and after 25 s of silence forges a
   * keep-alive probe of the client and its answer, so that no IDS forgets the connection.
   */
  tick(timeNs: number): void {
    if (!this.#open) return;
    const silentNs = timeNs - this.#timeNs;
    if (silentNs < ACK_DELAY_NS) return;
    const [client, server] = this.#endpoints;
    if (client.unanswered > 0 || server.unanswered > 0) {
      this.#advance(timeNs);
      if (client.unanswered > 0) this.#bare(server, client, TCP_ACK);
      if (server.unanswered > 0) this.#bare(client, server, TCP_ACK);
    } else if (silentNs >= KEEP_ALIVE_NS) {
      this.#advance(timeNs);
      client.next = sequenceAdd(client.next, -1);
      this.#bare(client, server, TCP_ACK);
      client.next = sequenceAdd(client.next, 1);
      this.#bare(server, client, TCP_ACK);
    }
  }

  /** Whether the other endpoint may have waited for the last write of this one, which writes again. */
  #isAwaited(sender: Endpoint, timeNs: number): boolean {
    return sender.turnWrites <= AWAITED_WRITES || timeNs - this.#timeNs >= BULK_PAUSE_NS;
  }

  #advance(timeNs: number): void {
    if (timeNs > this.#timeNs) this.#timeNs = timeNs;
  }

  #handshake(): void {
    const numbers = this.#settings.initialSequenceNumbers;
    const opening = numbers.opening(this.#hash);
    const [client, server] = this.#endpoints;
    client.begin(numbers.initial(this.#hash, opening, TO_SERVER));
    server.begin(numbers.initial(this.#hash, opening, TO_CLIENT));
    this.#bare(client, server, TCP_SYN);
    this.#bare(server, client, TCP_SYN | TCP_ACK);
    this.#bare(client, server, TCP_ACK);
    this.#open = true;
  }

  #reset(first: Direction = TO_SERVER): void {
    if (!this.#open) return;
    const sender = this.#endpoints[first];
    const receiver = this.#endpoints[1 - first];
    // What the resetting endpoint sent last counts as received only when it is acknowledged.
    if (sender.unanswered > 0) this.#bare(receiver, sender, TCP_ACK);
    this.#bare(sender, receiver, TCP_RST | TCP_ACK);
    this.#open = false;
  }

  /** Forges a segment without payload. */
  #bare(sender: Endpoint, receiver: Endpoint, flags: number): void {
    this.#segment(sender, receiver, flags, NOTHING, 0, 0);
  }

  /** Called for every packet: its arguments are no object, so that none is made. */
  #segment(
    sender: Endpoint,
    receiver: Endpoint,
    flags: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void {
    const comment = this.#comment;
    const at = this.#buffer.reserve(sender.frameLength(flags, length), this.#timeNs, comment);
    if (comment !== undefined) this.#comment = undefined;
    sender.writeFrame(this.#buffer.memory, at, flags, receiver.next, bytes, start, length);
    receiver.unanswered = 0;
    this.packets++;
  }
}

const NOTHING = new Uint8Array(0);
const decoder = new TextDecoder();
