// SPDX-License-Identifier: MIT
/** The lanes of one flow: where its codec chain writes, and a forged connection for each. @module */
import { type CodecOutput, type Direction, type Lane, TO_CLIENT } from "../../codecs/codec.ts";
import type { Counters } from "./counters.ts";
import { describeLane } from "./lane_comment.ts";
import type { FlowKey } from "../wire/flow_key.ts";
import type { ForgeLink, ForgeSettings } from "../forge/settings.ts";
import { Connection } from "../forge/connection.ts";
import type { LanePorts } from "./lane_ports.ts";
import type { PacketBuffer } from "../forge/packet_batch.ts";

/** What all flows of a run forge with. */
export interface Forging {
  readonly buffer: PacketBuffer;
  readonly settings: ForgeSettings;
}

/** What the lanes of a flow are made with. */
export interface LanesOptions {
  /** 5-tuple of lane 0: the flow's. */
  readonly key: FlowKey;
  /** Its ends on the link; absent: made-up ones. */
  readonly link?: ForgeLink;
  readonly forging: Forging;
  readonly ports: LanePorts;
  /** The flow's books. */
  readonly counters: Counters;
  /** What the first packet of lane 0 says of the flow; asked when that packet is forged. */
  readonly describe: () => string;
  /** The server's greeting that is missing before these first bytes of lane 0, if one is. */
  readonly missingGreeting?: (direction: Direction, bytes: Uint8Array) => Uint8Array | undefined;
  /** Told what the first packet of every other lane says. */
  readonly laneOpened?: (description: string) => void;
}

export class Lanes implements CodecOutput {
  /** Time of what is written next. */
  timeNs = 0;
  readonly #options: LanesOptions;
  readonly #counters: Counters;
  #first: Connection | undefined;
  /** Lanes from 1 on; most flows have none. */
  #more: Map<Lane, Connection> | undefined;
  #lastLane: Lane = 0;

  constructor(options: LanesOptions) {
    this.#options = options;
    this.#counters = options.counters;
  }

  write(lane: Lane, direction: Direction, bytes: Uint8Array): void {
    if (lane === 0 && !this.#first) this.#greet(direction, bytes);
    this.#counters.written[direction] += bytes.length;
    const connection = this.#open(lane);
    if (!connection) return this.#counters.leaveUnforged("lane-closed", direction, bytes.length);
    const before = connection.packets;
    connection.write(direction, bytes, this.timeNs);
    this.#counters.forged[direction] += bytes.length;
    this.#counters.packets += connection.packets - before;
  }

  gap(lane: Lane, direction: Direction, length: number): void {
    const connection = this.#open(lane);
    if (!connection) return;
    const before = connection.packets;
    const how = connection.gap(direction, length, this.timeNs);
    this.#counters.count(how === "skip" ? "gap-skipped" : "gap-reset");
    this.#counters.packets += connection.packets - before;
  }

  openLane(comment: string): Lane {
    const lane = ++this.#lastLane;
    const { key: own, ports, forging, describe, laneOpened } = this.#options;
    const key = ports.take(own, () => this.#evict(lane));
    if (!key) {
      this.#counters.count("no-lane-port");
      return lane;
    }
    const connection = this.#make(key);
    const port = forging.settings.portMap?.get(key.server.port) ?? key.server.port;
    const forged = { client: key.client, server: { ip: key.server.ip, port } };
    const description = describeLane(comment, forged, describe());
    connection.comment(description);
    laneOpened?.(description);
    this.#counters.count("lanes");
    (this.#more ??= new Map()).set(lane, connection);
    return lane;
  }

  close(lane: Lane, how: "fin" | "reset"): void {
    const connection = this.#find(lane);
    if (!connection) return;
    const before = connection.packets;
    connection.close(how, this.timeNs);
    this.#counters.packets += connection.packets - before;
    if (lane === 0) return;
    this.#more!.delete(lane);
    this.#options.ports.release(connection.key);
  }

  comment(lane: Lane, text: string): void {
    this.#find(lane)?.comment(text);
  }

  count(reason: string, amount?: number): void {
    this.#counters.count(reason, amount);
  }

  /** Closes the flow's own connection for want of traffic, until more is written. Answers whether one was open. */
  rest(): boolean {
    if (!this.#first?.isOpen) return false;
    this.close(0, "fin");
    return true;
  }

  /** The flow has ended. */
  closeAll(how: "fin" | "reset"): void {
    if (this.#more) { for (const lane of [...this.#more.keys()]) this.close(lane, how); }
    this.close(0, how);
  }

  tick(): void {
    if (this.#first) this.#tick(this.#first);
    if (this.#more) { for (const connection of this.#more.values()) this.#tick(connection); }
  }

  /** Makes up the greeting that is missing before these first bytes. It is in no book of clear text. */
  #greet(direction: Direction, bytes: Uint8Array): void {
    const greeting = this.#options.missingGreeting?.(direction, bytes);
    if (!greeting) return;
    const connection = this.#open(0)!;
    const before = connection.packets;
    connection.open(this.timeNs);
    connection.comment(
      `made up: a greeting of ${greeting.length} bytes, since the session begins behind STARTTLS`,
    );
    connection.write(TO_CLIENT, greeting, this.timeNs);
    this.#counters.packets += connection.packets - before;
    this.#counters.count("starttls-greeted");
    this.#counters.count("starttls-greeting-bytes", greeting.length);
  }

  #tick(connection: Connection): void {
    const before = connection.packets;
    connection.tick(this.timeNs);
    this.#counters.packets += connection.packets - before;
  }

  #find(lane: Lane): Connection | undefined {
    return lane === 0 ? this.#first : this.#more?.get(lane);
  }

  /** Lane 0 opens on demand, any other only by openLane(). */
  #open(lane: Lane): Connection | undefined {
    if (lane !== 0) return this.#more?.get(lane);
    if (!this.#first) {
      this.#first = this.#make(this.#options.key);
      this.#first.comment(this.#options.describe());
    }
    return this.#first;
  }

  #make(key: FlowKey): Connection {
    const { link, forging: { buffer, settings } } = this.#options;
    return new Connection(key, buffer, settings, link);
  }

  #evict(lane: Lane): void {
    this.#counters.count("lane-evicted");
    this.close(lane, "reset");
  }
}
