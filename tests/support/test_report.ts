// SPDX-License-Identifier: MIT
/** What `deno test` prints, line by line: which tests were skipped and why, how many there were, what failed. @module */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const END = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*? \| (\d+) ignored)?/;
const SKIPPED = /^(.*?), skipped: (.*) \.\.\. ignored \(/;
const NEXT_FILE = /^running \d+ tests? from /;

/** The report of one process. */
export class TestReport {
  /** Absent until the tests are over. */
  counts: Counts | undefined;
  /** Names of skipped tests by reason. */
  readonly skipped = new Map<string, string[]>();
  /** What was thrown, under the name and place of the test. */
  readonly errors: string[] = [];
  /** Names and places of what failed. */
  readonly failures: string[] = [];
  readonly #show: (lines: readonly string[]) => void;
  readonly #ofFile: string[] = [];
  /** Where the next line belongs. */
  #section = this.#ofFile;

  /** `show` is given the lines of a test file, once all of them are there. */
  constructor(show: (lines: readonly string[]) => void) {
    this.#show = show;
  }

  line(line: string): void {
    // deno-lint-ignore no-control-regex -- colours
    const plain = line.replaceAll(/\x1b\[[\d;]*m/g, "");
    const skip = SKIPPED.exec(plain);
    if (skip) this.skipped.set(skip[2], [...this.skipped.get(skip[2]) ?? [], skip[1]]);
    if (NEXT_FILE.test(plain)) this.flush();
    const end = END.exec(plain);
    if (end) {
      this.counts = { passed: Number(end[1]), failed: Number(end[2]), skipped: Number(end[3] ?? 0) };
      this.#section = this.#ofFile;
    } else if (plain === " ERRORS ") {
      this.#section = this.errors;
    } else if (plain === " FAILURES ") {
      this.#section = this.failures;
    } else {
      this.#section.push(line);
    }
  }

  /** Shows the lines of a file of which no more will come. */
  flush(): void {
    const lines = this.#ofFile.splice(0);
    if (lines.some((line) => line !== "")) this.#show(lines);
  }
}
