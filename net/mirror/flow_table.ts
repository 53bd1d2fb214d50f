// SPDX-License-Identifier: MIT
/**
 * The flows that are open: who tells of them, which session each is, and when it ends. Their addresses are the subject of
 * `addresses.ts`.
 *
 * @module
 */
import type { CaptureEnd, CaptureOpen, CaptureProgram, CaptureProgramEnd } from "../capture/target.ts";
import type { MemoryBudget } from "../../codecs/memory_budget.ts";
import { Addresses, type AddressOptions } from "./addresses.ts";
import { AheadTellers } from "./ahead.ts";
import { attribute, type Attribution } from "./attribution.ts";
import { type AheadEvent, type EndedSession, Flow, Teller } from "./flow.ts";
import { FlowPlaces } from "./flow_places.ts";
import { Sessions } from "./sessions.ts";
import { areOneSession, type Claim, outranks } from "./trust.ts";

export interface FlowTableOptions extends AddressOptions {
  /** How long a flow without traffic keeps its forged connection. */
  readonly idleNs: number;
  /** Flows that are mirrored at a time, of a user other than root three in four; more are counted, not mirrored. */
  readonly flowsMax: number;
}

/** What the table asks of the pipeline. */
export interface FlowHandlers {
  mirror(flow: Flow): void;
  /** What a teller told while it was ahead of the others has its turn. */
  tell(teller: Teller, event: AheadEvent): void;
  /** A mirrored flow had no traffic for long; told at every tick while it stays mirrored and so. */
  rest(flow: Flow, timeNs: number): void;
  end(flow: Flow, end: FlowEnd, timeNs: number): void;
}

/**
 * How a flow ended: as its source tells, `replaced` by another session on its 5-tuple, or `drained` when the agent
 * ended.
 */
export type FlowEnd = CaptureEnd | "replaced" | "drained";

/** How long a flow that ended without close_notify waits for a forked child that goes on with it. */
const LINGER_NS = 1e9;

export class FlowTable {
  /** Tellers that are ahead of the others of their flow. */
  readonly ahead: AheadTellers;
  readonly addresses: Addresses;
  readonly #options: FlowTableOptions;
  readonly #handlers: FlowHandlers;
  readonly #flows = new Set<Flow>();
  readonly #places: FlowPlaces;
  readonly #byProgram = new Map<number, Map<number, Teller>>();
  readonly #sessions = new Sessions();
  readonly #lingering = new Set<Flow>();
  #opened = 0;

  /** What waits for addresses, or for other tellers, counts in `memory`. */
  constructor(options: FlowTableOptions, handlers: FlowHandlers, memory: MemoryBudget) {
    this.#options = options;
    this.#handlers = handlers;
    this.#places = new FlowPlaces(options.flowsMax);
    this.addresses = new Addresses(options, {
      mirror: handlers.mirror,
      dropped: (flow) => this.#sessions.remove(flow),
      replaced: (flow, timeNs) => this.#end(flow, "replaced", timeNs),
      flowOf: (program, number) => this.get(program, number)?.flow,
    }, memory);
    this.ahead = new AheadTellers({
      tell: handlers.tell,
      giveUpParent: (flow) => this.#giveUpParent(flow),
      leave: (teller, timeNs) => this.#leave(teller, timeNs),
    }, memory);
  }

  all(): Iterable<Flow> {
    return this.#flows;
  }

  /** How many are open. */
  get size(): number {
    return this.#flows.size;
  }

  get(program: CaptureProgram, number: number): Teller | undefined {
    return this.#byProgram.get(program.id)?.get(number);
  }

  /** Answers who tells of the session that has begun; undefined where `open` only updates what is known. */
  open(program: CaptureProgram, number: number, open: CaptureOpen, timeNs: number): Teller | undefined {
    const known = this.get(program, number);
    if (known && open.update) {
      const { flow } = known;
      flow.noteSocket(program, open);
      if (flow.awaitsParent) flow.attribution ??= attribute(open, undefined);
      else if (flow.state === "held") this.addresses.settle(flow, attribute(open, undefined));
      return undefined;
    }
    if (known) this.close(program, number, "abrupt", timeNs);
    const hello = this.addresses.takeHello(program, open);
    const attribution = attribute(open, hello);
    const joined = this.#join(program, open, attribution, timeNs);
    const flow = joined ?? this.#create(program, open, timeNs);
    const teller = new Teller(program, number, flow, open);
    flow.noteSocket(program, open);
    if (hello) {
      flow.noteSocket(program, hello);
      flow.isCarried ||= hello.carrier > 0;
    }
    flow.tellers.push(teller);
    let numbers = this.#byProgram.get(program.id);
    if (!numbers) this.#byProgram.set(program.id, numbers = new Map());
    numbers.set(number, teller);
    if (!joined) this.#awaitParent(flow);
    this.ahead.align(teller, open, timeNs);
    if (flow.state === "told" || flow.awaitsParent) flow.attribution ??= attribution;
    else if (flow.state === "held") {
      const first = flow.attribution ?? attribution;
      this.addresses.hold(flow, first ?? this.addresses.carried(flow, program, hello, open));
    }
    return teller;
  }

  close(program: CaptureProgram, number: number, end: CaptureEnd, timeNs: number): void {
    const numbers = this.#byProgram.get(program.id);
    const teller = numbers?.get(number);
    if (!teller) return;
    numbers!.delete(number);
    teller.ended = end;
    if (!teller.ahead) this.#leave(teller, timeNs);
    this.ahead.unblock(teller.flow, timeNs);
  }

  programEnd(program: CaptureProgram, end: CaptureProgramEnd, timeNs: number): void {
    const lossy = end.stopped !== undefined || end.losses.some(({ unit }) => unit !== "sessions");
    for (const [number, { flow }] of [...this.#byProgram.get(program.id) ?? []]) {
      if (lossy) flow.cutShort = true;
      this.close(program, number, "died", timeNs);
    }
    this.#byProgram.delete(program.id);
    if (!lossy) return;
    // Its source may have closed them already, for the process being dead: what it wrote last is missing nevertheless.
    for (const flow of this.#lingering) {
      if (flow.endedBy === program.id && flow.end === "died") flow.cutShort = true;
    }
  }

  /** What the flow's session tells anew although it had ended: the flow is mirrored again from here on. */
  revive(flow: Flow): void {
    flow.state = "held";
    flow.told = undefined;
    flow.counters.flows = 1;
    this.#sessions.add(flow);
    this.addresses.hold(flow, flow.attribution);
  }

  tick(timeNs: number): void {
    this.ahead.tick(timeNs);
    this.addresses.tick(timeNs);
    for (const flow of this.#lingering) if (timeNs >= flow.endsAtNs) this.#end(flow, flow.end, timeNs);
    for (const flow of this.#flows) {
      if (flow.state === "mirrored" && timeNs - flow.lastSeenNs > this.#options.idleNs) {
        this.#handlers.rest(flow, timeNs);
      }
    }
    this.#sessions.tick(timeNs);
  }

  drain(timeNs: number): void {
    this.ahead.drain(timeNs);
    this.addresses.drain();
    for (const flow of [...this.#flows]) {
      this.#end(flow, this.#lingering.has(flow) ? flow.end : "drained", timeNs);
    }
    this.#byProgram.clear();
  }

  #create(program: CaptureProgram, open: CaptureOpen, timeNs: number): Flow {
    const flow = new Flow(++this.#opened, program, open, timeNs);
    const hasPlace = this.#add(flow);
    this.#sessions.add(flow);
    if (!hasPlace) this.addresses.drop(flow, "too-many-flows");
    return flow;
  }

  /** Whether there is a place for it among those that are mirrored. */
  #add(flow: Flow): boolean {
    this.#flows.add(flow);
    return this.#places.take(flow.program.uid);
  }

  /** The flow of a session that another program tells too, or has told. */
  #join(
    program: CaptureProgram,
    open: CaptureOpen,
    attribution: Attribution | undefined,
    timeNs: number,
  ): Flow | undefined {
    if (open.clientRandom === "") return undefined;
    const claim = { program, isServer: open.isServer, isInherited: open.inherited, attribution };
    const flow = this.#sessions.open(open.clientRandom);
    if (flow) {
      if (!areOneSession(claim, flow.claim)) return this.#createApart(claim, flow, open, timeNs);
      flow.endsAtNs = Infinity;
      this.#lingering.delete(flow);
      return flow;
    }
    const ended = this.#sessions.ended(open.clientRandom);
    return ended && areOneSession(claim, ended.claim)
      ? this.#createTold(program, open, ended, timeNs)
      : undefined;
  }

  /** A flow beside that of another user who claims this session: the kernel's word decides whose it is. */
  #createApart(claim: Claim, other: Flow, open: CaptureOpen, timeNs: number): Flow {
    const flow = new Flow(++this.#opened, claim.program, open, timeNs);
    const hasPlace = this.#add(flow);
    const isOwner = outranks(claim, other.claim);
    if (isOwner) this.#sessions.add(flow);
    (isOwner ? other : flow).counters.count("another-users-session");
    if (!hasPlace) this.addresses.drop(flow, "too-many-flows");
    return flow;
  }

  /** A flow of which everything was told before, as far as that went. */
  #createTold(program: CaptureProgram, open: CaptureOpen, ended: EndedSession, timeNs: number): Flow {
    const flow = new Flow(++this.#opened, program, open, timeNs);
    this.#add(flow);
    flow.state = "told";
    flow.told = ended;
    flow.counters.flows = 0;
    flow.beginAt(ended.offsets);
    return flow;
  }

  /** A teller has told everything: the flow ends with the last one. */
  #leave(teller: Teller, timeNs: number): void {
    const { flow } = teller;
    const end = teller.ended!;
    const index = flow.tellers.indexOf(teller);
    if (index < 0) return;
    flow.tellers.splice(index, 1);
    if (end === "orderly") flow.isComplete = true;
    if (flow.tellers.length > 0) return;
    if (end === "orderly") return this.#end(flow, end, timeNs);
    flow.endsAtNs = timeNs + LINGER_NS;
    flow.end = end;
    flow.endedBy = teller.program.id;
    this.#lingering.add(flow);
  }

  /** A forked child that comes before its parent is held until that has told what passed before the fork. */
  #awaitParent(flow: Flow): void {
    const { inherited, offsets, clientRandom } = flow.info;
    flow.awaitsParent = flow.state === "held" && inherited && clientRandom !== "" &&
      offsets[0] + offsets[1] > 0;
  }

  #giveUpParent(flow: Flow): void {
    flow.awaitsParent = false;
    this.addresses.hold(flow, flow.attribution);
    this.ahead.flushFlow(flow, flow.lastSeenNs);
  }

  #end(flow: Flow, end: FlowEnd, timeNs: number): void {
    this.ahead.flushFlow(flow, timeNs);
    if (!this.#flows.delete(flow)) return;
    this.#places.giveBack(flow.program.uid);
    // Whoever goes on with a flow that was replaced tells of an unknown one.
    for (const teller of flow.tellers) {
      this.#byProgram.get(teller.program.id)?.delete(teller.number);
    }
    this.addresses.release(flow);
    this.#lingering.delete(flow);
    this.#sessions.end(flow, flow.isComplete, timeNs);
    this.#handlers.end(flow, end, timeNs);
  }
}
