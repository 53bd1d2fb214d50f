// SPDX-License-Identifier: MIT
/** What all sinks are made with. @module */
import type { Sink } from "./sink.ts";

/** How a sink is opened. */
export interface SinkOptions {
  /** Program and version, for the head of a capture: `sslcollector 0.1.0`. */
  readonly application: string;
  /** Where the mirrored flows were seen, for the head of a capture. */
  readonly interfaceName: string;
  /** Bytes of IP packet in one frame for sinks that have no MTU of their own; {@linkcode DEFAULT_MTU} when absent. */
  readonly mtu?: number;
  /** A file is followed by another before it is larger; absent: never. */
  readonly rotateBytes?: number;
  /** Milliseconds after its beginning at which a file is followed by another; absent: never. */
  readonly rotateMs?: number;
  /** Files of the series kept when they rotate, the oldest is deleted, also that of an earlier run; absent: all. */
  readonly keep?: number;
  /** Length in bytes of a file that is there and to be gone on with; absent: it is written anew. Not with rotation. */
  readonly continueAt?: number;
  /** Told when a file other than the first was begun, and is empty yet. */
  readonly begun?: () => void;
  /** Takes one line on what others did to the sink and it went along with. */
  readonly info?: (message: string) => void;
  /** Takes one line on a trouble that the sink lives on with; each kind of trouble is told once. */
  readonly warn?: (message: string) => void;
  /** Takes one line on why the sink takes no more packets from now on; once. */
  readonly stopped?: (sink: Sink, message: string) => void;
}
