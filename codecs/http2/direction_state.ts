// SPDX-License-Identifier: MIT
/** How much of one direction of a connection was seen, and how sure its frames are. @module */

/**
 * ```
 * BEGINNING ──first frame──▶ WHOLE ──bytes missing──▶ INCOMPLETE ◀──confirmed─┐
 *     │                        │                          │                   │
 *     └────────────────────────┴──────place lost──────────┴─▶ SEARCHING ─────▶ UNSURE
 *                                                                 ▲  boundary   │
 *                                                                 │  found      │
 *                                                                 └─place lost──┘
 * ```
 * From INCOMPLETE on is the honest state of not knowing: streams may exist whose head is unknown, settings may be in force
 * that were not read, and table entries may be missing. Nothing leads back from there.
 */
const Seen = {
  /** No frame was read. */
  BEGINNING: 0,
  /** Every byte from the first on. */
  WHOLE: 1,
  /** Bytes were never seen; where frames begin is known. */
  INCOMPLETE: 2,
  /** Where the next frame begins is looked for. A direction that was joined late begins here. */
  SEARCHING: 3,
  /** Frames are read from a place that was looked for: they may be bytes of a body. */
  UNSURE: 4,
} as const;
type Seen = typeof Seen[keyof typeof Seen];

export class DirectionState {
  /** Nothing more is read: the direction has ended, or cannot be read on. */
  closed = false;
  #seen: Seen;

  /** `count` is told of faults that are passed over. */
  constructor(joinedLate: boolean, readonly count: (reason: string) => void) {
    this.#seen = joinedLate ? Seen.SEARCHING : Seen.BEGINNING;
  }

  /** No frame was read, and none was missed. */
  get isBeginning(): boolean {
    return this.#seen === Seen.BEGINNING;
  }

  get isIncomplete(): boolean {
    return this.#seen >= Seen.INCOMPLETE;
  }

  /** What is read here are frames beyond doubt. */
  get isSure(): boolean {
    return this.#seen <= Seen.INCOMPLETE;
  }

  firstFrame(): void {
    if (this.#seen === Seen.BEGINNING) this.#seen = Seen.WHOLE;
  }

  /** Something was not seen; where frames begin is as certain as before. */
  bytesMissing(): void {
    if (this.#seen < Seen.INCOMPLETE) this.#seen = Seen.INCOMPLETE;
  }

  placeLost(): void {
    this.#seen = Seen.SEARCHING;
  }

  boundaryFound(): void {
    this.#seen = Seen.UNSURE;
  }

  /** Something else proves that what is read here are frames. */
  confirm(): void {
    if (this.#seen === Seen.UNSURE) this.#seen = Seen.INCOMPLETE;
  }

  /**
   * A connection error that real peers differ about: some end the connection, others pass the frame over and go on. Where
   * the framing stays certain so does this reader, or a peer that goes on would be alone in seeing what follows.
   * Returns the reason to give the direction up, where there is one.
   */
  tolerate(reason: string): string | undefined {
    // Where it is not sure that these are frames, it speaks against it.
    if (!this.isSure) return reason;
    this.count(`tolerated-${reason}`);
    return undefined;
  }
}
