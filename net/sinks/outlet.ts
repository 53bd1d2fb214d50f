// SPDX-License-Identifier: MIT
/** A bounded queue of packets before a reader that may be slow: a pipe or a TCP connection. @module */

/** Accepts part or all of `bytes` and answers how many, as `Deno.stdout` and `Deno.Conn` do. */
export interface OutletWriter {
  write(bytes: Uint8Array): Promise<number>;
}

/** Whole blocks that travel together. */
export interface Parcel {
  readonly bytes: Uint8Array;
  readonly packets: number;
}

export interface OutletEvents<P extends Parcel> {
  /** The writer has taken all of the parcel. */
  delivered(parcel: P): void;
  /** The parcel did not go out whole: the writer broke or the outlet was cut. */
  lost(parcel: P): void;
  /** The writer refused, and what waited has been reported lost; never after {@linkcode Outlet.cut}. */
  broken(error: unknown): void;
}

/** Each parcel offered and taken is reported exactly once, delivered or lost. */
export class Outlet<P extends Parcel> {
  readonly #writer: OutletWriter;
  readonly #limitBytes: number;
  readonly #events: OutletEvents<P>;
  readonly #queue: P[] = [];
  #queuedBytes = 0;
  #writtenBytes = 0;
  #pumping = false;
  #ended = false;
  #waiting: (() => void)[] = [];

  /** At most `limitBytes` wait, the parcel being written included. */
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

  /** Takes the parcel, whose bytes must not change any more; false: it is too much now, or the outlet has ended. */
  offer(parcel: P): boolean {
    if (this.#ended || this.#queuedBytes + parcel.bytes.length > this.#limitBytes) return false;
    this.#queue.push(parcel);
    this.#queuedBytes += parcel.bytes.length;
    if (!this.#pumping) void this.#pump();
    return true;
  }

  /** Settles when nothing waits any more, or the outlet has ended. */
  drained(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends it now: what waits is lost. The caller closes the writer. */
  cut(): void {
    this.#ended = true;
    const lost = this.#queue.splice(0);
    this.#queuedBytes = 0;
    for (const parcel of lost) this.#events.lost(parcel);
    this.#wake();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      while (this.#queue.length > 0) {
        const parcel = this.#queue[0];
        for (let at = 0; at < parcel.bytes.length;) {
          const accepted = await this.#writer.write(at === 0 ? parcel.bytes : parcel.bytes.subarray(at));
          if (this.#ended) return;
          at += accepted;
          this.#writtenBytes += accepted;
        }
        this.#queue.shift();
        this.#queuedBytes -= parcel.bytes.length;
        this.#events.delivered(parcel);
      }
    } catch (error) {
      if (this.#ended) return;
      this.cut();
      this.#events.broken(error);
    } finally {
      this.#pumping = false;
      this.#wake();
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
