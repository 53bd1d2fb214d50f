// SPDX-License-Identifier: MIT
/**
 * How flows come by their addresses. A flow is held until they are known, for a bounded time and size; then it gets its
 * 5-tuple and is mirrored, or it is dropped for a reason.
 *
 * @module
 */
import type { CaptureHello, CaptureOpen, CaptureProgram, CaptureWire } from "../capture/target.ts";
import { attribute, attributeSeen, type Attribution, documentationKey, HelloTable } from "./attribution.ts";
import { type Flow, GAP_BYTES, type HeldEvent, NOTHING_HELD } from "./flow.ts";
import type { MemoryBudget } from "../../codecs/memory_budget.ts";
import { FlowKeys } from "./flow_keys.ts";
import { HeldFlows } from "./held_flows.ts";
import { isKnownAs, type KnownGrade } from "./known_grades.ts";
import { Sightings } from "./sightings.ts";

export interface AddressOptions {
  /** Drop flows whose addresses are known less well; absent: those that stay unknown are mirrored under documentation addresses. */
  readonly requireAttribution?: KnownGrade;
  /** How long a flow without addresses is held. Default: 1 s. */
  readonly holdNs?: number;
  /** How many bytes of it. Default: 256 KiB. */
  readonly holdBytes?: number;
  /** Whether the flow, whose addresses are known by now, is to be mirrored; absent: all are. */
  readonly isWanted?: (flow: Flow) => boolean;
  /** Mirror sessions over Unix sockets under documentation addresses, instead of dropping them. Default: false. */
  readonly unix?: boolean;
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

/** A program may tell of a hello so long before its packet has left a full queue. */
const SIGHTING_NS = 200e6;
/** More than a source tells of one program between two looks at the interfaces. */
const SIGHTING_BYTES = 2 << 20;
/** How long a flow without addresses is held unless set: a custom BIO tells its socket within a call or two. */
const HOLD_NS = 1e9;
/** And how many bytes of it. */
const HOLD_BYTES = 256 * 1024;

export class Addresses {
  /** Which flow has which 5-tuple. */
  readonly keys: FlowKeys;
  readonly #options: AddressOptions;
  readonly #handlers: AddressHandlers;
  readonly #held: HeldFlows;
  readonly #hellos = new HelloTable();
  readonly #sightings = new Sightings();
  /** Flows that are held until an interface sees them, by client random. */
  readonly #awaited = new Map<string, Set<Flow>>();
  readonly #holdNs: number;
  readonly #holdBytes: number;
  #undocumented = 0;

  /** Flows that are held count in `memory`. */
  constructor(options: AddressOptions, handlers: AddressHandlers, memory: MemoryBudget) {
    this.#options = options;
    this.#holdNs = options.holdNs ?? HOLD_NS;
    this.#holdBytes = options.holdBytes ?? HOLD_BYTES;
    this.#held = new HeldFlows(memory, (flow) => {
      flow.counters.count("held-over-bound");
      this.giveUp(flow);
    });
    this.#handlers = handlers;
    this.keys = new FlowKeys((flow, timeNs) => handlers.replaced(flow, timeNs));
  }

  /** The ClientHello of a session that opens, if it was seen before. */
  takeHello(program: CaptureProgram, open: CaptureOpen): CaptureHello | undefined {
    return this.#hellos.take(program, open.clientRandom, open.isServer);
  }

  /** A ClientHello was seen: it has the addresses of a flow that is held, or of one to come. */
  hello(program: CaptureProgram, hello: CaptureHello): void {
    const flow = this.#held.of(program, hello);
    if (flow === undefined) return this.#hellos.remember(program, hello);
    const { info } = flow;
    flow.noteSocket(program, hello);
    flow.isCarried ||= hello.carrier > 0;
    this.settle(flow, attribute(info, hello) ?? this.carried(flow, program, hello, info));
  }

  /** Interfaces have something to tell: which of them count, and what they saw. */
  wire(news: CaptureWire, timeNs: number): void {
    if (news.kind === "interfaces") return this.#sightings.look(news.interfaces, timeNs);
    if (news.kind === "lost") return this.#sightings.doubt(timeNs);
    this.#sightings.add(news, timeNs);
    for (const flow of this.#awaited.get(news.clientRandom) ?? []) this.settle(flow, flow.attribution);
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
    const most = flow.attribution === undefined ? this.#holdBytes : SIGHTING_BYTES;
    if (flow.heldBytes > most) this.giveUp(flow);
    else this.#held.settle(flow);
  }

  /**
   * Decides by its addresses where a flow that is held goes; it goes on waiting without `attribution`, or for an interface to see
   * it. Of two interfaces that saw it, by the one that fits best what its program knows.
   */
  settle(flow: Flow, attribution: Attribution | undefined): void {
    if (!this.#isOnWire(flow)) return this.#settleUnseen(flow, attribution);
    flow.attribution = attribution;
    const sighting = this.#sightings.find(flow.info, attribution?.key);
    if (sighting !== undefined) return this.#accept(flow, attributeSeen(sighting, attribution));
    this.#await(flow);
  }

  /** Whether an interface would see the flow's hello: not that of a session inside another, nor one that passed long ago. */
  #isOnWire({ info, isCarried, joinedLate }: Flow): boolean {
    const isSeen = info.clientRandom !== "" && !isCarried && !joinedLate && !info.inherited;
    return isSeen && this.#sightings.isLooking;
  }

  #await(flow: Flow): void {
    const { clientRandom } = flow.info;
    const flows = this.#awaited.get(clientRandom);
    if (flows) flows.add(flow);
    else this.#awaited.set(clientRandom, new Set([flow]));
  }

  #awaitNoLonger(flow: Flow): void {
    const { clientRandom } = flow.info;
    const flows = this.#awaited.get(clientRandom);
    if (flows?.delete(flow) && flows.size === 0) this.#awaited.delete(clientRandom);
  }

  /** No interface saw the flow, or none is asked: what counts is which address of this host it has. */
  #settleUnseen(flow: Flow, attribution: Attribution | undefined): void {
    if (!attribution) return;
    const { key, grade } = attribution;
    const local = flow.info.isServer ? key.server : key.client;
    const mayBeAnywhere = grade === "none" || flow.isPortBorrowed;
    if (!mayBeAnywhere && !this.#sightings.isLocal(local.ip)) return this.drop(flow, "not-on-interface");
    this.#accept(flow, attribution);
  }

  #accept(flow: Flow, attribution: Attribution): void {
    this.#held.delete(flow);
    this.#awaitNoLonger(flow);
    flow.attribution = attribution;
    const { grade, confirmed } = attribution;
    const { isWanted, requireAttribution } = this.#options;
    if (isWanted?.(flow) === false) return this.drop(flow, "skipped");
    if (grade !== "none" && !isKnownAs(grade, requireAttribution)) return this.drop(flow, "no-attribution");
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
    if (this.#isOnWire(flow)) {
      const { attribution, info } = flow;
      const wasSeen = this.#sightings.mayHaveSeen(info.clientRandom, attribution?.key);
      // A client that cuts its hello to pieces, or sends others with its random, must not get past the mirror by it.
      if (wasSeen && attribution) {
        flow.counters.count("hello-in-doubt");
        return this.#accept(flow, attribution);
      }
      if (!wasSeen && this.#sightings.isSure(flow.openedNs)) return this.drop(flow, "not-on-interface");
      if (attribution) return this.#settleUnseen(flow, attribution);
    }
    if (flow.overUnixSocket) {
      if (!unix) return this.drop(flow, "unix-socket");
    } else if (requireAttribution !== undefined) return this.drop(flow, "no-attribution");
    this.#settleUnseen(flow, { key: documentationKey(this.#undocumented++), grade: "none" });
  }

  /** The flow is not mirrored, for a reason of the counters. */
  drop(flow: Flow, reason: string): void {
    this.#held.delete(flow);
    this.#awaitNoLonger(flow);
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
    for (const flow of this.#held) {
      const isOver = flow.attribution === undefined ? this.#holdNs : SIGHTING_NS;
      if (timeNs - flow.openedNs > isOver) this.giveUp(flow);
    }
    this.#sightings.tick(timeNs);
  }

  /** Nothing more will come. */
  drain(): void {
    for (const flow of [...this.#held]) this.giveUp(flow);
  }
}
