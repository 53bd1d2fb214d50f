// SPDX-License-Identifier: MIT
/** Flows that are open, for those who ask. @module */
import type { Flow } from "../mirror/flow.ts";
import type { FlowEntry } from "./exchange.ts";
import type { Filter } from "./filter.ts";
import { factsOf, type FlowFacts } from "./flow_facts.ts";

/** One of them. */
export interface FlowLine {
  readonly flow: FlowFacts;
  /** Nanoseconds since the log's time base: when it was told of, and when something passed last. */
  readonly openedNs: number;
  readonly lastNs: number;
  /** Bytes so far, lost ones included. */
  readonly toServer: number;
  readonly toClient: number;
}

/** What is answered. */
export interface FlowLines {
  /** Milliseconds since 1970 that times count from. */
  readonly timeBaseMs: number;
  /** All that are chosen. */
  readonly count: number;
  /** Those of them in which something passed last. */
  readonly flows: readonly FlowLine[];
}

/** Up to `most` of the flows that are mirrored and chosen. A flow is to a filter what it is when it ends. */
export function flowLines(
  flows: Iterable<Flow>,
  filter: Filter | undefined,
  most: number,
): Omit<FlowLines, "timeBaseMs"> {
  const chosen: OpenFlow[] = [];
  for (const flow of flows) {
    if (flow.state !== "mirrored" && flow.state !== "resting") continue;
    const open = new OpenFlow(flow);
    if (filter?.(open) ?? true) chosen.push(open);
  }
  chosen.sort((one, other) => other.endNs - one.endNs);
  return { count: chosen.length, flows: chosen.slice(0, most).map(lineOf) };
}

function lineOf({ flow, startNs, endNs, toServer, toClient }: OpenFlow): FlowLine {
  return { flow, openedNs: startNs, lastNs: endNs, toServer, toClient };
}

class OpenFlow implements FlowEntry {
  readonly kind = "flow end";
  readonly isHttp = false;
  readonly #flow: Flow;
  #facts: FlowFacts | undefined;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  get number(): number {
    return this.#flow.id;
  }

  /** Made when it is asked for: most flows are neither shown nor held against an address. */
  get flow(): FlowFacts {
    return this.#facts ??= factsOf(this.#flow);
  }

  get startNs(): number {
    return this.#flow.openedNs;
  }

  get endNs(): number {
    return this.#flow.lastSeenNs;
  }

  get toServer(): number {
    return this.#flow.counters.captured[0];
  }

  get toClient(): number {
    return this.#flow.counters.captured[1];
  }
}
