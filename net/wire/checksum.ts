// SPDX-License-Identifier: MIT
/**
 * The Internet checksum (RFC 1071): the one's complement of the one's complement sum of 16-bit words.
 *
 * The sum does not depend on byte order: words read in the order of this machine give the swapped sum, which
 * written in the order of this machine is the right checksum. So the fast path reads whole machine words
 * ("native" below), and only what is no 16-bit field of a buffer has to be swapped by hand. Deno runs on
 * little-endian machines only, and this file relies on it.
 *
 * @module
 */
import { VECTOR_STEP, type VectorMemory, vectorMemory } from "./vector_memory.ts";

/** Shorter ranges are summed up sooner than a function of another kind is called. */
const VECTOR_LEAST = 128;

/** Part of a buffer that the rest of it is filled from, faster than from elsewhere. */
export interface Stage {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Copies `length` bytes of it, from `start` on, to `to` in the buffer. */
  copy(to: number, start: number, length: number): void;
}

/** One buffer seen in three widths; its length is a multiple of 4. */
export class WordView {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words16: Uint16Array<ArrayBuffer>;
  readonly words32: Int32Array<ArrayBuffer>;
  /** As {@linkcode VectorMemory} has it, where the buffer is such memory. */
  readonly vectorSum: VectorMemory["sum"] | undefined;
  /** Likewise, where one was asked for. */
  readonly stage: Stage | undefined;

  constructor(buffer: ArrayBuffer, vectors?: VectorMemory, stageBytes = 0) {
    this.bytes = new Uint8Array(buffer);
    this.words16 = new Uint16Array(buffer);
    this.words32 = new Int32Array(buffer);
    this.vectorSum = vectors?.sum;
    if (vectors !== undefined && stageBytes > 0) {
      this.stage = stageAt(buffer, buffer.byteLength - stageBytes, vectors.copy);
    }
  }

  /**
   * At least so many bytes, zero, of which long ranges are summed up fast where this machine can. There a {@linkcode Stage} of
   * `stageBytes` lies behind them.
   */
  static of(lengthBytes: number, stageBytes = 0): WordView {
    const memory = vectorMemory(lengthBytes + stageBytes);
    return memory === undefined
      ? new WordView(new ArrayBuffer(lengthBytes + 3 & ~3))
      : new WordView(memory.buffer, memory, stageBytes);
  }
}

function stageAt(buffer: ArrayBuffer, offset: number, copy: VectorMemory["copy"]): Stage {
  return {
    bytes: new Uint8Array(buffer, offset),
    copy: (to, start, length) => copy(to, offset + start, length),
  };
}

/** Exchanges the two bytes of a 16-bit number. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8 & 0xff);
}

/** Folds the carries of a sum below 2^31 into 16 bits. */
export function foldSum(sum: number): number {
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/**
 * Native sum of `length` bytes at `offset`, both at will; at most 128 KiB, so that neither half can pass 2^31.
 * A last odd byte counts as if a zero followed. The result is folded to 16 bits.
 */
export function nativeSum(view: WordView, offset: number, length: number): number {
  if (length <= 0) return 0;
  if (offset & 1) {
    // Words from the next byte on are this range's words with their bytes exchanged.
    return foldSum(view.bytes[offset] + swap16(nativeSum(view, offset + 1, length - 1)));
  }
  if (length >= VECTOR_LEAST && view.vectorSum !== undefined) {
    const end = offset + (length & -VECTOR_STEP);
    return foldSum(view.vectorSum(offset, end) + wordSum(view, end, length & VECTOR_STEP - 1));
  }
  return wordSum(view, offset, length);
}

/** The same from an even offset on, of whole machine words. */
function wordSum(view: WordView, offset: number, length: number): number {
  const { words16, words32 } = view;
  let sum = 0;
  let at = offset;
  let left = length;
  if (at & 2 && left >= 2) {
    sum = words16[at >>> 1];
    at += 2;
    left -= 2;
  }
  // Of all words without their carries, and of their upper halves: what remains is the sum of the lower halves, below 2^31.
  let all = 0;
  let upper = 0;
  let word = at >>> 2;
  const end = word + (left >>> 2);
  for (const stop = end - 3; word < stop; word += 4) {
    const a = words32[word], b = words32[word + 1], c = words32[word + 2], d = words32[word + 3];
    all = all + a + b + c + d | 0;
    upper = upper + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16) | 0;
  }
  for (; word < end; word++) {
    all = all + words32[word] | 0;
    upper = upper + (words32[word] >>> 16) | 0;
  }
  sum += all - (upper << 16) | 0;
  at = offset + length - (left & 3);
  if (left & 2) {
    sum += words16[at >>> 1];
    at += 2;
  }
  if (left & 1) sum += view.bytes[at];
  return foldSum(foldSum(sum) + foldSum(upper));
}

/** Sum of big-endian words of any byte array, folded to 16 bits; for headers and for checking what was read. */
export function networkSum(bytes: Uint8Array, offset: number, length: number): number {
  let sum = 0;
  const end = offset + length;
  let at = offset;
  for (; at + 1 < end; at += 2) {
    sum += (bytes[at] << 8) | bytes[at + 1];
    if (sum > 0x3fff_ffff) sum = foldSum(sum);
  }
  if (at < end) sum += bytes[at] << 8;
  return foldSum(sum);
}

/** The checksum field for a sum: its one's complement. */
export function checksumOfSum(sum: number): number {
  return ~foldSum(sum) & 0xffff;
}
