// SPDX-License-Identifier: MIT
/** Which line of a list is chosen, and where it stands on the screen, while the list grows, shrinks and is sorted. @module */

/** Of lines that a key tells apart. */
export class Chosen<K> {
  /** Whether the line at the list's growing end is chosen, whichever it is. */
  follows = true;
  #key: K | undefined;
  /** The line's place among those that are shown. */
  #place = 0;

  /** Its index among `keys`, and that of the first that is shown in so many `rows`; 0 of none. `end` is where a list grows. */
  look(
    keys: readonly K[],
    rows: number,
    end: "first" | "last",
  ): { readonly index: number; readonly first: number } {
    const index = this.#indexIn(keys, end);
    this.#place = Math.max(0, Math.min(this.#place, rows - 1, index));
    if (this.follows) this.#place = end === "last" ? Math.max(0, Math.min(rows, keys.length) - 1) : 0;
    const first = Math.max(0, Math.min(index - this.#place, keys.length - rows));
    this.#key = keys[index];
    this.#place = index - first;
    return { index, first };
  }

  get key(): K | undefined {
    return this.#key;
  }

  /** Goes so many lines on. */
  move(by: number, keys: readonly K[], rows: number, end: "first" | "last"): void {
    const { index } = this.look(keys, rows, end);
    const next = Math.max(0, Math.min(index + by, keys.length - 1));
    this.choose(next, keys, rows);
    this.follows = keys.length > 0 && by !== 0 && next === (end === "last" ? keys.length - 1 : 0);
  }

  /** Goes to the line of this index. */
  choose(index: number, keys: readonly K[], rows: number): void {
    const before = this.#key === undefined ? 0 : Math.max(0, keys.indexOf(this.#key));
    this.follows = false;
    this.#key = keys[index];
    this.#place = Math.max(0, Math.min(this.#place + index - before, rows - 1));
  }

  #indexIn(keys: readonly K[], end: "first" | "last"): number {
    if (keys.length === 0) return 0;
    if (this.follows || this.#key === undefined) return end === "last" ? keys.length - 1 : 0;
    const index = keys.indexOf(this.#key);
    // It has left the list: the oldest that is there stands nearest.
    return index < 0 ? (end === "last" ? 0 : keys.length - 1) : index;
  }
}
