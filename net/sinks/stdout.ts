// SPDX-License-Identifier: MIT
/** Packets as pcapng to standard output, mostly a pipe. @module */
import type { PacketBatch } from "../forge/packet_batch.ts";
import { countDropped, DEFAULT_MTU, newSinkCounters, type Sink, type SinkCounters } from "./sink.ts";
import { pcapngHead } from "../wire/pcapng.ts";
import type { SinkKind } from "./kind.ts";
import { Outlet, Parcel } from "./outlet.ts";
import type { OutletWriter } from "./outlet_writer.ts";
import { Patience } from "./patience.ts";
import { stdoutWriter } from "./stdout_writer.ts";
import { systemError } from "../ffi/system_error.ts";
import type { SinkOptions } from "./sink_options.ts";

export const stdoutKind: SinkKind = {
  form: "- for standard output",
  description:
    "pcapng to whoever reads the pipe; packets that a reader who is slower than they come leaves no room for are dropped and counted",
  parse(text) {
    if (text !== "-") return undefined;
    return {
      name: text,
      flushes: true,
      takesStdout: true,
      check() {},
      open: (options) => new StdoutSink(options),
    };
  },
};

/** Bytes that wait for a slow reader: at 2 Gbps some 64 ms. Batches beyond it are dropped whole. */
const STDOUT_QUEUE_BYTES = 16 << 20;

export interface StdoutLimits {
  /** {@linkcode STDOUT_QUEUE_BYTES} when absent. */
  readonly queueBytes?: number;
  /** That of {@linkcode Patience} when absent. */
  readonly patienceMs?: number;
}

/**
 * Writes at once what the reader takes. The rest waits in a queue, {@linkcode StdoutSink.flush} for the reader, and a batch that
 * finds the queue full a little, as long as the reader reads: for a reader that is as fast as a file nothing is dropped.
 */
export class StdoutSink implements Sink {
  readonly name = "-";
  readonly mtu: number;
  readonly counters: SinkCounters = newSinkCounters();
  readonly #outlet: Outlet<Parcel>;
  readonly #patience: Patience;
  #stopReason: string | undefined;
  #warned = false;
  readonly #options: SinkOptions;

  constructor(options: SinkOptions, writer: OutletWriter = stdoutWriter(), limits: StdoutLimits = {}) {
    this.mtu = options.mtu ?? DEFAULT_MTU;
    this.#options = options;
    this.#patience = new Patience(limits.patienceMs);
    this.#outlet = new Outlet<Parcel>(writer, limits.queueBytes ?? STDOUT_QUEUE_BYTES, {
      delivered: (parcel) => {
        this.counters.written += parcel.packets;
        if (parcel.packets > 0) this.counters.writtenBytes += parcel.length;
      },
      lost: (parcel) => countDropped(this.counters, this.#stopReason ?? "reader-gone", parcel.packets),
      broken: (error) => this.#broken(error),
    });
    this.#outlet.enqueue(new Parcel(pcapngHead(options), 0));
  }

  write(batch: PacketBatch): void {
    this.counters.packets += batch.count;
    if (this.#stopReason !== undefined) return countDropped(this.counters, this.#stopReason, batch.count);
    if (this.#outlet.offer(new Parcel(batch.blocks, batch.count), this.#patience)) return;
    countDropped(this.counters, this.#stopReason ?? "slow-reader", batch.count);
    if (!this.#warned && this.#stopReason === undefined) {
      this.#options.warn?.(`${this.name}: the reader is too slow, packets are dropped and counted`);
      this.#warned = true;
    }
  }

  flush(): Promise<void> {
    return this.#outlet.drained();
  }

  async close(): Promise<void> {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = "sink-closed";
    await this.#outlet.drained();
  }

  #broken(error: unknown): void {
    const { code, text } = systemError(error);
    const isPipeClosed = code === "EPIPE";
    this.#stopReason = isPipeClosed ? "reader-gone" : "write-failed";
    this.#options.stopped?.(
      this,
      `${this.name}: ${isPipeClosed ? "the reader has gone" : `writing stopped: ${text}`}`,
    );
  }
}
