// SPDX-License-Identifier: MIT
/** Frames on their way onto an interface, handed to the kernel many at a time. @module */
import { libc } from "../ffi/libc.ts";
import type { PcapSymbols } from "../ffi/pcap.ts";
import { IS_LINUX } from "../ffi/platform.ts";

/** Frames in one system call. A call for each took 1.4 times as long on a veth. */
const FRAMES_MAX = 128;
/** `struct iovec { void *base; size_t length; }` */
const IOVEC_LENGTH = 16;
/** `struct mmsghdr`: a `msghdr` of 56 bytes whose vector and its length are at these offsets, and what was sent of it. */
const MESSAGE_LENGTH = 64;
const MESSAGE_VECTOR = 16;
const MESSAGE_VECTOR_LENGTH = 24;

/** Addresses and lengths of frames that lie in memory; reused, allocates nothing per frame. */
export class FrameBurst {
  /** Frames in it. */
  count = 0;
  readonly #pcap: PcapSymbols;
  readonly #handle: Deno.PointerObject;
  /** Descriptor of the packet socket; negative where frames go through libpcap, one by one. */
  readonly #fd: number;
  readonly #vectors = new Uint32Array(FRAMES_MAX * IOVEC_LENGTH / 4);
  readonly #messages = new ArrayBuffer(FRAMES_MAX * MESSAGE_LENGTH);
  readonly #messagesAddress: number;

  /** `handle` is open for sending, and stays open. */
  constructor(pcap: PcapSymbols, handle: Deno.PointerObject) {
    this.#pcap = pcap;
    this.#handle = handle;
    this.#fd = IS_LINUX ? pcap.pcap_fileno(handle) : -1;
    this.#messagesAddress = addressOf(this.#messages);
    const vectors = BigInt(addressOf(this.#vectors.buffer));
    const view = new DataView(this.#messages);
    for (let at = 0; at < FRAMES_MAX; at++) {
      view.setBigUint64(at * MESSAGE_LENGTH + MESSAGE_VECTOR, vectors + BigInt(at * IOVEC_LENGTH), true);
      view.setBigUint64(at * MESSAGE_LENGTH + MESSAGE_VECTOR_LENGTH, 1n, true);
    }
  }

  get isFull(): boolean {
    return this.count === FRAMES_MAX;
  }

  /** The frame stays where it is until it is sent. Not to be called when it is full. */
  add(address: number, length: number): void {
    const at = this.count++ * (IOVEC_LENGTH / 4);
    this.#vectors[at] = address;
    this.#vectors[at + 1] = address / 0x1_0000_0000;
    this.#vectors[at + 2] = length;
  }

  lengthOf(frame: number): number {
    return this.#vectors[frame * (IOVEC_LENGTH / 4) + 2];
  }

  /** Sends from frame `from` on, and answers how many went, in order; 0: frame `from` did not. */
  send(from: number): number {
    if (this.#fd < 0) return this.sendOne(from) ? 1 : 0;
    const first = BigInt(this.#messagesAddress + from * MESSAGE_LENGTH);
    return Math.max(0, libc().sendmmsg(this.#fd, first, this.count - from, 0));
  }

  /** One frame by libpcap, which afterwards knows what was wrong. */
  sendOne(frame: number): boolean {
    const at = frame * (IOVEC_LENGTH / 4);
    const address = BigInt(this.#vectors[at]) | BigInt(this.#vectors[at + 1]) << 32n;
    const length = this.#vectors[at + 2];
    return this.#pcap.pcap_sendpacket(this.#handle, address, length) === 0;
  }
}

/** Below 2^53 on every machine that the program runs on. */
export function addressOf(memory: ArrayBuffer): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(memory))));
}
