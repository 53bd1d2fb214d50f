// SPDX-License-Identifier: MIT
/** The flows of one ring: which are open, and how far each has come. @module */
import { deliver, type RecordHead, type RecordMeaning } from "../record/deliver.ts";
import { FLAG, KIND, RecordError } from "../record/layout.ts";
import type { CaptureProgram, CaptureTarget } from "../target.ts";
import { HeldFlows } from "./held_flows.ts";

/** Flows that one ring may have open at a time: a program with more than 65,536 sessions at once is not believed. */
const OPEN_FLOWS_MAX = 65_536;

/** An open flow: how many bytes of each direction have been accounted for; NaN before the first. */
type OpenFlow = [toServer: number, toClient: number];

export interface RingFlowsOptions {
  readonly meaning: RecordMeaning;
  /** Whether a program may have lost so many bytes since it began. */
  readonly admitsLoss: (bytes: number) => boolean;
  /** A predecessor read the ring, and saw flows open. */
  readonly isInherited: boolean;
}

export class RingFlows {
  readonly #meaning: RecordMeaning;
  readonly #admitsLoss: (bytes: number) => boolean;
  readonly #flows = new Map<number, OpenFlow>();
  #lastFlow = 0;
  #last: OpenFlow = [0, 0];
  /** Bytes that are missing by the word of gaps and offsets. */
  #claimedLoss = 0;
  /** Of flows that a predecessor saw open; undefined when there was none. */
  readonly #held: HeldFlows | undefined;

  constructor({ meaning, admitsLoss, isInherited }: RingFlowsOptions) {
    this.#meaning = meaning;
    this.#admitsLoss = admitsLoss;
    if (isInherited) this.#held = new HeldFlows();
  }

  /** A predecessor read the ring. */
  get isInherited(): boolean {
    return this.#held !== undefined;
  }

  /** Those that are open or of which records came. */
  get open(): number[] {
    return [...this.#flows.keys()];
  }

  /** Delivers, or keeps, a record of a flow. `payload` is borrowed. */
  take(target: CaptureTarget, program: CaptureProgram, head: RecordHead, payload: Uint8Array): void {
    const { kind, flow } = head;
    const known = flow === this.#lastFlow ? this.#last : this.#flows.get(flow);
    if (kind === KIND.open) {
      if ((head.flags & FLAG.again) !== 0) {
        if (known === undefined) this.#openAgain(target, program, head, payload);
        return;
      }
      this.#open(flow, known);
      this.#begin(head);
    } else if (known === undefined && this.#held !== undefined) {
      return this.#hold(target, program, head, payload);
    } else if (kind === KIND.close) {
      this.#flows.delete(flow);
      this.#lastFlow = 0;
    } else {
      if (flow !== this.#lastFlow) this.#open(flow, known);
      this.#account(head, kind === KIND.gap ? head.amount : payload.length);
    }
    deliver(target, program, head, payload, this.#meaning);
  }

  /** Hands on, as of flows that nobody knows, what was kept of flows that were not opened again. */
  releaseHeld(target: CaptureTarget, program: CaptureProgram, timeNs: number): void {
    for (const flow of this.#held?.flows() ?? []) {
      this.#held!.release(flow, target, program, this.#meaning, timeNs);
    }
  }

  /** Makes `flow` the last one; `known` is what is known of it. */
  #open(flow: number, known: OpenFlow | undefined): void {
    let open = known;
    if (open === undefined) {
      this.#flows.set(flow, open = [NaN, NaN]);
      if (this.#flows.size > OPEN_FLOWS_MAX) {
        throw new RecordError(`more than ${OPEN_FLOWS_MAX} flows are open`);
      }
    }
    this.#last = open;
    this.#lastFlow = flow;
  }

  /** Takes the last flow's offsets from its opening, if they are not known. */
  #begin({ offset, amount }: RecordHead): void {
    if (Number.isNaN(this.#last[0])) this.#last[0] = offset;
    if (Number.isNaN(this.#last[1])) this.#last[1] = amount;
  }

  /** A flow that a predecessor saw open: what was kept of it follows. */
  #openAgain(target: CaptureTarget, program: CaptureProgram, head: RecordHead, payload: Uint8Array): void {
    const { flow } = head;
    this.#open(flow, undefined);
    head.offset = this.#held?.offset(flow, 0, head.offset) ?? head.offset;
    head.amount = this.#held?.offset(flow, 1, head.amount) ?? head.amount;
    this.#begin(head);
    deliver(target, program, head, payload, this.#meaning);
    this.#held?.release(flow, target, program, this.#meaning, head.timeNs);
  }

  #hold(target: CaptureTarget, program: CaptureProgram, head: RecordHead, payload: Uint8Array): void {
    const held = this.#held!;
    const { flow, kind, timeNs } = head;
    for (const crowded of held.hold(head, payload)) {
      held.release(crowded, target, program, this.#meaning, timeNs);
    }
    // It ended before it was opened again: nobody will say what it was.
    if (kind === KIND.close) held.release(flow, target, program, this.#meaning, timeNs);
  }

  /** Follows the last flow's offsets: what they leave out is claimed to be lost. */
  #account({ kind, direction, offset }: RecordHead, length: number): void {
    const expected = this.#last[direction];
    const missing = (offset > expected ? offset - expected : 0) + (kind === KIND.gap ? length : 0);
    if (!(offset + length <= expected)) this.#last[direction] = offset + length;
    if (!(missing > 0)) return;
    this.#claimedLoss += missing;
    if (!this.#admitsLoss(this.#claimedLoss)) {
      throw new RecordError("it tells of more bytes than its process can have passed");
    }
  }
}
