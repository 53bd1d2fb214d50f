// SPDX-License-Identifier: MIT
/**
 * Memory over all rings.
 *
 * @module
 */

/** The share of the total that one user other than root may take, so that no user can blind the agent to the others. */
const USER_SHARE = 0.75;

export class MemoryBudget {
  #used = 0;
  readonly #users = new Map<number, number>();

  constructor(readonly totalBytes: number) {}

  get usedBytes(): number {
    return this.#used;
  }

  /** Less than half of the total is taken. */
  get plenty(): boolean {
    return this.#used < this.totalBytes / 2;
  }

  /** Takes `bytes` for a process of `uid`, or answers false and takes none. */
  take(uid: number, bytes: number): boolean {
    const user = (this.#users.get(uid) ?? 0) + bytes;
    if (this.#used + bytes > this.totalBytes) return false;
    if (uid !== 0 && user > this.totalBytes * USER_SHARE) return false;
    this.#used += bytes;
    this.#users.set(uid, user);
    return true;
  }

  give(uid: number, bytes: number): void {
    this.#used -= bytes;
    const user = (this.#users.get(uid) ?? 0) - bytes;
    if (user > 0) this.#users.set(uid, user);
    else this.#users.delete(uid);
  }
}
