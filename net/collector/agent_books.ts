// SPDX-License-Identifier: MIT
/** What came from one agent. @module */

/** Why agents lose packets (docs/link.md); an agent that gives other reasons must not make the books grow. */
const REASONS: ReadonlySet<string> = new Set([
  "queue-full",
  "spool-full",
  "spool-failed",
  "spool-damaged",
  "not-spooled",
  "over-mtu",
]);

/** What an agent says of itself. */
export interface AgentState {
  /** Bytes of memory that wait for this collector. */
  readonly queuedBytes: number;
  /** Bytes on disk that do. */
  readonly spooledBytes: number;
  /** Program and version. */
  readonly application: string;
}

/**
 * Over all its connections and sessions. For every session: packets that the agent was given = written here + dropped here
 * + lost there + elsewhere + still under way.
 */
export class AgentBooks {
  /** Where it is, or was last: of several connections, that of the oldest, which is the agent's beside a visit of `doctor`. */
  address = "";
  /** Addresses of the connections at present, in the order in which they came. */
  readonly #addresses: string[] = [];
  /** Milliseconds since 1970 when it came, or left. */
  turnedMs = Date.now();
  /** Packets and bytes of blocks given to the sinks. */
  packets = 0;
  bytes = 0;
  /** Packets that came again after a break and were left out. */
  duplicates = 0;
  /** Packets that the agent lost before they could be sent, by its reason; `unknown` where it gave none, `other` for one of its own. */
  readonly lost: Map<string, number> = new Map();
  /** Packets that another collector has: the session was there meanwhile. */
  elsewhere = 0;
  /** Packets that came and are in no file of the collector's, by reason: `agent-share`. */
  readonly dropped: Map<string, number> = new Map();
  /** Milliseconds for which it was held to its rate. */
  heldMs = 0;
  /** Packets that the agent had when it last said so, and the collector has not. */
  lagPackets = 0;
  /** How long the oldest of them had waited then, by the agent's clock. */
  lagMs = 0;
  /** What it last said of itself; undefined: nothing, as versions before 0.1.0 do. */
  state: AgentState | undefined;

  constructor(readonly name: string) {}

  /** Connections at present. */
  get connections(): number {
    return this.#addresses.length;
  }

  connected(address: string): void {
    if (this.#addresses.push(address) > 1) return;
    this.address = address;
    this.turnedMs = Date.now();
  }

  /** The connection from `address`, which `connected` was told, is over. */
  disconnected(address: string): void {
    this.#addresses.splice(this.#addresses.indexOf(address), 1);
    if (this.connections === 0) this.turnedMs = Date.now();
    else this.address = this.#addresses[0];
  }

  /** The agent says that it has `packets` more, the oldest of which has waited for `waitedMs`. */
  told(packets: number, waitedMs: number): void {
    this.lagPackets = Math.max(0, packets);
    this.lagMs = this.lagPackets === 0 ? 0 : waitedMs;
  }

  wrote(packets: number, bytes: number): void {
    this.packets += packets;
    this.bytes += bytes;
    this.told(this.lagPackets - packets, this.lagMs);
  }

  drop(reason: string, packets: number): void {
    this.told(this.lagPackets - packets, this.lagMs);
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + packets);
  }

  lose(reason: string, packets: number): void {
    this.told(this.lagPackets - packets, this.lagMs);
    const known = reason === "" ? "unknown" : REASONS.has(reason) ? reason : "other";
    this.lost.set(known, (this.lost.get(known) ?? 0) + packets);
  }

  /** `12 packets, 4096 bytes, 3 lost: queue-full, lag 2 packets (150 ms)`. */
  describe(): string {
    const lost = [...this.lost].map(([reason, packets]) => `, ${packets} lost: ${reason}`).join("");
    const dropped = [...this.dropped].map(([reason, packets]) => `, ${packets} in no file: ${reason}`).join(
      "",
    );
    const elsewhere = this.elsewhere > 0 ? `, ${this.elsewhere} are with another collector` : "";
    const again = this.duplicates > 0 ? `, ${this.duplicates} came twice and were left out` : "";
    return `${this.packets} packets, ${this.bytes} bytes${lost}${dropped}${elsewhere}${again}, lag ${this.lagPackets} packets (${this.lagMs} ms)`;
  }
}
