// SPDX-License-Identifier: MIT
/** What a sink did, as data. @module */
import type { SinkCounters } from "../sinks/sink.ts";

/** The books of one sink. */
export interface SinkBooks {
  /** The sink as the settings name it. */
  readonly name: string;
  /** Packets and bytes. */
  readonly counters: SinkCounters;
}

/** For `JSON.stringify`. */
export function sinkJson({ name, counters }: SinkBooks): Record<string, unknown> {
  return {
    name,
    packets: counters.packets,
    written: counters.written,
    writtenBytes: counters.writtenBytes,
    kept: counters.kept,
    dropped: Object.fromEntries(counters.dropped),
  };
}
