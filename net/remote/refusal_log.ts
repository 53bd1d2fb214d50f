/** Connections that did not get in, in the log: one line each, but no flood. @module */

/** Lines in one period; those beyond it are told as a number at its end. */
const LINES_MAX = 20;
const PERIOD_MS = 10_000;

export class RefusalLog {
  /** All refusals. */
  count = 0;
  readonly #warn: (message: string) => void;
  #lines = 0;
  #untold = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  add(address: string, reason: string): void {
    this.count++;
    this.#timer ??= setTimeout(() => this.#next(), PERIOD_MS);
    if (this.#lines++ < LINES_MAX) this.#warn(`refused ${address}: ${reason}`);
    else this.#untold++;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#tell();
  }

  #next(): void {
    this.#timer = undefined;
    this.#lines = 0;
    this.#tell();
  }

  #tell(): void {
    if (this.#untold > 0) this.#warn(`refused ${this.#untold} more`);
    this.#untold = 0;
  }
}
