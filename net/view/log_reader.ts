// SPDX-License-Identifier: MIT
/** Reads the exchange log, in whatever thread: what has ended since the last look, and what is still open. @module */
import {
  type Entry,
  type Exchange,
  type FlowEntry,
  HeadText,
  type KeptBody,
  type Remark,
  type SocketMessage,
} from "./exchange.ts";
import { lapOf } from "./exchange_log.ts";
import { type FlowFacts, UNKNOWN_FLOW } from "./flow_facts.ts";
import {
  CUTS,
  Head,
  type LogMemory,
  logMemory,
  Mark,
  PIECE_HEAD_BYTES,
  PIECE_LENGTH,
  PIECE_PREVIOUS,
  Protocol,
  REMARKS,
  RowKind,
} from "./log_layout.ts";

const LINE_FEED = 10;
/** Of a flow's description; names in it have some hundred bytes. */
const FACTS_BYTES_MAX = 8 * 1024;
/** Descriptions that are kept as objects. */
const FACTS_MAX = 1024;
const NOTHING = new Uint8Array(0);
const NO_BODY: KeptBody = { bytes: NOTHING, missingBytes: 0 };
const decoder = new TextDecoder();

export class LogReader {
  readonly #memory: LogMemory;
  readonly #facts = new Map<number, FlowFacts>();
  #next: number;
  /** Entries that had left the log before they were read. */
  missed = 0;

  /** `from`: `now` passes over what has ended before. */
  constructor(buffer: SharedArrayBuffer, from: "start" | "now" = "start") {
    this.#memory = logMemory(buffer);
    this.#next = from === "now" ? this.#ended : 0;
  }

  get #ended(): number {
    Atomics.load(this.#memory.fence, 0);
    return this.#memory.head[Head.ENDED];
  }

  /** What was open when its place was needed for something newer. */
  get fellOut(): number {
    return this.#memory.head[Head.FELL_OUT];
  }

  /** What has ended since the last call, in that order. */
  *ended(): Generator<Entry> {
    const { ended, rows } = this.#memory;
    while (this.#next < this.#ended) {
      const behind = this.#ended - this.#next - rows;
      if (behind > 0) {
        this.#next += behind;
        this.missed += behind;
      }
      const number = ended[this.#next++ & (rows - 1)];
      const entry = this.entry(number);
      if (entry === undefined) this.missed++;
      else yield entry;
    }
  }

  /** The row of this number; undefined when it is not there any more. */
  entry(number: number): Entry | undefined {
    const memory = this.#memory;
    const at = number & (memory.rows - 1);
    const lap = lapOf(number, memory.rows);
    if (Atomics.load(memory.lap, at) !== lap) return undefined;
    const kind = memory.kind[at];
    const entry = kind === RowKind.EXCHANGE
      ? this.#exchange(number, at)
      : kind === RowKind.MESSAGE
      ? this.#message(number, at)
      : this.#flow(number, at);
    return Atomics.load(memory.lap, at) === lap ? entry : undefined;
  }

  #exchange(number: number, at: number): Exchange {
    const memory = this.#memory;
    const marks = memory.marks[at];
    const flow = this.#factsAt(memory.flowAt[at]);
    const requestHead = this.#head(memory.requestHeadAt[at], memory.requestHeadBytes[at]);
    const responseHead = this.#head(memory.responseHeadAt[at], memory.responseHeadBytes[at]);
    const [method = "-", target = ""] = requestHead.firstLine.split(" ");
    return {
      kind: "exchange",
      number,
      flow,
      startNs: memory.startNs[at],
      responseNs: memory.responseNs[at],
      endNs: memory.endNs[at],
      method: method || "-",
      target,
      host: requestHead.get("host") || flow.sni,
      status: memory.status[at],
      version: versionOf(memory.protocol[at]),
      type: responseHead.get("content-type").split(";")[0].trim().toLowerCase(),
      requestBytes: memory.requestBytes[at],
      responseBytes: memory.responseBytes[at],
      cut: CUTS[memory.cut[at]] ?? "",
      remarks: marks === WHOLE
        ? NO_REMARKS
        : REMARKS.filter(([mark]) => (marks & mark) !== 0).map(([, remark]) => remark),
      stream: memory.stream[at],
      requestHead,
      responseHead,
      requestTrailers: this.#head(memory.requestTrailersAt[at], memory.requestTrailersBytes[at], false),
      responseTrailers: this.#head(memory.responseTrailersAt[at], memory.responseTrailersBytes[at], false),
      requestBody: this.#body(memory.requestBodyAt[at], memory.requestBytes[at]),
      responseBody: this.#body(memory.responseBodyAt[at], memory.responseBytes[at]),
    };
  }

  #message(number: number, at: number): SocketMessage {
    const memory = this.#memory;
    const isToServer = memory.stream[at] === 0;
    const lengthBytes = (isToServer ? memory.requestBytes : memory.responseBytes)[at];
    return {
      kind: "message",
      number,
      flow: this.#factsAt(memory.flowAt[at]),
      startNs: memory.startNs[at],
      endNs: memory.endNs[at],
      isToServer,
      opcode: memory.status[at],
      lengthBytes,
      body: this.#body((isToServer ? memory.requestBodyAt : memory.responseBodyAt)[at], lengthBytes),
      cut: CUTS[memory.cut[at]] ?? "",
    };
  }

  #flow(number: number, at: number): FlowEntry {
    const memory = this.#memory;
    return {
      kind: memory.kind[at] === RowKind.FLOW_BEGIN ? "flow begin" : "flow end",
      number,
      flow: this.#factsAt(memory.flowAt[at]),
      startNs: memory.startNs[at],
      endNs: memory.endNs[at],
      isHttp: memory.protocol[at] !== Protocol.OTHER,
      toServer: memory.requestBytes[at],
      toClient: memory.responseBytes[at],
    };
  }

  /** A copy, or nothing when the place has been used again meanwhile. */
  #copy(place: number, lengthBytes: number): Uint8Array<ArrayBuffer> | undefined {
    const { arena } = this.#memory;
    const index = place % arena.length;
    const copy = arena.slice(index, index + lengthBytes) as Uint8Array<ArrayBuffer>;
    return this.#isThere(place) ? copy : undefined;
  }

  #isThere(place: number): boolean {
    Atomics.load(this.#memory.fence, 0);
    return place >= 0 && this.#memory.head[Head.ARENA_END] - place <= this.#memory.arena.length;
  }

  #head(place: number, lengthBytes: number, hasFirstLine = true): HeadText {
    if (lengthBytes === 0) return hasFirstLine ? NO_HEAD : NO_TRAILERS;
    return new HeadText(decoder.decode(this.#copy(place, lengthBytes) ?? NOTHING), hasFirstLine);
  }

  #factsAt(place: number): FlowFacts {
    const known = this.#facts.get(place);
    if (known !== undefined) return known;
    const { arena } = this.#memory;
    const index = place % arena.length;
    const bytes = this.#copy(place, Math.min(FACTS_BYTES_MAX, arena.length - index));
    const end = bytes?.indexOf(LINE_FEED) ?? -1;
    if (bytes === undefined || end < 0) return UNKNOWN_FLOW;
    const facts: FlowFacts = JSON.parse(decoder.decode(bytes.subarray(0, end)));
    if (this.#facts.size >= FACTS_MAX) this.#facts.delete(this.#facts.keys().next().value!);
    this.#facts.set(place, facts);
    return facts;
  }

  /** The pieces of a body, from the last to the first, as far as they are there. */
  #body(last: number, lengthBytes: number): KeptBody {
    if (lengthBytes === 0) return NO_BODY;
    const pieces: Uint8Array[] = [];
    let kept = 0;
    for (let place = last; place >= 0;) {
      const head = this.#copy(place, PIECE_HEAD_BYTES);
      if (head === undefined) break;
      const view = new DataView(head.buffer);
      const piece = this.#copy(place + PIECE_HEAD_BYTES, view.getUint32(PIECE_LENGTH));
      if (piece === undefined) break;
      pieces.push(piece);
      kept += piece.length;
      const previous = view.getFloat64(PIECE_PREVIOUS);
      if (previous >= place) break;
      place = previous;
    }
    const bytes = new Uint8Array(kept);
    let at = 0;
    for (const piece of pieces.reverse()) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return { bytes, missingBytes: lengthBytes - kept };
  }
}

/** What most exchanges have, and no more. */
const WHOLE = Mark.REQUEST_ENDED | Mark.RESPONSE_ENDED;
const NO_REMARKS: readonly Remark[] = [];
const NO_HEAD = new HeadText("");
const NO_TRAILERS = new HeadText("", false);

function versionOf(protocol: number): Exchange["version"] {
  return protocol === Protocol.HTTP_2 ? "HTTP/2" : protocol === Protocol.HTTP_1_0 ? "HTTP/1.0" : "HTTP/1.1";
}
