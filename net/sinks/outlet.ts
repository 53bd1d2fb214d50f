// SPDX-License-Identifier: MIT
/** A bounded queue of packets before a reader that may be slow: a pipe or a TCP connection. @module */
import type { OutletWriter } from "./outlet_writer.ts";
import type { Patience } from "./patience.ts";

/** Whole blocks that travel together, copied when they have to wait, once for all who share them. */
export class Parcel {
  /** Bytes of the blocks. */
  readonly length: number;
  readonly #borrowed: Uint8Array<ArrayBuffer>;
  #own: Uint8Array<ArrayBuffer> | undefined;

  /** The blocks are borrowed for the time in which the parcel is offered. */
  constructor(blocks: Uint8Array<ArrayBuffer>, readonly packets: number) {
    this.#borrowed = blocks;
    this.length = blocks.length;
  }

  /** The blocks, for as long as they are borrowed. */
  get borrowed(): Uint8Array<ArrayBuffer> {
    return this.#borrowed;
  }

  /** The blocks, for good. */
  get own(): Uint8Array<ArrayBuffer> {
    return this.#own ??= this.#borrowed.slice();
  }
}

export interface OutletEvents<P extends Parcel> {
  /** The writer has taken all of the parcel. */
  delivered(parcel: P): void;
  /** The parcel did not go out whole: the writer broke or the outlet was cut. */
  lost(parcel: P): void;
  /** The writer refused, and what waited has been reported lost; never after {@linkcode Outlet.cut}. */
  broken(error: unknown): void;
}

/** Between two looks whether the writer takes more, at first and at most: each that brings nothing doubles it. */
const PAUSE_MIN_MS = 1;
const PAUSE_MAX_MS = 50;

/** Each parcel offered and taken is reported exactly once, delivered or lost; also while it is offered. */
export class Outlet<P extends Parcel> {
  readonly #writer: OutletWriter;
  readonly #limitBytes: number;
  readonly #events: OutletEvents<P>;
  readonly #queue: P[] = [];
  /** Bytes of the first parcel in the queue that have left. */
  #at = 0;
  #queuedBytes = 0;
  #writtenBytes = 0;
  #ended = false;
  /** The writer broke, and nobody was told yet or all were. */
  #failure: { readonly error: unknown } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What had been written when waiting for the reader brought nothing. */
  #stalledAt = -1;
  #waiting: (() => void)[] = [];

  /** At most `limitBytes` wait. */
  constructor(writer: OutletWriter, limitBytes: number, events: OutletEvents<P>) {
    this.#writer = writer;
    this.#limitBytes = limitBytes;
    this.#events = events;
  }

  /** Bytes taken that have not all left. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Bytes that the writer has accepted; grows as long as the reader reads. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /**
   * Takes the parcel, writing at once what the writer takes; false: it is too much now, or the outlet has ended. With
   * `patience`, waits for room as long as that allows and the reader reads.
   */
  offer(parcel: P, patience?: Patience): boolean {
    this.#pump();
    if (patience !== undefined) this.#waitForRoom(parcel.length, patience);
    if (this.#ended || this.#queuedBytes + parcel.length > this.#limitBytes) return false;
    const taken = this.#queue.length === 0 ? this.#write(parcel.borrowed, 0) : 0;
    if (taken === parcel.length) {
      this.#events.delivered(parcel);
      return true;
    }
    if (this.#failure !== undefined) {
      this.#events.lost(parcel);
      this.#breakOff(this.#failure.error);
      return true;
    }
    if (this.#queue.length === 0) this.#at = taken;
    this.#queue.push(parcel);
    this.#queuedBytes += parcel.length - taken;
    void parcel.own;
    this.#pumpLater(PAUSE_MIN_MS);
    return true;
  }

  /** Takes the parcel whatever waits, and writes nothing before another turn of the event loop. */
  enqueue(parcel: P): void {
    this.#queue.push(parcel);
    this.#queuedBytes += parcel.length;
    this.#pumpLater(0);
  }

  /** Settles when nothing waits any more, or the outlet has ended. */
  async drained(): Promise<void> {
    if (this.#queue.length > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await this.#writer.settled?.();
  }

  /** Ends it now: what waits is lost. The caller closes the writer. */
  cut(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    const lost = this.#queue.splice(0);
    this.#queuedBytes = 0;
    for (const parcel of lost) this.#events.lost(parcel);
    this.#wake();
  }

  #waitForRoom(length: number, patience: Patience): void {
    if (this.#writer.wait === undefined || this.#stalledAt === this.#writtenBytes) return;
    const before = this.#writtenBytes;
    const start = performance.now();
    const endMs = start + patience.batchMs;
    let now = start;
    while (!this.#ended && this.#queuedBytes + length > this.#limitBytes && now < endMs) {
      this.#writer.wait(endMs - now);
      this.#pump();
      now = performance.now();
    }
    patience.spend(now - start);
    if (now > start && this.#writtenBytes === before) this.#stalledAt = before;
  }

  /** Writes what waits, as far as it is taken now. */
  #pump(): void {
    while (this.#queue.length > 0) {
      const parcel = this.#queue[0];
      const taken = this.#write(parcel.own, this.#at);
      if (this.#failure !== undefined) return this.#breakOff(this.#failure.error);
      this.#at += taken;
      this.#queuedBytes -= taken;
      if (this.#at < parcel.length) return;
      this.#queue.shift();
      this.#at = 0;
      this.#events.delivered(parcel);
    }
    if (this.#waiting.length > 0) this.#wake();
  }

  #pumpLater(pauseMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const before = this.#writtenBytes;
      this.#pump();
      if (this.#queue.length === 0) return;
      const isStuck = this.#writtenBytes === before;
      this.#pumpLater(isStuck ? Math.min(2 * pauseMs, PAUSE_MAX_MS) : PAUSE_MIN_MS);
    }, pauseMs);
  }

  #breakOff(error: unknown): void {
    this.cut();
    this.#events.broken(error);
  }

  /** Bytes from `start` on that were taken; notes when the writer breaks. */
  #write(bytes: Uint8Array<ArrayBuffer>, start: number): number {
    let at = start;
    try {
      while (at < bytes.length) {
        const taken = this.#writer.write(at === 0 ? bytes : bytes.subarray(at));
        if (taken === 0) break;
        at += taken;
        this.#writtenBytes += taken;
      }
    } catch (error) {
      this.#failure = { error };
    }
    return at - start;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
