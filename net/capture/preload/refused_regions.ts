// SPDX-License-Identifier: MIT
/** Regions that were refused: they are looked at again and again, since what is wrong may pass, and told once. @module */

/** Regions that are remembered, the newest: no more may be mirrored either. */
const MOST = 16_384;

export class RefusedRegions {
  /** Why each was, by the key of its memory; the oldest comes first. */
  readonly #reasons = new Map<string, string>();

  constructor(readonly most = MOST) {}

  /** Notes why a region was refused; whether that is news. */
  note(key: string, reason: string): boolean {
    if (this.#reasons.get(key) === reason) return false;
    this.#reasons.delete(key);
    this.#reasons.set(key, reason);
    if (this.#reasons.size > this.most) this.#reasons.delete(this.#reasons.keys().next().value!);
    return true;
  }
}
