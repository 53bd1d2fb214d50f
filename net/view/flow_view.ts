// SPDX-License-Identifier: MIT
/** Looks at one flow's clear text: finds its protocol, and has its exchanges written into the log. @module */
import { type Direction, TO_SERVER } from "../../codecs/direction.ts";
import type { CodecSession } from "../../codecs/codec.ts";
import type { SharedByConnections } from "../../codecs/http2/connection.ts";
import { CONNECTION_PREFACE, FRAME_HEADER_BYTES, FrameType } from "../../codecs/http2/frame.ts";
import { detectHttp2 } from "../../codecs/http2to1/detect.ts";
import { Http2To1Session } from "../../codecs/http2to1/session.ts";
import type { FlowTap } from "../mirror/flow_tap.ts";
import type { FlowFacts } from "./flow_facts.ts";
import { isShort, scannedCopy, type ScannedText } from "./head_scan.ts";
import { Http1View } from "./http1_view.ts";
import { Http2View } from "./http2_view.ts";
import { Protocol, RowKind } from "./log_layout.ts";
import type { ProtocolView, ViewContext } from "./protocol_view.ts";
import { ToldView } from "./told_view.ts";

/** What a flow's view shares with those of the others. */
export interface SharedByViews {
  readonly context: Omit<ViewContext, "flowAt">;
  readonly connections: SharedByConnections;
  /** A reader threw: its flow is looked at no more. */
  failed(error: unknown): void;
}

/** What was passed over before anything of a flow was read: HTTP/1.1. */
export interface PassedOver {
  /** Bytes of each direction. */
  readonly toServer: number;
  readonly toClient: number;
  /** Whole exchanges and nothing else: what follows is in step. */
  readonly isWhole: boolean;
}

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);
const NOT_PASSED_OVER: PassedOver = { toServer: 0, toClient: 0, isWhole: true };

export class FlowView implements FlowTap {
  readonly #facts: FlowFacts;
  readonly #shared: SharedByViews;
  readonly #context: ViewContext;
  readonly #openedNs: number;
  /** It is not read from its beginning on. */
  readonly #isLate: boolean;
  /** Bytes of each direction, lost ones included. */
  #toServerBytes = 0;
  #toClientBytes = 0;
  /** Where the flow's description is in the log, -1: nowhere yet. */
  #place = -1;
  #view: ProtocolView | undefined;
  /** The first bytes to the server, while they may be the beginning of HTTP/2's preface. */
  #held: Uint8Array = NOTHING;
  #hasFailed = false;

  /** A flow that begins, but for what was passed over before. */
  constructor(
    facts: FlowFacts,
    shared: SharedByViews,
    timeNs: number,
    { toServer, toClient, isWhole }: PassedOver = NOT_PASSED_OVER,
  ) {
    this.#facts = facts;
    this.#toServerBytes = toServer;
    this.#toClientBytes = toClient;
    this.#isLate = facts.joinedLate || !isWhole;
    this.#shared = shared;
    this.#context = { ...shared.context, flowAt: () => this.#flowAt() };
    this.#openedNs = timeNs;
    if (toServer > 0) this.#view = this.#behindPassedOver(isWhole);
    const { log } = shared.context;
    log.end(log.begin(RowKind.FLOW_BEGIN, Protocol.OTHER, this.#flowAt(), timeNs), timeNs);
  }

  /** What `http2to1` reads anyway is read by nobody else, unless that has begun. */
  reads(session: CodecSession): void {
    if (this.#hasFailed) return;
    if (session instanceof Http2To1Session) {
      if (this.#view !== undefined && this.#view.protocol !== Protocol.OTHER) return;
      this.#held = NOTHING;
      this.#view = new ToldView(this.#context, session, (error, timeNs) => this.#fail(error, timeNs));
    } else if (this.#view instanceof ToldView) this.#view = this.#open(true, true);
  }

  data(direction: Direction, bytes: Uint8Array, timeNs: number): void {
    const mayBeMessage = isShort(bytes) && this.#view?.message !== undefined;
    if (mayBeMessage && this.#message(direction, scannedCopy(bytes), 0, bytes.length, timeNs)) return;
    this.#piece(direction, bytes, timeNs);
  }

  /** {@linkcode data} of bytes that begin at a multiple of 4 in their memory. */
  record(direction: Direction, text: ScannedText, start: number, end: number, timeNs: number): void {
    if (this.#message(direction, text, start, end, timeNs)) return;
    this.#piece(direction, text.bytes.subarray(start, end), timeNs);
  }

  gap(direction: Direction, lengthBytes: number, timeNs: number): void {
    this.#count(direction, lengthBytes);
    if (this.#hasFailed) return;
    try {
      this.#view ??= this.#open(this.#facts.alpn === "h2", true);
      this.#release(timeNs);
      this.#view.gap(direction, lengthBytes, timeNs);
    } catch (error) {
      this.#fail(error, timeNs);
    }
  }

  /** Requests that wait for their responses, while nothing of a message is under way; -1 else, and where that is not known. */
  get unanswered(): number {
    if (this.#hasFailed) return -1;
    if (this.#view !== undefined) return this.#view.unanswered ?? -1;
    const isNew = !this.#isLate && this.#held.length === 0;
    return isNew && this.#facts.alpn !== "h2" ? 0 : -1;
  }

  /** Bytes of the bodies of these. */
  get unansweredBytes(): number {
    return this.#view?.unansweredBytes ?? 0;
  }

  /** A message that nobody reads, of an exchange of which nobody reads the other. */
  leaveOut(direction: Direction, lengthBytes: number): void {
    this.#view ??= this.#behindPassedOver(true);
    this.#count(direction, lengthBytes);
  }

  /** A piece that nobody reads: true; false where what follows could not be understood without it. */
  passOver(direction: Direction, lengthBytes: number, timeNs: number): boolean {
    if (!this.#hasFailed && !this.#isPassable(timeNs)) return false;
    this.#count(direction, lengthBytes);
    return true;
  }

  end(timeNs: number): void {
    if (!this.#hasFailed) {
      try {
        this.#view?.end(timeNs);
      } catch (error) {
        this.#fail(error, timeNs);
      }
    }
    const { log } = this.#context;
    const protocol = this.#view?.protocol ?? Protocol.OTHER;
    const row = log.begin(RowKind.FLOW_END, protocol, this.#flowAt(), this.#openedNs);
    log.sizes(row, this.#toServerBytes, this.#toClientBytes);
    log.end(row, timeNs);
  }

  #isPassable(timeNs: number): boolean {
    try {
      return this.#view?.passOver?.(timeNs) ?? false;
    } catch (error) {
      this.#fail(error, timeNs);
      return true;
    }
  }

  /** Whether that is just one message, and was taken. */
  #message(direction: Direction, text: ScannedText, start: number, end: number, timeNs: number): boolean {
    if (this.#hasFailed) return false;
    try {
      if (!this.#view?.message?.(direction, text, start, end, timeNs)) return false;
    } catch (error) {
      this.#fail(error, timeNs);
    }
    this.#count(direction, end - start);
    return true;
  }

  #piece(direction: Direction, bytes: Uint8Array, timeNs: number): void {
    this.#count(direction, bytes.length);
    if (this.#hasFailed) return;
    try {
      if (this.#view !== undefined) this.#view.data(direction, bytes, timeNs);
      else this.#first(direction, bytes, timeNs);
    } catch (error) {
      this.#fail(error, timeNs);
    }
  }

  #count(direction: Direction, lengthBytes: number): void {
    if (direction === TO_SERVER) this.#toServerBytes += lengthBytes;
    else this.#toClientBytes += lengthBytes;
  }

  #first(direction: Direction, bytes: Uint8Array, timeNs: number): void {
    const { alpn } = this.#facts;
    const isServersStart = direction !== TO_SERVER && alpn === "" && beginsWithSettings(bytes);
    if (alpn === "h2") this.#view = this.#open(true, this.#isLate);
    else if (this.#isLate) this.#view = this.#open(this.#looksLikeHttp2(direction, bytes), true);
    else if (direction === TO_SERVER && this.#mayBePreface(bytes)) return;
    else this.#view ??= this.#open(isServersStart, false);
    this.#release(timeNs);
    this.#view.data(direction, bytes, timeNs);
  }

  /** Whether more is needed to tell HTTP/2's preface; what is held is passed on when it is known. */
  #mayBePreface(bytes: Uint8Array): boolean {
    const start = new Uint8Array(this.#held.length + bytes.length);
    start.set(this.#held);
    start.set(bytes, this.#held.length);
    const length = Math.min(start.length, CONNECTION_PREFACE.length);
    for (let at = 0; at < length; at++) if (start[at] !== CONNECTION_PREFACE[at]) return false;
    if (length === CONNECTION_PREFACE.length) {
      this.#view = this.#open(true, false);
      return false;
    }
    this.#held = start;
    return true;
  }

  #looksLikeHttp2(direction: Direction, bytes: Uint8Array): boolean {
    if (this.#facts.alpn !== "") return false;
    const isToServer = direction === TO_SERVER;
    return detectHttp2({
      flow: { alpn: "", sni: "", isServer: false, serverPort: 0, joinedLate: true },
      toServer: isToServer ? bytes : NOTHING,
      toClient: isToServer ? NOTHING : bytes,
      final: true,
    }) === "accept";
  }

  #open(isHttp2: boolean, joinedLate: boolean): ProtocolView {
    return isHttp2
      ? new Http2View(this.#context, this.#shared.connections, joinedLate)
      : new Http1View(this.#context, joinedLate);
  }

  /** What reads on behind exchanges of HTTP/1.1 that nobody has read. */
  #behindPassedOver(isWhole: boolean): Http1View {
    const view = new Http1View(this.#context, this.#isLate, !isWhole);
    view.heads = 1;
    return view;
  }

  /** Passes on what was held. */
  #release(timeNs: number): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = NOTHING;
    this.#view!.data(TO_SERVER, held, timeNs);
  }

  #fail(error: unknown, timeNs: number): void {
    this.#hasFailed = true;
    this.#shared.failed(error);
    try {
      this.#view?.end(timeNs);
    } catch {
      // It was told already.
    }
  }

  #flowAt(): number {
    const { log } = this.#shared.context;
    if (this.#place < 0 || log.isOld(this.#place)) {
      const text = encoder.encode(`${JSON.stringify(this.#facts)}\n`);
      this.#place = log.text(text, 0, text.length);
    }
    return this.#place;
  }
}

/** Of a setting: its number, and its value. */
const SETTING_BYTES = 6;

/** Whether a server that speaks first says its settings, as one of HTTP/2 may before it has read its client's preface. */
function beginsWithSettings(bytes: Uint8Array): boolean {
  if (bytes.length < FRAME_HEADER_BYTES || bytes[3] !== FrameType.SETTINGS) return false;
  const isShort = bytes[0] === 0 && bytes[1] === 0 && bytes[2] % SETTING_BYTES === 0;
  // Neither flags nor a stream.
  return isShort && bytes.subarray(4, FRAME_HEADER_BYTES).every((byte) => byte === 0);
}
