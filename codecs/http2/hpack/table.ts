// SPDX-License-Identifier: MIT
/**
 * The tables of HPACK (RFC 7541, sections 2.3 and 4): the static one, and one direction's dynamic one.
 *
 * @module
 */
import { FieldId, fieldId } from "../../http/field.ts";
import { copyWords, FIELD_OVERHEAD_BYTES, toWord } from "../../http/field_list.ts";

/** RFC 7541, appendix A. */
const STATIC_FIELDS: readonly (readonly [name: string, value: string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

/** Entries of the static table; dynamic entries are numbered from one above. */
export const STATIC_COUNT = STATIC_FIELDS.length;

/** Words of an entry in {@linkcode FieldStore.entries}; name and value lie together. */
export const ENTRY_WORDS = 5;
export const ENTRY_NAME_START = 0;
export const ENTRY_VALUE_START = 1;
export const ENTRY_VALUE_END = 2;
export const ENTRY_ID = 3;
/** The block whose list the field came into last. */
export const ENTRY_BLOCK = 4;

/** Fields as bytes. Both tables are of this one shape, which keeps the decoder's look-ups fast. */
class FieldStore {
  bytes: Uint8Array;
  /** `bytes` in words; every entry begins at one. */
  words: Int32Array;

  constructor(lengthBytes: number, public entries: Int32Array) {
    this.bytes = new Uint8Array(toWord(lengthBytes));
    this.words = new Int32Array(this.bytes.buffer);
  }

  release(): void {
    this.bytes = new Uint8Array(0);
    this.words = new Int32Array(0);
    this.entries = new Int32Array(0);
  }
}

/** The static table; entry `i` (from 1) is at `i * ENTRY_WORDS`. */
export const staticTable: FieldStore = buildStaticTable();

function buildStaticTable(): FieldStore {
  const lengthBytes = STATIC_FIELDS.reduce(
    (sum, [name, value]) => sum + toWord(name.length + value.length),
    0,
  );
  const store = new FieldStore(lengthBytes, new Int32Array((STATIC_COUNT + 1) * ENTRY_WORDS));
  const { bytes, entries } = store;
  let at = 0;
  STATIC_FIELDS.forEach(([name, value], i) => {
    bytes.set(Uint8Array.from(name + value, (c) => c.charCodeAt(0)), at);
    const valueStart = at + name.length;
    const valueEnd = valueStart + value.length;
    entries.set([at, valueStart, valueEnd, fieldId(bytes, at, valueStart), 0], (i + 1) * ENTRY_WORDS);
    at = toWord(valueEnd);
  });
  return store;
}

/** SETTINGS_HEADER_TABLE_SIZE when nothing was agreed on (RFC 9113, section 6.5.2). */
export const DEFAULT_TABLE_SIZE = 4096;

/**
 * Bytes of names and values kept for one direction: what Chrome, and servers that are set so, allow. With tables of the default
 * size an open flow at rest stays under 64 KiB, and under 256 KiB with two of this one. What a larger table holds beyond it reads as lost.
 */
export const DEFAULT_MAX_STORED_BYTES = 64 * 1024;
/** Room behind the entries, as a part of theirs, so that moving them costs a constant factor. */
const ARENA_SLACK = 1 / 4;
/** As many as a table of that size has. */
const MAX_ENTRIES = DEFAULT_MAX_STORED_BYTES / FIELD_OVERHEAD_BYTES;
/** What a table of the default size takes at most: twice its bytes, and its slots. */
const ORDINARY_BYTES = 2 * DEFAULT_TABLE_SIZE + DEFAULT_TABLE_SIZE / FIELD_OVERHEAD_BYTES * ENTRY_WORDS * 4;

/**
 * One direction's dynamic table. It may know less than the peers do (a flow joined late, a lost block, the bound on
 * memory): then `complete` is false and entries older than the known ones exist but cannot be read. Newer entries have
 * lower numbers, so those that are known are never taken for others.
 */
export class DynamicTable {
  readonly fields = new FieldStore(0, new Int32Array(0));
  /** Known entries. */
  count = 0;
  complete = true;
  /** Agreed size; infinite while unknown. */
  maxSizeBytes = DEFAULT_TABLE_SIZE;
  /** Size of the known entries by RFC 7541, section 4.1; a lost name counts as nothing. */
  sizeBytes = 0;
  /** Slot of the newest entry; slots are a ring of a power of two. */
  #newest = -1;
  #slotMask = -1;
  /** Bytes in use behind the newest entry begin here. */
  #used = 0;
  #storedBytes = 0;

  constructor(readonly maxStoredBytes: number = DEFAULT_MAX_STORED_BYTES) {}

  /** Where the dynamic entry `index` (1 is the newest) is in `fields.entries`, or -1 when it is not known. */
  entry(index: number): number {
    if (index > this.count) return -1;
    return ((this.#newest - index + 1) & this.#slotMask) * ENTRY_WORDS;
  }

  /** Inserts the field that lies from `nameStart`, at a word, to `valueEnd`, and is in the list of this block. */
  insert(
    source: Int32Array,
    nameStart: number,
    valueStart: number,
    valueEnd: number,
    id: number,
    block: number,
  ): void {
    const sizeBytes = rfcSize(nameStart, valueStart, valueEnd, id);
    while (this.count > 0 && this.sizeBytes + sizeBytes > this.maxSizeBytes) this.#evict();
    // Section 4.4: an entry larger than the table empties it; then nothing older is left either.
    if (sizeBytes > this.maxSizeBytes) {
      this.complete = true;
      return;
    }
    const length = toWord(valueEnd - nameStart);
    if (length > this.maxStoredBytes) {
      // Valid for the peers but beyond the bound: it and all that is older cannot be read any more.
      this.forget();
      return;
    }
    while (
      this.count > 0 && (this.count >= MAX_ENTRIES || this.#storedBytes + length > this.maxStoredBytes)
    ) {
      this.#drop();
    }
    this.#reserve(length);
    this.#newest = (this.#newest + 1) & this.#slotMask;
    const at = this.#used;
    const { words, entries } = this.fields;
    copyWords(source, nameStart, length, words, at);
    const entry = this.#newest * ENTRY_WORDS;
    entries[entry + ENTRY_NAME_START] = at;
    entries[entry + ENTRY_VALUE_START] = at + valueStart - nameStart;
    entries[entry + ENTRY_VALUE_END] = at + valueEnd - nameStart;
    this.#used = at + length;
    entries[entry + ENTRY_ID] = id;
    entries[entry + ENTRY_BLOCK] = block;
    this.count++;
    this.sizeBytes += sizeBytes;
    this.#storedBytes += length;
  }

  /** A dynamic table size update, or what was agreed on. */
  resize(maxSizeBytes: number): void {
    this.maxSizeBytes = maxSizeBytes;
    while (this.count > 0 && this.sizeBytes > maxSizeBytes) this.#evict();
    if (maxSizeBytes < FIELD_OVERHEAD_BYTES) this.complete = true;
  }

  /** Memory beyond that of a table of the default size, which every connection may have. */
  get excessBytes(): number {
    return Math.max(0, this.fields.bytes.length + this.fields.entries.byteLength - ORDINARY_BYTES);
  }

  /** Forgets, and lets the memory go. */
  giveWay(): void {
    this.forget();
    this.fields.release();
    this.#newest = -1;
    this.#slotMask = -1;
  }

  /** Nothing that the peers' table holds is known from here on. */
  forget(): void {
    this.count = 0;
    this.sizeBytes = 0;
    this.#storedBytes = 0;
    this.#used = 0;
    this.complete = false;
  }

  /** The peers have evicted the oldest known entry; so all that were older are gone too. */
  #evict(): void {
    this.#removeOldest();
    this.complete = true;
  }

  /** The oldest known entry gives room although the peers still have it. */
  #drop(): void {
    this.#removeOldest();
    this.complete = false;
  }

  #removeOldest(): void {
    const entry = this.entry(this.count);
    const { entries } = this.fields;
    const nameStart = entries[entry + ENTRY_NAME_START];
    const valueEnd = entries[entry + ENTRY_VALUE_END];
    this.count--;
    this.sizeBytes -= rfcSize(
      nameStart,
      entries[entry + ENTRY_VALUE_START],
      valueEnd,
      entries[entry + ENTRY_ID],
    );
    this.#storedBytes -= toWord(valueEnd - nameStart);
    if (this.count === 0) this.#used = 0;
  }

  /** Makes room for one more slot and `length` bytes behind the newest entry. */
  #reserve(length: number): void {
    if (this.count > this.#slotMask) this.#growSlots();
    const { fields } = this;
    if (this.#used + length <= fields.bytes.length) return;
    // Twice what is needed, so that moving the entries costs a constant factor; at the bound the slack does.
    const needed = this.#storedBytes + length;
    const wanted = Math.min(Math.max(512, 2 * needed), this.maxStoredBytes * (1 + ARENA_SLACK));
    const target = wanted > fields.bytes.length ? new Uint8Array(toWord(wanted)) : fields.bytes;
    if (this.count > 0) {
      // Entries lie in the order of their age, the oldest first, without holes between them.
      const { entries } = fields;
      const from = entries[this.entry(this.count) + ENTRY_NAME_START];
      if (target === fields.bytes) target.copyWithin(0, from, this.#used);
      else target.set(fields.bytes.subarray(from, this.#used));
      for (let index = 1; index <= this.count; index++) {
        const entry = this.entry(index);
        entries[entry + ENTRY_NAME_START] -= from;
        entries[entry + ENTRY_VALUE_START] -= from;
        entries[entry + ENTRY_VALUE_END] -= from;
      }
      this.#used -= from;
    }
    if (target === fields.bytes) return;
    fields.bytes = target;
    fields.words = new Int32Array(target.buffer);
  }

  #growSlots(): void {
    const slots = Math.max(16, 2 * (this.#slotMask + 1));
    const { entries } = this.fields;
    const grown = new Int32Array(slots * ENTRY_WORDS);
    for (let index = 1; index <= this.count; index++) {
      const entry = this.entry(index);
      grown.set(entries.subarray(entry, entry + ENTRY_WORDS), (this.count - index) * ENTRY_WORDS);
    }
    this.fields.entries = grown;
    this.#slotMask = slots - 1;
    this.#newest = this.count - 1;
  }
}

/** Section 4.1; a name that was lost has no known length. */
const rfcSize = (nameStart: number, valueStart: number, valueEnd: number, id: number): number =>
  FIELD_OVERHEAD_BYTES + valueEnd - (id === FieldId.LOST ? valueStart : nameStart);
