// SPDX-License-Identifier: MIT
/** Packets of one session on the agent's side, from being added to being acknowledged. @module */
import { BatchMemory, memoryFor } from "./batch_memory.ts";
import { offsetAfter, runsOf } from "../blocks/batch_walker.ts";
import { divided, type Entry, ENTRY_BYTES, type Piece } from "./outbox_entry.ts";
import type { SpoolSession } from "./spool.ts";
import { runsBetween } from "./loaded_part.ts";
import { DAMAGED, joinParts, PART_BYTES, type SpoolPart } from "./spool_part.ts";

/** What to send next. `bytes` are whole packet blocks from packet `first` on; a loss has none. */
export interface Outgoing {
  readonly first: number;
  readonly packets: number;
  readonly bytes: Uint8Array | undefined;
  readonly reason: string;
}

export interface OutboxOptions {
  /** Bytes of memory that packets may take, with what it takes to keep account of them. */
  readonly queueBytes: number;
  readonly now: () => number;
  /** Told of packets that were acknowledged (whole entries also with their bytes). */
  readonly acknowledged: (packets: number, bytes: number) => void;
  /** Told of packets that had been added and cannot be sent, by reason, and what is to be said of it if anything. */
  readonly lost: (packets: number, reason: string, trouble?: string) => void;
  /** Told of packets that an agent before this one left in the spool, and that it has no more: they had not been counted as added. */
  readonly missing: (packets: number, reason: string) => void;
  /** Whether memory may be used again once acknowledged: not where the runtime sends it later from where it is, as without TLS. */
  readonly recycles: boolean;
}

/** What an outbox has that is not acknowledged. */
export interface Waiting {
  readonly onDisk: number;
  readonly diskBytes: number;
  readonly inMemory: number;
}

/**
 * First in, first out, until acknowledged. Memory is bounded by `queueBytes`: beyond it, new packets stay on disk when
 * there is a spool, else they are refused and must be given to {@linkcode lose}.
 */
export class Outbox {
  readonly session: string;
  /** Packets below are acknowledged. */
  first = 0;
  /** Number of the packet to come. */
  next = 0;
  /** Bytes in use of `queueBytes`. */
  memoryBytes = 0;
  /** Number of the packet to be sent next on the present connection. */
  #cursor = 0;
  #head = 0;
  /** Index of the entry that holds `#cursor`. */
  #sending = 0;
  /** Bytes of that entry before `#cursor`; 0 when there are some: not known. */
  #offset = 0;
  #entries: Entry[] = [];
  readonly #memory = new BatchMemory();
  readonly #options: OutboxOptions;
  readonly #spool: SpoolSession | undefined;
  /** The session is that of an agent that is gone: nothing is added, and the collector may have been told of more than is on disk. */
  readonly #isRecovered: boolean;

  constructor(session: string, options: OutboxOptions, spool?: SpoolSession) {
    this.session = session;
    this.#options = options;
    this.#spool = spool;
    this.#isRecovered = spool !== undefined && spool.parts.length > 0;
    for (const part of spool?.parts.splice(0) ?? []) {
      const { first, packets, reason, packetBytes: lengthBytes } = part;
      if (this.#entries.length === 0) this.first = this.next = Math.max(first, spool!.first);
      if (first + packets <= this.first) continue;
      this.#append({
        ...{ first, packets, lengthBytes, reason },
        bytes: undefined,
        part: reason ? undefined : part,
        addedMs: options.now(),
        isUntold: reason === DAMAGED,
      });
    }
    this.#cursor = this.first;
  }

  get isEmpty(): boolean {
    return this.first === this.next;
  }

  /** Whether everything was sent on the present connection. */
  get isSent(): boolean {
    return this.#cursor === this.next;
  }

  /** Milliseconds that the oldest unacknowledged packet has waited; 0: none. */
  get waitedMs(): number {
    const oldest = this.#entries[this.#head];
    return oldest === undefined ? 0 : Math.max(0, this.#options.now() - oldest.addedMs);
  }

  /** Copies the packets; the answer is why they cannot be added, undefined when they are. */
  add(blocks: Uint8Array, packets: number): string | undefined {
    const spooled = this.#spool?.append(blocks, this.next, packets) ?? "queue-full";
    const part = typeof spooled === "string" ? undefined : spooled;
    if (this.#grow(blocks, packets, part)) return undefined;
    const needed = memoryFor(blocks.length) + ENTRY_BYTES;
    const fits = this.memoryBytes + needed <= this.#options.queueBytes;
    if (!fits && part === undefined) return spooled as string;
    this.#seal();
    const bytes = fits ? this.#memory.copy(blocks) : undefined;
    this.#append({
      first: this.next,
      packets,
      bytes,
      lengthBytes: blocks.length,
      part,
      reason: "",
      addedMs: this.#options.now(),
      isUntold: false,
    });
    if (bytes !== undefined) this.memoryBytes += bytes.buffer.byteLength + ENTRY_BYTES;
    return undefined;
  }

  /** Puts packets to those of the last entry, where both are kept alike (in memory, on disk) and none of the entry is acknowledged. */
  #grow(blocks: Uint8Array, packets: number, part: SpoolPart | undefined): boolean {
    const last = this.#entries[this.#entries.length - 1];
    if (last === undefined || last.reason !== "" || last.first < this.first) return false;
    const joined = last.part && part && joinParts(last.part, part);
    if ((last.part ?? part) !== undefined && joined === undefined) return false;
    if (last.bytes !== undefined) {
      const grown = this.#memory.append(last.bytes, blocks);
      if (grown === undefined) return false;
      last.bytes = grown;
    } else {
      // What memory has room for again is kept there.
      const fits = this.memoryBytes + memoryFor(blocks.length) + ENTRY_BYTES <= this.#options.queueBytes;
      if (fits || last.lengthBytes + blocks.length > PART_BYTES) return false;
    }
    if (this.#sending === this.#entries.length) {
      this.#sending--;
      this.#offset = last.lengthBytes;
    }
    last.part = joined;
    last.packets += packets;
    last.lengthBytes += blocks.length;
    this.next += packets;
    return true;
  }

  /** Nothing is put to the last entry any more: it gives up the memory that it does not use. */
  #seal(): void {
    const last = this.#entries[this.#entries.length - 1];
    if (last?.bytes === undefined) return;
    const before = last.bytes.buffer.byteLength;
    last.bytes = this.#memory.trim(last.bytes);
    this.memoryBytes -= before - last.bytes.buffer.byteLength;
  }

  /** Gives numbers to packets that are lost, so that the collector learns of them in their place. */
  lose(packets: number, reason: string): void {
    this.#spool?.lose(this.next + packets, reason);
    const last = this.#entries[this.#entries.length - 1];
    const mayGrow = this.#entries.length > this.#head && last.reason === reason && this.#cursor <= last.first;
    if (mayGrow) {
      last.packets += packets;
      this.next += packets;
      return;
    }
    this.#seal();
    this.#append({
      first: this.next,
      packets,
      bytes: undefined,
      lengthBytes: 0,
      part: undefined,
      reason,
      addedMs: this.#options.now(),
      isUntold: false,
    });
  }

  /** Goes back to what the collector does not have, for a new connection. */
  rewind(): void {
    this.#cursor = this.first;
    this.#sending = this.#head;
    this.#offset = 0;
  }

  /**
   * What to send next, and counts it as sent; undefined: nothing waits. What is on disk and cannot be read, or has a frame
   * of more than `frameMax` bytes, becomes a loss in its place.
   */
  shift(frameMax: number): Outgoing | undefined {
    if (this.#sending === this.#entries.length) return undefined;
    let bytes = this.#entries[this.#sending].bytes;
    if (bytes !== undefined) bytes = bytes.subarray(this.#offsetIn(bytes));
    else if (this.#entries[this.#sending].reason === "") bytes = this.#load(frameMax);
    const entry = this.#entries[this.#sending];
    const first = this.#cursor;
    if (entry.isUntold) {
      entry.isUntold = false;
      this.#options.missing(entry.first + entry.packets - first, entry.reason);
    }
    this.#cursor = entry.first + entry.packets;
    this.#sending++;
    this.#offset = 0;
    return { first, packets: this.#cursor - first, bytes, reason: entry.reason };
  }

  #offsetIn(bytes: Uint8Array): number {
    return this.#offset || offsetAfter(bytes, this.#cursor - this.#entries[this.#sending].first);
  }

  /** The packets of the present entry from `#cursor` on; undefined when it is divided and begins with a loss now. */
  #load(frameMax: number): Uint8Array<ArrayBuffer> | undefined {
    const entry = this.#entries[this.#sending];
    const part = entry.part!;
    const end = entry.first + entry.packets;
    let pieces: Piece[];
    let bytes: Uint8Array<ArrayBuffer> | undefined;
    let sentBytes = 0;
    let trouble: string | undefined;
    try {
      const runs = this.#spool!.load(part);
      for (const run of runsBetween(runs, entry.first, this.#cursor)) sentBytes += run.bytes?.length ?? 0;
      const rest = runsBetween(runs, this.#cursor, end);
      bytes = rest[0].bytes;
      pieces = rest.flatMap(({ packets, bytes }) => piecesOf(bytes, packets, frameMax));
      if (rest.some(({ bytes }) => bytes === undefined)) {
        trouble = `${part.path}: packets are lost: they are not as they were written`;
      }
    } catch (error) {
      pieces = [{ packets: end - this.#cursor, lengthBytes: 0, reason: "spool-failed" }];
      trouble = `${part.path}: packets are lost: ${(error as Error).message}`;
    }
    if (pieces.length > 1 || pieces[0].reason !== "") this.#divide(sentBytes, pieces);
    for (const { packets, reason } of pieces) if (reason !== "") this.#options.lost(packets, reason, trouble);
    return pieces[0].reason === "" ? bytes!.subarray(0, pieces[0].lengthBytes) : undefined;
  }

  /** Puts an entry for each piece in the place of the present one; what was sent of it gets one of its own. */
  #divide(sentBytes: number, pieces: readonly Piece[]): void {
    const entry = this.#entries[this.#sending];
    const sent = { packets: this.#cursor - entry.first, lengthBytes: sentBytes, reason: "" };
    const isAcknowledged = this.#cursor === this.first;
    // Its bytes are not counted yet.
    if (isAcknowledged) this.#options.acknowledged(0, sentBytes);
    const entries = divided(entry, [sent, ...pieces]);
    if (sent.packets > 0 && isAcknowledged) entries.shift();
    this.#entries.splice(this.#sending, 1, ...entries);
    if (sent.packets > 0 && !isAcknowledged) this.#sending++;
  }

  /** The collector has everything below `have`. Throws a `RangeError` when that cannot be. */
  acknowledge(have: number): void {
    if (have > this.next) {
      if (!this.#isRecovered) throw new RangeError(`${have} packets acknowledged of ${this.next}`);
      have = this.next;
    }
    while (this.#head < this.#entries.length) {
      const entry = this.#entries[this.#head];
      const end = entry.first + entry.packets;
      const done = Math.min(have, end) - Math.max(this.first, entry.first);
      if (done <= 0) break;
      const isWhole = have >= end;
      if (entry.reason === "") this.#options.acknowledged(done, isWhole ? entry.lengthBytes : 0);
      this.first += done;
      if (!isWhole) break;
      if (entry.bytes !== undefined) {
        this.memoryBytes -= entry.bytes.buffer.byteLength + ENTRY_BYTES;
        if (this.#options.recycles) this.#memory.giveBack(entry.bytes);
        entry.bytes = undefined;
      }
      this.#head++;
    }
    if (this.#cursor < this.first) {
      this.#cursor = this.first;
      this.#offset = 0;
    }
    if (this.#sending < this.#head) this.#sending = this.#head;
    if (this.#head > 256 && this.#head * 2 > this.#entries.length) {
      this.#entries.splice(0, this.#head);
      this.#sending -= this.#head;
      this.#head = 0;
    }
    this.#spool?.acknowledge(this.first);
  }

  /** Notes on disk what is acknowledged; to be called now and then. */
  settle(): void {
    this.#spool?.settle(this.first);
  }

  /**
   * Packets that were added and not acknowledged, lost ones left out: those on disk, with the bytes that they have there, and
   * those only in memory.
   */
  countWaiting(): Waiting {
    let [onDisk, diskBytes, inMemory] = [0, 0, 0];
    for (let at = this.#head; at < this.#entries.length; at++) {
      const entry = this.#entries[at];
      if (entry.reason !== "") continue;
      const waiting = entry.packets - Math.max(0, this.first - entry.first);
      if (entry.part === undefined) inMemory += waiting;
      else {
        onDisk += waiting;
        diskBytes += Math.ceil(entry.lengthBytes * waiting / entry.packets);
      }
    }
    return { onDisk, diskBytes, inMemory };
  }

  /** Closes what is on disk, and deletes it when all is acknowledged. */
  close(): void {
    this.#spool?.close(this.isEmpty, this.first);
  }

  #append(entry: Entry): void {
    this.#entries.push(entry);
    this.next = entry.first + entry.packets;
  }
}

/** Packets of a segment, damaged where there are no bytes, as pieces of those that may be sent and those that may not. */
function piecesOf(bytes: Uint8Array | undefined, packets: number, frameMax: number): Piece[] {
  if (bytes === undefined) return [{ packets, lengthBytes: 0, reason: DAMAGED }];
  return runsOf(bytes, packets, frameMax).map(({ packets, lengthBytes, isTooLong }) => (
    { packets, lengthBytes, reason: isTooLong ? "over-mtu" : "" }
  ));
}
