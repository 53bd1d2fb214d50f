/**
 * Random numbers that can be had again: set `SEED` to the number that a failing test printed.
 *
 * @module
 */

export interface SeededRandom {
  readonly seed: number;
  /** A whole number from 0 below `limit`. */
  below(limit: number): number;
  /** True once in `times`. */
  oneIn(times: number): boolean;
  bytes(length: number): Uint8Array<ArrayBuffer>;
}

/** Prints its seed under `name`. */
export function seededRandom(name: string): SeededRandom {
  const given = Number(Deno.env.get("SEED"));
  const seed = given > 0 ? given >>> 0 : crypto.getRandomValues(new Uint32Array(1))[0];
  console.log(`${name}: SEED=${seed}`);
  let state = seed;
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return (mixed ^ mixed >>> 14) >>> 0;
  };
  const below = (limit: number) => Math.floor(next() / 2 ** 32 * limit);
  return {
    seed,
    below,
    oneIn: (times) => below(times) === 0,
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  };
}
