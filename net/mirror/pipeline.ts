// SPDX-License-Identifier: MIT
/**
 * From captured clear text to forged packets: a {@linkcode CaptureTarget} that keeps the flows, drives a codec chain for each
 * and one forged connection for each lane. Pure: time comes with the records, so a recording gives its packets again.
 *
 * @module
 */
import type { Direction } from "../../codecs/direction.ts";
import type { Codec, CodecSession } from "../../codecs/codec.ts";
import { MemoryBudget } from "../../codecs/memory_budget.ts";
import type { Counters } from "./counters.ts";
import type {
  CaptureEnd,
  CaptureGap,
  CaptureHello,
  CaptureOpen,
  CaptureProgram,
  CaptureProgramEnd,
  CaptureTarget,
  CaptureWire,
} from "../capture/target.ts";
import { openChain } from "./codec_chain.ts";
import { type AheadEvent, type Flow, NOTHING_HELD, type Teller } from "./flow.ts";
import { type FlowEnd, FlowTable, type FlowTableOptions } from "./flow_table.ts";
import type { FlowTap } from "./flow_tap.ts";
import { describeFlow } from "./flow_comment.ts";
import { type Forging, Lanes } from "./lanes.ts";
import { ProgramBooks, type ProgramRow } from "./program_books.ts";
import { missingGreeting, type StarttlsMode } from "./starttls.ts";

export interface PipelineOptions extends FlowTableOptions {
  /** The codec chain, at least one. */
  readonly codecs: readonly Codec[];
  /** Stands in for a codec that declines or fails. */
  readonly raw: Codec;
  /** `greet`: sessions behind STARTTLS begin with a greeting that is made up. Default: `none`. */
  readonly starttls?: StarttlsMode;
  /** Bytes that may wait in all flows: for addresses, for other tellers, for a codec's verdict. Default: 64 MiB. */
  readonly waitingBytesMax?: number;
  /** Makes who looks at the clear text of a flow from now on. Default: nobody does. */
  readonly tap?: (flow: Flow) => FlowTap | undefined;
  /** Tells people what happens; must not throw. */
  readonly observer: PipelineObserver;
}

export interface PipelineObserver {
  flowOpened(flow: Flow): void;
  flowClosed(flow: Flow, end: FlowEnd): void;
  /** A flow got a forged connection besides its own; `description` is one line with both Community IDs. */
  laneOpened(flow: Flow, description: string): void;
  codecFailed(flow: Flow, codec: string, error: unknown): void;
  programEnded(program: CaptureProgram, end: CaptureProgramEnd): void;
}

/** 32 times what a source tells of one program between two looks at the interfaces. */
const WAITING_BYTES_MAX = 64 << 20;

export class Pipeline implements CaptureTarget {
  readonly #options: PipelineOptions;
  readonly #forging: Forging;
  readonly #flows: FlowTable;
  /** Of what waits in flows; beyond it the largest waits no longer. */
  readonly #waiting: MemoryBudget;
  readonly #books = new ProgramBooks();
  #nowNs = 0;

  constructor(options: PipelineOptions, forging: Forging) {
    this.#options = options;
    this.#forging = forging;
    this.#waiting = new MemoryBudget(options.waitingBytesMax ?? WAITING_BYTES_MAX);
    this.#flows = new FlowTable(options, {
      mirror: (flow) => this.#mirror(flow),
      tell: (teller, event) => this.#tellEvent(teller, event),
      rest: (flow, timeNs) => this.#rest(flow, timeNs),
      end: (flow, end, timeNs) => this.#end(flow, end, timeNs),
    }, this.#waiting);
  }

  /** The books of every program so far, open flows included. */
  rows(): ProgramRow[] {
    return this.#books.rows(this.#flows.all());
  }

  /** Sums over all programs so far, open flows included. */
  total(): Counters {
    return this.#books.total(this.#flows.all());
  }

  /** How many flows are open, and programs tell. */
  get openFlows(): number {
    return this.#flows.size;
  }
  get livePrograms(): number {
    return this.#books.live;
  }

  /** Flows that are open. */
  flows(): Iterable<Flow> {
    return this.#flows.all();
  }

  /** Who looks has changed: they end, and `tap` is asked again of every flow that is mirrored. */
  tapAgain(): void {
    for (const flow of this.#flows.all()) {
      flow.tap?.end(this.#nowNs);
      flow.tap = flow.state === "mirrored" ? this.#options.tap?.(flow) : undefined;
      const session = flow.chain?.session;
      if (session !== undefined) flow.tap?.reads(session);
    }
  }

  programStart(program: CaptureProgram): void {
    this.#books.of(program);
  }

  open(program: CaptureProgram, flow: number, open: CaptureOpen, timeNs: number): void {
    this.#nowNs = timeNs;
    const counters = this.#books.of(program);
    const teller = this.#flows.open(program, flow, open, timeNs);
    if (open.isHelloGone && !open.update) counters.count("hello-gone");
    if (teller?.isOtherEnd) counters.count("flow-other-end-mirrored");
  }

  hello(program: CaptureProgram, hello: CaptureHello, timeNs: number): void {
    this.#nowNs = timeNs;
    this.#flows.addresses.hello(program, hello);
  }

  wire(news: CaptureWire, timeNs: number): void {
    this.#nowNs = Math.max(this.#nowNs, timeNs);
    this.#flows.addresses.wire(news, timeNs);
  }

  data(
    program: CaptureProgram,
    number: number,
    direction: Direction,
    offset: number,
    bytes: Uint8Array,
    timeNs: number,
  ): void {
    this.#nowNs = timeNs;
    const teller = this.#flows.get(program, number);
    if (!teller) return this.#books.of(program).lose("unknown-flow", direction, bytes.length);
    if (this.#flows.ahead.isAhead(teller, direction, offset)) {
      const { length } = bytes;
      const copy = bytes.slice();
      return this.#flows.ahead.wait(teller, {
        direction,
        offset,
        length,
        bytes: copy,
        reason: undefined,
        timeNs,
      });
    }
    this.#tell(teller, direction, offset, bytes, timeNs);
    this.#flows.ahead.tellDue(teller.flow, timeNs);
  }

  gap(program: CaptureProgram, number: number, gap: CaptureGap, timeNs: number): void {
    this.#nowNs = timeNs;
    const { direction, offset, length, reason } = gap;
    const teller = this.#flows.get(program, number);
    if (!teller) return this.#books.of(program).lose(reason, direction, length);
    if (this.#flows.ahead.isAhead(teller, direction, offset + length)) {
      return this.#flows.ahead.wait(teller, { direction, offset, length, bytes: undefined, reason, timeNs });
    }
    this.#tellGap(teller, gap, timeNs);
    this.#flows.ahead.tellDue(teller.flow, timeNs);
  }

  close(program: CaptureProgram, number: number, end: CaptureEnd, timeNs: number): void {
    this.#nowNs = timeNs;
    this.#flows.close(program, number, end, timeNs);
  }

  programEnd(program: CaptureProgram, end: CaptureProgramEnd, timeNs: number): void {
    this.#nowNs = timeNs;
    const counters = this.#books.of(program);
    for (const { reason, unit, amount } of end.losses) {
      // Whose direction they were is not known any more: they are booked as sent to the server.
      if (unit === "bytes") counters.lose(reason, 0, amount);
      else counters.count(reason, amount);
    }
    if (end.stopped !== undefined) counters.count("source-stopped");
    this.#flows.programEnd(program, end, timeNs);
    this.#options.observer.programEnded(program, end);
    this.#books.end(program);
  }

  tick(timeNs: number): void {
    this.#nowNs = Math.max(this.#nowNs, timeNs);
    this.#flows.tick(this.#nowNs);
    for (const flow of this.#flows.all()) {
      if (flow.state !== "mirrored") continue;
      flow.lanes!.timeNs = this.#nowNs;
      flow.chain!.tick(this.#nowNs);
      flow.lanes!.tick();
    }
  }

  /** Ends every flow: nothing more will come. */
  drain(): void {
    this.#flows.drain(this.#nowNs);
  }

  #tellEvent(teller: Teller, event: AheadEvent): void {
    const { direction, offset, length, bytes, reason = "unreported", timeNs } = event;
    if (bytes) this.#tell(teller, direction, offset, bytes, timeNs);
    else this.#tellGap(teller, { direction, offset, length, reason }, timeNs);
  }

  #tell(teller: Teller, direction: Direction, offset: number, bytes: Uint8Array, timeNs: number): void {
    const { flow } = teller;
    const fresh = this.#place(teller, direction, offset, bytes.length, timeNs);
    if (fresh < bytes.length) {
      this.#books.of(teller.program).lose(teller.leftOutFor, direction, bytes.length - fresh);
    }
    if (fresh === 0) return;
    this.#deliver(
      flow,
      direction,
      fresh === bytes.length ? bytes : bytes.subarray(bytes.length - fresh),
      timeNs,
    );
  }

  #tellGap(teller: Teller, { direction, offset, length, reason }: CaptureGap, timeNs: number): void {
    const fresh = this.#place(teller, direction, offset, length, timeNs);
    if (teller.isUnplaced) this.#books.of(teller.program).lose(reason, direction, length);
    if (fresh > 0) this.#deliverGap(teller.flow, direction, fresh, reason, timeNs);
  }

  /**
   * Where a record lies in its direction: tells a gap for what is missing before it and answers how many of its bytes, counted
   * from their end, are new. Several tellers may tell of a byte.
   */
  #place(teller: Teller, direction: Direction, offset: number, length: number, timeNs: number): number {
    const { flow } = teller;
    if (teller.isMute) return 0;
    flow.lastSeenNs = timeNs;
    const expected = flow.offsets[direction];
    const end = offset + length;
    if (end <= expected) return 0;
    if (flow.state === "told") {
      if (flow.told!.isComplete) return 0;
      this.#flows.revive(flow);
    }
    if (offset > expected) this.#deliverGap(flow, direction, offset - expected, "unreported", timeNs);
    flow.offsets[direction] = end;
    return Math.min(length, end - expected);
  }

  #deliver(flow: Flow, direction: Direction, bytes: Uint8Array, timeNs: number): void {
    if (flow.state === "dropped") return flow.counters.lose(flow.dropReason, direction, bytes.length);
    if (flow.state === "held") {
      return this.#flows.addresses.keep(flow, {
        direction,
        bytes: bytes.slice(),
        length: bytes.length,
        timeNs,
      });
    }
    if (flow.state === "resting") this.#mirror(flow);
    flow.counters.captured[direction] += bytes.length;
    flow.counters.decoded[direction] += bytes.length;
    flow.lanes!.timeNs = timeNs;
    flow.chain!.data(direction, bytes, timeNs);
    flow.tap?.data(direction, bytes, timeNs);
  }

  #deliverGap(flow: Flow, direction: Direction, length: number, reason: string, timeNs: number): void {
    flow.counters.lose(reason, direction, length);
    if (flow.state === "dropped") return;
    if (flow.state === "held") {
      return this.#flows.addresses.keep(flow, { direction, bytes: undefined, length, timeNs });
    }
    if (flow.state === "resting") this.#mirror(flow);
    flow.lanes!.timeNs = timeNs;
    flow.chain!.gap(direction, length, timeNs);
    flow.tap?.gap(direction, length, timeNs);
  }

  /** The flow's addresses are settled: what was held goes through. */
  #mirror(flow: Flow): void {
    const { codecs, raw, observer, starttls } = this.#options;
    const { info } = flow;
    const { key, link } = flow.attribution!;
    const joinedLate = flow.joinedLate || flow.rested;
    flow.state = "mirrored";
    flow.lanes = new Lanes({
      key,
      link,
      forging: this.#forging,
      ports: this.#flows.addresses.keys.ports,
      counters: flow.counters,
      describe: () => describeFlow(flow),
      missingGreeting: starttls === "greet" && !joinedLate
        ? (direction, bytes) => missingGreeting(key.server.port, direction, bytes)
        : undefined,
      laneOpened: (description) => observer.laneOpened(flow, description),
    });
    const context = {
      flow: {
        alpn: info.alpn,
        sni: info.sni,
        isServer: info.isServer,
        serverPort: key.server.port,
        joinedLate,
      },
      raw,
      memory: this.#waiting,
      failed: (codec: Codec, error: unknown) => {
        flow.counters.count(`codec-${codec.name}-failed`);
        observer.codecFailed(flow, codec.name, error);
      },
      opened: (session: CodecSession) => flow.tap?.reads(session),
    };
    // A flow rests only when every codec has declined it: they are not asked again about its middle.
    flow.chain = openChain(flow.rested ? [raw] : codecs, context, flow.lanes);
    flow.tap ??= this.#options.tap?.(flow);
    if (!flow.rested) observer.flowOpened(flow);
    const held = flow.held;
    flow.held = NOTHING_HELD;
    flow.heldBytes = 0;
    for (const { direction, bytes, length, timeNs } of held) {
      if (bytes) this.#deliver(flow, direction, bytes, timeNs);
      else {
        flow.lanes.timeNs = timeNs;
        flow.chain.gap(direction, length, timeNs);
        flow.tap?.gap(direction, length, timeNs);
      }
    }
  }

  /** No traffic for long: the forged connection ends; the next byte opens it again. */
  #rest(flow: Flow, timeNs: number): void {
    // What a codec knows of the session (an HPACK table) could not be learnt again.
    if (!flow.chain!.isRaw) {
      flow.lanes!.timeNs = timeNs;
      if (flow.lanes!.rest()) flow.counters.count("flow-rested");
      return;
    }
    this.#close(flow, timeNs);
    flow.state = "resting";
    flow.rested = true;
    flow.counters.count("flow-rested");
  }

  /** The flow's codec and lanes end. */
  #close(flow: Flow, timeNs: number): void {
    if (!flow.lanes) return;
    flow.lanes.timeNs = timeNs;
    flow.chain!.end(0, timeNs);
    flow.chain!.end(1, timeNs);
    flow.lanes.closeAll(flow.cutShort ? "reset" : "fin");
    flow.lanes = flow.chain = undefined;
  }

  /** The flow has ended; its books go to its program. */
  #end(flow: Flow, end: FlowEnd, timeNs: number): void {
    this.#close(flow, timeNs);
    flow.tap?.end(timeNs);
    this.#books.of(flow.program).add(flow.counters);
    this.#options.observer.flowClosed(flow, end);
  }
}
