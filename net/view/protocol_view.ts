// SPDX-License-Identifier: MIT
/** What reads one flow's clear text for the exchange log, whatever the protocol. @module */
import type { Direction } from "../../codecs/direction.ts";
import type { DecoderPool } from "../../codecs/decode/budget.ts";
import type { MemoryBudget } from "../../codecs/memory_budget.ts";
import type { ExchangeLog } from "./exchange_log.ts";
import type { ScannedText } from "./head_scan.ts";
import type { Protocol } from "./log_layout.ts";

/** What a reader has around it. */
export interface ViewContext {
  readonly log: ExchangeLog;
  /** Place of the flow's description in the log, which is written again when it has become old. */
  flowAt(): number;
  /** Decompressors of all flows. */
  readonly decoders: DecoderPool;
  /** What all flows may hold of what is not whole. */
  readonly memory: MemoryBudget;
}

/** Reads one flow. Bytes are borrowed for the call. */
export interface ProtocolView {
  /** What the flow was found to be so far. */
  readonly protocol: Protocol;
  /** Requests that wait for their responses, while nothing of a message is under way; else, and without this, -1. */
  readonly unanswered?: number;
  /** Bytes of the bodies of these. */
  readonly unansweredBytes?: number;
  /** A piece that may be just one message, in memory where it begins at a multiple of 4; false: it is not, and was not taken. */
  message?(direction: Direction, text: ScannedText, start: number, end: number, timeNs: number): boolean;
  data(direction: Direction, bytes: Uint8Array, timeNs: number): void;
  gap(direction: Direction, lengthBytes: number, timeNs: number): void;
  /**
   * A piece that begins no tunnel is not read, nor are those that may follow: true; false where it cannot go on without it. Without
   * this: never.
   */
  passOver?(timeNs: number): boolean;
  /** Nothing more comes; rows that are open end. */
  end(timeNs: number): void;
}
