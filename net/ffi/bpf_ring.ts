// SPDX-License-Identifier: MIT
/**
 * The reader of a BPF ring buffer (Documentation/bpf/ringbuf.rst): the kernel writes, this process reads and says how far.
 *
 * @module
 */
import { SharedMapping } from "./mapping.ts";

const PAGE = 4096;
/** In front of each record: its length and two flags, and a word for the kernel. */
const HEAD_SIZE = 8;
const BUSY = 1 << 31;
const DISCARDED = 1 << 30;
/** The place that was read is told when so much of it has become free. */
const RELEASE_BYTES = 256 << 10;

/** Takes a record: `length` bytes at `at` of the ring's memory, which are its own for the call. */
export type TakeRecord = (at: number, length: number) => void;

export class BpfRing {
  /** Of the memory, in which every record lies in one piece. */
  readonly view: DataView;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #consumer: SharedMapping;
  readonly #producer: SharedMapping;
  readonly #heads: Int32Array;
  readonly #produced: BigInt64Array;
  readonly #consumed: BigInt64Array;
  readonly #size: number;
  #position: number;
  #released: number;

  /** Maps the ring of `fd`, of `size` bytes of data. Throws an Error. */
  constructor(fd: number, size: number) {
    this.#consumer = SharedMapping.map(fd, PAGE);
    // The data is mapped twice, one behind the other.
    this.#producer = SharedMapping.map(fd, PAGE + 2 * size, { offset: PAGE, isWritable: false });
    const data = this.#producer.view(PAGE, 2 * size);
    this.view = new DataView(data);
    this.bytes = new Uint8Array(data);
    this.#heads = new Int32Array(data);
    this.#produced = new BigInt64Array(this.#producer.view(0, 8));
    this.#consumed = new BigInt64Array(this.#consumer.view(0, 8));
    this.#size = size;
    this.#position = this.#released = Number(Atomics.load(this.#consumed, 0));
  }

  /** Whether something was begun that is not read yet. */
  get hasMore(): boolean {
    return Number(Atomics.load(this.#produced, 0)) > this.#position;
  }

  /** Bytes that were begun to be written so far, and never fewer. */
  get produced(): number {
    return Number(Atomics.load(this.#produced, 0));
  }

  /** Of these, bytes that are read. */
  get position(): number {
    return this.#position;
  }

  /** Bytes that wait, records that are being written included. */
  get waiting(): number {
    return this.produced - this.#position;
  }

  /** Takes what is whole, in order, until at least `bytesMax` of the ring are read; answers how many records. */
  read(take: TakeRecord, bytesMax: number): number {
    const end = Math.min(Number(Atomics.load(this.#produced, 0)), this.#position + bytesMax);
    let records = 0;
    try {
      while (this.#position < end) {
        // Positions only grow, beyond what a 32-bit operation takes.
        const at = this.#position % this.#size;
        const head = Atomics.load(this.#heads, at >> 2);
        if ((head & BUSY) !== 0) break;
        const length = head & ~DISCARDED;
        this.#position += HEAD_SIZE + Math.ceil(length / 8) * 8;
        if ((head & DISCARDED) === 0) {
          records++;
          take(at + HEAD_SIZE, length);
        }
        if (this.#position - this.#released >= RELEASE_BYTES) this.#release();
      }
    } finally {
      this.#release();
    }
    return records;
  }

  /** Gives the memory back; nothing may be read any more. */
  close(): void {
    this.#consumer.unmap();
    this.#producer.unmap();
  }

  #release(): void {
    if (this.#released === this.#position) return;
    this.#released = this.#position;
    Atomics.store(this.#consumed, 0, BigInt(this.#position));
  }
}
