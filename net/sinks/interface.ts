// SPDX-License-Identifier: MIT
/** Packets onto a network interface, through libpcap. @module */
import { DLT_EN10MB, lastError, type PcapSymbols } from "../ffi/pcap.ts";
import { FrameCursor, type PacketBatch } from "../forge/packet_batch.ts";
import { countDropped, newSinkCounters, type Sink, type SinkCounters } from "./sink.ts";
import { addressOf, FrameBurst } from "./frame_burst.ts";
import { interfaceMtu, interfaceNames, isInterfaceUp } from "./interfaces.ts";
import type { SinkKind } from "./kind.ts";
import { openForSending, unknownInterface } from "./pcap_handle.ts";
import type { SinkOptions } from "./sink_options.ts";

/** `IFNAMSIZ` less its NUL. */
const INTERFACE_NAME_MAX = 15;

export const interfaceKind: SinkKind = {
  form: "an interface",
  description: "frames onto a network interface, for whoever listens there; needs `CAP_NET_RAW`",
  parse(text) {
    const isName = Deno.build.os === "linux"
      ? text.length <= INTERFACE_NAME_MAX && /^[^\s/:]+$/.test(text)
      : text.length > 0;
    if (!isName) return undefined;
    return {
      name: text,
      flushes: false,
      interfaceName: text,
      mtuMax: () => interfaceMtu(text),
      check: () => checkInterface(text),
      open: (options) => new InterfaceSink(text, options),
    };
  },
};

function checkInterface(name: string): void {
  if (!interfaceNames().includes(name)) throw new RangeError(unknownInterface(name));
  const { pcap, handle } = openForSending(name);
  pcap.pcap_close(handle);
}

/** How long one frame is tried again while the interface's queue is full. */
const RETRY_FRAME_MS = 2;
/** The same for all frames of one batch together, so that a stuck interface cannot hold the agent up. */
const RETRY_BATCH_MS = 20;

/** What an error of `pcap_inject` means, by the text of the system in its message. */
const FAILURES: readonly { readonly text: RegExp; readonly reason: string; readonly isFinal: boolean }[] = [
  { text: /No buffer space|temporarily unavailable/, reason: "interface-busy", isFinal: false },
  { text: /Message too long/, reason: "frame-too-long", isFinal: false },
  { text: /Network is down/, reason: "interface-down", isFinal: false },
  { text: /No such device/, reason: "interface-gone", isFinal: true },
];
const OTHER_FAILURE = { reason: "send-failed", isFinal: false };

/** Injects each frame from where it lies in the batch: nothing is copied, nothing waits. */
export class InterfaceSink implements Sink {
  readonly name: string;
  readonly mtu: number;
  readonly counters: SinkCounters = newSinkCounters();
  readonly #options: SinkOptions;
  readonly #pcap: PcapSymbols;
  readonly #handle: Deno.PointerObject;
  readonly #cursor = new FrameCursor();
  readonly #warned = new Set<string>();
  readonly #burst: FrameBurst;
  #memory: ArrayBuffer | undefined;
  #address = 0;
  /** Left of {@linkcode RETRY_BATCH_MS}. */
  #retryMs = 0;
  /** A frame was refused for it, or none was sent yet. */
  #mayBeDown = true;
  #stopReason: string | undefined;
  #isClosed = false;

  /** Throws an `Error` whose message says what is wrong and the fix. */
  constructor(name: string, options: SinkOptions) {
    this.name = name;
    this.#options = options;
    const { pcap, handle } = openForSending(name);
    this.#pcap = pcap;
    this.#handle = handle;
    const linkType = pcap.pcap_datalink(handle);
    if (linkType !== DLT_EN10MB) {
      pcap.pcap_close(handle);
      throw new Error(
        `Cannot send on interface ${name}: it is not an Ethernet interface (link type ${linkType})`,
      );
    }
    this.#burst = new FrameBurst(pcap, handle);
    this.mtu = interfaceMtu(name);
  }

  /** Looks again only after a frame was refused: the batch that finds the interface down is lost. */
  get isDown(): boolean {
    if (this.#mayBeDown) this.#mayBeDown = this.#stopReason === undefined && !isInterfaceUp(this.name);
    return this.#mayBeDown;
  }

  write(batch: PacketBatch): void {
    const { counters } = this;
    counters.packets += batch.count;
    if (this.#stopReason !== undefined) return countDropped(counters, this.#stopReason, batch.count);
    const { blocks } = batch;
    if (blocks.buffer !== this.#memory) {
      this.#memory = blocks.buffer;
      this.#address = addressOf(blocks.buffer);
    }
    const base = this.#address + blocks.byteOffset;
    const cursor = this.#cursor;
    const burst = this.#burst;
    let left = batch.count;
    this.#retryMs = RETRY_BATCH_MS;
    for (cursor.reset(blocks); cursor.next(); left--) {
      if (burst.isFull) this.#send();
      if (this.#stopReason !== undefined) return countDropped(counters, this.#stopReason, left);
      burst.add(base + cursor.frameOffset, cursor.frameLength);
    }
    this.#send();
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#stopReason ??= "sink-closed";
      this.#pcap.pcap_close(this.#handle);
    }
    return Promise.resolve();
  }

  /** Every frame of the burst is counted afterwards, and the burst empty. */
  #send(): void {
    const { counters } = this;
    const burst = this.#burst;
    for (let at = 0; at < burst.count;) {
      const end = at + burst.send(at);
      counters.written += end - at;
      for (; at < end; at++) counters.writtenBytes += burst.lengthOf(at);
      if (at === burst.count) break;
      this.#retryMs -= this.#again(at++, Math.min(this.#retryMs, RETRY_FRAME_MS));
      if (this.#stopReason === undefined) continue;
      countDropped(counters, this.#stopReason, burst.count - at);
      break;
    }
    burst.count = 0;
  }

  /** A frame that was not sent: tries again while that can help, and counts it. The milliseconds that it took. */
  #again(frame: number, patienceMs: number): number {
    const start = performance.now();
    let took = 0;
    while (!this.#burst.sendOne(frame)) {
      const message = lastError(this.#pcap, this.#handle);
      const failure = FAILURES.find(({ text }) => text.test(message)) ?? OTHER_FAILURE;
      took = performance.now() - start;
      if (failure.reason === "interface-busy" && took < patienceMs) continue;
      this.#count(failure, message);
      return took;
    }
    this.counters.written++;
    this.counters.writtenBytes += this.#burst.lengthOf(frame);
    return performance.now() - start;
  }

  #count(failure: { readonly reason: string; readonly isFinal: boolean }, message: string): void {
    const { reason } = failure;
    countDropped(this.counters, reason, 1);
    if (reason === "interface-down") this.#mayBeDown = true;
    if (failure.isFinal) {
      this.#stopReason = reason;
      this.#options.stopped?.(this, `${this.name}: sending stopped: ${message}`);
    } else if (!this.#warned.has(reason)) {
      this.#warned.add(reason);
      this.#options.warn?.(`${this.name}: packets are dropped and counted: ${message}`);
    }
  }
}
