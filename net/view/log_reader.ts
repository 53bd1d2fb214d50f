// SPDX-License-Identifier: MIT
/** Reads the exchange log, in whatever thread: what has ended since the last look, and what is still open. @module */
import {
  type Entry,
  type Exchange,
  type FlowEntry,
  type KeptBody,
  methodIn,
  type Row,
  type SocketMessage,
  targetIn,
} from "./exchange.ts";
import { LogArena } from "./log_arena.ts";
import { Head, kindOf, type LogMemory, logMemory, Protocol, protocolOf, RowKind } from "./log_layout.ts";
import { LoggedExchange, LoggedMessage } from "./log_row.ts";
import type { RowCounts } from "./row_counts.ts";

/** An exchange log, for whoever reads it. */
export interface ReadableLog {
  readonly buffer: SharedArrayBuffer;
  /** Has written into it what came so far. Absent where that is done anyway, and in other threads. */
  readonly update?: () => void;
  /** Absent where all is read. */
  readonly unread?: UnreadExchanges;
}

/** Exchanges that wait to be read, for who is content with some of many. */
export interface UnreadExchanges {
  /** Has one of `share` read that come from now on, as it comes; of what waits all that is none of them. With 1, and at first, all waits no more. */
  sample(share: number): void;
  /** How many ever came since somebody samples. */
  came(): number;
  /** Sums over those that nobody has read; they wait, or have been passed over. */
  readonly counts: RowCounts;
}

export class LogReader {
  readonly #memory: LogMemory;
  readonly #arena: LogArena;
  readonly #update: (() => void) | undefined;
  /** Where not all is read for it. */
  readonly unread: UnreadExchanges | undefined;
  #next = 0;
  /** Of {@linkcode Head.PASSED_OVER} what it has counted as missed, or leaves out. */
  #passedOver = 0;
  /** Entries that had left the log before they were read, as far as that is known. */
  missed = 0;

  constructor({ buffer, update, unread }: ReadableLog) {
    this.#memory = logMemory(buffer);
    this.#update = update;
    this.unread = unread;
    this.#arena = new LogArena(this.#memory);
  }

  get #end(): number {
    Atomics.load(this.#memory.fence, 0);
    return this.#memory.head[Head.ENDED];
  }

  /** Has what came so far written into the log. */
  update(): void {
    this.#update?.();
  }

  /** What was open when its place was needed for something newer. */
  get fellOut(): number {
    return this.#memory.head[Head.FELL_OUT];
  }

  /** Has a share of exchanges written into it, see {@linkcode UnreadExchanges}; what is passed over then is not missed, but unread. */
  sample(share: number): void {
    this.unread?.sample(share);
    this.#passedOver = this.#memory.head[Head.PASSED_OVER];
  }

  /** Leaves out what has ended so far, but for the last `keep`. */
  passOver(keep: number): void {
    this.update();
    this.#next = Math.max(this.#next, this.#end - keep);
    this.#passedOver = this.#memory.head[Head.PASSED_OVER];
  }

  /** How many are in the log since the last call of {@linkcode ended} or {@linkcode take}. */
  get waiting(): number {
    return this.#end - this.#next;
  }

  /** What has ended since the last call, in that order. */
  *ended(): Generator<Entry> {
    for (const number of this.#numbers()) {
      const entry = this.entry(number);
      if (entry === undefined) this.missed++;
      else yield entry;
    }
  }

  /** The numbers of up to so many that are in the log, which are counted. For the thread that writes the log: they are there until others have their turn. */
  take(most: number, counts?: RowCounts): number[] {
    const memory = this.#memory;
    const { ended, rows, head } = memory;
    const end = this.#end;
    this.#passOverOvertaken(end);
    const oldest = head[Head.ROWS_END] - rows;
    const numbers: number[] = [];
    for (const last = Math.min(end, this.#next + most); this.#next < last; this.#next++) {
      const number = ended[this.#next & (rows - 1)];
      if (number < oldest) {
        this.missed++;
        continue;
      }
      counts?.add(memory, number & (rows - 1));
      numbers.push(number);
    }
    return numbers;
  }

  /** By when they ended. */
  sort(numbers: number[]): number[] {
    const { endNs } = this.#memory;
    return numbers.sort((one, other) => endNs[this.#at(one)] - endNs[this.#at(other)]);
  }

  /** Whether lists have it: the beginning of a flow is no row, nor is the end of one whose exchanges are listed. It must be there. */
  isListed(number: number): boolean {
    const memory = this.#memory;
    const at = this.#at(number);
    const kind = kindOf(memory, at);
    if (kind === RowKind.FLOW_END) return protocolOf(memory, at) === Protocol.OTHER;
    return kind !== RowKind.FLOW_BEGIN;
  }

  /** The row of this number; undefined when it is not there any more. */
  entry(number: number): Entry | undefined {
    const row = this.row(number);
    if (row === undefined) return undefined;
    const entry = row instanceof LoggedExchange
      ? this.#exchange(row)
      : row instanceof LoggedMessage
      ? this.#message(row)
      : row as FlowEntry;
    return this.#has(number) ? entry : undefined;
  }

  /** That, to be looked at at once; see {@linkcode LoggedExchange}. */
  row(number: number): Row | undefined {
    if (!this.#has(number)) return undefined;
    const memory = this.#memory;
    const at = this.#at(number);
    const kind = kindOf(memory, at);
    return kind === RowKind.EXCHANGE
      ? new LoggedExchange(memory, this.#arena, number, at)
      : kind === RowKind.MESSAGE
      ? new LoggedMessage(memory, this.#arena, number, at)
      : this.#flow(number, at);
  }

  #has(number: number): boolean {
    const { head, fence, rows } = this.#memory;
    Atomics.load(fence, 0);
    return number >= 0 && number < head[Head.NEXT_ROW] && head[Head.ROWS_END] - number <= rows;
  }

  #at(number: number): number {
    return number & (this.#memory.rows - 1);
  }

  *#numbers(): Generator<number> {
    this.update();
    const { ended, rows } = this.#memory;
    for (let end = this.#end; this.#next < end; end = this.#end) {
      this.#passOverOvertaken(end);
      yield ended[this.#next++ & (rows - 1)];
    }
  }

  /** Of what has ended, only so much as there are rows is known. */
  #passOverOvertaken(end: number): void {
    const passedOver = this.#memory.head[Head.PASSED_OVER];
    this.missed += passedOver - this.#passedOver;
    this.#passedOver = passedOver;
    const behind = end - this.#next - this.#memory.rows;
    if (behind <= 0) return;
    this.#next += behind;
    this.missed += behind;
  }

  #exchange(row: LoggedExchange): Exchange {
    const memory = this.#memory;
    const at = this.#at(row.number);
    const { flow, requestHead, responseHead, requestBytes, responseBytes } = row;
    // Both heads are taken to pieces anyway: the row would look for these in their texts.
    const { firstLine } = requestHead;
    return {
      kind: "exchange",
      number: row.number,
      flow,
      startNs: row.startNs,
      responseNs: row.responseNs,
      endNs: row.endNs,
      method: methodIn(firstLine),
      target: targetIn(firstLine),
      host: requestHead.get("host") || flow.sni,
      status: row.status,
      version: row.version,
      type: responseHead.get("content-type").split(";")[0].trim().toLowerCase(),
      requestBytes,
      responseBytes,
      cut: row.cut,
      remarks: row.remarks,
      stream: row.stream,
      requestHead,
      responseHead,
      requestTrailers: row.requestTrailers,
      responseTrailers: row.responseTrailers,
      requestBody: this.#body(memory.requestKept[at], memory.requestBodyAt[at], requestBytes),
      responseBody: this.#body(memory.responseKept[at], memory.responseBodyAt[at], responseBytes),
    };
  }

  #body(keptBytes: number, last: number, lengthBytes: number): KeptBody {
    return this.#arena.body(keptBytes === 0 ? -1 : last, lengthBytes);
  }

  #message(row: LoggedMessage): SocketMessage {
    const memory = this.#memory;
    const { number, flow, startNs, endNs, isToServer, opcode, lengthBytes, cut } = row;
    const at = this.#at(number);
    const [kept, place] = isToServer
      ? [memory.requestKept[at], memory.requestBodyAt[at]]
      : [memory.responseKept[at], memory.responseBodyAt[at]];
    return {
      ...{ kind: "message", number, flow, startNs, endNs, isToServer, opcode, lengthBytes, cut },
      body: this.#body(kept, place, lengthBytes),
    };
  }

  #flow(number: number, at: number): FlowEntry {
    const memory = this.#memory;
    return {
      kind: kindOf(memory, at) === RowKind.FLOW_BEGIN ? "flow begin" : "flow end",
      number,
      flow: this.#arena.facts(memory.flowAt[at]),
      startNs: memory.startNs[at],
      endNs: memory.endNs[at],
      isHttp: protocolOf(memory, at) !== Protocol.OTHER,
      toServer: memory.requestBytes[at],
      toClient: memory.responseBytes[at],
    };
  }
}
