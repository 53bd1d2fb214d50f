// SPDX-License-Identifier: MIT
/** Flows that wait for their addresses, found by the hello that has them however many they are. @module */
import type { MemoryAccount, MemoryBudget } from "../../codecs/memory_budget.ts";
import type { CaptureHello, CaptureProgram } from "../capture/target.ts";
import { sessionName } from "./attribution.ts";
import type { Flow } from "./flow.ts";

export class HeldFlows implements Iterable<Flow> {
  readonly #flows = new Map<Flow, MemoryAccount>();
  /** By the name of their session; no set is empty. */
  readonly #named = new Map<string, Set<Flow>>();

  /** Where flows hold too much, `giveUp` is called with the largest, and must delete it. */
  constructor(readonly memory: MemoryBudget, readonly giveUp: (flow: Flow) => void) {}

  add(flow: Flow): void {
    if (this.#flows.has(flow)) return;
    this.#flows.set(flow, this.memory.open(() => this.#giveWay(flow)));
    const name = nameOf(flow);
    const flows = this.#named.get(name);
    if (flows) flows.add(flow);
    else this.#named.set(name, new Set([flow]));
  }

  /** The flow holds more now; it or a larger one may be given up for that. */
  settle(flow: Flow): void {
    this.#flows.get(flow)?.settle(flow.heldBytes);
  }

  #giveWay(flow: Flow): number {
    this.giveUp(flow);
    return 0;
  }

  delete(flow: Flow): void {
    const account = this.#flows.get(flow);
    if (account === undefined) return;
    account.close();
    this.#flows.delete(flow);
    const name = nameOf(flow);
    const flows = this.#named.get(name)!;
    flows.delete(flow);
    if (flows.size === 0) this.#named.delete(name);
  }

  /** The first that waits of the session whose hello the program tells. */
  of(program: CaptureProgram, { clientRandom, received }: CaptureHello): Flow | undefined {
    const flows = this.#named.get(sessionName(program.id, clientRandom, received));
    return flows?.values().next().value;
  }

  /** In the order in which they came; one may be deleted meanwhile. */
  [Symbol.iterator](): Iterator<Flow> {
    return this.#flows.keys();
  }
}

const nameOf = ({ program, info }: Flow): string => sessionName(program.id, info.clientRandom, info.isServer);
