// SPDX-License-Identifier: MIT
/** What a collector has taken and written, as data. @module */
import { type SinkBooks, sinkJson } from "../settings/sink_books.ts";
import type { AgentBooks } from "./agent_books.ts";

/** The books of a run. */
export interface CollectorBooks {
  /** In the order in which they came. */
  readonly agents: readonly AgentBooks[];
  readonly sinks: readonly SinkBooks[];
}

/** Every count, for `JSON.stringify`. */
export function collectorBooksJson({ agents, sinks }: CollectorBooks): Record<string, unknown> {
  return {
    agents: agents.map(({ name, address, packets, bytes, lost, duplicates, lagPackets, lagMs }) => ({
      name,
      address,
      packets,
      bytes,
      lost: Object.fromEntries(lost),
      duplicates,
      lagPackets,
      lagMs,
    })),
    sinks: sinks.map(sinkJson),
  };
}
