// SPDX-License-Identifier: MIT
/** A flow's output that bounds how many lanes besides lane 0 are open at a time. @module */
import type { CodecOutput, Lane } from "../codec.ts";

export class BoundedOutput {
  #openLanes = 0;

  constructor(readonly output: CodecOutput, readonly maxLanes: number) {}

  /** Whether another lane may be opened. */
  get hasRoom(): boolean {
    return this.#openLanes < this.maxLanes;
  }

  open(comment: string): Lane {
    this.#openLanes++;
    return this.output.openLane(`http2to1: ${comment}`);
  }

  close(lane: Lane, how: "fin" | "reset"): void {
    this.#openLanes--;
    this.output.close(lane, how);
  }
}
