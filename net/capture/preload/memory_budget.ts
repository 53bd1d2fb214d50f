// SPDX-License-Identifier: MIT
/**
 * Memory over all rings: what is in use, whatever was granted.
 *
 * @module
 */

/** The share of the total that one user other than root may use, so that no user can blind the agent to the others. */
const USER_SHARE = 0.75;
/** What every ring counts at least: its header, a page of slots and some of data. */
export const RING_LEAST = 16 << 10;

export class MemoryBudget {
  #used = 0;
  readonly #users = new Map<number, number>();

  constructor(readonly totalBytes: number) {}

  get usedBytes(): number {
    return this.#used;
  }

  /** Whether rings of `uid` may go on to memory that they have not used yet: less than half of what it may have is taken. */
  isPlenty(uid: number): boolean {
    return this.#used < this.totalBytes / 2 && this.#of(uid) < this.#mostOf(uid) / 2;
  }

  /** Whether one more ring of `uid` finds room. */
  admits(uid: number): boolean {
    return this.#used + RING_LEAST <= this.totalBytes && this.#of(uid) + RING_LEAST <= this.#mostOf(uid);
  }

  /**
   * A ring of `uid` uses `after` bytes now, and `before` until now, by its own word: what is beyond the user's share is nobody
   * else's cost.
   */
  change(uid: number, before: number, after: number): void {
    const used = this.#of(uid), user = used + after - before, most = this.#mostOf(uid);
    this.#used += Math.min(user, most) - Math.min(used, most);
    if (user > 0) this.#users.set(uid, user);
    else this.#users.delete(uid);
  }

  #of(uid: number): number {
    return this.#users.get(uid) ?? 0;
  }

  #mostOf(uid: number): number {
    return uid === 0 ? this.totalBytes : this.totalBytes * USER_SHARE;
  }
}
