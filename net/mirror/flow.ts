// SPDX-License-Identifier: MIT
/** One mirrored TLS session. @module */
import type { CaptureEnd, CaptureOpen, CaptureProgram } from "../capture/target.ts";
import type { Attribution } from "./attribution.ts";
import type { CodecStage } from "./codec_chain.ts";
import { Counters } from "./counters.ts";
import type { LaneSet } from "./lane_set.ts";

/**
 * Where a flow goes: `held` until its addresses are known, `mirrored`, `resting` when its forged connection was closed for want
 * of traffic, or `dropped` for a reason.
 */
export type FlowState = "held" | "mirrored" | "resting" | "dropped";

/** What was captured while the flow was held; bytes are copies. */
export interface HeldEvent {
  readonly direction: 0 | 1;
  /** Absent for a gap. */
  readonly bytes: Uint8Array | undefined;
  readonly length: number;
  readonly timeNs: number;
}

/** Stands for the list that most flows never need; never written to. */
export const NOTHING_HELD: HeldEvent[] = [];

export class Flow {
  readonly counters: Counters = new Counters();
  state: FlowState = "held";
  /** Why it is dropped; a reason of the counters. */
  dropReason = "";
  attribution: Attribution | undefined;
  chain: CodecStage | undefined;
  lanes: LaneSet | undefined;
  held: HeldEvent[] = NOTHING_HELD;
  heldBytes = 0;
  /** Programs that have it open, by id, and its number there: more than one after a fork. */
  readonly holders: { readonly program: number; readonly number: number }[] = [];
  /** Bytes of each direction that passed so far, lost ones included. */
  readonly offsets: [number, number];
  lastSeenNs: number;
  /** Set when the last holder went without close_notify: the flow ends then, unless a forked child goes on with it. */
  endsAtNs = Infinity;
  /** How its last holder went. */
  end: CaptureEnd = "abrupt";
  /** Number of the program that was its last holder. */
  endedBy = 0;
  /** It has rested before: what comes now is the middle of a session. */
  rested = false;
  /** Its end is unknown: bytes after what was seen are missing. */
  cutShort = false;

  constructor(
    /** Number in this run, from 1. */
    readonly id: number,
    readonly program: CaptureProgram,
    readonly info: CaptureOpen,
    readonly openedNs: number,
  ) {
    this.offsets = [info.offsets[0], info.offsets[1]];
    this.lastSeenNs = openedNs;
    this.counters.flows = 1;
  }
}
