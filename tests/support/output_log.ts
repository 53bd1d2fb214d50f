// SPDX-License-Identifier: MIT
/** What a codec puts out, as lines of text in their order. @module */
import type { CodecOutput, Lane } from "../../codecs/codec.ts";
import type { Direction } from "../../codecs/direction.ts";
import { textOf } from "./http2_frames.ts";

const arrow = (direction: Direction): string => direction === 0 ? ">" : "<";

export class OutputLog implements CodecOutput {
  readonly lines: string[] = [];
  #lanes = 0;

  write(lane: Lane, direction: Direction, bytes: Uint8Array): void {
    this.lines.push(`${lane} ${arrow(direction)} ${textOf(bytes)}`);
  }
  gap(lane: Lane, direction: Direction, length: number): void {
    this.lines.push(`${lane} ${arrow(direction)} gap of ${length}`);
  }
  openLane(comment: string): Lane {
    this.lines.push(`open ${++this.#lanes}: ${comment}`);
    return this.#lanes;
  }
  close(lane: Lane, how: "fin" | "reset"): void {
    this.lines.push(`close ${lane} ${how}`);
  }
  comment(lane: Lane, text: string): void {
    this.lines.push(`comment ${lane}: ${text}`);
  }
  count(reason: string, amount = 1): void {
    this.lines.push(`count ${reason} ${amount}`);
  }
}
