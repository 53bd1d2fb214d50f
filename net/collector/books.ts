// SPDX-License-Identifier: MIT
/** What a collector has taken and written, as data. @module */
import { type SinkBooks, sinkJson } from "../settings/sink_books.ts";

/** The books of one agent, over all its connections. */
export interface AgentRow {
  /** Of its certificate. */
  readonly name: string;
  /** Where it is, or was last. */
  readonly address: string;
  /** At present. */
  readonly connections: number;
  /** Packets that were written. */
  readonly packets: number;
  /** Bytes of their blocks. */
  readonly bytes: number;
  /** Packets that the agent lost before they could be sent, by its reason. */
  readonly lost: ReadonlyMap<string, number>;
  /** Packets that came again after a break and were left out. */
  readonly duplicates: number;
  /** Packets that another collector has, since the session was there meanwhile. */
  readonly elsewhere: number;
  /** Packets that came and are in no file of the collector's, by reason: `agent-share`. */
  readonly dropped: ReadonlyMap<string, number>;
  /** Milliseconds for which it was held to its rate. */
  readonly heldMs: number;
  /** Packets that the agent had when it last said so, and the collector has not. */
  readonly lagPackets: number;
  /** How many milliseconds the oldest of them had waited then. */
  readonly lagMs: number;
}

/** The books of a run. */
export interface CollectorBooks {
  /** In the order in which they came. */
  readonly agents: readonly AgentRow[];
  /** In the order of the settings. */
  readonly sinks: readonly SinkBooks[];
}

/** Every count, for `JSON.stringify`. */
export function collectorBooksJson({ agents, sinks }: CollectorBooks): Record<string, unknown> {
  return {
    agents: agents.map((agent) => ({
      name: agent.name,
      address: agent.address,
      packets: agent.packets,
      bytes: agent.bytes,
      lost: Object.fromEntries(agent.lost),
      dropped: Object.fromEntries(agent.dropped),
      duplicates: agent.duplicates,
      elsewhere: agent.elsewhere,
      heldMs: Math.round(agent.heldMs),
      lagPackets: agent.lagPackets,
      lagMs: agent.lagMs,
    })),
    sinks: sinks.map(sinkJson),
  };
}
