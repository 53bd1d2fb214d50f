// SPDX-License-Identifier: MIT
/** Reading a link: packets stay where they lie, as runs of whole blocks; messages are parsed. @module */
import { BatchWalker } from "./batch_walker.ts";
import { LINK_BLOCK_MAX, type LinkMessage } from "./link.ts";
import { clearBytesOf, type Unpacker } from "./packing.ts";

/** Buffers to read into, each at least as long as the longest block. */
export interface ReaderMemory {
  /** Another buffer; the run of packets before had `bytesBefore` bytes. */
  take(bytesBefore: number): Uint8Array<ArrayBuffer>;
  /** Takes a buffer back, whose bytes are of no use any more. */
  giveBack(memory: Uint8Array<ArrayBuffer>): void;
}

/** Of buffers of the least size that will do, one that nobody uses. */
let spare: Uint8Array<ArrayBuffer> | undefined;

/** Buffers of the least size that will do. */
export const SMALL_MEMORY: ReaderMemory = {
  take: () => {
    const memory = spare ?? new Uint8Array(LINK_BLOCK_MAX);
    spare = undefined;
    return memory;
  },
  giveBack: (memory) => spare = memory,
};

/** In place of a buffer while there is nothing to hold. */
const NO_MEMORY = new Uint8Array(0);

export interface LinkReaderEvents {
  /**
   * Bytes from which a run of packets is given away with the memory that it is in, and the reader goes on in other memory;
   * shorter runs are borrowed for the call.
   */
  readonly keptBytes: number;
  /** A run of `packets` Enhanced Packet Blocks in `memory` from `start` to `end`. */
  packets(memory: Uint8Array<ArrayBuffer>, start: number, end: number, packets: number): void;
  message(message: LinkMessage): void;
  /** Whether nothing is to be told at present: reading stops before the next message or packed block, until {@linkcode LinkReader.walk}. */
  readonly isBusy?: () => boolean;
  /** For packed blocks; absent: they are refused. */
  readonly unpacker?: Unpacker;
}

/** Packets that came packed and are not handed over. */
interface Unpacked {
  readonly memory: Uint8Array<ArrayBuffer>;
  end: number;
  packets: number;
}

/**
 * Bytes of a stream in pieces of any size. Memory is bounded: one buffer, and another while packets come packed; none while all that came is
 * handed over. Throws a `RangeError` on what the link does not allow; the reader is of no use afterwards.
 */
export class LinkReader {
  #memory: Uint8Array<ArrayBuffer> = NO_MEMORY;
  #walker: BatchWalker;
  /** Bytes below are handed over. */
  #start = 0;
  /** Bytes below are walked over: whole packet blocks from `#start`. */
  #walked = 0;
  #packets = 0;
  #end = 0;
  /** Of the last run, packed or not; 0 after a time in which none came. */
  #bytesBefore = 0;
  /** In front of those from `#start`. */
  #unpacked: Unpacked | undefined;
  #frameMax: number;
  readonly #events: LinkReaderEvents;
  readonly #buffers: ReaderMemory;

  constructor(frameMax: number, buffers: ReaderMemory, events: LinkReaderEvents) {
    this.#frameMax = frameMax;
    this.#events = events;
    this.#buffers = buffers;
    this.#walker = new BatchWalker(this.#memory, frameMax);
  }

  /** Bytes of the longest frame that is allowed from the next block on. */
  set frameMax(frameMax: number) {
    this.#frameMax = this.#walker.frameMax = frameMax;
  }

  /** Whether packets wait that were not handed over. */
  get hasPackets(): boolean {
    return this.#packets > 0 || this.#unpacked !== undefined;
  }

  /** Bytes that the next {@linkcode push} can take; 0: {@linkcode flush} first. */
  get room(): number {
    if (this.#memory === NO_MEMORY) this.#goOnIn(this.#buffers.take(this.#bytesBefore));
    if (this.#end === this.#memory.length && this.#start > 0 && this.#packets === 0) this.#compact();
    return this.#memory.length - this.#end;
  }

  /** Copies as much of `bytes` from `offset` as there is room for, and answers how much; tells of messages, not yet of packets. */
  push(bytes: Uint8Array, offset: number): number {
    const length = Math.min(bytes.length - offset, this.room);
    const all = offset === 0 && length === bytes.length;
    this.#memory.set(all ? bytes : bytes.subarray(offset, offset + length), this.#end);
    this.#end += length;
    this.walk();
    this.#rest();
    return length;
  }

  /** Hands over the packets that wait, if any. */
  flush(): void {
    this.#flushUnpacked();
    if (this.#packets === 0) return;
    const [start, end, packets] = [this.#start, this.#walked, this.#packets];
    const memory = this.#memory;
    this.#start = end;
    this.#packets = 0;
    this.#bytesBefore = end - start;
    const isKept = end - start >= this.#events.keptBytes;
    if (!isKept) this.#events.packets(memory, start, end, packets);
    this.#goOnIn(end < this.#end ? this.#buffers.take(end - start) : NO_MEMORY);
    if (isKept) this.#events.packets(memory, start, end, packets);
    else this.#buffers.giveBack(memory);
  }

  /** Lets others have the buffer when messages were all that was in it: of many connections most are at rest. */
  #rest(): void {
    const memory = this.#memory;
    if (this.#start < this.#end || memory === NO_MEMORY) return;
    if (this.#unpacked === undefined) this.#bytesBefore = 0;
    this.#goOnIn(NO_MEMORY);
    this.#buffers.giveBack(memory);
  }

  /** Goes on where it stopped when the events were busy; false: they are again. */
  walk(): boolean {
    while (true) {
      const walker = this.#walker; // handing packets over may bring another
      const step = walker.step(this.#walked, this.#end);
      if (step === "more") return true;
      if (step === "packet") {
        this.#walked += walker.blockLength;
        this.#packets++;
        continue;
      }
      if (this.#events.isBusy?.()) return false;
      if (step === "packed") {
        this.#unpack(walker.blockLength);
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

  /** Takes the packets of the packed block at `#walked`, which has that length. */
  #unpack(length: number): void {
    const { unpacker } = this.#events;
    if (unpacker === undefined) throw new RangeError("packed block, which was not agreed on");
    if (this.#packets > 0) this.flush();
    const block = this.#memory.subarray(this.#walked, this.#walked + length);
    const clearBytes = clearBytesOf(block);
    if (this.#unpacked && this.#unpacked.end + clearBytes > this.#unpacked.memory.length) {
      this.#flushUnpacked();
    }
    const memory = this.#unpacked?.memory ?? this.#buffers.take(this.#bytesBefore);
    const unpacked = this.#unpacked ??= { memory, end: 0, packets: 0 };
    const end = unpacked.end + clearBytes;
    unpacker.unpack(block, clearBytes, memory, unpacked.end);
    const walker = new BatchWalker(memory, this.#frameMax, { value: true });
    for (; unpacked.end < end; unpacked.end += walker.blockLength) {
      if (walker.step(unpacked.end, end) !== "packet") {
        throw new RangeError("packed block with more than packets");
      }
      unpacked.packets++;
    }
    this.#walked += length;
    this.#start = this.#walked;
  }

  #flushUnpacked(): void {
    if (this.#unpacked === undefined) return;
    const { memory, end, packets } = this.#unpacked;
    this.#unpacked = undefined;
    this.#bytesBefore = end;
    if (packets > 0) this.#events.packets(memory, 0, end, packets);
    if (end < this.#events.keptBytes || packets === 0) this.#buffers.giveBack(memory);
  }

  #compact(): void {
    this.#goOnIn(this.#memory);
  }

  /** Moves what is not handed over to the beginning of a buffer: another one, or that in which it is. */
  #goOnIn(memory: Uint8Array<ArrayBuffer>): void {
    if (memory === this.#memory) memory.copyWithin(0, this.#start, this.#end);
    else memory.set(this.#memory.subarray(this.#start, this.#end));
    this.#memory = memory;
    this.#end -= this.#start;
    this.#walked -= this.#start;
    this.#start = 0;
    this.#walker = this.#walker.on(memory, this.#frameMax);
  }
}
