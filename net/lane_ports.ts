/**
 * Client ports for the lanes of a flow beyond its own 5-tuple: 30201 to 32767, below Linux's ephemeral range and free of
 * dissector registrations. A real flow that arrives on a lane's 5-tuple wins.
 *
 * @module
 */
import { type FlowKey, formatFlowKey } from "./flow_key.ts";

const FIRST = 30_201;
const LAST = 32_767;

export class LanePorts {
  readonly #taken = new Map<string, () => void>();
  /** 5-tuples of real flows. */
  readonly #isReal: (name: string) => boolean;
  #next = FIRST;

  constructor(isReal: (name: string) => boolean) {
    this.#isReal = isReal;
  }

  /**
   * A 5-tuple beside `key` that nobody has, or `undefined` when all 2,567 are taken. `evicted` is called when a real flow
   * arrives on it.
   */
  take(key: FlowKey, evicted: () => void): FlowKey | undefined {
    for (let tries = FIRST; tries <= LAST; tries++) {
      const lane = { client: { ip: key.client.ip, port: this.#next }, server: key.server };
      this.#next = this.#next === LAST ? FIRST : this.#next + 1;
      const name = formatFlowKey(lane);
      if (this.#taken.has(name) || this.#isReal(name)) continue;
      this.#taken.set(name, evicted);
      return lane;
    }
    return undefined;
  }

  release(key: FlowKey): void {
    this.#taken.delete(formatFlowKey(key));
  }

  /** A real flow has this 5-tuple: a lane on it ends. */
  evict(key: FlowKey): void {
    const name = formatFlowKey(key);
    const evicted = this.#taken.get(name);
    this.#taken.delete(name);
    evicted?.();
  }
}
