// SPDX-License-Identifier: MIT
/** Reads the exchange log's ring of bytes: heads, bodies and descriptions of flows, as far as they are still there. @module */
import type { KeptBody } from "./exchange.ts";
import { type FlowFacts, UNKNOWN_FLOW } from "./flow_facts.ts";
import { Head, type LogMemory, PIECE_HEAD_BYTES, PIECE_LENGTH, PIECE_PREVIOUS } from "./log_layout.ts";

const LINE_FEED = 10;
/** Of a flow's description; names in it have some hundred bytes. */
const FACTS_BYTES_MAX = 8 * 1024;
/** Descriptions that are kept as objects. */
const FACTS_MAX = 1024;
const NOTHING = new Uint8Array(0);
const NO_BODY: KeptBody = { bytes: NOTHING, missingBytes: 0 };
const decoder = new TextDecoder();

export class LogArena {
  readonly #memory: LogMemory;
  readonly #facts = new Map<number, FlowFacts>();

  constructor(memory: LogMemory) {
    this.#memory = memory;
  }

  /** Lines of a head, or trailers; empty when they are not there any more. */
  text(place: number, lengthBytes: number): string {
    return lengthBytes === 0 ? "" : decoder.decode(this.#copy(place, lengthBytes) ?? NOTHING);
  }

  /** The description of a flow. */
  facts(place: number): FlowFacts {
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
  body(last: number, lengthBytes: number): KeptBody {
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
}
