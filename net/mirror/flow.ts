// SPDX-License-Identifier: MIT
/**
 * One mirrored TLS session, and who tells of it. Several programs may tell one session: a parent and its child, both ends on
 * one host, two capture sources. Each byte is taken from whoever tells it first.
 *
 * @module
 */
import type { Direction } from "../../codecs/direction.ts";
import type { CaptureEnd, CaptureHello, CaptureOpen, CaptureProgram } from "../capture/target.ts";
import type { Attribution } from "./attribution.ts";
import type { CodecStage } from "./codec_chain.ts";
import { Counters } from "./counters.ts";
import type { FlowTap } from "./flow_tap.ts";
import type { Lanes } from "./lanes.ts";
import type { Claim } from "./trust.ts";

/**
 * Where a flow goes: `told` while a program repeats a session that was mirrored and has ended, `held` until its addresses are
 * known, `mirrored`, `resting` when its forged connection was closed for want of traffic, or `dropped` for a reason.
 *
 *     told ──▶ held ──▶ mirrored ◀──▶ resting        told, held, mirrored, resting ──▶ dropped
 */
export type FlowState = "told" | "held" | "mirrored" | "resting" | "dropped";

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

/** A session whose flow has ended. */
export interface EndedSession {
  readonly claim: Claim;
  /** Bytes of each direction that passed. */
  readonly offsets: readonly [number, number];
  /** It ended with close_notify: nothing came after. */
  readonly isComplete: boolean;
  readonly endedNs: number;
}

export class Flow {
  readonly counters: Counters = new Counters();
  state: FlowState = "held";
  /** Why it is dropped; a reason of the counters. */
  dropReason = "";
  attribution: Attribution | undefined;
  chain: CodecStage | undefined;
  lanes: Lanes | undefined;
  /** Sees the clear text too; undefined where nobody looks. */
  tap: FlowTap | undefined;
  held: HeldEvent[] = NOTHING_HELD;
  heldBytes = 0;
  /** Programs that tell of the flow now. */
  readonly tellers: Teller[] = [];
  /** Bytes of each direction that passed before what is mirrored. */
  readonly start: [number, number];
  /** Bytes of each direction that passed so far, lost ones included. */
  readonly offsets: [number, number];
  /** What is known of its session, while it is `told`. */
  told: EndedSession | undefined;
  /** A forked child told of it first: what its parent told before the fork is to come yet. */
  awaitsParent = false;
  /** Both ends of its session have told of it. */
  hasBothEnds = false;
  /** A teller of it ended with close_notify. */
  isComplete = false;
  /** Its program has it on a Unix socket: unless another connection is found, there are no addresses to come. */
  overUnixSocket = false;
  /** It is inside another session: no interface sees its hello. */
  isCarried = false;
  /** Its 5-tuple is a lane's. */
  isPortBorrowed = false;
  lastSeenNs: number;
  /** Set when the last teller went without close_notify: the flow ends then, unless a forked child goes on with it. */
  endsAtNs = Infinity;
  /** How its last teller went. */
  end: CaptureEnd = "abrupt";
  /** Number of the program that was its last teller. */
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
    this.start = [info.offsets[0], info.offsets[1]];
    this.offsets = [info.offsets[0], info.offsets[1]];
    this.lastSeenNs = openedNs;
    this.counters.flows = 1;
  }

  /** What passed before was not seen: by this agent, or by the hook. */
  get joinedLate(): boolean {
    return this.info.late || this.start[0] + this.start[1] > 0;
  }

  /** Another teller has what passed before: the stream begins earlier, after these bytes of each direction. */
  beginAt(offsets: readonly [number, number]): void {
    this.awaitsParent = false;
    for (const direction of [0, 1] as const) {
      this.start[direction] = this.offsets[direction] = offsets[direction];
    }
  }

  /** Takes note of a Unix socket. Of its own program only: what another says could keep it from being mirrored. */
  noteSocket(program: CaptureProgram, told: CaptureOpen | CaptureHello): void {
    if (told.overUnixSocket && program === this.program) this.overUnixSocket = true;
  }

  /** What it says it is, and what the kernel says of that. */
  get claim(): Claim {
    const { program, info, attribution } = this;
    return { program, isServer: info.isServer, isInherited: info.inherited, attribution };
  }
}

/** What one teller told while others had not come so far; bytes are copies. */
export interface AheadEvent {
  readonly direction: Direction;
  readonly offset: number;
  readonly length: number;
  /** Absent for a gap. */
  readonly bytes: Uint8Array | undefined;
  /** Why a gap is missing; absent for what passed before this teller began. */
  readonly reason: string | undefined;
  readonly timeNs: number;
}

/** Bytes that a gap counts for where what waits is bounded: it takes no memory but the list entry. */
export const GAP_BYTES = 64;

/** One program's telling of a session. */
export class Teller {
  /** It is not the end of the session that the flow began with. */
  readonly isOtherEnd: boolean;
  /** Its offsets mean nothing to the others: one of them joined late. Nothing of it is taken. */
  readonly isMute: boolean;
  /** What waits for the others, in order; undefined when it is not ahead of them. */
  ahead: AheadEvent[] | undefined;
  aheadBytes = 0;
  aheadSinceNs = 0;
  /** How it ended while it was ahead. */
  ended: CaptureEnd | undefined;

  constructor(
    readonly program: CaptureProgram,
    readonly number: number,
    readonly flow: Flow,
    open: CaptureOpen,
  ) {
    const isServer = flow.told ? flow.told.claim.isServer : flow.info.isServer;
    this.isOtherEnd = open.isServer !== isServer;
    if (this.isOtherEnd) flow.hasBothEnds = true;
    const isOrdered = open.inherited ||
      (this.#isRelated ? open.late === flow.info.late : !open.late && !flow.info.late);
    this.isMute = flow.info !== open && !isOrdered;
  }

  /**
   * Another process of the same end, as a child that was forked before anybody looked. What of a session one of them goes on with after the
   * fork, sending or receiving, the other one cannot: where both joined late, each direction is told by one.
   */
  get #isRelated(): boolean {
    return !this.isOtherEnd && this.program.pid !== this.flow.program.pid;
  }

  /** What it passes is told by nobody else, and nobody knows where it belongs. */
  get isUnplaced(): boolean {
    const isToldByOtherEnd = this.flow.tellers.some(({ isOtherEnd, isMute }) => isOtherEnd && !isMute);
    return this.isMute && this.#isRelated && !isToldByOtherEnd;
  }

  /** Why bytes of it are left out: a reason of the counters. */
  get leftOutFor(): string {
    if (this.isUnplaced) return "place-unknown";
    return this.flow.hasBothEnds ? "other-end-mirrored" : "told-before";
  }

  /** Waits with `event` until the others have come so far. */
  wait(event: AheadEvent): void {
    if (this.ahead === undefined) {
      this.ahead = [];
      this.aheadSinceNs = event.timeNs;
    }
    this.ahead.push(event);
    this.aheadBytes += event.bytes ? event.length : GAP_BYTES;
  }

  /** Whether what waits first has its turn: the others have told everything before it, or the gap itself. */
  get hasTurn(): boolean {
    const [first] = this.ahead!;
    const passed = this.flow.offsets[first.direction];
    return passed >= (first.bytes ? first.offset : first.offset + first.length);
  }
}
