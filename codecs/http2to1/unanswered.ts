// SPDX-License-Identifier: MIT
/**
 * Requests that nothing answered. Each takes a connection of its own, and a client can send and cancel thousands of them a second
 * for 20 bytes each (CVE-2023-44487). So above a rate those that are the same are told as one, with their number; those that
 * differ cost their sender what makes them differ, and are told each.
 *
 * @module
 */
import type { Message } from "../http1/message.ts";
import type { Exchange } from "./exchange.ts";
import type { LanePolicy } from "./options.ts";

/** So much of what waiting exchanges may hold is for requests that wait for others like them: a sixteenth. */
const FOLDED_PART = 1 / 16;

const SECOND_NS = 1_000_000_000;

/** What becomes of the requests. */
export interface UnansweredEvents {
  /** The request is to be written, for so many that are the same. */
  tell(exchange: Exchange, times: number): void;
  /** Another stands for this one. */
  folded(exchange: Exchange): void;
}

interface Folded {
  readonly exchange: Exchange;
  times: number;
}

export class UnansweredRequests {
  /** Told in the second from `#sinceNs` on. */
  #told = 0;
  #sinceNs = -Infinity;
  /** Requests that wait, by a hash of what they are; the oldest first. */
  readonly #folded = new Map<number, Folded>();
  /** Memory of those. */
  #foldedBytes = 0;

  constructor(readonly policy: LanePolicy, readonly events: UnansweredEvents) {}

  /** A request has ended without a response: it is told now, or within a second with all that are the same. */
  add(exchange: Exchange): void {
    if (++this.#told <= this.policy.maxUnansweredPerSecond) return this.events.tell(exchange, 1);
    const hash = hashOf(exchange.request);
    const known = this.#folded.get(hash);
    if (known !== undefined && isSame(known.exchange.request, exchange.request)) {
      known.times++;
      return this.events.folded(exchange);
    }
    if (known !== undefined) this.#tell(hash, known);
    this.#folded.set(hash, { exchange, times: 1 });
    this.#foldedBytes += exchange.heldBytes;
    while (this.#foldedBytes > FOLDED_PART * this.policy.maxWaitingBytes) this.#tellOldest();
  }

  age(timeNs: number): void {
    if (timeNs - this.#sinceNs < SECOND_NS) return;
    this.#sinceNs = timeNs;
    this.#told = 0;
    this.flush();
  }

  /** Tells all that wait. */
  flush(): void {
    for (const [hash, folded] of this.#folded) this.#tell(hash, folded);
  }

  #tellOldest(): void {
    const [hash, folded] = this.#folded.entries().next().value!;
    this.#tell(hash, folded);
  }

  #tell(hash: number, { exchange, times }: Folded): void {
    this.#folded.delete(hash);
    this.#foldedBytes -= exchange.heldBytes;
    this.events.tell(exchange, times);
  }
}

/** FNV-1a. Whoever makes two requests of one hash has both told. */
function hashOf({ head, headLength, body, bodyLength, partial }: Message): number {
  let hash = 0x811c9dc5 ^ partial.length;
  for (let i = 0; i < headLength; i++) hash = Math.imul(hash ^ head![i], 0x01000193);
  for (let i = 0; i < bodyLength; i++) hash = Math.imul(hash ^ body[i], 0x01000193);
  return hash;
}

/** Whether two requests of which nothing is written would be written alike. */
function isSame(a: Message, b: Message): boolean {
  return a.partial === b.partial && a.trailers === undefined && b.trailers === undefined &&
    a.gapBytes === 0 && b.gapBytes === 0 &&
    hasSameBytes(a.head!, a.headLength, b.head!, b.headLength) &&
    hasSameBytes(a.body, a.bodyLength, b.body, b.bodyLength);
}

function hasSameBytes(a: Uint8Array, aLength: number, b: Uint8Array, bLength: number): boolean {
  if (aLength !== bLength) return false;
  for (let i = 0; i < aLength; i++) if (a[i] !== b[i]) return false;
  return true;
}
