// SPDX-License-Identifier: MIT
/** Requests of one connection whose responses have not begun, first come first served. @module */
import { MethodKind } from "./head_scan.ts";

/** Mostly there is one: its places are used again, and nothing is made for it. */
export class WaitingRequests {
  readonly #rows: number[] = [];
  readonly #methods: MethodKind[] = [];
  #first = 0;
  #end = 0;

  get count(): number {
    return this.#end - this.#first;
  }

  /** Of the request whose response comes next. */
  get nextMethod(): MethodKind {
    return this.count > 0 ? this.#methods[this.#first] : MethodKind.OTHER;
  }

  add(row: number, method: MethodKind): void {
    this.#rows[this.#end] = row;
    this.#methods[this.#end++] = method;
  }

  /** The row of the next; there must be one. */
  take(): number {
    const row = this.#rows[this.#first++];
    if (this.#first === this.#end) this.#first = this.#end = 0;
    return row;
  }

  takeAll(): number[] {
    const rows = this.#rows.slice(this.#first, this.#end);
    this.#first = this.#end = 0;
    return rows;
  }
}
