// SPDX-License-Identifier: MIT
/**
 * A header list as bytes: all names and values in one arena, told apart by offsets, so that decoding a header block
 * allocates nothing and no byte of a value is ever read as text.
 *
 * @module
 */
import { FieldId, isDecisive, RESERVED_PREFIX } from "./field.ts";

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

/** What a field line of HTTP/1.1 has besides name and value. */
const LINE_OVERHEAD_BYTES = 4;
/** Fields that have been in the list before may use what is left of the bound above this: others have more to tell. */
const RESERVE_BYTES = 16 * 1024;
/** A name of the table up to here is told behind one octet; the longest of the static table has 27. */
const SHORT_NAME_BYTES = 64;

const LOST_NAME = Uint8Array.from(`${RESERVED_PREFIX}unknown`, (c) => c.charCodeAt(0));
const LOST_VALUE = 0x3f;

/**
 * Filled by a decoder, read by the writer before the next block is decoded: the bytes are borrowed from it.
 * Field `i` has its name in `bytes[nameStart[i] … valueStart[i])` and its value in `bytes[valueStart[i] … valueEnd[i])`.
 *
 * What was sent as bytes is always in the list. What was sent as a reference to a table is left out beyond `repeatLimitBytes`, and
 * counted in `elidedCount`: but not the first of those that frame, encode or route the message ({@linkcode isDecisive}).
 */
export class FieldList {
  bytes = new Uint8Array(16 * 1024);
  /** `bytes` in words. Every field begins at a word, so that it can be copied word by word. */
  words: Int32Array = new Int32Array(this.bytes.buffer);
  nameStart: Int32Array = new Int32Array(128);
  valueStart: Int32Array = new Int32Array(128);
  valueEnd: Int32Array = new Int32Array(128);
  id: Uint8Array = new Uint8Array(128);
  count = 0;
  /** Where the next name goes. */
  end = 0;
  sizeBytes = 0;
  /** What references of the next list may add to it. */
  repeatLimitBytes = Infinity;
  /** Field lines that references have added, those beyond the bound included. */
  repeatedBytes = 0;
  /** References that are left out. */
  elidedCount = 0;
  /** A bit for each id of theirs. */
  #elidedIds = 0;
  /** The list goes on in bytes that are not known; pseudo-header fields may be among them. */
  isCut = false;
  /** Fields of which something was lost. */
  lostCount = 0;

  clear(): void {
    this.count = 0;
    this.end = 0;
    this.sizeBytes = 0;
    this.repeatedBytes = this.elidedCount = this.#elidedIds = 0;
    this.isCut = false;
    this.lostCount = 0;
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

  /** Makes room for `lengthBytes` from `at` on and a word more; `bytes` and `words` are others then. */
  reserve(at: number, lengthBytes: number): void {
    const needed = at + lengthBytes + 4;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(toWord(Math.max(needed, 2 * this.bytes.length)));
    grown.set(this.bytes.subarray(0, at));
    this.bytes = grown;
    this.words = new Int32Array(grown.buffer);
  }

  /** Whether a reference to so many bytes of name and value is told. `isAgain`: this entry is in the list already. */
  takesReference(lengthBytes: number, id: number, isAgain: boolean): boolean {
    const repeatedBytes = this.repeatedBytes + lengthBytes + LINE_OVERHEAD_BYTES;
    const isTaken = repeatedBytes + RESERVE_BYTES <= this.repeatLimitBytes ||
      (!isAgain && (repeatedBytes <= this.repeatLimitBytes || isDecisive(id)));
    if (isTaken) this.repeatedBytes = repeatedBytes;
    else this.#elide(id);
    return isTaken;
  }

  /** Whether references were told beyond their bound, since the message would be another one without them. */
  get isBeyondLimit(): boolean {
    return this.repeatedBytes > 0 && this.repeatedBytes > this.repeatLimitBytes;
  }

  #elide(id: number): void {
    this.elidedCount++;
    this.#elidedIds |= 1 << id;
  }

  /** Whether a literal's name of the table is told: one octet may stand for a long one. */
  takesName(lengthBytes: number): boolean {
    return lengthBytes <= SHORT_NAME_BYTES || this.takesReference(lengthBytes, FieldId.OTHER, false);
  }

  /** Whether another field of this id was left out. */
  hasElided(id: number): boolean {
    return (this.#elidedIds & (1 << id)) !== 0;
  }

  /** Adds the field that lies at `end`: name up to `valueStart`, value up to `valueEnd`. */
  add(valueStart: number, valueEnd: number, id: number): void {
    const nameStart = this.end;
    if (this.count === this.id.length) this.#growColumns();
    const i = this.count++;
    this.nameStart[i] = nameStart;
    this.valueStart[i] = valueStart;
    this.valueEnd[i] = valueEnd;
    this.id[i] = id;
    this.sizeBytes += valueEnd - nameStart + FIELD_OVERHEAD_BYTES;
    this.end = toWord(valueEnd);
    if (id === FieldId.LOST) this.lostCount++;
  }

  /** Adds the field that lies at `end` with a placeholder for its name, a long one that is left out. */
  addNameless(valueStart: number, valueEnd: number): void {
    const start = this.putLostName();
    this.bytes.copyWithin(start, valueStart, valueEnd);
    this.add(start, start + valueEnd - valueStart, FieldId.LOST);
  }

  #growColumns(): void {
    const grown = <Column extends Int32Array | Uint8Array>(column: Column, target: Column) => {
      target.set(column);
      return target;
    };
    const length = 2 * this.id.length;
    this.nameStart = grown(this.nameStart, new Int32Array(length));
    this.valueStart = grown(this.valueStart, new Int32Array(length));
    this.valueEnd = grown(this.valueEnd, new Int32Array(length));
    this.id = grown(this.id, new Uint8Array(length));
  }

  /** Puts the placeholder of a lost name at `end`; returns where the value goes. */
  putLostName(): number {
    this.reserve(this.end, LOST_NAME.length);
    this.bytes.set(LOST_NAME, this.end);
    return this.end + LOST_NAME.length;
  }

  /** Adds a field of which neither name nor value is known. */
  addLost(): void {
    if (!this.takesReference(LOST_NAME.length + 1, FieldId.LOST, this.lostCount > 0)) return;
    const valueStart = this.putLostName();
    this.bytes[valueStart] = LOST_VALUE;
    this.add(valueStart, valueStart + 1, FieldId.LOST);
  }
}
