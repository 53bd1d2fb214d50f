// SPDX-License-Identifier: MIT
/** Requests of one connection whose responses have not begun, first come first served. @module */
import { MethodKind } from "./head_scan.ts";

/** Taken ones are dropped when there are so many: a client may never let its requests be answered all. */
const TAKEN_MAX = 1000;

interface Waiting {
  readonly row: number;
  readonly method: MethodKind;
}

/** Mostly there is one: nothing is made for it. */
export class WaitingRequests {
  /** The first; -1: there is none. */
  #row = -1;
  #method: MethodKind = MethodKind.OTHER;
  /** Those behind it, from `#next` on. */
  #more: Waiting[] | undefined;
  #next = 0;

  get count(): number {
    if (this.#row < 0) return 0;
    return this.#more === undefined ? 1 : 1 + this.#more.length - this.#next;
  }

  /** Of the request whose response comes next; -1: there is none. */
  get nextRow(): number {
    return this.#row;
  }

  /** Of that, too. */
  get nextMethod(): MethodKind {
    return this.#row < 0 ? MethodKind.OTHER : this.#method;
  }

  add(row: number, method: MethodKind): void {
    if (this.#row >= 0) {
      (this.#more ??= []).push({ row, method });
      return;
    }
    this.#row = row;
    this.#method = method;
  }

  /** The row of the next; there must be one. */
  take(): number {
    const row = this.#row;
    const next = this.#more?.[this.#next++];
    this.#row = next?.row ?? -1;
    this.#method = next?.method ?? MethodKind.OTHER;
    if (next === undefined) this.#clear();
    else if (this.#next === TAKEN_MAX) {
      this.#more = this.#more!.slice(TAKEN_MAX);
      this.#next = 0;
    }
    return row;
  }

  takeAll(): number[] {
    const rows = this.#row < 0 ? [] : [this.#row];
    for (const { row } of this.#more?.slice(this.#next) ?? []) rows.push(row);
    this.#row = -1;
    this.#clear();
    return rows;
  }

  #clear(): void {
    this.#more = undefined;
    this.#next = 0;
  }
}
