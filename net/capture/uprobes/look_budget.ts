// SPDX-License-Identifier: MIT
/**
 * What files of users may take of the agent: it does nothing else while it looks through one, every user can make files that take long, and there
 * are places for so many only. Root's take what they take. Pure.
 *
 * @module
 */

/** What was spent, less what has come back since. */
interface Spent {
  bytes: number;
  /** When that was so, in milliseconds. */
  atMs: number;
}

/** Bytes that may be looked at in one go, and come back in a second: of one user, and of all of them, who may have many names. */
const OF_USER = { burst: 256 << 20, perSecond: 4 << 20 } as const;
const OF_ALL = { burst: 512 << 20, perSecond: 8 << 20 } as const;
/** So many users are remembered; of all of them what all have spent is. */
const USERS_MAX = 256;
const ROOT = 0;
/** Files that are probed at a time: of one user, and of all of them. */
const FILES_OF_USER = 256;
const FILES_OF_ALL = 512;

/** Whether a file of a user may be probed beside those of `owners`. */
export function hasPlace(user: number, owners: readonly number[]): boolean {
  if (user === ROOT) return true;
  const others = owners.filter((owner) => owner !== ROOT);
  return others.length < FILES_OF_ALL && others.filter((owner) => owner === user).length < FILES_OF_USER;
}

export class LookBudget {
  readonly #users = new Map<number, Spent>();
  readonly #all: Spent = { bytes: 0, atMs: 0 };

  /** Whether one more file of a user may be looked through now. */
  hasRoom(user: number, nowMs: number): boolean {
    if (user === ROOT) return true;
    comeBack(this.#all, OF_ALL.perSecond, nowMs);
    const spent = this.#users.get(user);
    if (spent) comeBack(spent, OF_USER.perSecond, nowMs);
    return this.#all.bytes < OF_ALL.burst && (spent?.bytes ?? 0) < OF_USER.burst;
  }

  /** Of a user who had room: a look may take more than was left. */
  spend(user: number, bytes: number): void {
    if (user === ROOT) return;
    this.#all.bytes += bytes;
    const spent = this.#users.get(user) ?? { bytes: 0, atMs: this.#all.atMs };
    spent.bytes += bytes;
    this.#users.delete(user);
    this.#users.set(user, spent);
    if (this.#users.size > USERS_MAX) this.#users.delete(this.#users.keys().next().value!);
  }
}

function comeBack(spent: Spent, perSecond: number, nowMs: number): void {
  spent.bytes = Math.max(0, spent.bytes - (nowMs - spent.atMs) / 1000 * perSecond);
  spent.atMs = nowMs;
}
