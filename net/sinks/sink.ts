// SPDX-License-Identifier: MIT
/** Where forged packets go. @module */
import type { PacketBatch } from "../forge/packet_batch.ts";
import type { SinkFiles } from "./sink_files.ts";

/** What a sink has done with the packets it was given: `packets` = `written` + `kept` + the sum of `dropped`. */
export interface SinkCounters {
  /** Given to the sink. */
  packets: number;
  /** Known to have left. */
  written: number;
  /** Bytes of frames, or of blocks, that were written. */
  writtenBytes: number;
  /** Packets on disk when the sink was closed, for the next run to send. */
  kept: number;
  /** Packets by reason, kebab-case. */
  dropped: Map<string, number>;
}

/** How a sink stands with the collector that it mirrors to. */
export interface RemoteState {
  /** Whether the collector takes packets now. */
  readonly isConnected: boolean;
  /** Milliseconds for which that is so. */
  readonly forMs: number;
  /** Why it is not connected, one line; empty when it is, or no attempt has failed yet. */
  readonly trouble: string;
  /** Packets that the collector has not acknowledged. */
  readonly waitingPackets: number;
  /** Milliseconds that the oldest of them has waited. */
  readonly waitingMs: number;
  /** Bytes of memory that they take, of `queueMaxBytes`. */
  readonly queuedBytes: number;
  /** Bytes of memory that they may take. */
  readonly queueMaxBytes: number;
  /** Bytes of those on disk: files may take up to 8 MiB more until those in the same file are acknowledged. */
  readonly spooledBytes: number;
  /** Bytes that files may take; 0: there is no spool. */
  readonly spoolMaxBytes: number;
}

/** Takes packets. */
export interface Sink {
  /** The sink as it is named on the command line. */
  readonly name: string;
  /** Bytes of IP packet that one frame may carry; may change while it is at work. */
  readonly mtu: number;
  /** What became of the packets. */
  readonly counters: SinkCounters;
  /** Whether it would drop what it is given now, or nobody may be there yet to see it, and may take it later; absent: never. */
  readonly isDown?: boolean;
  /** How it stands with its collector; absent: it mirrors to none. */
  readonly remote?: RemoteState;
  /** Sinks that it spreads packets over, each with counters of its own; absent: it is one itself. */
  readonly sinks?: readonly Sink[];
  /** Files that a later run can go on with; absent: it writes none. */
  readonly files?: SinkFiles;
  /**
   * Takes every packet of the batch; the batch is borrowed for the call. Never throws for a failure of the sink's
   * own: the sink counts what it dropped, says so once in the log, and the other sinks go on.
   */
  write(batch: PacketBatch): void;
  /** Looks at once whether what it writes to is still where it was opened, and opens it anew if not; absent: nothing can move. */
  reopen?(): void;
  /**
   * Waits until what was taken has left, as far as the sink can know, or until more waiting is of no use; used on shutdown
   * and for back-pressure. Where packets are neither written nor dropped when it settles, at least one
   * {@linkcode eventLoopTurn} has passed: whoever flushes until all has left cannot keep the sink from its timers and sockets.
   */
  flush(): Promise<void>;
  /** Flushes and releases; idempotent. */
  close(): Promise<void>;
}

/** Bytes of IP packet in one frame where nothing says otherwise. */
export const DEFAULT_MTU = 1500;

/** Time without progress after which flushing a sink waits no longer for whoever takes what it has. */
export const FLUSH_STALLED_MS = 5000;

/** Settles when timers that are due, and sockets, have had their turn; what only awaits settled promises leaves them none. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

export function newSinkCounters(): SinkCounters {
  return { packets: 0, written: 0, writtenBytes: 0, kept: 0, dropped: new Map() };
}

export function countDropped(counters: SinkCounters, reason: string, packets: number): void {
  if (packets > 0) counters.dropped.set(reason, (counters.dropped.get(reason) ?? 0) + packets);
}
