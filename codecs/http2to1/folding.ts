// SPDX-License-Identifier: MIT
/**
 * Exchanges that cost more to tell than to send: requests that nothing answered, each of which takes a connection of its own and can
 * be sent and cancelled by the thousand a second for 20 bytes (CVE-2023-44487), and those that repeat more of HPACK's table than
 * their bytes have earned, in fields that are never left out. Above a rate those that are the same are told as one, with their
 * number; those that differ cost their sender what makes them differ, and are told each.
 *
 * @module
 */
import type { Message } from "../http1/message.ts";
import type { Exchange } from "./exchange.ts";
import type { LanePolicy } from "./options.ts";

/** So much of what waiting exchanges may hold is for those that wait for others like them: a sixteenth. */
const FOLDED_PART = 1 / 16;

const SECOND_NS = 1_000_000_000;

/** What becomes of the exchanges. */
export interface FoldingEvents {
  /** The exchange is to be written, for so many that are the same. */
  tell(exchange: Exchange, times: number): void;
  /** Another stands for this one. */
  folded(exchange: Exchange): void;
}

interface Folded {
  readonly exchange: Exchange;
  times: number;
}

export class Folding {
  /** Told in the second from `#sinceNs` on. */
  #told = 0;
  #sinceNs = -Infinity;
  /** Exchanges that wait, by a hash of what they are; the oldest first. */
  readonly #folded = new Map<number, Folded>();
  /** Memory of those. */
  #foldedBytes = 0;

  constructor(readonly policy: LanePolicy, readonly events: FoldingEvents) {}

  /** An exchange has ended: it is told now, or within a second with all that are the same. */
  add(exchange: Exchange): void {
    if (++this.#told <= this.policy.maxUnansweredPerSecond) return this.events.tell(exchange, 1);
    const hash = hashOf(exchange);
    const known = this.#folded.get(hash);
    if (known !== undefined && isSame(known.exchange, exchange)) {
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

/** Whoever makes two exchanges of one hash has both told. */
const hashOf = ({ request, response }: Exchange): number =>
  hashMessage(hashMessage(0x811c9dc5, request), response);

/** FNV-1a. */
function hashMessage(hash: number, { head, headLength, body, bodyLength, partial }: Message): number {
  hash ^= partial.length;
  for (let i = 0; i < headLength; i++) hash = Math.imul(hash ^ head![i], 0x01000193);
  for (let i = 0; i < bodyLength; i++) hash = Math.imul(hash ^ body[i], 0x01000193);
  return hash;
}

/** Whether two exchanges of which nothing is written would be written alike. */
const isSame = (a: Exchange, b: Exchange): boolean =>
  isSameMessage(a.request, b.request) && isSameMessage(a.response, b.response);

function isSameMessage(a: Message, b: Message): boolean {
  return a.partial === b.partial && a.trailers === undefined && b.trailers === undefined &&
    a.gapBytes === 0 && b.gapBytes === 0 &&
    hasSameBytes(a.head, a.headLength, b.head, b.headLength) &&
    hasSameBytes(a.body, a.bodyLength, b.body, b.bodyLength);
}

/** A message without a head has none of length 0. */
function hasSameBytes(
  a: Uint8Array | undefined,
  aLength: number,
  b: Uint8Array | undefined,
  bLength: number,
): boolean {
  if (aLength !== bLength) return false;
  for (let i = 0; i < aLength; i++) if (a![i] !== b![i]) return false;
  return true;
}
