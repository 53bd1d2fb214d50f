/** Packets onto a network interface, through libpcap. @module */
import { DLT_EN10MB, lastError, type PcapSymbols } from "../ffi/pcap.ts";
import { FrameCursor, type PacketBatch } from "../packet_batch.ts";
import type { Sink, SinkCounters } from "../sink.ts";
import { interfaceMtu } from "./interfaces.ts";
import { openForSending } from "./pcap_handle.ts";
import { countDropped, newSinkCounters, type SinkOptions } from "./sink_options.ts";

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
  #memory: ArrayBuffer | undefined;
  #address = 0n;
  /** Length of the frame before and the same as libpcap takes it: most frames are of one length. */
  #length = 0;
  #size = 0n;
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
    this.mtu = interfaceMtu(name);
  }

  write(batch: PacketBatch): void {
    const { counters } = this;
    counters.packets += batch.count;
    if (this.#stopReason !== undefined) return countDropped(counters, this.#stopReason, batch.count);
    const { blocks } = batch;
    if (blocks.buffer !== this.#memory) {
      this.#memory = blocks.buffer;
      this.#address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(blocks.buffer)));
    }
    const base = this.#address + BigInt(blocks.byteOffset);
    const cursor = this.#cursor;
    let left = batch.count;
    let retryMs = RETRY_BATCH_MS;
    for (cursor.reset(blocks); cursor.next(); left--) {
      const { frameLength } = cursor;
      const frame = base + BigInt(cursor.frameOffset);
      if (frameLength !== this.#length) {
        this.#length = frameLength;
        this.#size = BigInt(frameLength);
      }
      if (this.#pcap.pcap_inject(this.#handle, frame, this.#size) === frameLength) {
        counters.written++;
        counters.writtenBytes += frameLength;
        continue;
      }
      retryMs -= this.#again(frame, frameLength, Math.min(retryMs, RETRY_FRAME_MS));
      if (this.#stopReason !== undefined) return countDropped(counters, this.#stopReason, left - 1);
    }
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

  /** After a failed attempt: tries again while that can help, and counts the frame. The milliseconds that it took. */
  #again(frame: bigint, frameLength: number, patienceMs: number): number {
    const start = performance.now();
    let took = 0;
    while (true) {
      const message = lastError(this.#pcap, this.#handle);
      const failure = FAILURES.find(({ text }) => text.test(message)) ?? OTHER_FAILURE;
      if (failure.reason !== "interface-busy" || took >= patienceMs) {
        this.#count(failure, message);
        return took;
      }
      if (this.#pcap.pcap_inject(this.#handle, frame, this.#size) === frameLength) {
        this.counters.written++;
        this.counters.writtenBytes += frameLength;
        return performance.now() - start;
      }
      took = performance.now() - start;
    }
  }

  #count(failure: { readonly reason: string; readonly isFinal: boolean }, message: string): void {
    const { reason } = failure;
    countDropped(this.counters, reason, 1);
    if (failure.isFinal) {
      this.#stopReason = reason;
      this.#options.stopped?.(this, `${this.name}: sending stopped: ${message}`);
    } else if (!this.#warned.has(reason)) {
      this.#warned.add(reason);
      this.#options.warn?.(`${this.name}: packets are dropped and counted: ${message}`);
    }
  }
}
