// SPDX-License-Identifier: MIT
/** Flows that wait for their addresses, found by the hello that has them however many they are. @module */
import type { CaptureHello, CaptureProgram } from "../capture/target.ts";
import { sessionName } from "./attribution.ts";
import type { Flow } from "./flow.ts";

export class HeldFlows implements Iterable<Flow> {
  readonly #flows = new Set<Flow>();
  /** By the name of their session; no set is empty. */
  readonly #named = new Map<string, Set<Flow>>();

  add(flow: Flow): void {
    this.#flows.add(flow);
    const name = nameOf(flow);
    const flows = this.#named.get(name);
    if (flows) flows.add(flow);
    else this.#named.set(name, new Set([flow]));
  }

  delete(flow: Flow): void {
    if (!this.#flows.delete(flow)) return;
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
    return this.#flows.values();
  }
}

const nameOf = ({ program, info }: Flow): string => sessionName(program.id, info.clientRandom, info.isServer);
