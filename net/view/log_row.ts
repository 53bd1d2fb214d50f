// SPDX-License-Identifier: MIT
/** A row of the exchange log, whose columns and texts are read when they are asked for. @module */
import {
  type Cut,
  type ExchangeRow,
  HeadText,
  type MessageRow,
  methodIn,
  type Remark,
  targetIn,
} from "./exchange.ts";
import type { FlowFacts } from "./flow_facts.ts";
import type { LogArena } from "./log_arena.ts";
import { CUTS, FACT, type LogMemory, Mark, Protocol, protocolOf, REMARKS } from "./log_layout.ts";

/** What few exchanges have. */
const REMARKABLE = REMARKS.reduce((marks, [mark]) => marks | mark, 0);
const NO_REMARKS: readonly Remark[] = [];
const NO_TRAILERS = new HeadText("", false);

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
    return CUTS[this.memory.facts[this.at] >> FACT.CUT_SHIFT & FACT.CUT] ?? "";
  }
}

export class LoggedExchange extends LoggedRow implements ExchangeRow {
  readonly kind = "exchange";
  #request: string | undefined;
  #response: string | undefined;

  get #requestText(): string {
    const { memory, at } = this;
    return this.#request ??= this.arena.text(memory.requestHeadAt[at], memory.requestHeadBytes[at]);
  }

  get #responseText(): string {
    const { memory, at } = this;
    return this.#response ??= this.arena.text(memory.responseHeadAt[at], memory.responseHeadBytes[at]);
  }

  get requestHead(): HeadText {
    return new HeadText(this.#requestText);
  }

  get responseHead(): HeadText {
    return new HeadText(this.#responseText);
  }

  get requestTrailers(): HeadText {
    const { memory, at } = this;
    return this.#trailers(
      Mark.REQUEST_TRAILERS,
      memory.requestTrailersAt[at],
      memory.requestTrailersBytes[at],
    );
  }

  get responseTrailers(): HeadText {
    const { memory, at } = this;
    return this.#trailers(
      Mark.RESPONSE_TRAILERS,
      memory.responseTrailersAt[at],
      memory.responseTrailersBytes[at],
    );
  }

  #trailers(mark: number, place: number, lengthBytes: number): HeadText {
    const hasSome = (this.memory.facts[this.at] & mark) !== 0;
    return !hasSome ? NO_TRAILERS : new HeadText(this.arena.text(place, lengthBytes), false);
  }

  get method(): string {
    return methodIn(firstLineOf(this.#requestText));
  }

  get target(): string {
    return targetIn(firstLineOf(this.#requestText));
  }

  get host(): string {
    return valueIn(this.#requestText, "host") || this.flow.sni;
  }

  get status(): number {
    return this.memory.status[this.at];
  }

  get version(): ExchangeRow["version"] {
    const protocol = protocolOf(this.memory, this.at);
    return protocol === Protocol.HTTP_2 ? "HTTP/2" : protocol === Protocol.HTTP_1_0 ? "HTTP/1.0" : "HTTP/1.1";
  }

  get type(): string {
    return valueIn(this.#responseText, "content-type").split(";")[0].trim().toLowerCase();
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
    const facts = this.memory.facts[this.at];
    if ((facts & REMARKABLE) === 0) return NO_REMARKS;
    return REMARKS.filter(([mark]) => (facts & mark) !== 0).map(([, remark]) => remark);
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

function firstLineOf(head: string): string {
  const end = head.indexOf("\n");
  return end < 0 ? head : head.slice(0, end).replace(/\r$/, "");
}

/** What {@linkcode HeadText.get} answers, without taking the head to pieces. */
function valueIn(head: string, name: string): string {
  for (let end = head.indexOf("\n"); end >= 0;) {
    const start = end + 1;
    end = head.indexOf("\n", start);
    if (head[start + name.length] !== ":") continue;
    if (head.slice(start, start + name.length).toLowerCase() !== name) continue;
    return head.slice(start + name.length + 1, end < 0 ? undefined : end).trim();
  }
  return "";
}
