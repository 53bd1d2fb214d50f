// SPDX-License-Identifier: MIT
/** What becomes of an interface while frames are sent on it. @module */
import { type LinkChange, type LinkFacts, LinkQuery, LinkWatch } from "../ffi/rtnetlink.ts";

/** Whether an interface takes frames, and why not. */
export type InterfaceState = "ready" | "down" | "no carrier" | "gone";

/** Follows whichever interface has a name: one that is deleted or renamed is gone until another has it. */
export class InterfaceWatch {
  /** As the kernel last told; undefined: there is none of the name. */
  facts: LinkFacts | undefined;
  readonly #name: string;
  readonly #watch = new LinkWatch();
  readonly #query = new LinkQuery();

  constructor(name: string) {
    this.#name = name;
    this.facts = this.#query.find(name);
  }

  get state(): InterfaceState {
    const { facts } = this;
    if (facts === undefined) return "gone";
    return !facts.isUp ? "down" : facts.hasCarrier ? "ready" : "no carrier";
  }

  /** Takes in what changed, without waiting. `changed` is called for each step, with the last word on the interface before it. */
  look(changed: (last: LinkFacts | undefined) => void): void {
    this.#watch.look((change) => {
      const before = this.facts;
      const now = this.#after(change);
      if (now === before) return;
      this.facts = now;
      changed(change.kind !== "missed" && change.facts.index === before?.index ? change.facts : undefined);
    });
  }

  /** As it is at this moment, asked for on another thread. */
  ask(): Promise<LinkFacts | undefined> {
    return this.#query.findElsewhere(this.#name);
  }

  close(): void {
    this.#watch.close();
    this.#query.close();
  }

  #after(change: LinkChange): LinkFacts | undefined {
    if (change.kind === "missed") return this.#query.find(this.#name);
    const { facts } = change;
    if (change.kind === "changed" && facts.name === this.#name) return facts;
    return facts.index === this.facts?.index ? undefined : this.facts;
  }
}
