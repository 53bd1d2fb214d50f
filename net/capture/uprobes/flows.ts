// SPDX-License-Identifier: MIT
/**
 * From the probes' records to a {@linkcode CaptureTarget}: programs as they are first heard of, flows, and gaps of exactly what
 * found no room.
 *
 * @module
 */
import type { Direction } from "../../../codecs/direction.ts";
import { AddressCheck } from "../address_check.ts";
import { placeOf } from "../preload/container.ts";
import { ancestorsOf } from "../preload/process_facts.ts";
import { ProcessWatch, type WatchedProcess } from "../preload/process_watch.ts";
import type { ServerHello } from "../../wire/server_hello.ts";
import type { CaptureAddress, CaptureEnd, CaptureProgram, CaptureTarget } from "../target.ts";
import { isHookAt } from "./callers.ts";
import type { UntoldLoss } from "./untold.ts";
import {
  CLOSE,
  count,
  FLAG,
  HEAD,
  KIND,
  OPEN,
  type Opener,
  PROGRAM,
  readAlpn,
  readEnds,
  readOpener,
  readRandom,
  WAY,
} from "./layout.ts";

/** So many flows are remembered that the hook tells. */
const HOOKED_MAX = 4096;

/** The number of none. */
const NO_FLOW = 0;
const NO_FLOWS: ReadonlySet<number> = new Set();

/** Why bytes are missing that passed: the ring had no room, or they were not in the program's memory any more. */
const RING_FULL = "ring-full";
const NOT_IN_MEMORY = "not-in-memory";

interface Program {
  readonly capture: CaptureProgram;
  readonly key: string;
  readonly process: WatchedProcess;
  readonly flows: Set<number>;
}

interface Flow {
  readonly program: Program;
  readonly isServer: boolean;
  /** Bytes sent and received that the target knows of. */
  readonly passed: [sent: number, received: number];
}

export interface ProbeFlowsOptions {
  readonly target: CaptureTarget;
  readonly nextProgram: () => number;
  /** Nanoseconds of the target's time for those of CLOCK_MONOTONIC. */
  readonly timeOf: (monotonicNs: number) => number;
  /** The server's name in the ClientHello that had this client random; undefined: it is not known. */
  readonly serverNameOf: (clientRandom: string) => string | undefined;
  /** The ServerHello that answered that; undefined: it is not known. */
  readonly answerTo: (clientRandom: string) => ServerHello | undefined;
}

export interface ProbeCounters {
  /** Programs heard of so far. */
  programs: number;
  /** Sessions left out because nobody could tell whether the program was their server. */
  roleless: number;
  /** Sessions left out because their processes had ended before anybody could see whether the hook tells them. */
  undecided: number;
  /** Bytes that the target was given, those that it was told are missing, and those of flows that it was not told of. */
  delivered: number;
  missing: number;
  ignored: number;
}

export class ProbeFlows {
  readonly counters: ProbeCounters = {
    programs: 0,
    roleless: 0,
    undecided: 0,
    delivered: 0,
    missing: 0,
    ignored: 0,
  };
  readonly #options: ProbeFlowsOptions;
  readonly #watch = new ProcessWatch();
  readonly #check = new AddressCheck();
  /** By process id and start. */
  readonly #programs = new Map<string, Program>();
  readonly #flows = new Map<number, Flow>();
  /** Flows that the hook tells: the kernel could not say so. */
  readonly #hooked = new Set<number>();

  constructor(options: ProbeFlowsOptions) {
    this.#options = options;
  }

  /** Takes a record at `at`, which is borrowed. */
  take(view: DataView, bytes: Uint8Array, at: number): void {
    const kind = view.getUint16(at + HEAD.kind, true);
    const number = count(view, at + HEAD.flow);
    const timeNs = this.#options.timeOf(count(view, at + HEAD.timeNs));
    const flow = this.#flows.get(number);
    if (kind === KIND.open) return this.#open(view, at, number, timeNs);
    if (flow === undefined) return this.#ignore(kind, number, view, at);
    if (kind === KIND.data) this.#data(flow, number, view, bytes, at, timeNs);
    else if (kind === KIND.gap) this.#gap(flow, number, view, at, timeNs);
    else if (kind === KIND.address) this.#tellOpen(flow, view, at, number, timeNs);
    else if (kind === KIND.close) {
      const passed: [number, number] = [count(view, at + HEAD.offset), count(view, at + CLOSE.received)];
      const isOrderly = (view.getUint8(at + HEAD.flags) & FLAG.orderly) !== 0;
      this.#close(flow, number, passed, isOrderly ? "orderly" : "abrupt", timeNs);
    }
  }

  /** Takes no more of the flow that a record at `at` belongs to; its program's end ends it for the target. */
  giveUp(view: DataView, at: number): void {
    const number = count(view, at + HEAD.flow);
    this.#flows.get(number)?.program.flows.delete(number);
    this.#flows.delete(number);
  }

  /** A flow has ended whose record found no room; one that is not known is none of the target's. */
  end(number: number, passed: readonly [number, number], end: CaptureEnd, monotonicNs: number): void {
    const flow = this.#flows.get(number);
    if (flow) this.#close(flow, number, passed, end, this.#options.timeOf(monotonicNs));
  }

  /** So much of a flow has passed by now: what is not told is missing. */
  settle(number: number, passed: readonly [number, number], timeNs: number): void {
    const flow = this.#flows.get(number);
    if (flow) this.#tellMissing(flow, number, passed, timeNs);
  }

  /** A program has lost bytes of sessions that are not open: no flow of the target has them. */
  lose({ program, reason, amounts }: UntoldLoss, timeNs: number): void {
    const { capture } = this.#programOf(program, timeNs);
    for (const direction of [0, 1] as const) {
      const length = amounts[direction];
      if (length === 0) continue;
      this.counters.missing += length;
      this.#options.target.gap(capture, NO_FLOW, { direction, offset: 0, length, reason }, timeNs);
    }
  }

  /** A program of which it was heard, by its key. */
  has(key: string): boolean {
    return this.#programs.has(key);
  }

  /** Whether a flow has not ended, and is that of the program of this key. */
  isOf(key: string, flow: number): boolean {
    return this.#programs.get(key)?.flows.has(flow) ?? false;
  }

  /** Whether a process of which programs were heard has ended; their keys. */
  ended(): Set<string> {
    this.#watch.look();
    return new Set([...this.#programs].filter(([, { process }]) => process.dead).map(([key]) => key));
  }

  /** Process id of a program by its key. */
  pidOf(key: string): number | undefined {
    return this.#programs.get(key)?.capture.pid;
  }

  /** Flows of a program that have not ended, as long as it is not changed. */
  openOf(key: string): ReadonlySet<number> {
    return this.#programs.get(key)?.flows ?? NO_FLOWS;
  }

  /** Ends a program: nothing more of it is in the ring. */
  endProgram(key: string, timeNs: number): void {
    const program = this.#programs.get(key);
    if (program === undefined) return;
    for (const number of program.flows) this.#flows.delete(number);
    this.#programs.delete(key);
    this.#watch.forget(program.process);
    this.#options.target.programEnd(program.capture, { losses: [], stopped: undefined }, timeNs);
  }

  /** Ends all programs. */
  close(timeNs: number): void {
    for (const key of [...this.#programs.keys()]) this.endProgram(key, timeNs);
    this.#watch.close();
  }

  /** Takes a record of a flow that the target was not told of. */
  #ignore(kind: number, number: number, view: DataView, at: number): void {
    if (kind === KIND.close) this.#hooked.delete(number);
    else if (kind === KIND.data && !this.#hooked.has(number)) {
      this.counters.ignored += view.getUint32(at + HEAD.length, true);
    }
  }

  /** Whether the hook may tell the flow that a record at `at` opens, as far as the kernel could not say. */
  #isLeftOut(view: DataView, at: number, number: number): boolean {
    const caller = view.getBigUint64(at + OPEN.caller, true);
    if (caller === 0n) return false;
    const isHook = isHookAt(view.getUint32(at + OPEN.program + PROGRAM.pid, true), caller);
    if (isHook === undefined) this.counters.undecided++;
    if (isHook === true) {
      if (this.#hooked.size >= HOOKED_MAX) this.#hooked.clear();
      this.#hooked.add(number);
    }
    return isHook !== false;
  }

  #open(view: DataView, at: number, number: number, timeNs: number): void {
    if (this.#isLeftOut(view, at, number)) return;
    const flags = view.getUint8(at + HEAD.flags);
    if ((flags & FLAG.roleUnknown) !== 0) {
      this.counters.roleless++;
      return;
    }
    const program = this.#programOf(readOpener(view, at + OPEN.program), timeNs);
    const passed: [number, number] = [count(view, at + HEAD.offset), count(view, at + OPEN.received)];
    const flow = { program, isServer: (flags & FLAG.server) !== 0, passed };
    program.flows.add(number);
    this.#flows.set(number, flow);
    this.#tellOpen(flow, view, at, number, timeNs);
  }

  #tellOpen(flow: Flow, view: DataView, at: number, number: number, timeNs: number): void {
    const { program: { capture }, isServer, passed } = flow;
    const flags = view.getUint8(at + HEAD.flags);
    const clientRandom = readRandom(view, at);
    const answer = this.#options.answerTo(clientRandom);
    const open = {
      address: this.#confirmed(capture, readEnds(view, at + OPEN.ends, (flags & FLAG.byHello) !== 0)),
      clientRandom,
      isServer,
      tlsVersion: view.getUint32(at + OPEN.tlsVersion, true) || (answer?.tlsVersion ?? 0),
      cipherSuite: answer?.cipherSuite ?? 0,
      alpn: readAlpn(view, at) || (answer?.alpn ?? ""),
      sni: this.#options.serverNameOf(clientRandom) ?? "",
      pid: capture.pid,
      uid: capture.uid,
      comm: capture.comm,
      offsets: isServer ? [passed[1], passed[0]] as const : [passed[0], passed[1]] as const,
      update: view.getUint16(at + HEAD.kind, true) === KIND.address,
      inherited: (flags & FLAG.inherited) !== 0,
      late: (flags & FLAG.late) !== 0,
    };
    this.#options.target.open(capture, number, open, timeNs);
  }

  /** The random of a session is the program's word, and so is what was found by it: the kernel is asked. */
  #confirmed(program: CaptureProgram, address: CaptureAddress | undefined): CaptureAddress | undefined {
    if (address === undefined || address.confirmed !== undefined) return address;
    const confirmed = this.#check.confirms(program, address);
    return confirmed === undefined ? address : { ...address, confirmed };
  }

  #data(flow: Flow, number: number, view: DataView, bytes: Uint8Array, at: number, timeNs: number): void {
    const way = view.getUint8(at + HEAD.way);
    const length = view.getUint32(at + HEAD.length, true);
    const offset = count(view, at + HEAD.offset);
    if (way > WAY.received) return;
    this.#tellMissingOf(flow, number, way, offset, timeNs);
    flow.passed[way] = offset + length;
    this.counters.delivered += length;
    const payload = bytes.subarray(at + HEAD.size, at + HEAD.size + length);
    this.#options.target.data(flow.program.capture, number, directionOf(flow, way), offset, payload, timeNs);
  }

  #gap(flow: Flow, number: number, view: DataView, at: number, timeNs: number): void {
    const way = view.getUint8(at + HEAD.way);
    const offset = count(view, at + HEAD.offset);
    if (way > WAY.received) return;
    this.#tellMissingOf(flow, number, way, offset, timeNs);
    const length = view.getUint32(at + HEAD.length, true);
    this.#tellMissingOf(flow, number, way, offset + length, timeNs, NOT_IN_MEMORY);
  }

  #close(
    flow: Flow,
    number: number,
    passed: readonly [number, number],
    end: CaptureEnd,
    timeNs: number,
  ): void {
    this.#tellMissing(flow, number, passed, timeNs);
    flow.program.flows.delete(number);
    this.#flows.delete(number);
    this.#options.target.close(flow.program.capture, number, end, timeNs);
  }

  #tellMissing(flow: Flow, number: number, passed: readonly [number, number], timeNs: number): void {
    for (const way of [WAY.sent, WAY.received]) this.#tellMissingOf(flow, number, way, passed[way], timeNs);
  }

  /** Bytes up to `passed` are missing as far as they were not told. */
  #tellMissingOf(
    flow: Flow,
    number: number,
    way: number,
    passed: number,
    timeNs: number,
    reason = RING_FULL,
  ): void {
    const offset = flow.passed[way];
    const length = passed - offset;
    if (length <= 0) return;
    flow.passed[way] = passed;
    this.counters.missing += length;
    const gap = { direction: directionOf(flow, way), offset, length, reason };
    this.#options.target.gap(flow.program.capture, number, gap, timeNs);
  }

  #programOf(opener: Opener, timeNs: number): Program {
    const key = programKey(opener.pid, Number(opener.startedNs));
    const known = this.#programs.get(key);
    if (known) return known;
    const { pid, uid, comm, parent, networkNamespace } = opener;
    const process = this.#watch.watch(pid);
    const capture: CaptureProgram = {
      id: this.#options.nextProgram(),
      pid,
      uid,
      comm,
      networkNamespace,
      source: "probes",
      ancestors: [...new Set([parent, ...(process.dead ? [] : ancestorsOf(pid) ?? [])])],
      ...(process.dead ? undefined : placeOf(pid)),
    };
    const program = { capture, key, process, flows: new Set<number>() };
    this.#programs.set(key, program);
    this.counters.programs++;
    this.#options.target.programStart(capture, timeNs);
    return program;
  }
}

/** Tells a process from another one of its number, by CLOCK_MONOTONIC of its start. */
export function programKey(pid: number, startedNs: number): string {
  return `${pid}:${startedNs}`;
}

/** What a client sends goes to the server, and what a server sends to the client. */
function directionOf({ isServer }: Flow, way: number): Direction {
  return (way === WAY.sent) === isServer ? 1 : 0;
}
