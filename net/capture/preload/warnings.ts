// SPDX-License-Identifier: MIT
/**
 * Lines for people that programs can cause: bounded for each user, so that one's noise does not hide another's.
 *
 * @module
 */

/** A second, of one user and of all. */
const OF_USER_MAX = 3;
const MAX = 20;

export class Warnings {
  readonly #tell: (message: string) => void;
  readonly #ofUsers = new Map<number, number>();
  #told = 0;
  #suppressed = 0;

  constructor(tell: (message: string) => void) {
    this.#tell = tell;
  }

  add(message: string, uid: number): void {
    const ofUser = (this.#ofUsers.get(uid) ?? 0) + 1;
    this.#ofUsers.set(uid, ofUser);
    if (ofUser > OF_USER_MAX || this.#told >= MAX) {
      this.#suppressed++;
    } else {
      this.#told++;
      this.#tell(message);
    }
  }

  /** A second has passed. */
  renew(): void {
    if (this.#suppressed > 0) this.#tell(`${this.#suppressed} more warnings of this kind`);
    this.#ofUsers.clear();
    this.#told = this.#suppressed = 0;
  }
}
