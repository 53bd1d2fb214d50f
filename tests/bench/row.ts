// SPDX-License-Identifier: MIT
/** What a benchmark reports. @module */

export interface BenchRow {
  readonly name: string;
  /** With its unit. */
  readonly value: string;
  /** What it should be, with its unit. */
  readonly target?: string;
  /** Whether it is; absent where there is no target. */
  readonly ok?: boolean;
}
