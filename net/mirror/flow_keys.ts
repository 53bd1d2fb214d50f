// SPDX-License-Identifier: MIT
/**
 * Which flow has which 5-tuple. Every network namespace has its own, and so has the wire; what is forged meets on one interface, so a flow whose
 * 5-tuple another namespace's flow has, or one inside another session, is forged on a port of the lanes.
 *
 * @module
 */
import type { Attribution } from "./attribution.ts";
import type { Flow } from "./flow.ts";
import { LanePorts } from "./lane_ports.ts";
import { mayReplace } from "./trust.ts";
import { type FlowKey, formatFlowKey } from "../wire/flow_key.ts";

/** Reasons why a flow gets no 5-tuple. */
export type Refusal = "another-users-address" | "no-lane-port";

export class FlowKeys {
  readonly ports: LanePorts = new LanePorts((name) => this.#forged.has(name));
  /** Flows by network namespace and own 5-tuple. */
  readonly #own = new Map<string, Flow>();
  /** Flows that are forged on their own 5-tuple, by that. */
  readonly #forged = new Map<string, Flow>();
  readonly #replace: (flow: Flow, timeNs: number) => void;

  /** `replace` ends a flow in whose place another has come. */
  constructor(replace: (flow: Flow, timeNs: number) => void) {
    this.#replace = replace;
  }

  /** Gives the flow its 5-tuple, `flow.attribution`, in place of an older flow; answers why it cannot have one. */
  claim(flow: Flow): Refusal | undefined {
    if (flow.isPortBorrowed) return undefined;
    const { key, confirmed } = flow.attribution!;
    const own = ownName(flow, key);
    const other = this.#own.get(own);
    if (other) {
      const isReplaced = mayReplace(flow.claim, other.claim);
      if (!isReplaced && confirmed === false) return "another-users-address";
      if (!isReplaced) return this.#move(flow, key);
      this.#replace(other, flow.openedNs);
    }
    this.#own.set(own, flow);
    const name = formatFlowKey(key);
    const standing = this.#forged.get(name);
    if (standing && !isOver(standing, flow)) return this.#move(flow, key);
    if (standing) this.#replace(standing, flow.openedNs);
    this.#forged.set(name, flow);
    this.ports.evict(key);
    return undefined;
  }

  /** The flow shall be forged on a free port beside `key`; undefined when there is none. A real flow that comes there ends it. */
  borrow(flow: Flow, key: FlowKey): FlowKey | undefined {
    const lane = this.ports.take(key, () => this.#replace(flow, flow.lastSeenNs));
    flow.isPortBorrowed = lane !== undefined;
    return lane;
  }

  #move(flow: Flow, key: FlowKey): Refusal | undefined {
    const lane = this.borrow(flow, key);
    if (!lane) return "no-lane-port";
    const attribution: Attribution = { ...flow.attribution!, key: lane, own: key };
    flow.attribution = attribution;
    return undefined;
  }

  /** The flow has ended. */
  release(flow: Flow): void {
    if (!flow.attribution) return;
    const { key, own = key } = flow.attribution;
    if (flow.isPortBorrowed) this.ports.release(key);
    deleteIfIts(this.#forged, formatFlowKey(key), flow);
    deleteIfIts(this.#own, ownName(flow, own), flow);
  }
}

/**
 * Whether nobody tells of `standing` any more, and it may have had the connection that `flow` has now: a process that is ending tells its
 * namespace to nobody.
 */
function isOver(standing: Flow, flow: Flow): boolean {
  const isPlaceUnknown = [standing, flow].some(({ program }) => program.networkNamespace === undefined);
  return isPlaceUnknown && standing.tellers.length === 0 && mayReplace(flow.claim, standing.claim);
}

function ownName(flow: Flow, key: FlowKey): string {
  const place = flow.attribution!.grade === "wire" ? "wire" : flow.program.networkNamespace ?? 0;
  return `${place} ${formatFlowKey(key)}`;
}

function deleteIfIts(map: Map<string, Flow>, name: string, flow: Flow): void {
  if (map.get(name) === flow) map.delete(name);
}
