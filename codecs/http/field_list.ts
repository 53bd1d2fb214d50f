// SPDX-License-Identifier: MIT
/**
 * A header list as bytes: all names and values in one arena, told apart by offsets, so that decoding a header block
 * allocates nothing and no byte of a value is ever read as text.
 *
 * @module
 */
import { FieldId, isPseudo, RESERVED_PREFIX } from "./field.ts";

/** RFC 7541, section 4.1: what an entry weighs besides its bytes. */
export const FIELD_OVERHEAD_BYTES = 32;

/** The next multiple of 4. */
export const toWord = (length: number): number => (length + 3) & ~3;

/** Copies `lengthBytes` between word-aligned places, with up to 3 bytes of what lies behind. */
export function copyWords(
  source: Int32Array,
  from: number,
  lengthBytes: number,
  target: Int32Array,
  to: number,
): void {
  const start = from >> 2, words = (lengthBytes + 3) >> 2, at = to >> 2;
  if (words > 64) target.set(source.subarray(start, start + words), at);
  else for (let i = 0; i < words; i++) target[at + i] = source[start + i];
}

/** Room for pseudo-header fields beyond the bound. */
export const PSEUDO_BYTES: number = 64 * 1024;
/** How many of them may go there: there are six. */
const MAX_PSEUDO = 8;

const LOST_NAME = Uint8Array.from(`${RESERVED_PREFIX}unknown`, (c) => c.charCodeAt(0));
const LOST_VALUE = 0x3f;

/**
 * Filled by a decoder, read by the writer before the next block is decoded: the bytes are borrowed from it.
 * Field `i` has its name in `bytes[nameStart[i] … valueStart[i])` and its value in `bytes[valueStart[i] … valueEnd[i])`.
 *
 * `maxBytes` bounds the list (names, values and 32 a field), and so does `limitBytes` where it is less; what comes after is left
 * out and `overflow` is set. Pseudo-header fields have {@linkcode PSEUDO_BYTES} more.
 */
export class FieldList {
  readonly bytes: Uint8Array;
  /** `bytes` in words. Every field begins at a word, so that it can be copied word by word. */
  readonly words: Int32Array;
  readonly nameStart: Int32Array;
  readonly valueStart: Int32Array;
  readonly valueEnd: Int32Array;
  readonly id: Uint8Array;
  count = 0;
  /** Where the next name goes. */
  end = 0;
  sizeBytes = 0;
  /** Of the next list; at most `maxBytes`. */
  limitBytes: number;
  /** The list would have been larger: fields are left out. */
  overflow = false;
  /** Pseudo-header fields may be among them. */
  pseudoLost = false;
  /** Fields of which something was lost. */
  lostCount = 0;
  #pseudoCount = 0;

  /** `slackBytes`: the longest name and value together that a decoder may put at `end` before it asks {@linkcode add}. */
  constructor(readonly maxBytes: number, slackBytes: number) {
    this.limitBytes = maxBytes;
    // A field weighs at least 32, so this many fit.
    const fields = Math.ceil(maxBytes / FIELD_OVERHEAD_BYTES) + 1 + MAX_PSEUDO;
    // The overhead of a field is also room for the padding to the next word.
    this.bytes = new Uint8Array(toWord(maxBytes + PSEUDO_BYTES + slackBytes + LOST_NAME.length + 1));
    this.words = new Int32Array(this.bytes.buffer);
    this.nameStart = new Int32Array(fields);
    this.valueStart = new Int32Array(fields);
    this.valueEnd = new Int32Array(fields);
    this.id = new Uint8Array(fields);
  }

  clear(): void {
    this.count = 0;
    this.end = 0;
    this.sizeBytes = 0;
    this.overflow = this.pseudoLost = false;
    this.lostCount = this.#pseudoCount = 0;
  }

  /** Whether there is a field `i` and its value is this text of ASCII. */
  valueIs(i: number, text: string): boolean {
    const start = this.valueStart[i];
    if (i < 0 || this.valueEnd[i] - start !== text.length) return false;
    for (let k = 0; k < text.length; k++) if (this.bytes[start + k] !== text.charCodeAt(k)) return false;
    return true;
  }

  /** Moves every field whose id is wanted before all others, which else stay in their order. */
  moveFirst(isWanted: (id: number) => boolean): void {
    let first = 0;
    for (let i = 0; i < this.count; i++) {
      if (!isWanted(this.id[i])) continue;
      for (const column of [this.nameStart, this.valueStart, this.valueEnd, this.id]) {
        const moved = column[i];
        column.copyWithin(first + 1, first, i);
        column[first] = moved;
      }
      first++;
    }
  }

  /** Whether a field of this many bytes of name and value would still fit; if not, the list is marked. */
  fits(lengthBytes: number, id: number): boolean {
    const sizeBytes = this.sizeBytes + lengthBytes + FIELD_OVERHEAD_BYTES;
    if (!this.overflow && sizeBytes <= this.limitBytes) return true;
    if (isPseudo(id)) {
      if (this.#pseudoCount < MAX_PSEUDO && sizeBytes <= this.maxBytes + PSEUDO_BYTES) return true;
      this.pseudoLost = true;
    }
    this.overflow = true;
    return false;
  }

  /** The list goes on in bytes that are not known. */
  cut(): void {
    this.overflow = this.pseudoLost = true;
  }

  /** Adds the field that lies at `end`: name up to `valueStart`, value up to `valueEnd`. */
  add(valueStart: number, valueEnd: number, id: number): void {
    const nameStart = this.end;
    if (!this.fits(valueEnd - nameStart, id)) return;
    if (isPseudo(id)) this.#pseudoCount++;
    const i = this.count++;
    this.nameStart[i] = nameStart;
    this.valueStart[i] = valueStart;
    this.valueEnd[i] = valueEnd;
    this.id[i] = id;
    this.sizeBytes += valueEnd - nameStart + FIELD_OVERHEAD_BYTES;
    this.end = toWord(valueEnd);
    if (id === FieldId.LOST) this.lostCount++;
  }

  /** Puts the placeholder of a lost name at `end`; returns where the value goes. */
  putLostName(): number {
    this.bytes.set(LOST_NAME, this.end);
    return this.end + LOST_NAME.length;
  }

  /** Adds a field of which neither name nor value is known. */
  addLost(): void {
    const valueStart = this.putLostName();
    this.bytes[valueStart] = LOST_VALUE;
    this.add(valueStart, valueStart + 1, FieldId.LOST);
  }
}
