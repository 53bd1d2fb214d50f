// SPDX-License-Identifier: MIT
/**
 * Tellers that are ahead: they told what lies behind something that another teller of their flow may still tell. What they
 * tell waits for a bounded time and size, so that a child's ring may be read before its parent's, and one end may have what
 * the other end lost.
 *
 * @module
 */
import type { Direction } from "../../codecs/direction.ts";
import type { MemoryAccount, MemoryBudget } from "../../codecs/memory_budget.ts";
import type { CaptureOpen } from "../capture/target.ts";
import type { AheadEvent, Flow, Teller } from "./flow.ts";

/** How long others are waited for, and with how many bytes: an agent reads them within a round or two. */
const WAIT_NS = 1e9;
const WAIT_BYTES = 256 * 1024;

/** What is asked of the table of flows. */
export interface AheadHandlers {
  /** What a teller told has its turn. */
  tell(teller: Teller, event: AheadEvent): void;
  /** The parent of a forked child tells nothing. */
  giveUpParent(flow: Flow): void;
  /** A teller that has ended is not ahead any more. */
  leave(teller: Teller, timeNs: number): void;
}

export class AheadTellers {
  readonly #handlers: AheadHandlers;
  readonly #ahead = new Map<Teller, MemoryAccount>();

  /** What waits counts in `memory`. */
  constructor(handlers: AheadHandlers, readonly memory: MemoryBudget) {
    this.#handlers = handlers;
  }

  /** Puts a teller that has just come where its flow is: behind, level, or ahead of what the others told. */
  align(teller: Teller, open: CaptureOpen, timeNs: number): void {
    const { flow } = teller;
    if (teller.isMute || flow.state === "told") return;
    if (flow.awaitsParent && !open.inherited) flow.beginAt(open.offsets);
    if (!flow.awaitsParent && !isFollowed(teller)) return;
    for (const direction of [0, 1] as const) {
      const length = open.offsets[direction];
      const isMissing = flow.awaitsParent ? length > 0 : length > flow.offsets[direction];
      const passed = { direction, offset: 0, length, bytes: undefined, reason: undefined, timeNs };
      if (isMissing) this.wait(teller, passed);
    }
  }

  /** Whether what `teller` is about to tell waits for another of its flow, who may still tell what is missing before it. */
  isAhead(teller: Teller, direction: Direction, offset: number): boolean {
    if (teller.isMute) return false;
    if (teller.ahead) return true;
    const { flow } = teller;
    return offset > flow.offsets[direction] && flow.tellers.length > 1 && isFollowed(teller);
  }

  /** Keeps what a teller told ahead of the others; past the bound they are not waited for. */
  wait(teller: Teller, event: AheadEvent): void {
    teller.wait(event);
    if (teller.aheadBytes > WAIT_BYTES) this.flush(teller, event.timeNs);
    else this.#accountOf(teller).settle(teller.aheadBytes);
  }

  #accountOf(teller: Teller): MemoryAccount {
    let account = this.#ahead.get(teller);
    if (account === undefined) {
      account = this.memory.open(() => this.#giveWay(teller));
      this.#ahead.set(teller, account);
    }
    return account;
  }

  /** Of all that waits this is the largest, and it is too much. */
  #giveWay(teller: Teller): number {
    teller.flow.counters.count("ahead-over-bound");
    this.flush(teller, teller.flow.lastSeenNs);
    return 0;
  }

  /** The flow has come further: those who are ahead may have their turn. */
  tellDue(flow: Flow, timeNs: number): void {
    if (this.#ahead.size === 0 || flow.awaitsParent) return;
    for (let again = true; again;) {
      again = false;
      for (const teller of [...flow.tellers]) {
        while (teller.ahead?.length && teller.hasTurn) {
          again = true;
          this.#handlers.tell(teller, teller.ahead.shift()!);
        }
        if (teller.ahead?.length === 0) this.#level(teller, timeNs);
      }
    }
  }

  /** A teller has ended: where everybody left is ahead, nobody tells what is missing, and the first goes on. */
  unblock(flow: Flow, timeNs: number): void {
    if (flow.awaitsParent) return;
    for (;;) {
      const telling = flow.tellers.filter(({ isMute }) => !isMute);
      const first = telling.find(({ ahead }) => ahead);
      if (!first || telling.some(({ ahead }) => !ahead)) return;
      this.flush(first, timeNs);
    }
  }

  /** Tells what waits, whatever is missing before it. */
  flush(teller: Teller, timeNs: number): void {
    const { flow } = teller;
    if (flow.awaitsParent) return this.#handlers.giveUpParent(flow);
    while (teller.ahead?.length) this.#handlers.tell(teller, teller.ahead.shift()!);
    this.#level(teller, timeNs);
    this.tellDue(flow, timeNs);
  }

  flushFlow(flow: Flow, timeNs: number): void {
    for (const teller of [...flow.tellers]) if (teller.ahead) this.flush(teller, timeNs);
  }

  /** Waits for nobody longer than the bound. */
  tick(timeNs: number): void {
    for (const teller of [...this.#ahead.keys()]) {
      if (timeNs - teller.aheadSinceNs > WAIT_NS) this.flush(teller, timeNs);
    }
  }

  /** Waits for nobody any more. */
  drain(timeNs: number): void {
    for (const teller of [...this.#ahead.keys()]) this.flush(teller, timeNs);
  }

  #level(teller: Teller, timeNs: number): void {
    if (!teller.ahead) return;
    teller.ahead = undefined;
    teller.aheadBytes = 0;
    this.#ahead.get(teller)?.close();
    this.#ahead.delete(teller);
    if (teller.ended) this.#handlers.leave(teller, timeNs);
  }
}

/** Whether another teller of its flow, who is not ahead itself, may still tell what is missing before what this one tells. */
function isFollowed(teller: Teller): boolean {
  return teller.flow.tellers.some((other) => other !== teller && !other.isMute && !other.ahead);
}
