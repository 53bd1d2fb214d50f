// SPDX-License-Identifier: MIT
/** The lanes of one flow: where its codec chain writes, and a forger for each. @module */
import type { CodecOutput, Direction, Lane } from "../../codecs/codec.ts";
import type { Counters } from "./counters.ts";
import { describeLane } from "./lane_comment.ts";
import type { FlowKey } from "../wire/flow_key.ts";
import type { ForgeSettings } from "../forge/settings.ts";
import { Connection } from "../forge/connection.ts";
import type { LanePorts } from "./lane_ports.ts";
import type { PacketBuffer } from "../forge/packet_batch.ts";

/** What all flows of a run forge with. */
export interface Forging {
  readonly buffer: PacketBuffer;
  readonly settings: ForgeSettings;
}

interface OpenLane {
  readonly key: FlowKey;
  readonly forger: Connection;
  /** Packets that the flow's books know of. */
  booked: number;
}

export class LaneSet implements CodecOutput {
  /** Time of what is written next. */
  timeNs = 0;
  readonly #key: FlowKey;
  readonly #forging: Forging;
  readonly #ports: LanePorts;
  readonly #counters: Counters;
  readonly #describe: () => string;
  readonly #laneOpened: (description: string) => void;
  #first: OpenLane | undefined;
  /** Lanes from 1 on; most flows have none. */
  #more: Map<Lane, OpenLane> | undefined;
  #lastLane: Lane = 0;

  /**
   * `describe` is asked when a first packet is forged, for its comment; `laneOpened` is told what the first
   * packet of every other lane says.
   */
  constructor(
    key: FlowKey,
    forging: Forging,
    ports: LanePorts,
    counters: Counters,
    describe: () => string,
    laneOpened: (description: string) => void = () => {},
  ) {
    this.#key = key;
    this.#forging = forging;
    this.#ports = ports;
    this.#counters = counters;
    this.#describe = describe;
    this.#laneOpened = laneOpened;
  }

  write(lane: Lane, direction: Direction, bytes: Uint8Array): void {
    this.#counters.written[direction] += bytes.length;
    const open = this.#open(lane);
    if (!open) return this.#counters.leaveUnforged("lane-closed", direction, bytes.length);
    open.forger.write(direction, bytes, this.timeNs);
    this.#counters.forged[direction] += bytes.length;
    this.#book(open);
  }

  gap(lane: Lane, direction: Direction, length: number): void {
    const open = this.#open(lane);
    if (!open) return;
    const how = open.forger.gap(direction, length, this.timeNs);
    this.#counters.count(how === "skip" ? "gap-skipped" : "gap-reset");
    this.#book(open);
  }

  openLane(comment: string): Lane {
    const lane = ++this.#lastLane;
    const key = this.#ports.take(this.#key, () => this.#evict(lane));
    if (!key) {
      this.#counters.count("no-lane-port");
      return lane;
    }
    const open = this.#make(key);
    const { portMap } = this.#forging.settings;
    const port = portMap?.get(key.server.port) ?? key.server.port;
    const forged = { client: key.client, server: { ip: key.server.ip, port } };
    const description = describeLane(comment, forged, this.#describe());
    open.forger.comment(description);
    this.#laneOpened(description);
    this.#counters.count("lanes");
    (this.#more ??= new Map()).set(lane, open);
    return lane;
  }

  close(lane: Lane, how: "fin" | "reset"): void {
    const open = this.#find(lane);
    if (!open) return;
    open.forger.close(how, this.timeNs);
    this.#book(open);
    if (lane === 0) return;
    this.#more!.delete(lane);
    this.#ports.release(open.key);
  }

  comment(lane: Lane, text: string): void {
    this.#find(lane)?.forger.comment(text);
  }

  count(reason: string, amount?: number): void {
    this.#counters.count(reason, amount);
  }

  /** Closes the flow's own connection for want of traffic, until more is written. Answers whether one was open. */
  rest(): boolean {
    if (!this.#first?.forger.isOpen) return false;
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
    if (this.#more) { for (const open of this.#more.values()) this.#tick(open); }
  }

  #tick(open: OpenLane): void {
    open.forger.tick(this.timeNs);
    this.#book(open);
  }

  #find(lane: Lane): OpenLane | undefined {
    return lane === 0 ? this.#first : this.#more?.get(lane);
  }

  /** Lane 0 opens on demand, any other only by openLane(). */
  #open(lane: Lane): OpenLane | undefined {
    if (lane !== 0) return this.#more?.get(lane);
    if (!this.#first) {
      this.#first = this.#make(this.#key);
      this.#first.forger.comment(this.#describe());
    }
    return this.#first;
  }

  #make(key: FlowKey): OpenLane {
    return { key, forger: new Connection(key, this.#forging.buffer, this.#forging.settings), booked: 0 };
  }

  #evict(lane: Lane): void {
    this.#counters.count("lane-evicted");
    this.close(lane, "reset");
  }

  #book(open: OpenLane): void {
    const { packets } = open.forger;
    this.#counters.packets += packets - open.booked;
    open.booked = packets;
  }
}
