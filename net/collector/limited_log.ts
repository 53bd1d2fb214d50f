// SPDX-License-Identifier: MIT
/** Lines that strangers can cause, in the log: no flood. @module */

const PERIOD_MS = 10_000;

/** So many lines for each key in one period; those beyond it are told as a number at its end. */
export class LimitedLog {
  readonly #linesMax: number;
  readonly #write: (line: string) => void;
  readonly #leftOut: (key: string, lines: number) => string;
  /** Lines in this period by key. */
  readonly #lines: Map<string, number> = new Map();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `leftOut` words the line that tells of those left out. */
  constructor(
    linesMax: number,
    write: (line: string) => void,
    leftOut: (key: string, lines: number) => string,
  ) {
    this.#linesMax = linesMax;
    this.#write = write;
    this.#leftOut = leftOut;
  }

  add(key: string, line: string): void {
    this.#timer ??= setTimeout(() => this.#next(), PERIOD_MS);
    const lines = (this.#lines.get(key) ?? 0) + 1;
    this.#lines.set(key, lines);
    if (lines <= this.#linesMax) this.#write(line);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#next();
  }

  #next(): void {
    this.#timer = undefined;
    for (const [key, lines] of this.#lines) {
      if (lines > this.#linesMax) this.#write(this.#leftOut(key, lines - this.#linesMax));
    }
    this.#lines.clear();
  }
}
