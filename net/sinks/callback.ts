// SPDX-License-Identifier: MIT
/** Packets for a function of the caller's. @module */
import { FrameCursor, type PacketBatch } from "../forge/packet_batch.ts";
import { countDropped, DEFAULT_MTU, newSinkCounters, type Sink, type SinkCounters } from "./sink.ts";
import type { SinkOptions } from "./sink_options.ts";
import { PACKET_TIME_HIGH, PACKET_TIME_LOW } from "../wire/pcapng.ts";

/** One forged packet. */
export interface MirroredPacket {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** An Ethernet frame without its check sequence; borrowed for the call: `slice()` what must be kept. */
  readonly frame: Uint8Array;
}

/** Gets each packet in turn, and should be quick: nothing else happens meanwhile. One that throws gets no more. */
export type PacketCallback = (packet: MirroredPacket) => void;

/** Calls a function for every packet, until it throws: then `stopped` is told why. */
export class CallbackSink implements Sink {
  readonly mtu: number;
  readonly counters: SinkCounters = newSinkCounters();
  readonly #cursor = new FrameCursor();
  /** Why it takes no more; a reason of the counters. */
  #stopReason: string | undefined;

  constructor(
    readonly name: string,
    readonly callback: PacketCallback,
    readonly options: Pick<SinkOptions, "mtu" | "stopped">,
  ) {
    this.mtu = options.mtu ?? DEFAULT_MTU;
  }

  write({ blocks, count }: PacketBatch): void {
    const { counters } = this;
    const cursor = this.#cursor;
    counters.packets += count;
    let given = 0;
    for (cursor.reset(blocks); this.#stopReason === undefined && cursor.next(); given++) {
      const { frameOffset, frameLength } = cursor;
      const frame = blocks.subarray(frameOffset, frameOffset + frameLength);
      const timeNs = BigInt(cursor.word(PACKET_TIME_HIGH)) << 32n | BigInt(cursor.word(PACKET_TIME_LOW));
      try {
        this.callback({ timeNs, frame });
      } catch (error) {
        this.#stop(error);
        break;
      }
      counters.written++;
      counters.writtenBytes += frameLength;
    }
    countDropped(counters, this.#stopReason ?? "", count - given);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#stopReason ??= "sink-closed";
    return Promise.resolve();
  }

  #stop(error: unknown): void {
    this.#stopReason = "callback-failed";
    this.options.stopped?.(this, `it threw: ${error instanceof Error ? error.message : String(error)}`);
  }
}
