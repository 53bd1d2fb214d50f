// SPDX-License-Identifier: MIT
/** Those who follow the exchange log, and when they look for what is new. @module */

/** Nobody is told more often what is new: it is read by people. */
export const FOLLOW_MS = 250;
/** Nor so often where more comes than anybody reads, of which a sample is told: the more there is, up to this. */
export const FOLLOW_MANY_MS = 4 * FOLLOW_MS;

export interface Follower {
  /** Tells what is new, unless something was a short time ago, see {@linkcode FOLLOW_MS}; `nowMs` is of `performance.now()`. */
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

  /** `timerMs`: so often they look whoever calls {@linkcode look} or not. */
  constructor(timerMs: number = FOLLOW_MS) {
    this.#timerMs = timerMs;
  }

  get isEmpty(): boolean {
    return this.#followers.size === 0;
  }

  add(follower: Follower): void {
    this.#followers.add(follower);
    this.#timer ??= setInterval(() => this.look(), this.#timerMs);
  }

  delete(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#followers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Something may be new, or time has passed; may be called as often as that is. */
  look(): void {
    if (this.#followers.size === 0) return;
    const nowMs = performance.now();
    for (const follower of this.#followers) {
      try {
        follower.look(nowMs);
      } catch (error) {
        // Of whoever follows alone: the agent goes on.
        this.delete(follower);
        follower.fail(error);
      }
    }
  }
}
