// SPDX-License-Identifier: MIT
/** How many flows there may be at a time, of all users and of one. @module */

/** The share that one user other than root may have, so that no user can keep the flows of others from being mirrored. */
const USER_SHARE = 0.75;

export class FlowPlaces {
  #taken = 0;
  readonly #ofUsers = new Map<number, number>();

  constructor(readonly most: number) {}

  /** A flow of `uid` begins; whether there is a place for it. One beyond the user's share is nobody else's cost. */
  take(uid: number): boolean {
    const flows = this.#change(uid, 1);
    return flows <= this.#mostOf(uid) && this.#taken <= this.most;
  }

  /** A flow of `uid` has ended, whether or not there was a place for it. */
  giveBack(uid: number): void {
    this.#change(uid, -1);
  }

  #change(uid: number, by: 1 | -1): number {
    const before = this.#ofUsers.get(uid) ?? 0, flows = before + by, most = this.#mostOf(uid);
    this.#taken += Math.min(flows, most) - Math.min(before, most);
    if (flows > 0) this.#ofUsers.set(uid, flows);
    else this.#ofUsers.delete(uid);
    return flows;
  }

  #mostOf(uid: number): number {
    return uid === 0 ? this.most : Math.ceil(this.most * USER_SHARE);
  }
}
