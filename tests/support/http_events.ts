// SPDX-License-Identifier: MIT
/** What a reader of HTTP tells, as lines of text. @module */
import type { Direction } from "../../codecs/direction.ts";
import type { HttpEvents, Partial, RequestHead, ResponseHead } from "../../codecs/http/event.ts";
import type { FieldList } from "../../codecs/http/field_list.ts";
import { fieldsOf } from "./hpack_stories.ts";
import { textOf } from "./http2_frames.ts";

/** `>` and what goes to the server, `<` and what goes to the client. */
const arrow = (direction: Direction): string => direction === 0 ? ">" : "<";

/** The exchange is its stream's number. Pieces of a body that follow one another are one line. */
export class HttpEventLog implements HttpEvents<number> {
  readonly lines: string[] = [];
  /** Whether a head that was told may be taken back. */
  mayRetract = true;
  #bodyOf = "";

  #add(line: string): void {
    this.lines.push(line);
    this.#bodyOf = "";
  }

  /** Lines that tell of exchanges, without counts. */
  get exchanges(): string[] {
    return this.lines.filter((line) => !line.startsWith("count "));
  }

  /** How much was counted, by reason. */
  get counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const line of this.lines) {
      const [kind, reason, amount] = line.split(" ");
      if (kind === "count") counts[reason] = (counts[reason] ?? 0) + Number(amount);
    }
    return counts;
  }

  request(streamId: number, head: RequestHead, pushed: boolean): number {
    const { fields, method, target, doubt } = head;
    const value = (i: number) => i < 0 ? "?" : fieldsOf(fields)[i][1];
    const marks = [pushed ? "pushed" : "", doubt].filter((mark) => mark !== "");
    this.#add([`request ${streamId}`, value(method), value(target), ...marks].join(" "));
    return streamId;
  }
  orphan(streamId: number): number {
    this.#add(`orphan ${streamId}`);
    return streamId;
  }
  interim(exchange: number, { status }: ResponseHead): void {
    this.#add(`interim ${exchange} ${status}`);
  }
  response(exchange: number, { status, doubt }: ResponseHead): void {
    this.#add(`response ${exchange} ${status}${doubt === "" ? "" : ` ${doubt}`}`);
  }
  retract(exchange: number): boolean {
    this.#add(`retract ${exchange}`);
    return this.mayRetract;
  }
  body(exchange: number, direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    const whose = `body ${exchange} ${arrow(direction)} `;
    if (this.#bodyOf !== whose) this.#add(whose);
    this.#bodyOf = whose;
    this.lines[this.lines.length - 1] += textOf(bytes.subarray(start, end));
  }
  bodyGap(exchange: number, direction: Direction, lengthBytes: number): void {
    this.#add(`gap ${exchange} ${arrow(direction)} ${lengthBytes}`);
  }
  trailers(exchange: number, direction: Direction, fields: FieldList): void {
    this.#add(
      `trailers ${exchange} ${arrow(direction)} ${fieldsOf(fields).map((field) => field.join("=")).join()}`,
    );
  }
  ended(exchange: number, direction: Direction): void {
    this.#add(`ended ${exchange} ${arrow(direction)}`);
  }
  truncated(exchange: number, direction: Direction, why: Partial): void {
    this.#add(`truncated ${exchange} ${arrow(direction)} ${why}`);
  }
  reset(exchange: number): void {
    this.#add(`reset ${exchange}`);
  }
  aborted(exchange: number, why: Partial): void {
    this.#add(`aborted ${exchange} ${why}`);
  }
  count(reason: string, amount = 1): void {
    // What is counted a byte at a time is one number, wherever the bytes were cut.
    const last = this.lines.at(-1)?.split(" ") ?? [];
    if (last[0] === "count" && last[1] === reason) {
      this.lines[this.lines.length - 1] = `count ${reason} ${Number(last[2]) + amount}`;
    } else this.#add(`count ${reason} ${amount}`);
  }
  unreadable(direction: Direction, reason: string, bytes: Uint8Array): void {
    const whose = `unreadable ${arrow(direction)} ${reason} `;
    if (this.#bodyOf !== whose) this.#add(whose);
    this.#bodyOf = whose;
    this.lines[this.lines.length - 1] += textOf(bytes);
  }
}
