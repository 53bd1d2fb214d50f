/** Packets of one session on the agent's side, from being taken to being acknowledged. @module */
import { offsetAfter } from "./batch_walker.ts";
import type { SpoolPart, SpoolSession } from "./spool.ts";

/** Packets that were taken together, or that were lost together. */
interface Entry {
  /** Number of its first packet. */
  readonly first: number;
  packets: number;
  /** Absent: on disk, or lost. */
  bytes: Uint8Array | undefined;
  readonly lengthBytes: number;
  readonly part: SpoolPart | undefined;
  /** Why they were lost; empty: they were not. */
  readonly reason: string;
  readonly takenMs: number;
}

/** What to send next. `bytes` are whole packet blocks from packet `first` on; a loss has none. */
export interface Outgoing {
  readonly first: number;
  readonly packets: number;
  readonly bytes: Uint8Array | undefined;
  readonly reason: string;
}

export interface OutboxOptions {
  /** Bytes of packets that may be held in memory. */
  readonly queueBytes: number;
  readonly now: () => number;
  /** Told of packets that were acknowledged (whole entries also with their bytes). */
  readonly acknowledged: (packets: number, bytes: number) => void;
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
  /** Bytes of packets in memory. */
  memoryBytes = 0;
  /** Number of the packet to be sent next on the present connection. */
  #cursor = 0;
  #head = 0;
  /** Index of the entry that holds `#cursor`. */
  #sending = 0;
  #entries: Entry[] = [];
  readonly #options: OutboxOptions;
  readonly #spool: SpoolSession | undefined;
  /** Of an agent that is gone: nothing is added, and the collector may have been told of more than is on disk. */
  readonly #isRecovered: boolean;

  constructor(session: string, options: OutboxOptions, spool?: SpoolSession) {
    this.session = session;
    this.#options = options;
    this.#spool = spool;
    this.#isRecovered = spool !== undefined && spool.parts.length > 0;
    for (const part of spool?.parts.splice(0) ?? []) {
      if (this.#entries.length === 0) this.first = this.next = part.first;
      this.#add({ ...part, bytes: undefined, part: part.reason ? undefined : part, takenMs: options.now() });
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
    return oldest === undefined ? 0 : Math.max(0, this.#options.now() - oldest.takenMs);
  }

  /** Copies the packets; the answer is why they cannot be taken, undefined when they are. */
  take(blocks: Uint8Array, packets: number): string | undefined {
    const fits = this.memoryBytes + blocks.length <= this.#options.queueBytes;
    const spooled = this.#spool?.append(blocks, this.next, packets) ?? "queue-full";
    const part = typeof spooled === "string" ? undefined : spooled;
    if (!fits && part === undefined) return spooled as string;
    this.#add({
      first: this.next,
      packets,
      bytes: fits ? blocks.slice() : undefined,
      lengthBytes: blocks.length,
      part,
      reason: "",
      takenMs: this.#options.now(),
    });
    if (fits) this.memoryBytes += blocks.length;
    return undefined;
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
    this.#add({
      first: this.next,
      packets,
      bytes: undefined,
      lengthBytes: 0,
      part: undefined,
      reason,
      takenMs: this.#options.now(),
    });
  }

  /** Goes back to what the collector does not have, for a new connection. */
  rewind(): void {
    this.#cursor = this.first;
    this.#sending = this.#head;
  }

  /** What to send next, and counts it as sent; undefined: nothing waits. Throws when the spool cannot be read. */
  shift(): Outgoing | undefined {
    const entry = this.#entries[this.#sending];
    if (entry === undefined) return undefined;
    const skipped = this.#cursor - entry.first;
    const packets = entry.packets - skipped;
    let bytes: Uint8Array | undefined;
    if (entry.reason === "") {
      bytes = entry.bytes ?? this.#spool!.load(entry.part!);
      if (skipped > 0) bytes = bytes.subarray(offsetAfter(bytes, skipped));
    }
    const first = this.#cursor;
    this.#cursor += packets;
    this.#sending++;
    return { first, packets, bytes, reason: entry.reason };
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
      if (entry.bytes) this.memoryBytes -= entry.lengthBytes;
      entry.bytes = undefined;
      this.#head++;
    }
    if (this.#cursor < this.first) this.#cursor = this.first;
    if (this.#sending < this.#head) this.#sending = this.#head;
    if (this.#head > 256 && this.#head * 2 > this.#entries.length) {
      this.#entries.splice(0, this.#head);
      this.#sending -= this.#head;
      this.#head = 0;
    }
    this.#spool?.acknowledge(this.first);
  }

  /** Packets that were taken and not acknowledged, lost ones left out. */
  countWaiting(): number {
    let waiting = 0;
    for (let at = this.#head; at < this.#entries.length; at++) {
      const entry = this.#entries[at];
      if (entry.reason === "") waiting += entry.packets - Math.max(0, this.first - entry.first);
    }
    return waiting;
  }

  /** Releases what is on disk; `isDone`: all of it was acknowledged, or the session ended orderly without packets. */
  close(): void {
    this.#spool?.close(this.isEmpty);
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    this.next = entry.first + entry.packets;
  }
}
