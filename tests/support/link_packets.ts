// SPDX-License-Identifier: MIT
/** Packets that tell which they are, to see whether each arrives once and in order. @module */
import assert from "node:assert/strict";
import { type PacketBatch, PacketBuffer } from "../../net/forge/packet_batch.ts";
import { PcapngReader } from "./pcapng_reader.ts";

const HEADERS = 54;
const NUMBER_AT = HEADERS;

/** Numbered frames of TCP between 192.0.2.x and 198.51.100.1:443, in batches. */
export class NumberedPackets {
  /** Frames made so far: the number of the next. */
  count = 0;
  readonly #buffer: PacketBuffer;

  constructor(
    onBatch: (batch: PacketBatch) => void,
    readonly flows: number = 10,
    readonly frameLength: number = 200,
  ) {
    this.#buffer = new PacketBuffer({ timeBaseNs: 1_700_000_000_000_000_000n, onFull: onBatch });
  }

  /** Makes `count` frames and hands them on in batches, the last one not full. */
  make(count: number): void {
    for (; count > 0; count--) {
      const at = this.#buffer.reserve(this.frameLength, this.count * 1000);
      writeNumbered(this.#buffer.memory.bytes, at, this.frameLength, this.count % this.flows, this.count);
      this.count++;
    }
    this.#buffer.flush();
  }
}

/** Both directions of a flow in turn. */
function writeNumbered(bytes: Uint8Array, at: number, length: number, flow: number, number: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, length);
  bytes.fill(0, at, at + length);
  const isToServer = (number & 16) === 0;
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint16(16, length - 14);
  view.setUint8(23, 6);
  const client = 0xc000_0200 + (flow & 0xff);
  view.setUint32(isToServer ? 26 : 30, client);
  view.setUint32(isToServer ? 30 : 26, 0xc633_6401);
  view.setUint16(isToServer ? 34 : 36, 40000 + (flow >> 8));
  view.setUint16(isToServer ? 36 : 34, 443);
  view.setUint8(46, 0x50);
  view.setUint8(47, 0x10);
  view.setUint32(NUMBER_AT, number);
}

/** Number of a frame. */
export function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getUint32(NUMBER_AT);
}

/** Numbers of the frames of a capture, in their order. */
export function numbersIn(capture: Uint8Array): number[] {
  const reader = new PcapngReader();
  reader.push(capture);
  const numbers: number[] = [];
  for (let answer = reader.next(); answer.state !== "more"; answer = reader.next()) {
    assert.equal(answer.state, "value", JSON.stringify(answer));
    if (answer.state === "value" && answer.value.kind === "packet") {
      numbers.push(numberOf(answer.value.frame));
    }
  }
  assert.equal(reader.pending, 0, "the capture ends within a block");
  return numbers;
}

/** Fails unless the numbers are 0, 1, … in order, each once. */
export function assertEachOnce(numbers: readonly number[], count: number): void {
  for (let at = 0; at < Math.min(numbers.length, count); at++) {
    if (numbers[at] !== at) assert.fail(`packet ${numbers[at]} where ${at} is due`);
  }
  assert.equal(numbers.length, count);
}
