// SPDX-License-Identifier: MIT
/**
 * Initial sequence numbers of forged connections: a keyed hash of the 5-tuple and direction, moved on by how often
 * the 5-tuple was opened, so that an input always gives the packets that it gave and no 5-tuple opens twice with one number
 * (an IDS takes that for a retransmission and misses the connection).
 *
 * @module
 */
import type { Direction } from "../../codecs/direction.ts";
import type { FlowKey } from "../wire/flow_key.ts";
import { type SequenceNumber, sequenceNumber } from "../wire/seq.ts";

/** Odd, so that 2^32 openings in a row all differ: 2^32 divided by the golden ratio. */
const STEP = 0x9e3779b1;

export class InitialSequenceNumbers {
  readonly #seed: number;
  readonly #openingsMax: number;
  /** Openings by hash of the 5-tuple, oldest first. Two 5-tuples of one hash share a count: it still only grows. */
  readonly #openings = new Map<number, number>();
  /** Where forgotten 5-tuples start again: above the count of every forgotten one. */
  #floor = 0;

  /**
   * `seed` is any 32-bit number; with a random one, numbers cannot be told in advance. Counts of the last
   * `openingsMax` 5-tuples are remembered (65,536: about 4 MB).
   */
  constructor(seed: number, openingsMax = 65536) {
    this.#seed = seed >>> 0;
    this.#openingsMax = openingsMax;
  }

  /** Hash of a 5-tuple, to be kept by its lane. */
  hash(key: FlowKey): number {
    let hash = mix(this.#seed, key.client.port << 16 | key.server.port);
    for (const ip of [key.client.ip, key.server.ip]) {
      for (let at = 0; at < ip.length; at += 4) {
        hash = mix(hash, ip[at] << 24 | ip[at + 1] << 16 | ip[at + 2] << 8 | ip[at + 3]);
      }
    }
    return finish(hash);
  }

  /** Number of this opening of the 5-tuple, from 0; counts it. */
  opening(hash: number): number {
    const opening = this.#openings.get(hash) ?? this.#floor;
    this.#openings.delete(hash);
    this.#openings.set(hash, opening + 1);
    if (this.#openings.size > this.#openingsMax) {
      const [oldest, count] = this.#openings.entries().next().value!;
      this.#openings.delete(oldest);
      this.#floor = Math.max(this.#floor, count);
    }
    return opening;
  }

  initial(hash: number, opening: number, direction: Direction): SequenceNumber {
    return sequenceNumber(finish(mix(hash, direction)) + Math.imul(STEP, opening));
  }
}

/** One round of MurmurHash3 (public domain, Austin Appleby). */
function mix(hash: number, word: number): number {
  word = Math.imul(word, 0xcc9e2d51);
  word = Math.imul(word << 15 | word >>> 17, 0x1b873593);
  hash ^= word;
  return (Math.imul(hash << 13 | hash >>> 19, 5) + 0xe6546b64) | 0;
}

function finish(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return (hash ^ hash >>> 16) >>> 0;
}
