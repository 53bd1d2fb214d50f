// SPDX-License-Identifier: MIT
/** Packets onto a network interface, through libpcap. @module */
import { IS_LINUX } from "../ffi/platform.ts";
import type { LinkFacts } from "../ffi/rtnetlink.ts";
import { FrameCursor, type PacketBatch } from "../forge/packet_batch.ts";
import { IP_PACKET_MAX } from "../wire/ipv4.ts";
import { addressOf } from "./frame_burst.ts";
import { Injector } from "./injector.ts";
import { type InterfaceState, InterfaceWatch } from "./interface_watch.ts";
import { KernelDrops } from "./kernel_drops.ts";
import { countDropped, DEFAULT_MTU, newSinkCounters, type Sink, type SinkCounters } from "./sink.ts";
import type { SinkOptions } from "./sink_options.ts";

/** How long one frame is tried again while the interface's queue is full. */
const RETRY_FRAME_MS = 2;
/** The same for all frames of one batch together, so that a stuck interface cannot hold the agent up. */
const RETRY_BATCH_MS = 20;

/** What an error of `pcap_sendpacket` means, by the text of the system in its message. */
const FAILURES: readonly { readonly text: RegExp; readonly reason: string; readonly isState: boolean }[] = [
  { text: /No buffer space|temporarily unavailable/, reason: "interface-busy", isState: false },
  { text: /Message too long/, reason: "frame-too-long", isState: false },
  { text: /Network is down/, reason: "interface-down", isState: true },
  { text: /No such device/, reason: "interface-gone", isState: true },
];
const OTHER_FAILURE = { reason: "send-failed", isState: false };

/** Why packets are dropped while the interface takes none. */
const REASONS: Readonly<Record<InterfaceState, string>> = {
  "ready": "",
  "down": "interface-down",
  "no carrier": "no-carrier",
  "gone": "interface-gone",
};
/** How long after a frame was sent the kernel is asked whether it dropped it. */
const ASK_MS = 1000;
/** Who listens on an interface that was away takes up to a second to notice that it is back: so long what can wait is to wait. */
const SETTLE_MS = 2000;

/**
 * Injects each frame from where it lies in the batch: nothing is copied, nothing waits. While the interface is down, has no
 * carrier or is gone, nothing is sent; it is followed by its name. A frame that the kernel took and dropped is written no
 * more when that is known, a second later or at the close.
 */
export class InterfaceSink implements Sink {
  readonly name: string;
  readonly counters: SinkCounters = newSinkCounters();
  readonly #options: SinkOptions;
  readonly #cursor = new FrameCursor();
  readonly #warned = new Set<string>();
  /** Absent where the system does not tell of its interfaces. */
  readonly #watch: InterfaceWatch | undefined;
  /** Absent while the interface is gone, or is another that is not up yet. */
  #injector: Injector | undefined;
  #drops: KernelDrops;
  #state: InterfaceState;
  /** Until then, by `performance.now()`, nobody may listen yet. */
  #settledMs = 0;
  #mtu: number;
  #memory: ArrayBuffer | undefined;
  #address = 0;
  /** Left of {@linkcode RETRY_BATCH_MS}. */
  #retryMs = 0;
  #askTimer: ReturnType<typeof setTimeout> | undefined;
  #asking: Promise<void> | undefined;
  #isClosed = false;

  /** Throws an `Error` whose message says what is wrong and the fix. */
  constructor(name: string, options: SinkOptions) {
    this.name = name;
    this.#options = options;
    const isLinux = IS_LINUX;
    this.#watch = isLinux ? new InterfaceWatch(name) : undefined;
    const facts = this.#watch?.facts;
    try {
      this.#injector = new Injector(name, facts?.index ?? 0);
    } catch (error) {
      this.#watch?.close();
      throw error;
    }
    this.#drops = new KernelDrops(facts?.droppedFrames ?? 0);
    this.#state = this.#watch?.state ?? "ready";
    this.#mtu = mtuOf(facts);
    this.#tellState();
  }

  /** Changes with the interface's. */
  get mtu(): number {
    if (!this.#isClosed) this.#look();
    return this.#mtu;
  }

  get isDown(): boolean {
    if (!this.#isClosed) this.#look();
    return this.#reason !== "" || performance.now() < this.#settledMs;
  }

  write(batch: PacketBatch): void {
    const { counters } = this;
    counters.packets += batch.count;
    if (!this.#isClosed) this.#look();
    const injector = this.#injector;
    if (this.#reason !== "" || injector === undefined) {
      return countDropped(counters, this.#reason, batch.count);
    }
    const { blocks } = batch;
    if (blocks.buffer !== this.#memory) {
      this.#memory = blocks.buffer;
      this.#address = addressOf(blocks.buffer);
    }
    const base = this.#address + blocks.byteOffset;
    const cursor = this.#cursor;
    const { burst } = injector;
    let left = batch.count;
    this.#retryMs = RETRY_BATCH_MS;
    for (cursor.reset(blocks); cursor.next(); left--) {
      if (burst.isFull && !this.#send(injector)) {
        return countDropped(counters, this.#reason || REASONS.gone, left);
      }
      burst.add(base + cursor.frameOffset, cursor.frameLength);
    }
    this.#send(injector);
    this.#askSoon();
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#askTimer);
    await this.#asking;
    await this.#ask();
    this.#injector?.close();
    this.#watch?.close();
  }

  /** Why a packet would be dropped now; empty: it would be sent. */
  get #reason(): string {
    return this.#isClosed ? "sink-closed" : REASONS[this.#state];
  }

  /** Every frame of the burst is counted afterwards, and the burst empty; false: the injector takes no more. */
  #send(injector: Injector): boolean {
    const { counters } = this;
    const { burst } = injector;
    for (let at = 0; at < burst.count;) {
      const end = at + burst.send(at);
      this.#drops.took(end - at);
      counters.written += end - at;
      for (; at < end; at++) counters.writtenBytes += burst.lengthOf(at);
      if (at === burst.count) break;
      this.#retryMs -= this.#again(injector, at++, Math.min(this.#retryMs, RETRY_FRAME_MS));
      if (this.#isSending(injector)) continue;
      countDropped(counters, this.#reason || REASONS.gone, burst.count - at);
      break;
    }
    burst.count = 0;
    return this.#isSending(injector);
  }

  #isSending(injector: Injector): boolean {
    return this.#reason === "" && this.#injector === injector;
  }

  /** The frame at which a burst has stopped: tries again while that can help, and counts it. The milliseconds that it took. */
  #again(injector: Injector, frame: number, patienceMs: number): number {
    const { counters } = this;
    const start = performance.now();
    let took = 0;
    // The kernel has refused it in the burst, too, which tells no reason.
    let refusals = 1;
    for (; !injector.burst.sendOne(frame); refusals++) {
      const message = injector.lastError;
      const failure = FAILURES.find(({ text }) => text.test(message)) ?? OTHER_FAILURE;
      took = performance.now() - start;
      const isBusy = failure.reason === "interface-busy";
      if (isBusy && took < patienceMs) continue;
      this.#drops.refused(refusals + 1);
      // Without a carrier a frame is refused as if there were no room.
      if (isBusy || failure.isState) this.#look();
      const reason = (isBusy && this.#reason) || failure.reason;
      countDropped(counters, reason, 1);
      if (!failure.isState && reason === failure.reason) {
        this.#warnOnce(reason, `packets are dropped and counted: ${message}`);
      }
      return took;
    }
    this.#drops.refused(refusals);
    this.#drops.took(1);
    counters.written++;
    counters.writtenBytes += injector.burst.lengthOf(frame);
    return performance.now() - start;
  }

  #warnOnce(kind: string, message: string): void {
    if (this.#warned.has(kind)) return;
    this.#warned.add(kind);
    this.#options.warn?.(`${this.name}: ${message}`);
  }

  /** Takes in what has become of the interface. */
  #look(): void {
    this.#watch?.look((last) => {
      if (last !== undefined) this.#settle(last.droppedFrames);
      const { facts } = this.#watch!;
      if (this.#injector !== undefined && this.#injector.index !== facts?.index) {
        this.#injector.close();
        this.#injector = undefined;
      }
      if (this.#injector === undefined && facts?.isUp) this.#open(facts);
      const before = this.#state;
      this.#state = this.#injector === undefined ? "gone" : this.#watch!.state;
      if (this.#state !== before) this.#tellState();
      if (this.#state !== before && this.#state === "ready") this.#settledMs = performance.now() + SETTLE_MS;
      this.#followMtu();
    });
  }

  #open(facts: LinkFacts): void {
    try {
      this.#injector = new Injector(this.name, facts.index);
      this.#drops = new KernelDrops(facts.droppedFrames);
    } catch (error) {
      // It may have gone again; the next of its name may do better.
      this.#warnOnce("open", (error as Error).message);
    }
  }

  #followMtu(): void {
    const { facts } = this.#watch!;
    const mtu = mtuOf(facts);
    if (facts === undefined || mtu === this.#mtu) return;
    this.#options.info?.(`${this.name} takes packets of ${mtu} bytes now, it was ${this.#mtu}`);
    this.#mtu = mtu;
  }

  #tellState(): void {
    if (this.#state === "ready") {
      if (this.#warned.delete("state")) this.#options.info?.(`${this.name} takes packets again`);
      return;
    }
    this.#warned.add("state");
    const what = this.#state === "gone"
      ? "is gone; waiting for an interface of that name"
      : this.#state === "down"
      ? "is down"
      : "has no carrier: nobody is at its other end";
    this.#options.warn?.(`${this.name} ${what}`);
  }

  #askSoon(): void {
    if (this.#watch === undefined || this.#askTimer !== undefined) return;
    this.#askTimer = setTimeout(() => {
      this.#asking = this.#ask().finally(() => this.#askTimer = undefined);
    }, ASK_MS);
    // Nobody is kept from ending by it.
    this.#askTimer.unref();
  }

  /** Asks the kernel for what it dropped. */
  async #ask(): Promise<void> {
    const facts = await this.#watch?.ask();
    if (facts !== undefined && facts.index === this.#injector?.index) this.#settle(facts.droppedFrames);
  }

  #settle(droppedFrames: number): void {
    const frames = this.#drops.find(droppedFrames);
    if (frames === 0) return;
    const { counters } = this;
    const now = this.#state === "ready" ? this.#watch!.state : this.#state;
    counters.writtenBytes -= Math.round(counters.writtenBytes / counters.written * frames);
    counters.written -= frames;
    countDropped(counters, REASONS[now] || "interface-dropped", frames);
    if (now === "ready") {
      this.#warnOnce("dropped", "the kernel took packets and dropped them; they are counted");
    }
  }
}

function mtuOf(facts: LinkFacts | undefined): number {
  return Math.min(facts?.mtu ?? DEFAULT_MTU, IP_PACKET_MAX);
}
