// SPDX-License-Identifier: MIT
/** The two file formats, as seen by a file sink: a head, whole records, a tail. @module */
import { FrameCursor, type PacketBatch } from "../forge/packet_batch.ts";
import {
  PCAP_RECORD_CAPTURED_LENGTH,
  PCAP_RECORD_HEADER_LENGTH,
  pcapFileHeader,
  writePcapRecord,
} from "../wire/pcap.ts";
import {
  BLOCK_LENGTH,
  BLOCK_LENGTH_AGAIN,
  PACKET_TIME_HIGH,
  PACKET_TIME_LOW,
  pcapngHead,
  pcapngStatistics,
} from "../wire/pcapng.ts";
import type { SinkOptions } from "./sink_options.ts";

export interface CaptureFormat {
  readonly head: Uint8Array;
  /** The batch in this format, whole records; borrowed until the next call. */
  encode(batch: PacketBatch): Uint8Array;
  /** Length of the record at an offset of what `encode` answered. */
  recordLength(view: DataView, offset: number): number;
  /** Notes that the records from `start` to `end` go into the present file. */
  note(view: DataView, start: number, end: number): void;
  /** What ends a file with this count of packets. */
  tail(packets: number, dropped: number): Uint8Array;
}

export function captureFormat(isPcapng: boolean, options: SinkOptions): CaptureFormat {
  return isPcapng ? new PcapngFormat(options) : new PcapFormat();
}

class PcapngFormat implements CaptureFormat {
  readonly head: Uint8Array;
  #startTimeNs = 0n;
  #endTimeNs = 0n;

  constructor(options: SinkOptions) {
    this.head = pcapngHead(options);
  }

  encode(batch: PacketBatch): Uint8Array {
    return batch.blocks;
  }

  recordLength(view: DataView, offset: number): number {
    return view.getUint32(offset + BLOCK_LENGTH, true);
  }

  note(view: DataView, start: number, end: number): void {
    const last = end - view.getUint32(end - BLOCK_LENGTH_AGAIN, true);
    this.#endTimeNs = timeOf(view, last);
    if (this.#startTimeNs === 0n) this.#startTimeNs = timeOf(view, start);
  }

  tail(packets: number, dropped: number): Uint8Array {
    const statistics = {
      startTimeNs: this.#startTimeNs,
      endTimeNs: this.#endTimeNs,
      received: packets,
      dropped,
    };
    this.#startTimeNs = this.#endTimeNs = 0n;
    return pcapngStatistics(statistics);
  }
}

/** Of an Enhanced Packet Block. */
function timeOf(view: DataView, block: number): bigint {
  return BigInt(view.getUint32(block + PACKET_TIME_HIGH, true)) << 32n |
    BigInt(view.getUint32(block + PACKET_TIME_LOW, true));
}

class PcapFormat implements CaptureFormat {
  readonly head = pcapFileHeader();
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  readonly #cursor = new FrameCursor();

  encode(batch: PacketBatch): Uint8Array {
    const { blocks } = batch;
    // A record is shorter than its block.
    if (this.#bytes.length < blocks.length) {
      this.#bytes = new Uint8Array(blocks.length);
      this.#view = new DataView(this.#bytes.buffer);
    }
    const cursor = this.#cursor;
    let at = 0;
    for (cursor.reset(blocks); cursor.next();) {
      const { frameOffset, frameLength } = cursor;
      writePcapRecord(
        this.#view,
        at,
        cursor.word(PACKET_TIME_HIGH),
        cursor.word(PACKET_TIME_LOW),
        frameLength,
      );
      at += PCAP_RECORD_HEADER_LENGTH;
      this.#bytes.set(blocks.subarray(frameOffset, frameOffset + frameLength), at);
      at += frameLength;
    }
    return this.#bytes.subarray(0, at);
  }

  recordLength(view: DataView, offset: number): number {
    return PCAP_RECORD_HEADER_LENGTH + view.getUint32(offset + PCAP_RECORD_CAPTURED_LENGTH, true);
  }

  note(): void {}

  tail(): Uint8Array {
    return new Uint8Array(0);
  }
}
