// SPDX-License-Identifier: MIT
/**
 * HPACK decoder (RFC 7541) of one direction. Input is hostile: every length is bounded, nothing throws, and references that
 * the list does not take are still read, as is everything behind them.
 *
 * @module
 */
import { copyBytes } from "../../http/copy_bytes.ts";
import { FieldId, fieldId } from "../../http/field.ts";
import { copyWords, type FieldList } from "../../http/field_list.ts";
import { HUFFMAN_INVALID, huffmanDecode, huffmanMaxDecodedBytes } from "./huffman.ts";
import {
  DEFAULT_TABLE_SIZE,
  DynamicTable,
  ENTRY_BLOCK,
  ENTRY_ID,
  ENTRY_NAME_START,
  ENTRY_VALUE_END,
  ENTRY_VALUE_START,
  ENTRY_WORDS,
  STATIC_COUNT,
  staticTable,
} from "./table.ts";

/** Why a block is no HPACK; each is a COMPRESSION_ERROR of the connection (RFC 9113, section 4.3). */
export type HpackError =
  | "hpack-truncated"
  | "hpack-integer"
  | "hpack-index"
  | "hpack-huffman"
  | "hpack-table-size";

/**
 * Octets that continue an integer: 4 hold 28 bits, above every length that a header block of less than 2^24 bytes
 * (the longest frame) can mean and every table size that peers use. More can only bring zeros, which some peers take
 * in any number, or nonsense, which haproxy adds modulo 2^32 and others end the connection for.
 */
const MAX_INTEGER_SHIFT = 21;
/** Above every integer that can mean something. */
const INTEGER_END = 1 << 29;

/** Blocks are numbered over all connections: the static table is one for all. */
let lastBlock = 0;

export class HpackDecoder {
  readonly table: DynamicTable;
  /** Largest table that the encoder may choose: SETTINGS_HEADER_TABLE_SIZE of the receiver, once acknowledged. */
  #allowedTableSize = DEFAULT_TABLE_SIZE;
  #position = 0;
  #error: HpackError | undefined;
  /** What of the last block is an error by the RFC that some peers pass over; the last one where there were several. */
  tolerated: HpackError | undefined;
  /** Number of the block at hand. */
  #block = 0;

  constructor(maxStoredBytes?: number) {
    this.table = new DynamicTable(maxStoredBytes);
  }

  /**
   * The encoder has acknowledged this SETTINGS_HEADER_TABLE_SIZE; it says itself when it makes use of it. Once anything was
   * allowed because SETTINGS were not seen, it stays so: which of them an acknowledgement is of cannot be told any more.
   */
  allowTableSize(sizeBytes: number): void {
    if (this.#allowedTableSize !== Infinity) this.#allowedTableSize = sizeBytes;
  }

  /** Blocks were not seen: forgets the table, whose size they may have changed too, and learns it anew. */
  forget(): void {
    this.table.forget();
    this.table.maxSizeBytes = Infinity;
  }

  /**
   * Decodes the whole block `block[start, end)` to `list`, which is emptied first. Fields that need table entries that
   * were not seen are put in as placeholders. After an error the decoder must not be used again.
   */
  decode(block: Uint8Array, start: number, end: number, list: FieldList): HpackError | undefined {
    list.clear();
    this.#error = undefined;
    this.tolerated = undefined;
    this.#position = start;
    this.#block = lastBlock = (lastBlock + 1) | 0;
    let sizeUpdateAllowed = true;
    while (this.#position < end) {
      const first = block[this.#position++];
      if (first & 0x80) {
        let index = first & 0x7f;
        if (index === 0x7f) index = this.#integer(block, end, 0x7f);
        if (!this.#indexed(index, list)) return this.#error;
      } else if ((first & 0xe0) === 0x20) {
        if (!sizeUpdateAllowed) this.tolerated = "hpack-table-size";
        let sizeBytes = first & 0x1f;
        if (sizeBytes === 0x1f) sizeBytes = this.#integer(block, end, 0x1f);
        if (!this.#sizeUpdate(sizeBytes)) return this.#error;
        continue;
      } else {
        const indexing = first >= 0x40;
        const mask = indexing ? 0x3f : 0x0f;
        let nameIndex = first & mask;
        if (nameIndex === mask) nameIndex = this.#integer(block, end, mask);
        if (!this.#literal(block, end, nameIndex, indexing, list)) return this.#error;
      }
      sizeUpdateAllowed = false;
    }
    return undefined;
  }

  #fail(error: HpackError): false {
    this.#error ??= error;
    return false;
  }

  /** Section 5.1: an integer whose prefix was all ones, `mask`. Returns -1 after {@linkcode #fail}; otherwise below 2^29. */
  #integer(block: Uint8Array, end: number, mask: number): number {
    let value = mask;
    for (let shift = 0;; shift += 7) {
      if (this.#position >= end) {
        this.#fail("hpack-truncated");
        return -1;
      }
      const octet = block[this.#position++];
      if (shift > MAX_INTEGER_SHIFT) this.tolerated = "hpack-integer";
      // As 32-bit processors and compilers shift: by the count modulo 32.
      value = (value + ((octet & 0x7f) << (shift & 31))) | 0;
      if (octet < 0x80) break;
    }
    if (value >= 0 && value < INTEGER_END) return value;
    this.#fail("hpack-integer");
    return -1;
  }

  #sizeUpdate(sizeBytes: number): boolean {
    if (sizeBytes < 0) return false;
    if (sizeBytes > this.#allowedTableSize) return this.#fail("hpack-table-size");
    this.table.resize(sizeBytes);
    return true;
  }

  /** Section 6.1. */
  #indexed(index: number, list: FieldList): boolean {
    if (index <= 0) return this.#fail("hpack-index");
    let store = staticTable;
    let entry = index * ENTRY_WORDS;
    if (index > STATIC_COUNT) {
      store = this.table.fields;
      entry = this.table.entry(index - STATIC_COUNT);
      if (entry < 0) {
        if (this.table.complete) return this.#fail("hpack-index");
        list.addLost();
        return true;
      }
    }
    const { entries } = store;
    const nameStart = entries[entry + ENTRY_NAME_START];
    const length = entries[entry + ENTRY_VALUE_END] - nameStart;
    const isAgain = entries[entry + ENTRY_BLOCK] === this.#block;
    if (!list.takesReference(length, entries[entry + ENTRY_ID], isAgain)) return true;
    entries[entry + ENTRY_BLOCK] = this.#block;
    const at = list.end;
    list.reserve(at, length);
    copyWords(store.words, nameStart, length, list.words, at);
    list.add(at + entries[entry + ENTRY_VALUE_START] - nameStart, at + length, entries[entry + ENTRY_ID]);
    return true;
  }

  /** Sections 6.2.1 to 6.2.3. */
  #literal(block: Uint8Array, end: number, nameIndex: number, indexing: boolean, list: FieldList): boolean {
    if (nameIndex < 0) return false;
    const nameStart = list.end;
    let valueStart: number;
    let id: number;
    let isNamed = true;
    if (nameIndex === 0) {
      valueStart = this.#string(block, end, list, nameStart);
      if (valueStart < 0) return false;
      id = fieldId(list.bytes, nameStart, valueStart);
    } else {
      let store = staticTable;
      let entry = nameIndex * ENTRY_WORDS;
      if (nameIndex > STATIC_COUNT) {
        store = this.table.fields;
        entry = this.table.entry(nameIndex - STATIC_COUNT);
      }
      if (entry < 0) {
        if (this.table.complete) return this.#fail("hpack-index");
        valueStart = list.putLostName();
        id = FieldId.LOST;
      } else {
        const { entries } = store;
        const from = entries[entry + ENTRY_NAME_START];
        const length = entries[entry + ENTRY_VALUE_START] - from;
        id = entries[entry + ENTRY_ID];
        isNamed = list.takesName(length);
        if (isNamed || indexing) {
          list.reserve(nameStart, length);
          copyWords(store.words, from, length, list.words, nameStart);
          valueStart = nameStart + length;
        } else valueStart = list.putLostName();
      }
    }
    const valueEnd = this.#string(block, end, list, valueStart);
    if (valueEnd < 0) return false;
    if (indexing) this.table.insert(list.words, nameStart, valueStart, valueEnd, id, this.#block);
    if (isNamed) list.add(valueStart, valueEnd, id);
    else list.addNameless(valueStart, valueEnd);
    return true;
  }

  /** Section 5.2: puts a string at `at` in the list's bytes; returns where it ends, or -1 after {@linkcode #fail}. */
  #string(block: Uint8Array, end: number, list: FieldList, at: number): number {
    if (this.#position >= end) {
      this.#fail("hpack-truncated");
      return -1;
    }
    const first = block[this.#position++];
    let length = first & 0x7f;
    if (length === 0x7f) {
      length = this.#integer(block, end, 0x7f);
      if (length < 0) return -1;
    }
    const start = this.#position;
    if (length > end - start) {
      this.#fail("hpack-truncated");
      return -1;
    }
    this.#position = start + length;
    if (first < 0x80) {
      list.reserve(at, length);
      copyBytes(block, start, start + length, list.bytes, at);
      return at + length;
    }
    list.reserve(at, huffmanMaxDecodedBytes(length));
    const outputEnd = huffmanDecode(block, start, start + length, list.bytes, at);
    if (outputEnd >= 0) return outputEnd;
    if (outputEnd === HUFFMAN_INVALID) {
      this.#fail("hpack-huffman");
      return -1;
    }
    this.tolerated = "hpack-huffman";
    return ~outputEnd;
  }
}
