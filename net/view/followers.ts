// SPDX-License-Identifier: MIT
/** Those who follow the exchange log, and when they look for what is new. @module */

/** Nobody is told more often what is new: it is read by people. */
export const FOLLOW_MS = 250;
/** Nor so often where more comes than anybody reads, of which a sample is told: the more there is, up to this. */
export const FOLLOW_MANY_MS = 8 * FOLLOW_MS;

export interface Follower {
  /** Nothing may be left out of what it looks at. */
  readonly readsAll: boolean;
  /** Before that it has nothing to tell, since something was a short time ago, see {@linkcode FOLLOW_MS}. */
  readonly dueMs: number;
  /** Tells what is new, if it is due; `nowMs` is of `performance.now()`. */
  look(nowMs: number): void;
  /** It could not tell, and looks no more. */
  fail(error: unknown): void;
}

/**
 * They look when the agent does, which is awake then and has just read what is new: to wake for each of them would cost more than to
 * look. Where the first row of long comes, it is told at once.
 */
export class Followers {
  readonly #followers = new Set<Follower>();
  readonly #timerMs: number;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** When they were asked to last, and when the first of them is due. */
  #askedMs = -Infinity;
  #dueMs = -Infinity;

  /** `timerMs`: so often they look still where nobody calls {@linkcode look}. */
  constructor(timerMs: number = FOLLOW_MS) {
    this.#timerMs = timerMs;
  }

  get isEmpty(): boolean {
    return this.#followers.size === 0;
  }

  /** Nothing may be left unread. */
  get readAll(): boolean {
    for (const follower of this.#followers) if (follower.readsAll) return true;
    return false;
  }

  add(follower: Follower): void {
    this.#followers.add(follower);
    this.#dueMs = -Infinity;
    this.#timer ??= setInterval(() => {
      if (performance.now() - this.#askedMs >= this.#timerMs / 2) this.look();
    }, this.#timerMs);
  }

  delete(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#followers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Something may be new, or time has passed; may be called as often as that is. `nowMs` is of `performance.now()`. */
  look(nowMs: number = performance.now()): void {
    this.#askedMs = nowMs;
    if (nowMs < this.#dueMs || this.#followers.size === 0) return;
    this.#dueMs = Infinity;
    for (const follower of this.#followers) {
      try {
        follower.look(nowMs);
        this.#dueMs = Math.min(this.#dueMs, follower.dueMs);
      } catch (error) {
        // Of whoever follows alone: the agent goes on.
        this.delete(follower);
        follower.fail(error);
      }
    }
  }
}
