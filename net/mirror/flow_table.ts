// SPDX-License-Identifier: MIT
/**
 * The flows that are open, by program and number, by 5-tuple and by client random; what has no addresses yet is held for a
 * bounded time and size.
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
import { attribute, type Attribution, documentationKey, HelloTable } from "./attribution.ts";
import { Flow, NOTHING_HELD } from "./flow.ts";
import { formatFlowKey, formatIp } from "../wire/flow_key.ts";

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
  /** A mirrored flow had no traffic for long; told at every tick while it stays mirrored and so. */
  rest(flow: Flow, timeNs: number): void;
  release(flow: Flow, end: FlowEnd, timeNs: number): void;
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
  readonly #options: FlowTableOptions;
  readonly #handlers: FlowHandlers;
  readonly #flows = new Set<Flow>();
  readonly #byProgram = new Map<number, Map<number, Flow>>();
  readonly #byKey = new Map<string, Flow>();
  readonly #byRandom = new Map<string, Flow>();
  readonly #held = new Set<Flow>();
  readonly #lingering = new Set<Flow>();
  readonly #hellos = new HelloTable();
  #opened = 0;
  #undocumented = 0;

  constructor(options: FlowTableOptions, handlers: FlowHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  get size(): number {
    return this.#flows.size;
  }

  all(): Iterable<Flow> {
    return this.#flows;
  }

  /** Whether a real flow has the 5-tuple of this name. */
  hasKey(name: string): boolean {
    return this.#byKey.has(name);
  }

  get(program: CaptureProgram, number: number): Flow | undefined {
    return this.#byProgram.get(program.id)?.get(number);
  }

  open(program: CaptureProgram, number: number, open: CaptureOpen, timeNs: number): void {
    const known = this.get(program, number);
    if (known && open.update) {
      if (known.state === "held") this.#settle(known, attribute(open, undefined));
      return;
    }
    if (known) this.close(program, number, "abrupt", timeNs);
    const flow = this.#inherited(program, open) ?? this.#create(program, open, timeNs);
    flow.holders.push({ program: program.id, number });
    let numbers = this.#byProgram.get(program.id);
    if (!numbers) this.#byProgram.set(program.id, numbers = new Map());
    numbers.set(number, flow);
    if (flow.state !== "held" || this.#held.has(flow)) return;
    this.#held.add(flow);
    const hello = this.#hellos.take(program.id, open.clientRandom, open.isServer);
    this.#settle(flow, attribute(open, hello) ?? this.#carried(program, hello, open));
  }

  hello(program: CaptureProgram, hello: CaptureHello, _timeNs: number): void {
    for (const flow of this.#held) {
      if (flow.info.clientRandom !== hello.clientRandom || flow.program !== program) continue;
      if (flow.info.isServer !== hello.received) continue;
      return this.#settle(flow, attribute(flow.info, hello) ?? this.#carried(program, hello, flow.info));
    }
    this.#hellos.remember(program.id, hello);
  }

  close(program: CaptureProgram, number: number, end: CaptureEnd, timeNs: number): void {
    const numbers = this.#byProgram.get(program.id);
    const flow = numbers?.get(number);
    if (!flow) return;
    numbers!.delete(number);
    const isThis = (holder: Flow["holders"][number]) =>
      holder.program === program.id && holder.number === number;
    flow.holders.splice(flow.holders.findIndex(isThis), 1);
    if (flow.holders.length > 0) return;
    if (end === "orderly") return this.#end(flow, end, timeNs);
    flow.endsAtNs = timeNs + LINGER_NS;
    flow.end = end;
    flow.endedBy = program.id;
    this.#lingering.add(flow);
  }

  programEnd(program: CaptureProgram, end: CaptureProgramEnd, timeNs: number): void {
    const lossy = end.stopped !== undefined || end.losses.some(({ unit }) => unit !== "sessions");
    for (const [number, flow] of [...this.#byProgram.get(program.id) ?? []]) {
      if (lossy) flow.cutShort = true;
      this.close(program, number, "died", timeNs);
    }
    this.#byProgram.delete(program.id);
    if (!lossy) return;
    // Its source may have closed them already, for the process being dead: what it wrote last is missing all the same.
    for (const flow of this.#lingering) {
      if (flow.endedBy === program.id && flow.end === "died") flow.cutShort = true;
    }
  }

  /** Keeps what came before the addresses; past the bound they are given up. */
  hold(flow: Flow, direction: 0 | 1, bytes: Uint8Array | undefined, length: number, timeNs: number): void {
    if (flow.held === NOTHING_HELD) flow.held = [];
    flow.held.push({ direction, bytes, length, timeNs });
    // A gap takes no memory but the list entry; 64 stands for that.
    flow.heldBytes += bytes ? length : 64;
    if (flow.heldBytes > HOLD_BYTES) this.#giveUp(flow);
  }

  tick(timeNs: number): void {
    for (const flow of this.#held) if (timeNs - flow.openedNs > HOLD_NS) this.#giveUp(flow);
    for (const flow of this.#lingering) if (timeNs >= flow.endsAtNs) this.#end(flow, flow.end, timeNs);
    for (const flow of this.#flows) {
      if (flow.state === "mirrored" && timeNs - flow.lastSeenNs > this.#options.idleNs) {
        this.#handlers.rest(flow, timeNs);
      }
    }
  }

  drain(timeNs: number): void {
    for (const flow of [...this.#held]) this.#giveUp(flow);
    for (const flow of [...this.#flows]) {
      this.#end(flow, this.#lingering.has(flow) ? flow.end : "drained", timeNs);
    }
    this.#byProgram.clear();
  }

  #create(program: CaptureProgram, open: CaptureOpen, timeNs: number): Flow {
    const flow = new Flow(++this.#opened, program, open, timeNs);
    this.#flows.add(flow);
    if (open.clientRandom) this.#byRandom.set(roleName(open), flow);
    if (this.#flows.size > this.#options.flowsMax) this.#drop(flow, "too-many-flows");
    return flow;
  }

  /** The flow that a forked child goes on with: same session, same end, and a parent that it may have been forked from. */
  #inherited(program: CaptureProgram, open: CaptureOpen): Flow | undefined {
    if (!open.inherited || !open.clientRandom) return undefined;
    const flow = this.#byRandom.get(roleName(open));
    if (!flow || flow.program === program) return undefined;
    if (flow.program.uid !== program.uid && flow.program.uid !== 0) return undefined;
    flow.endsAtNs = Infinity;
    this.#lingering.delete(flow);
    return flow;
  }

  /** Addresses of a session inside another (an HTTPS proxy): the outer connection's, with a client port of the lanes' range. */
  #carried(
    program: CaptureProgram,
    hello: CaptureHello | undefined,
    open: CaptureOpen,
  ): Attribution | undefined {
    const outer = hello && hello.carrier > 0 ? this.get(program, hello.carrier) : undefined;
    if (!outer?.attribution || open.isServer !== outer.info.isServer) return undefined;
    const { client, server } = outer.attribution.key;
    return { key: { client: { ip: client.ip, port: innerPort(client.port) }, server }, grade: "hello" };
  }

  #settle(flow: Flow, attribution: Attribution | undefined): void {
    if (!attribution) return;
    this.#held.delete(flow);
    flow.attribution = attribution;
    const { key } = attribution;
    const local = flow.info.isServer ? key.server : key.client;
    const wanted = this.#options.localAddresses;
    if (wanted && attribution.grade !== "none" && !wanted.has(formatIp(local.ip))) {
      return this.#drop(flow, "not-on-interface");
    }
    const name = formatFlowKey(key);
    const other = this.#byKey.get(name);
    if (other && isOtherEnd(flow, other)) return this.#drop(flow, "other-end-mirrored");
    if (other) this.#end(other, "replaced", flow.openedNs);
    this.#byKey.set(name, flow);
    this.#handlers.mirror(flow);
  }

  #drop(flow: Flow, reason: string): void {
    this.#held.delete(flow);
    flow.state = "dropped";
    flow.dropReason = reason;
    flow.counters.count(`flow-${reason}`);
    for (const { direction, bytes, length } of flow.held) {
      if (bytes) flow.counters.lose(reason, direction, length);
    }
    flow.held = NOTHING_HELD;
  }

  #giveUp(flow: Flow): void {
    if (this.#options.requireAttribution) return this.#drop(flow, "no-attribution");
    this.#settle(flow, { key: documentationKey(this.#undocumented++), grade: "none" });
  }

  #end(flow: Flow, end: FlowEnd, timeNs: number): void {
    if (!this.#flows.delete(flow)) return;
    // Whoever goes on with a flow that was replaced tells of an unknown one.
    for (const { program, number } of flow.holders) this.#byProgram.get(program)?.delete(number);
    if (flow.state === "held") this.#giveUp(flow);
    this.#held.delete(flow);
    this.#lingering.delete(flow);
    if (flow.attribution) {
      const name = formatFlowKey(flow.attribution.key);
      if (this.#byKey.get(name) === flow) this.#byKey.delete(name);
    }
    if (this.#byRandom.get(roleName(flow.info)) === flow) this.#byRandom.delete(roleName(flow.info));
    this.#handlers.release(flow, end, timeNs);
  }
}

function roleName(open: CaptureOpen): string {
  return `${open.isServer ? "<" : ">"}${open.clientRandom}`;
}

/** Whether two flows on one 5-tuple are the two ends of the same session, both mirrored on this host. */
function isOtherEnd(flow: Flow, other: Flow): boolean {
  return flow.info.clientRandom !== "" && flow.info.clientRandom === other.info.clientRandom &&
    flow.info.isServer !== other.info.isServer;
}

/** A client port for the session inside, of the lanes' range (30201 to 32767), fixed by the outer port. */
function innerPort(outer: number): number {
  return 30_201 + outer % 2_567;
}
