// SPDX-License-Identifier: MIT
/**
 * How many bytes of fields that were sent as references to a table are told.
 *
 * References to long fields of the table make a list of 240 KiB from 60 bytes. Each byte that comes earns its connection
 * {@linkcode BYTES_PER_BYTE} of them: browsers, with cookies of a few KiB in every request, use a third of that. What frames, encodes or
 * routes a message is told beyond it and becomes a debt; whoever writes messages knows them by `FieldList.isBeyondLimit`.
 *
 * @module
 */

const BYTES_PER_BYTE = 64;
/** What a connection can have earned, or owe. */
const MAX_EARNED_BYTES = 512 * 1024;
/** What a connection may use before it has earned anything: a client's first requests. */
const ALLOWANCE_BYTES = 64 * 1024;
/** What all connections together may use in this way, and get back for each byte that comes: 256 new ones at a time. */
const MAX_SHARED_BYTES = 256 * ALLOWANCE_BYTES;

/** Allowances of all connections: without a bound of their own, many short connections would be one large burst. */
export class SharedAllowance {
  leftBytes: number = MAX_SHARED_BYTES;

  earn(lengthBytes: number): void {
    this.leftBytes = Math.min(MAX_SHARED_BYTES, this.leftBytes + lengthBytes);
  }
}

/** The budget of one connection. */
export class RepeatBudget {
  #earnedBytes = 0;
  #allowanceBytes = ALLOWANCE_BYTES;

  constructor(readonly shared: SharedAllowance) {}

  /** What references may add to the next list; below 0 where more was told already. */
  get limitBytes(): number {
    return this.#earnedBytes + Math.min(this.#allowanceBytes, this.shared.leftBytes);
  }

  /** So many bytes of the connection came. */
  earn(lengthBytes: number): void {
    this.#earnedBytes = Math.min(MAX_EARNED_BYTES, this.#earnedBytes + BYTES_PER_BYTE * lengthBytes);
    this.shared.earn(lengthBytes);
  }

  /** References have added so much to a list. */
  spend(lengthBytes: number): void {
    this.#earnedBytes -= lengthBytes;
    if (this.#earnedBytes >= 0) return;
    const drawn = Math.min(-this.#earnedBytes, this.#allowanceBytes, this.shared.leftBytes);
    this.#allowanceBytes -= drawn;
    this.shared.leftBytes -= drawn;
    this.#earnedBytes = Math.max(-MAX_EARNED_BYTES, this.#earnedBytes + drawn);
  }
}
