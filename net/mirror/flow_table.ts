// SPDX-License-Identifier: MIT
/**
 * The flows that are open: who tells of them, on which 5-tuple they are, and which session each is. What has no addresses
 * yet is held for a bounded time and size.
 *
 * @module
 */
import type {
  CaptureEnd,
  CaptureHello,
  CaptureOpen,
  CaptureProgram,
  CaptureProgramEnd,
} from "../capture/target.ts";
import { AheadTellers } from "./ahead.ts";
import { attribute, type Attribution, documentationKey, HelloTable } from "./attribution.ts";
import { type AheadEvent, type EndedSession, Flow, GAP_BYTES, NOTHING_HELD, Teller } from "./flow.ts";
import { FlowKeys } from "./flow_keys.ts";
import { formatIp } from "../wire/flow_key.ts";
import { Sessions } from "./sessions.ts";
import { areOneSession, type Claim, outranks } from "./trust.ts";

export interface FlowTableOptions {
  /** Drop flows whose addresses stay unknown, instead of mirroring them under documentation addresses. */
  readonly requireAttribution: boolean;
  /** Mirror only flows whose local address is one of these texts; absent: all. */
  readonly localAddresses?: ReadonlySet<string>;
  /** How long a flow without traffic keeps its forged connection. */
  readonly idleNs: number;
  /** Flows that are mirrored at a time; more are counted, not mirrored. */
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

/** How long a flow without addresses is held, and how many bytes of it: a custom BIO tells its socket within a call or two. */
const HOLD_NS = 1e9;
const HOLD_BYTES = 256 * 1024;
/** How long a flow that ended without close_notify waits for a forked child that goes on with it. */
const LINGER_NS = 1e9;

export class FlowTable {
  /** Tellers that are ahead of the others of their flow. */
  readonly ahead: AheadTellers;
  /** Which flow has which 5-tuple. */
  readonly keys: FlowKeys = new FlowKeys((flow, timeNs) => this.#end(flow, "replaced", timeNs));
  readonly #options: FlowTableOptions;
  readonly #handlers: FlowHandlers;
  readonly #flows = new Set<Flow>();
  readonly #byProgram = new Map<number, Map<number, Teller>>();
  readonly #sessions = new Sessions();
  readonly #held = new Set<Flow>();
  readonly #lingering = new Set<Flow>();
  readonly #hellos = new HelloTable();
  #opened = 0;
  #undocumented = 0;

  constructor(options: FlowTableOptions, handlers: FlowHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.ahead = new AheadTellers({
      tell: handlers.tell,
      giveUpParent: (flow) => this.#giveUpParent(flow),
      leave: (teller, timeNs) => this.#leave(teller, timeNs),
    });
  }

  all(): Iterable<Flow> {
    return this.#flows;
  }

  get(program: CaptureProgram, number: number): Teller | undefined {
    return this.#byProgram.get(program.id)?.get(number);
  }

  /** Answers who tells of the session that has begun; undefined where `open` only updates what is known. */
  open(program: CaptureProgram, number: number, open: CaptureOpen, timeNs: number): Teller | undefined {
    const known = this.get(program, number);
    if (known && open.update) {
      const { flow } = known;
      if (flow.awaitsParent) flow.attribution ??= attribute(open, undefined);
      else if (flow.state === "held") this.#settle(flow, attribute(open, undefined));
      return undefined;
    }
    if (known) this.close(program, number, "abrupt", timeNs);
    const hello = this.#hellos.take(program.id, open.clientRandom, open.isServer);
    const attribution = attribute(open, hello);
    const joined = this.#join(program, open, attribution, timeNs);
    const flow = joined ?? this.#create(program, open, timeNs);
    const teller = new Teller(program, number, flow, open);
    flow.tellers.push(teller);
    let numbers = this.#byProgram.get(program.id);
    if (!numbers) this.#byProgram.set(program.id, numbers = new Map());
    numbers.set(number, teller);
    if (!joined) this.#awaitParent(flow);
    this.ahead.align(teller, open, timeNs);
    if (flow.state === "told" || flow.awaitsParent) flow.attribution ??= attribution;
    else if (flow.state === "held") {
      this.#held.add(flow);
      const first = flow.attribution ?? attribution;
      this.#settle(flow, first ?? this.#carried(flow, program, hello, open));
    }
    return teller;
  }

  hello(program: CaptureProgram, hello: CaptureHello, _timeNs: number): void {
    for (const flow of this.#held) {
      if (flow.info.clientRandom !== hello.clientRandom || flow.program !== program) continue;
      if (flow.info.isServer !== hello.received) continue;
      const { info } = flow;
      return this.#settle(flow, attribute(info, hello) ?? this.#carried(flow, program, hello, info));
    }
    this.#hellos.remember(program.id, hello);
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

  /** Keeps what came before the addresses; past the bound they are given up. */
  hold(flow: Flow, direction: 0 | 1, bytes: Uint8Array | undefined, length: number, timeNs: number): void {
    if (flow.held === NOTHING_HELD) flow.held = [];
    flow.held.push({ direction, bytes, length, timeNs });
    flow.heldBytes += bytes ? length : GAP_BYTES;
    if (flow.heldBytes > HOLD_BYTES) this.#giveUp(flow);
  }

  /** What the flow's session tells anew although it had ended: the flow is mirrored again from here on. */
  revive(flow: Flow): void {
    flow.state = "held";
    flow.told = undefined;
    flow.counters.flows = 1;
    this.#sessions.add(flow);
    this.#held.add(flow);
    this.#settle(flow, flow.attribution);
  }

  tick(timeNs: number): void {
    this.ahead.tick(timeNs);
    for (const flow of this.#held) if (timeNs - flow.openedNs > HOLD_NS) this.#giveUp(flow);
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
    for (const flow of [...this.#held]) this.#giveUp(flow);
    for (const flow of [...this.#flows]) {
      this.#end(flow, this.#lingering.has(flow) ? flow.end : "drained", timeNs);
    }
    this.#byProgram.clear();
  }

  #create(program: CaptureProgram, open: CaptureOpen, timeNs: number): Flow {
    const flow = new Flow(++this.#opened, program, open, timeNs);
    this.#flows.add(flow);
    this.#sessions.add(flow);
    if (this.#flows.size > this.#options.flowsMax) this.#drop(flow, "too-many-flows");
    return flow;
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
    this.#flows.add(flow);
    const isOwner = outranks(claim, other.claim);
    if (isOwner) this.#sessions.add(flow);
    (isOwner ? other : flow).counters.count("another-users-session");
    if (this.#flows.size > this.#options.flowsMax) this.#drop(flow, "too-many-flows");
    return flow;
  }

  /** A flow of which everything was told before, as far as that went. */
  #createTold(program: CaptureProgram, open: CaptureOpen, ended: EndedSession, timeNs: number): Flow {
    const flow = new Flow(++this.#opened, program, open, timeNs);
    this.#flows.add(flow);
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

  /** Addresses of a session inside another (an HTTPS proxy): the outer connection's, with a client port of the lanes. */
  #carried(
    flow: Flow,
    program: CaptureProgram,
    hello: CaptureHello | undefined,
    open: CaptureOpen,
  ): Attribution | undefined {
    const outer = hello && hello.carrier > 0 ? this.get(program, hello.carrier)?.flow : undefined;
    if (!outer?.attribution || open.isServer !== outer.info.isServer) return undefined;
    const key = this.keys.borrow(flow, outer.attribution.key);
    return key && { key, grade: "hello", confirmed: outer.attribution.confirmed };
  }

  #settle(flow: Flow, attribution: Attribution | undefined): void {
    if (!attribution) return;
    this.#held.delete(flow);
    flow.attribution = attribution;
    const { key, grade, confirmed } = attribution;
    const local = flow.info.isServer ? key.server : key.client;
    const wanted = this.#options.localAddresses;
    if (wanted && grade !== "none" && !wanted.has(formatIp(local.ip))) {
      return this.#drop(flow, "not-on-interface");
    }
    const refusal = this.keys.claim(flow);
    if (refusal) return this.#drop(flow, refusal);
    if (grade !== "none" && !flow.program.isTrusted && confirmed !== true) flow.counters.claimed = 1;
    if (confirmed === false) flow.counters.count("address-denied");
    this.#handlers.mirror(flow);
  }

  #drop(flow: Flow, reason: string): void {
    this.#held.delete(flow);
    // Another telling of the session may be on the interface, or have addresses.
    this.#sessions.remove(flow);
    flow.state = "dropped";
    flow.dropReason = reason;
    flow.counters.count(`flow-${reason}`);
    for (const { direction, bytes, length } of flow.held) {
      if (bytes) flow.counters.lose(reason, direction, length);
    }
    flow.held = NOTHING_HELD;
  }

  /** A forked child that comes before its parent is held until that has told what passed before the fork. */
  #awaitParent(flow: Flow): void {
    const { inherited, offsets, clientRandom } = flow.info;
    flow.awaitsParent = flow.state === "held" && inherited && clientRandom !== "" &&
      offsets[0] + offsets[1] > 0;
  }

  #giveUpParent(flow: Flow): void {
    flow.awaitsParent = false;
    this.#held.add(flow);
    this.#settle(flow, flow.attribution);
    this.ahead.flushFlow(flow, flow.lastSeenNs);
  }

  /** Waits for addresses no longer. */
  #giveUp(flow: Flow): void {
    if (this.#options.requireAttribution) return this.#drop(flow, "no-attribution");
    this.#settle(flow, { key: documentationKey(this.#undocumented++), grade: "none" });
  }

  #end(flow: Flow, end: FlowEnd, timeNs: number): void {
    this.ahead.flushFlow(flow, timeNs);
    if (!this.#flows.delete(flow)) return;
    // Whoever goes on with a flow that was replaced tells of an unknown one.
    for (const teller of flow.tellers) {
      this.#byProgram.get(teller.program.id)?.delete(teller.number);
    }
    if (flow.state === "held") this.#giveUp(flow);
    this.#held.delete(flow);
    this.#lingering.delete(flow);
    this.keys.release(flow);
    this.#sessions.end(flow, flow.isComplete, timeNs);
    this.#handlers.end(flow, end, timeNs);
  }
}
