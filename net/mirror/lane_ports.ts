// SPDX-License-Identifier: MIT
/**
 * Client ports for the lanes of a flow beyond its own 5-tuple: 30201 to 32767, below Linux's ephemeral range and free of
 * dissector registrations. A real flow that arrives on a lane's 5-tuple wins. Of one client address and server each flow has at
 * most half as many as are left, so that a few flows cannot take those of all.
 *
 * @module
 */
import { type FlowKey, formatFlowKey, formatIp, formatSocketAddress } from "../wire/flow_key.ts";

const FIRST = 30_201;
const LAST = 32_767;
const COUNT = LAST - FIRST + 1;

/** The ports of one client address towards one server: kept while a lane has one of them. */
interface PairPorts {
  /** How many ports, from `next` on, were never asked for since the pair is known. */
  fresh: number;
  next: number;
  /** Ports that were given back or that a real flow had, the longest unused first. */
  readonly free: number[];
  taken: number;
  /** Ports that each flow has, by its own client port. */
  readonly perFlow: Map<number, number>;
  /** Every port left was a real flow's: nothing to look for before one is given back. */
  exhausted: boolean;
}

export class LanePorts {
  readonly #taken = new Map<string, { readonly evicted: () => void; readonly flowPort: number }>();
  readonly #pairs = new Map<string, PairPorts>();
  /** 5-tuples of real flows. */
  readonly #isReal: (name: string) => boolean;
  #next = FIRST;

  constructor(isReal: (name: string) => boolean) {
    this.#isReal = isReal;
  }

  /**
   * A 5-tuple beside the flow `key` that nobody has, or `undefined` at once when all 2,567 of its addresses are taken, or the
   * flow has its share of them. `evicted` is called when a real flow arrives on it.
   */
  take(key: FlowKey, evicted: () => void): FlowKey | undefined {
    const name = pairName(key);
    let pair = this.#pairs.get(name);
    if (pair?.exhausted || pair?.taken === COUNT) return undefined;
    const flowPort = key.client.port;
    const own = pair?.perFlow.get(flowPort) ?? 0;
    if (pair && 2 * own >= COUNT - pair.taken) return undefined;
    if (!pair) {
      pair = { fresh: COUNT, next: this.#next, free: [], taken: 0, perFlow: new Map(), exhausted: false };
      this.#pairs.set(name, pair);
    }
    for (let tries = pair.fresh + pair.free.length; tries > 0; tries--) {
      const port = pair.fresh > 0 ? this.#nextFresh(pair) : pair.free.shift()!;
      const lane = { client: { ip: key.client.ip, port }, server: key.server };
      const laneName = formatFlowKey(lane);
      if (this.#isReal(laneName)) {
        pair.free.push(port);
        continue;
      }
      this.#taken.set(laneName, { evicted, flowPort });
      pair.taken++;
      pair.perFlow.set(flowPort, own + 1);
      return lane;
    }
    // A pair without lanes is not remembered: nobody would tell when its real flows have ended.
    if (pair.taken > 0) pair.exhausted = true;
    else this.#pairs.delete(name);
    return undefined;
  }

  release(key: FlowKey): void {
    const laneName = formatFlowKey(key);
    const lane = this.#taken.get(laneName);
    if (!lane) return;
    this.#taken.delete(laneName);
    const name = pairName(key);
    const pair = this.#pairs.get(name)!;
    pair.exhausted = false;
    const own = pair.perFlow.get(lane.flowPort)! - 1;
    if (own > 0) pair.perFlow.set(lane.flowPort, own);
    else pair.perFlow.delete(lane.flowPort);
    pair.free.push(key.client.port);
    if (--pair.taken === 0) this.#pairs.delete(name);
  }

  #nextFresh(pair: PairPorts): number {
    const port = pair.next;
    pair.fresh--;
    // Pairs begin where the last one went on, so that a port is not used again right after it was given back.
    pair.next = this.#next = port === LAST ? FIRST : port + 1;
    return port;
  }

  /** A real flow has this 5-tuple: a lane on it ends. */
  evict(key: FlowKey): void {
    const lane = this.#taken.get(formatFlowKey(key));
    if (!lane) return;
    this.release(key);
    lane.evicted();
  }
}

const pairName = (key: FlowKey): string => `${formatIp(key.client.ip)}>${formatSocketAddress(key.server)}`;
