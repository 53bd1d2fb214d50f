// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Outlet, Parcel } from "../../../net/sinks/outlet.ts";
import { type OutletWriter, PieceWriter } from "../../../net/sinks/outlet_writer.ts";
import { Patience } from "../../../net/sinks/patience.ts";
import { NEVER_MS } from "../../support/patience.ts";
import { withSeed } from "../../support/random.ts";
import { until } from "../../support/until.ts";

interface Log {
  delivered: number[];
  lost: number[];
  broken: unknown[];
}

function outletOf(writer: OutletWriter, limitBytes: number): { outlet: Outlet<Parcel>; log: Log } {
  const log: Log = { delivered: [], lost: [], broken: [] };
  const outlet = new Outlet<Parcel>(writer, limitBytes, {
    delivered: (parcel) => log.delivered.push(parcel.packets),
    lost: (parcel) => log.lost.push(parcel.packets),
    broken: (error) => log.broken.push(error),
  });
  return { outlet, log };
}

/** A reader that has room for so many bytes, and keeps what it got. */
class Reader implements OutletWriter {
  readonly bytes: number[] = [];
  /** Milliseconds for which it was waited for. */
  waitedMs = 0;

  constructor(public room: number, readonly roomAfterWait = 0) {}

  write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room, 7);
    this.bytes.push(...bytes.subarray(0, taken));
    this.room -= taken;
    return taken;
  }

  wait(ms: number): void {
    this.waitedMs += ms;
    this.room += this.roomAfterWait;
  }
}

const parcel = (length: number, packets: number) =>
  new Parcel(Uint8Array.from({ length }, (_, at) => packets * 10 + at), packets);

Deno.test("what the reader has room for is written at once, without a copy; the rest follows in order", async () => {
  const reader = new Reader(25);
  const { outlet, log } = outletOf(reader, 1000);
  const bytes = new Uint8Array(10);
  for (let packets = 1; packets <= 5; packets++) {
    // The memory is the caller's again afterwards.
    bytes.forEach((_, at) => bytes[at] = packets * 10 + at);
    assert.ok(outlet.offer(new Parcel(bytes, packets)));
  }
  assert.deepEqual(log.delivered, [1, 2]);
  assert.equal(outlet.queuedBytes, 25);
  assert.equal(outlet.writtenBytes, 25);
  const drained = outlet.drained();
  reader.room = 1000;
  await drained;
  assert.deepEqual(reader.bytes, Array.from({ length: 50 }, (_, at) => 10 + at));
  assert.deepEqual(log, { delivered: [1, 2, 3, 4, 5], lost: [], broken: [] });
  assert.deepEqual([outlet.queuedBytes, outlet.writtenBytes], [0, 50]);
});

Deno.test("no more waits than the bound; room comes back", () => {
  const reader = new Reader(0);
  const { outlet } = outletOf(reader, 100);
  assert.ok(outlet.offer(parcel(60, 1)));
  assert.ok(outlet.offer(parcel(40, 1)));
  assert.ok(!outlet.offer(parcel(1, 1)));
  reader.room = 50;
  assert.ok(outlet.offer(parcel(50, 1)));
  assert.ok(!outlet.offer(parcel(1, 1)));
  outlet.cut();
});

Deno.test("a full queue is waited for while the reader reads, and not again when that brought nothing", () => {
  const reading = new Reader(0, 30);
  const { outlet, log } = outletOf(reading, 100);
  const patience = new Patience(NEVER_MS);
  for (let packets = 0; packets < 20; packets++) assert.ok(outlet.offer(parcel(50, packets), patience));
  assert.ok(log.delivered.length >= 18);
  outlet.cut();

  const stuck = new Reader(0);
  const { outlet: other } = outletOf(stuck, 100);
  const short = new Patience(50);
  for (let packets = 0; packets < 20; packets++) other.offer(parcel(50, packets), short);
  const { waitedMs } = stuck;
  assert.ok(waitedMs > 0);
  for (let packets = 0; packets < 20; packets++) other.offer(parcel(50, packets), short);
  assert.equal(stuck.waitedMs, waitedMs);
  other.cut();
});

Deno.test("patience: so much for a batch, so much saved, and a quarter of the time that passes", () => {
  let now = 0;
  const patience = new Patience(500, () => now);
  assert.equal(patience.batchMs, 20);
  for (let batch = 0; batch < 25; batch++) patience.spend(20);
  assert.equal(patience.batchMs, 0);
  now = 40;
  assert.equal(patience.batchMs, 10);
  patience.spend(10);
  now = 1_000_000;
  assert.equal(patience.batchMs, 20);
});

Deno.test("a writer that breaks, or a cut, loses what waits, each once", () =>
  withSeed(async (random) => {
    for (let round = 0; round < 50; round++) await checkOnce(random.below(10), random.below(2) === 0);
  }));

async function checkOnce(failAt: number, isCut: boolean): Promise<void> {
  let writes = 0;
  const writer = {
    write(bytes: Uint8Array) {
      if (writes++ === failAt && !isCut) throw new Error("broken");
      return writes % 3 === 0 ? 0 : Math.min(bytes.length, 3);
    },
  };
  const { outlet, log } = outletOf(writer, 1000);
  for (let packets = 0; packets < 10; packets++) outlet.offer(parcel(5, packets));
  if (isCut) outlet.cut();
  await outlet.drained();
  const known = [...log.delivered, ...log.lost];
  const refused = isCut ? 0 : 10 - known.length;
  assert.deepEqual(known.sort((a, b) => a - b), Array.from({ length: 10 - refused }, (_, at) => at));
  assert.equal(log.broken.length, isCut ? 0 : 1);
  assert.ok(!outlet.offer(parcel(1, 1)));
}

Deno.test("where bytes can only be written beside, one piece is at a time, and all is out when it is drained", async () => {
  const parts: number[] = [];
  const writer = new PieceWriter(async (bytes) => {
    await Promise.resolve();
    const taken = Math.min(3, bytes.length);
    parts.push(...bytes.subarray(0, taken));
    return taken;
  });
  const { outlet, log } = outletOf(writer, 1000);
  for (let packets = 1; packets <= 5; packets++) assert.ok(outlet.offer(parcel(10, packets)));
  await outlet.drained();
  assert.deepEqual(parts, Array.from({ length: 50 }, (_, at) => 10 + at));
  assert.deepEqual(log.delivered, [1, 2, 3, 4, 5]);

  const broken = new PieceWriter(() => Promise.reject(new Error("gone")));
  const { outlet: other, log: told } = outletOf(broken, 1000);
  other.offer(parcel(10, 1));
  await until("it to be known", () => {
    other.offer(parcel(10, 2));
    return told.broken.length > 0;
  });
});
