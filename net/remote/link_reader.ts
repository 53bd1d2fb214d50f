/** Reading a link: packets stay where they lie, as runs of whole blocks; messages are parsed. @module */
import { BatchWalker } from "./batch_walker.ts";
import type { LinkMessage } from "./link.ts";

export interface LinkReaderEvents {
  /**
   * Runs of at least so many bytes are given away with the memory they are in, and the reader goes on in other memory;
   * shorter ones are borrowed for the call.
   */
  readonly keptBytes: number;
  /** A run of `packets` Enhanced Packet Blocks in `memory` from `start` to `end`. */
  packets(memory: Uint8Array<ArrayBuffer>, start: number, end: number, packets: number): void;
  message(message: LinkMessage): void;
}

/**
 * Bytes of a stream in pieces of any size. Memory is bounded: one buffer of fixed size. Throws a `RangeError` on what
 * the link does not allow; the reader is of no use afterwards.
 */
export class LinkReader {
  #memory: Uint8Array<ArrayBuffer>;
  #walker: BatchWalker;
  /** Bytes below are handed over. */
  #start = 0;
  /** Bytes below are walked over: whole packet blocks from `#start`. */
  #walked = 0;
  #packets = 0;
  #end = 0;
  readonly #frameMax: number;
  readonly #events: LinkReaderEvents;
  readonly #newMemory: () => Uint8Array<ArrayBuffer>;

  /** `newMemory` makes buffers of one size, at least that of the longest block. */
  constructor(frameMax: number, newMemory: () => Uint8Array<ArrayBuffer>, events: LinkReaderEvents) {
    this.#frameMax = frameMax;
    this.#events = events;
    this.#newMemory = newMemory;
    this.#memory = newMemory();
    this.#walker = new BatchWalker(this.#memory, frameMax);
  }

  /** Whether packets wait that were not handed over. */
  get hasPackets(): boolean {
    return this.#packets > 0;
  }

  /** Bytes that the next {@linkcode push} can take; 0: {@linkcode flush} first. */
  get room(): number {
    if (this.#end === this.#memory.length && this.#start > 0 && this.#packets === 0) this.#compact();
    return this.#memory.length - this.#end;
  }

  /** Copies as much of `bytes` from `offset` as there is room for, and answers how much; tells of messages, not yet of packets. */
  push(bytes: Uint8Array, offset: number): number {
    const taken = Math.min(bytes.length - offset, this.room);
    const all = offset === 0 && taken === bytes.length;
    this.#memory.set(all ? bytes : bytes.subarray(offset, offset + taken), this.#end);
    this.#end += taken;
    this.#walk();
    return taken;
  }

  /** Hands over the packets that wait, if any. */
  flush(): void {
    if (this.#packets === 0) return;
    const [start, end, packets] = [this.#start, this.#walked, this.#packets];
    const memory = this.#memory;
    this.#start = end;
    this.#packets = 0;
    if (end - start >= this.#events.keptBytes) {
      this.#memory = this.#newMemory();
      this.#memory.set(memory.subarray(end, this.#end));
      this.#moved(end);
      this.#events.packets(memory, start, end, packets);
    } else {
      this.#events.packets(memory, start, end, packets);
      this.#compact();
    }
  }

  #walk(): void {
    while (true) {
      const walker = this.#walker; // handing packets over may bring another
      const step = walker.step(this.#walked, this.#end);
      if (step === "more") return;
      if (step === "packet") {
        this.#walked += walker.blockLength;
        this.#packets++;
        continue;
      }
      // The stream's order: packets before the message that follows them.
      const message = walker.message;
      const length = walker.blockLength;
      this.flush();
      this.#walked += length;
      this.#start = this.#walked;
      if (message) this.#events.message(message);
    }
  }

  #compact(): void {
    this.#memory.copyWithin(0, this.#start, this.#end);
    this.#moved(this.#start);
  }

  #moved(by: number): void {
    this.#end -= by;
    this.#walked -= by;
    this.#start = 0;
    this.#walker = this.#walker.on(this.#memory, this.#frameMax);
  }
}
