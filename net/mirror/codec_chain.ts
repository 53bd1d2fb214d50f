// SPDX-License-Identifier: MIT
/**
 * The codecs of one flow, one behind the other: every lane that a codec writes is a flow to the next one. A codec is
 * asked whether it wants the flow; who declines is passed by. One that throws is replaced by `raw` from there.
 *
 * @module
 */
import type { Codec, CodecFlow, CodecOutput, CodecSession, Direction, Lane } from "../../codecs/codec.ts";
import type { MemoryAccount, MemoryBudget } from "../../codecs/memory_budget.ts";
import { CodecSampleLog, type SamplePiece } from "./codec_sample.ts";

/** What a chain needs to know of its surroundings. */
export interface ChainContext {
  readonly flow: CodecFlow;
  /** Stands in for a codec that declined or failed. */
  readonly raw: Codec;
  /** What all flows may keep while their codecs are undecided: the largest must decide when it is too much. */
  readonly memory: MemoryBudget;
  /** A codec threw; the flow goes on as raw. */
  failed(codec: Codec, error: unknown): void;
  /** This session of the first codec reads what comes from now on. */
  opened?(session: CodecSession): void;
}

/** Makes the chain; `output` is where the last codec writes. */
export function openChain(codecs: readonly Codec[], context: ChainContext, output: CodecOutput): CodecStage {
  return new CodecStage(codecs, 0, context, output);
}

/** One codec on one lane of the stage before it, and all that follows. */
export class CodecStage {
  readonly #codec: Codec;
  readonly #isFirst: boolean;
  readonly #context: ChainContext;
  readonly #output: StageOutput;
  #session: CodecSession | undefined;
  /** What came so far, while undecided. */
  #sample: CodecSampleLog | undefined;
  /** Of the sample, once the codec has wanted more. */
  #account: MemoryAccount | undefined;
  /** Gaps before the first byte, while undecided: the flow is as if joined late. */
  #firstGaps: { direction: Direction; length: number; timeNs: number }[] | undefined;
  /** Name of the codec in charge, empty while undecided. */
  codecName = "";
  #inCharge: Codec | undefined;
  readonly #ended: [boolean, boolean] = [false, false];

  constructor(codecs: readonly Codec[], index: number, context: ChainContext, output: CodecOutput) {
    this.#codec = codecs[index];
    this.#isFirst = index === 0;
    this.#context = context;
    this.#output = new StageOutput(codecs, index + 1, context, output);
  }

  /** What the codec in charge reads with; undefined while undecided. */
  get session(): CodecSession | undefined {
    return this.#session;
  }

  /** Whether every codec that could keep something of the flow has declined or failed. */
  get isRaw(): boolean {
    return this.#inCharge === this.#context.raw && this.#output.isRaw;
  }

  data(direction: Direction, bytes: Uint8Array, timeNs: number): void {
    this.#output.timeNs = timeNs;
    if (this.#session) return this.#guard((session) => session.data(direction, bytes, timeNs));
    if (bytes.length === 0) return;
    if (this.#codec === this.#context.raw) {
      this.#decide(true);
      return this.data(direction, bytes, timeNs);
    }
    const sample = this.#sample ??= new CodecSampleLog();
    if (sample.add(direction, bytes, timeNs)) {
      if (sample.isDue) this.#decide(false);
      if (!this.#session) this.#settle(sample);
      return;
    }
    this.#decide(true, { direction, bytes });
    this.data(direction, bytes, timeNs);
  }

  #settle({ heldBytes }: CodecSampleLog): void {
    this.#account ??= this.#context.memory.open(() => this.#giveWay());
    this.#account.settle(heldBytes);
  }

  /** The sample is the largest of all flows, and they are too large. */
  #giveWay(): number {
    this.#output.count("undecided-over-bound");
    this.#decide(true);
    return 0;
  }

  gap(direction: Direction, length: number, timeNs: number): void {
    this.#output.timeNs = timeNs;
    if (!this.#session && (this.#sample === undefined || this.#sample.isEmpty)) {
      this.#decide(this.#codec === this.#context.raw);
      if (!this.#session) {
        (this.#firstGaps ??= []).push({ direction, length, timeNs });
        return;
      }
    }
    // What follows a gap cannot help to decide: the sample ends here.
    if (!this.#session) this.#decide(true);
    this.#guard((session) => session.gap(direction, length, timeNs));
  }

  get #flow(): CodecFlow {
    const { flow } = this.#context;
    return this.#firstGaps === undefined ? flow : { ...flow, joinedLate: true };
  }

  end(direction: Direction, timeNs: number): void {
    if (this.#ended[direction]) return;
    this.#ended[direction] = true;
    this.#output.timeNs = timeNs;
    if (!this.#session) this.#decide(true);
    this.#guard((session) => session.end(direction, timeNs));
    // At the end of one direction a codec may still write both.
    if (this.#ended[0] && this.#ended[1]) this.#output.end();
  }

  /** The lane that this stage runs on is closed: its codec writes what it holds, and lanes that it left open end as `how` says. */
  close(how: "fin" | "reset", timeNs: number): void {
    this.end(0, timeNs);
    this.end(1, timeNs);
    this.#output.closeOwn(how);
  }

  tick(timeNs: number): void {
    this.#output.timeNs = timeNs;
    if (this.#session?.tick) this.#guard((session) => session.tick!(timeNs));
    this.#output.tick(timeNs);
  }

  /** `last` is the piece at hand, behind the sample. */
  #decide(final: boolean, last?: SamplePiece): void {
    const { raw } = this.#context;
    const verdict = this.#probe(final, last);
    if (verdict === "more" && !final) return;
    this.#account?.close();
    this.#account = undefined;
    const codec = verdict === "accept" ? this.#codec : raw;
    this.#inCharge = codec;
    this.codecName = codec.name;
    try {
      this.#begin(codec.open(this.#flow, this.#output));
    } catch (error) {
      this.#fail(error);
    }
    const sample = this.#sample;
    this.#sample = undefined;
    const { timeNs } = this.#output;
    for (const { direction, length, timeNs } of this.#firstGaps ?? []) this.gap(direction, length, timeNs);
    sample?.replay((direction, bytes, timeNs) => this.data(direction, bytes, timeNs));
    this.#output.timeNs = timeNs;
  }

  #probe(final: boolean, last?: SamplePiece) {
    if (this.#codec === this.#context.raw) return "accept";
    const sample = this.#sample ??= new CodecSampleLog();
    try {
      return this.#codec.probe({
        flow: this.#flow,
        toServer: sample.direction(0, last),
        toClient: sample.direction(1, last),
        final,
      });
    } catch (error) {
      this.#context.failed(this.#codec, error);
      return "reject";
    }
  }

  #guard(call: (session: CodecSession) => void): void {
    try {
      call(this.#session!);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What the codec wrote so far may stop anywhere inside a message: its lanes are reset before raw goes on. */
  #fail(error: unknown): void {
    this.#context.failed(this.#codec, error);
    this.#output.resetAll();
    this.#begin(this.#context.raw.open(this.#context.flow, this.#output));
    this.#inCharge = this.#context.raw;
    this.codecName = this.#context.raw.name;
  }

  #begin(session: CodecSession): void {
    this.#session = session;
    if (this.#isFirst) this.#context.opened?.(session);
  }
}

/**
 * Where a stage writes: the next stage of that lane, or the end of the chain. `base` lanes are those of the output
 * behind; lane 0 here is the lane that this stage was opened on.
 */
class StageOutput implements CodecOutput {
  timeNs = 0;
  readonly #codecs: readonly Codec[];
  readonly #next: number;
  readonly #context: ChainContext;
  readonly #output: CodecOutput;
  /** Next stages by lane, unless this is the last. */
  #stages: Map<Lane, CodecStage> | undefined;
  /** Whether lane 0 was written to since it was last closed, and which others are open. */
  #isFirstOpen = false;
  #own: Set<Lane> | undefined;

  constructor(codecs: readonly Codec[], next: number, context: ChainContext, output: CodecOutput) {
    this.#codecs = codecs;
    this.#next = next;
    this.#context = context;
    this.#output = output;
  }

  write(lane: Lane, direction: Direction, bytes: Uint8Array): void {
    if (lane === 0) this.#isFirstOpen = true;
    if (this.#isLast) this.#output.write(lane, direction, bytes);
    else this.#stage(lane).data(direction, bytes, this.timeNs);
  }

  gap(lane: Lane, direction: Direction, length: number): void {
    if (lane === 0) this.#isFirstOpen = true;
    if (this.#isLast) this.#output.gap(lane, direction, length);
    else this.#stage(lane).gap(direction, length, this.timeNs);
  }

  openLane(comment: string): Lane {
    const lane = this.#output.openLane(comment);
    (this.#own ??= new Set()).add(lane);
    return lane;
  }

  close(lane: Lane, how: "fin" | "reset"): void {
    if (lane === 0) this.#isFirstOpen = false;
    else this.#own?.delete(lane);
    const stage = this.#stages?.get(lane);
    if (stage) {
      this.#stages!.delete(lane);
      stage.close(how, this.timeNs);
    }
    this.#output.close(lane, how);
  }

  comment(lane: Lane, text: string): void {
    this.#output.comment(lane, text);
  }

  count(reason: string, amount?: number): void {
    this.#output.count(reason, amount);
  }

  tick(timeNs: number): void {
    if (this.#stages) { for (const stage of this.#stages.values()) stage.tick(timeNs); }
  }

  get isRaw(): boolean {
    return this.#stages === undefined || this.#stages.values().every((stage) => stage.isRaw);
  }

  /** The flow has ended: lanes that the codec left open end with it. */
  end(): void {
    if (!this.#stages) return;
    for (const stage of this.#stages.values()) {
      stage.end(0, this.timeNs);
      stage.end(1, this.timeNs);
    }
  }

  resetAll(): void {
    if (this.#isFirstOpen) this.close(0, "reset");
    this.closeOwn("reset");
  }

  /** Ends the lanes that the codec has opened and not closed. */
  closeOwn(how: "fin" | "reset"): void {
    if (this.#own) { for (const lane of [...this.#own]) this.close(lane, how); }
  }

  get #isLast(): boolean {
    return this.#next === this.#codecs.length;
  }

  #stage(lane: Lane): CodecStage {
    const stages = this.#stages ??= new Map();
    let stage = stages.get(lane);
    if (!stage) {
      const output = lane === 0 ? this.#output : new LaneOutput(this.#output, lane);
      stage = new CodecStage(this.#codecs, this.#next, this.#context, output);
      stages.set(lane, stage);
    }
    return stage;
  }
}

/** The output of a stage that runs on another lane than 0: its lane 0 is that lane. */
class LaneOutput implements CodecOutput {
  constructor(readonly output: CodecOutput, readonly base: Lane) {}

  #map(lane: Lane): Lane {
    return lane === 0 ? this.base : lane;
  }
  write(lane: Lane, direction: Direction, bytes: Uint8Array): void {
    this.output.write(this.#map(lane), direction, bytes);
  }
  gap(lane: Lane, direction: Direction, length: number): void {
    this.output.gap(this.#map(lane), direction, length);
  }
  openLane(comment: string): Lane {
    return this.output.openLane(comment);
  }
  close(lane: Lane, how: "fin" | "reset"): void {
    this.output.close(this.#map(lane), how);
  }
  comment(lane: Lane, text: string): void {
    this.output.comment(this.#map(lane), text);
  }
  count(reason: string, amount?: number): void {
    this.output.count(reason, amount);
  }
}
