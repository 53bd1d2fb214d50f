// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Outlet, type Parcel } from "../../../net/sinks/outlet.ts";
import { withSeed } from "../../support/random.ts";

interface Log {
  delivered: number[];
  lost: number[];
  broken: unknown[];
}

function outletOf(
  write: (bytes: Uint8Array) => Promise<number>,
  limitBytes: number,
): { outlet: Outlet<Parcel>; log: Log } {
  const log: Log = { delivered: [], lost: [], broken: [] };
  const outlet = new Outlet<Parcel>({ write }, limitBytes, {
    delivered: (parcel) => log.delivered.push(parcel.packets),
    lost: (parcel) => log.lost.push(parcel.packets),
    broken: (error) => log.broken.push(error),
  });
  return { outlet, log };
}

Deno.test("partial writes put all bytes out in order", async () => {
  const parts: number[] = [];
  const { outlet, log } = outletOf((bytes) => {
    const accepted = Math.min(bytes.length, 3);
    parts.push(...bytes.subarray(0, accepted));
    return Promise.resolve(accepted);
  }, 1000);
  for (let packets = 1; packets <= 5; packets++) {
    assert.ok(
      outlet.offer({ bytes: Uint8Array.from({ length: 10 }, (_, at) => packets * 10 + at), packets }),
    );
  }
  assert.equal(outlet.queuedBytes, 50);
  await outlet.drained();
  assert.deepEqual(parts, Array.from({ length: 50 }, (_, at) => 10 + at));
  assert.deepEqual(log, { delivered: [1, 2, 3, 4, 5], lost: [], broken: [] });
  assert.equal(outlet.queuedBytes, 0);
  assert.equal(outlet.writtenBytes, 50);
});

Deno.test("no more waits than the bound; room comes back", async () => {
  const writes: (() => void)[] = [];
  const { outlet } = outletOf(
    (bytes) => new Promise((resolve) => writes.push(() => resolve(bytes.length))),
    100,
  );
  assert.ok(outlet.offer({ bytes: new Uint8Array(60), packets: 1 }));
  assert.ok(outlet.offer({ bytes: new Uint8Array(40), packets: 1 }));
  assert.ok(!outlet.offer({ bytes: new Uint8Array(1), packets: 1 }));
  writes.shift()!();
  while (writes.length === 0) await Promise.resolve();
  assert.ok(outlet.offer({ bytes: new Uint8Array(60), packets: 1 }));
  const drained = outlet.drained();
  writes.shift()!();
  while (writes.length === 0) await Promise.resolve();
  writes.shift()!();
  await drained;
});

Deno.test("a writer that breaks, or a cut, loses what waits, each once", () =>
  withSeed(async (random) => {
    for (let round = 0; round < 50; round++) await checkOnce(random.below(10), random.below(2) === 0);
  }));

async function checkOnce(failAt: number, isCut: boolean): Promise<void> {
  let writes = 0;
  const { outlet, log } = outletOf((bytes) => {
    if (writes++ === failAt && !isCut) return Promise.reject(new Error("broken"));
    return Promise.resolve(bytes.length);
  }, 1000);
  for (let packets = 0; packets < 10; packets++) outlet.offer({ bytes: new Uint8Array(5), packets });
  if (isCut) outlet.cut();
  await outlet.drained();
  assert.deepEqual([...log.delivered, ...log.lost], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(log.broken.length, isCut ? 0 : 1);
  assert.ok(!outlet.offer({ bytes: new Uint8Array(1), packets: 1 }));
}
