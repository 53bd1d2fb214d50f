// SPDX-License-Identifier: MIT
/**
 * What reading a ring costs by itself: records to a target that does nothing. The ring is filled by a producer in the
 * same thread; only the reading is timed.
 *
 * @module
 */
import type { CaptureTarget } from "../../net/capture/target.ts";
import { RingReader } from "../../net/capture/preload/ring_reader.ts";
import { dataStart, KIND, SLOTS_MAX } from "../../net/capture/record/layout.ts";
import { type Geometry, RingWriter } from "../support/ring_writer.ts";

export interface BenchRow {
  name: string;
  value: string;
  target?: string;
  ok?: boolean;
}

const TIME_BASE_NS = BigInt(Date.now()) * 1_000_000n;
const PROGRAM = { id: 1, pid: 1, uid: 0, comm: "bench" };
const TURN = { records: 4096, bytes: 1 << 20 };

const NOWHERE: CaptureTarget = {
  programStart() {},
  open() {},
  hello() {},
  wire() {},
  data() {},
  gap() {},
  close() {},
  programEnd() {},
  tick() {},
};

/** Nanoseconds per record of `lengthBytes`, spread over `flows` flows. */
function measure(lengthBytes: number, flows: number, records: number): number {
  const dataCapacity = 1 << 20;
  const geometry: Geometry = {
    ringCount: 1,
    slotCapacity: SLOTS_MAX,
    dataCapacity,
    initialData: dataCapacity,
    initialSlots: SLOTS_MAX,
  };
  const memory = new ArrayBuffer(dataStart(SLOTS_MAX) + dataCapacity);
  const writer = new RingWriter(memory, geometry, 1);
  const reader = new RingReader(memory, {
    slotCapacity: SLOTS_MAX,
    timeBaseNs: TIME_BASE_NS,
    dataBytes: dataCapacity,
  });
  const payload = new Uint8Array(lengthBytes);
  const record = { kind: KIND.data, flow: 1, offset: 0, payload, timeNs: TIME_BASE_NS };
  const times = { nowNs: 1e12, floorNs: 0 };
  let elapsedMs = 0;
  let read = 0;
  while (read < records) {
    do record.flow = 1 + (record.flow % flows); while (writer.write(record));
    const start = performance.now();
    for (let got = -1; got !== 0;) {
      got = reader.read(NOWHERE, PROGRAM, TURN, times);
      read += got;
    }
    elapsedMs += performance.now() - start;
    if (reader.retired !== undefined) throw new Error(reader.retired);
  }
  return elapsedMs * 1e6 / read;
}

export function benchRing(): Promise<BenchRow[]> {
  measure(100, 1, 200_000);
  const large = measure(16_384, 1, 100_000);
  const small = measure(100, 1, 1_000_000);
  const many = measure(100, 1000, 1_000_000);
  const gbps = 16_384 * 8 / large;
  const perSecond = 1e3 / small;
  return Promise.resolve([
    {
      name: "ring to null target, 16 KiB records",
      value: `${gbps.toFixed(0)} Gbps (${large.toFixed(0)} ns a record)`,
      target: "20 Gbps",
      ok: gbps >= 20,
    },
    {
      name: "ring to null target, 100 B records",
      value: `${perSecond.toFixed(1)} million/s (${small.toFixed(0)} ns a record)`,
      target: "1.5 million/s",
      ok: perSecond >= 1.5,
    },
    {
      name: "ring to null target, 100 B records, 1,000 flows in turn",
      value: `${(1e3 / many).toFixed(1)} million/s (${many.toFixed(0)} ns a record)`,
      target: "1.5 million/s",
      ok: 1e3 / many >= 1.5,
    },
  ]);
}

if (import.meta.main) console.table(await benchRing());
