// SPDX-License-Identifier: MIT
/**
 * Regions in which no ring has been claimed yet: every program that is merely linked with a TLS library has one, so looking at
 * them is bounded, and those that came a moment ago have precedence.
 *
 * @module
 */
import type { Guest } from "./guest.ts";

/** For so long a region is looked at each time. */
const YOUNG_MS = 2000;
/** Older ones that are looked at each time: a thousand of them have their turn within a quarter of a second. */
const OLD_EACH = 100;

export class Waiting {
  readonly #isBegun: (guest: Guest) => boolean;
  /** In the order in which they came. */
  readonly #young = new Set<Guest>();
  readonly #old = new Set<Guest>();

  constructor(isBegun: (guest: Guest) => boolean) {
    this.#isBegun = isBegun;
  }

  add(guest: Guest): void {
    this.#young.add(guest);
  }

  delete(guest: Guest): void {
    this.#young.delete(guest);
    this.#old.delete(guest);
  }

  /** Whether there are some that came a moment ago. */
  get hasYoung(): boolean {
    return this.#young.size > 0;
  }

  /** Those that are begun, which wait no more; with `all` also every old one is looked at. */
  due(nowMs: number, all = false): Guest[] {
    const begun: Guest[] = [];
    for (const guest of this.#young) {
      if (this.#isBegun(guest)) begun.push(guest);
      else if (nowMs - guest.sinceMs > YOUNG_MS) {
        this.#young.delete(guest);
        this.#old.add(guest);
      }
    }
    let looks = all ? this.#old.size : Math.min(OLD_EACH, this.#old.size);
    for (const guest of this.#old) {
      if (looks-- === 0) break;
      this.#old.delete(guest);
      if (this.#isBegun(guest)) begun.push(guest);
      else this.#old.add(guest);
    }
    for (const guest of begun) this.delete(guest);
    return begun;
  }
}
