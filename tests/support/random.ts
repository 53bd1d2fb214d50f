// SPDX-License-Identifier: MIT
/**
 * Random input that can be made again: set `SEED` to the number that a failing test printed.
 *
 * @module
 */

/** Random numbers from a seed; the same seed gives the same numbers. */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    // Mulberry32 (public domain, Tommy Ettinger).
    this.#state = this.#state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return Math.floor(((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32 * bound);
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.below(256);
    return bytes;
  }

  /** A copy with one to four bytes changed, cut or repeated. */
  mutated(original: Uint8Array): Uint8Array<ArrayBuffer> {
    let bytes = original.slice() as Uint8Array<ArrayBuffer>;
    for (let times = 1 + this.below(4); times > 0 && bytes.length > 0; times--) {
      const at = this.below(bytes.length);
      switch (this.below(4)) {
        case 0:
          bytes[at] = this.below(256);
          break;
        case 1:
          bytes[at] ^= 1 << this.below(8);
          break;
        case 2:
          bytes = bytes.slice(0, at);
          break;
        default:
          bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(this.below(at + 1))]);
      }
    }
    return bytes;
  }
}

/** A seed of the moment, or the one that `SEED` asks for. */
function chooseSeed(): number {
  const asked = Deno.env.get("SEED");
  return asked ? Number(asked) >>> 0 : crypto.getRandomValues(new Uint32Array(1))[0];
}

/** Prints its seed under `name`. */
export function seededRandom(name: string): Random {
  const random = new Random(chooseSeed());
  console.log(`${name}: SEED=${random.seed}`);
  return random;
}

/** Runs a property, and names the seed when it fails. */
export async function withSeed(property: (random: Random) => void | Promise<void>): Promise<void> {
  const random = new Random(chooseSeed());
  try {
    await property(random);
  } catch (error) {
    console.error(`failed with SEED=${random.seed}`);
    throw error;
  }
}

/** Bytes from hex with any white space. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/\s+/g, "");
  return Uint8Array.from(
    { length: digits.length / 2 },
    (_, at) => parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}
