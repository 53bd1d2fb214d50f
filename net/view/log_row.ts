// SPDX-License-Identifier: MIT
/** A row of the exchange log, whose columns and texts are read when they are asked for. @module */
import type { Cut, ExchangeRow, HeadText, MessageRow, Remark } from "./exchange.ts";
import type { FlowFacts } from "./flow_facts.ts";
import type { LogArena } from "./log_arena.ts";
import { CUTS, type LogMemory, Mark, Protocol, REMARKS } from "./log_layout.ts";

/** What most exchanges have, and no more. */
const WHOLE = Mark.REQUEST_ENDED | Mark.RESPONSE_ENDED;
const NO_REMARKS: readonly Remark[] = [];

/** What every row has. It is good until the log goes on: in the thread that writes the log, until others have their turn. */
class LoggedRow {
  constructor(
    protected readonly memory: LogMemory,
    protected readonly arena: LogArena,
    readonly number: number,
    /** Where the columns have it. */
    protected readonly at: number,
  ) {}

  get flow(): FlowFacts {
    return this.arena.facts(this.memory.flowAt[this.at]);
  }

  get startNs(): number {
    return this.memory.startNs[this.at];
  }

  get endNs(): number {
    return this.memory.endNs[this.at];
  }

  get cut(): Cut {
    return CUTS[this.memory.cut[this.at]] ?? "";
  }
}

export class LoggedExchange extends LoggedRow implements ExchangeRow {
  readonly kind = "exchange";
  #requestHead: HeadText | undefined;
  #responseHead: HeadText | undefined;

  get requestHead(): HeadText {
    const { memory, at } = this;
    return this.#requestHead ??= this.arena.head(memory.requestHeadAt[at], memory.requestHeadBytes[at]);
  }

  get responseHead(): HeadText {
    const { memory, at } = this;
    return this.#responseHead ??= this.arena.head(memory.responseHeadAt[at], memory.responseHeadBytes[at]);
  }

  get responseTrailers(): HeadText {
    const { memory, at } = this;
    return this.arena.head(memory.responseTrailersAt[at], memory.responseTrailersBytes[at], false);
  }

  get method(): string {
    return this.requestHead.firstLine.split(" ", 1)[0] || "-";
  }

  get target(): string {
    return this.requestHead.firstLine.split(" ", 2)[1] ?? "";
  }

  get host(): string {
    return this.requestHead.get("host") || this.flow.sni;
  }

  get status(): number {
    return this.memory.status[this.at];
  }

  get version(): ExchangeRow["version"] {
    const protocol = this.memory.protocol[this.at];
    return protocol === Protocol.HTTP_2 ? "HTTP/2" : protocol === Protocol.HTTP_1_0 ? "HTTP/1.0" : "HTTP/1.1";
  }

  get type(): string {
    return this.responseHead.get("content-type").split(";")[0].trim().toLowerCase();
  }

  get requestBytes(): number {
    return this.memory.requestBytes[this.at];
  }

  get responseBytes(): number {
    return this.memory.responseBytes[this.at];
  }

  get responseNs(): number {
    return this.memory.responseNs[this.at];
  }

  get remarks(): readonly Remark[] {
    const marks = this.memory.marks[this.at];
    if (marks === WHOLE) return NO_REMARKS;
    return REMARKS.filter(([mark]) => (marks & mark) !== 0).map(([, remark]) => remark);
  }

  get stream(): number {
    return this.memory.stream[this.at];
  }
}

export class LoggedMessage extends LoggedRow implements MessageRow {
  readonly kind = "message";

  get isToServer(): boolean {
    return this.memory.stream[this.at] === 0;
  }

  get opcode(): number {
    return this.memory.status[this.at];
  }

  get lengthBytes(): number {
    const { memory, at } = this;
    return (this.isToServer ? memory.requestBytes : memory.responseBytes)[at];
  }
}
