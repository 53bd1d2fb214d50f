// SPDX-License-Identifier: MIT
/**
 * How flows come by their addresses. A flow is held until they are known, for a bounded time and size; then it gets its
 * 5-tuple and is mirrored, or it is dropped for a reason.
 *
 * @module
 */
import type { CaptureHello, CaptureOpen, CaptureProgram } from "../capture/target.ts";
import { attribute, type Attribution, documentationKey, HelloTable } from "./attribution.ts";
import { type Flow, GAP_BYTES, type HeldEvent, NOTHING_HELD } from "./flow.ts";
import { FlowKeys } from "./flow_keys.ts";
import { formatIp } from "../wire/flow_key.ts";

export interface AddressOptions {
  /** Drop flows whose addresses stay unknown, instead of mirroring them under documentation addresses. */
  readonly requireAttribution: boolean;
  /** Mirror sessions over Unix sockets under documentation addresses, instead of dropping them. Default: false. */
  readonly unix?: boolean;
  /** Mirror only flows whose local address is one of these texts; absent: all. */
  readonly localAddresses?: ReadonlySet<string>;
}

/** What is asked of the table of flows. */
export interface AddressHandlers {
  /** The flow has its 5-tuple. */
  mirror(flow: Flow): void;
  /** The flow is not mirrored: another telling of its session may be on the interface, or have addresses. */
  dropped(flow: Flow): void;
  /** Another flow has come in the place of this one. */
  replaced(flow: Flow, timeNs: number): void;
  /** The flow of which a program tells under this number. */
  flowOf(program: CaptureProgram, number: number): Flow | undefined;
}

/** How long a flow without addresses is held, and how many bytes of it: a custom BIO tells its socket within a call or two. */
const HOLD_NS = 1e9;
const HOLD_BYTES = 256 * 1024;

export class Addresses {
  /** Which flow has which 5-tuple. */
  readonly keys: FlowKeys;
  readonly #options: AddressOptions;
  readonly #handlers: AddressHandlers;
  readonly #held = new Set<Flow>();
  readonly #hellos = new HelloTable();
  #undocumented = 0;

  constructor(options: AddressOptions, handlers: AddressHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.keys = new FlowKeys((flow, timeNs) => handlers.replaced(flow, timeNs));
  }

  /** The ClientHello of a session that opens, if it was seen before. */
  takeHello(program: CaptureProgram, open: CaptureOpen): CaptureHello | undefined {
    return this.#hellos.take(program.id, open.clientRandom, open.isServer);
  }

  /** A ClientHello was seen: it has the addresses of a flow that is held, or of one to come. */
  hello(program: CaptureProgram, hello: CaptureHello): void {
    for (const flow of this.#held) {
      if (flow.info.clientRandom !== hello.clientRandom || flow.program !== program) continue;
      if (flow.info.isServer !== hello.received) continue;
      const { info } = flow;
      flow.noteSocket(program, hello);
      return this.settle(flow, attribute(info, hello) ?? this.carried(flow, program, hello, info));
    }
    this.#hellos.remember(program.id, hello);
  }

  /** The flow waits for its addresses from now on, unless `attribution` has them. */
  hold(flow: Flow, attribution: Attribution | undefined): void {
    this.#held.add(flow);
    this.settle(flow, attribution);
  }

  /** Keeps what came before the addresses; past the bound they are given up. */
  keep(flow: Flow, event: HeldEvent): void {
    if (flow.held === NOTHING_HELD) flow.held = [];
    flow.held.push(event);
    flow.heldBytes += event.bytes ? event.length : GAP_BYTES;
    if (flow.heldBytes > HOLD_BYTES) this.giveUp(flow);
  }

  /** Decides by its addresses where a flow that is held goes; without `attribution` it goes on waiting. */
  settle(flow: Flow, attribution: Attribution | undefined): void {
    if (!attribution) return;
    this.#held.delete(flow);
    flow.attribution = attribution;
    const { key, grade, confirmed } = attribution;
    const local = flow.info.isServer ? key.server : key.client;
    const wanted = this.#options.localAddresses;
    if (wanted && grade !== "none" && !wanted.has(formatIp(local.ip))) {
      return this.drop(flow, "not-on-interface");
    }
    const refusal = this.keys.claim(flow);
    if (refusal) return this.drop(flow, refusal);
    if (grade !== "none" && !flow.program.isTrusted && confirmed !== true) flow.counters.claimed = 1;
    if (confirmed === false) flow.counters.count("address-denied");
    this.#handlers.mirror(flow);
  }

  /** Addresses of a session inside another (an HTTPS proxy): the outer connection's, with a client port of the lanes. */
  carried(
    flow: Flow,
    program: CaptureProgram,
    hello: CaptureHello | undefined,
    open: CaptureOpen,
  ): Attribution | undefined {
    const outer = hello && hello.carrier > 0 ? this.#handlers.flowOf(program, hello.carrier) : undefined;
    if (!outer?.attribution || open.isServer !== outer.info.isServer) return undefined;
    const key = this.keys.borrow(flow, outer.attribution.key);
    return key && { key, grade: "hello", confirmed: outer.attribution.confirmed };
  }

  /** Waits for addresses no longer. */
  giveUp(flow: Flow): void {
    const { requireAttribution, unix } = this.#options;
    if (flow.overUnixSocket) {
      if (!unix) return this.drop(flow, "unix-socket");
    } else if (requireAttribution) return this.drop(flow, "no-attribution");
    this.settle(flow, { key: documentationKey(this.#undocumented++), grade: "none" });
  }

  /** The flow is not mirrored, for a reason of the counters. */
  drop(flow: Flow, reason: string): void {
    this.#held.delete(flow);
    this.#handlers.dropped(flow);
    flow.state = "dropped";
    flow.dropReason = reason;
    flow.counters.count(`flow-${reason}`);
    for (const { direction, bytes, length } of flow.held) {
      if (bytes) flow.counters.lose(reason, direction, length);
    }
    flow.held = NOTHING_HELD;
  }

  /** The flow has ended. */
  release(flow: Flow): void {
    if (flow.state === "held") this.giveUp(flow);
    this.#held.delete(flow);
    this.keys.release(flow);
  }

  tick(timeNs: number): void {
    for (const flow of this.#held) if (timeNs - flow.openedNs > HOLD_NS) this.giveUp(flow);
  }

  /** Nothing more will come. */
  drain(): void {
    for (const flow of [...this.#held]) this.giveUp(flow);
  }
}
