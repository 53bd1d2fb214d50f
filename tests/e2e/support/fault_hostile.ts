// SPDX-License-Identifier: MIT
/**
 * A program that means harm to the agent whose runtime directory it is given: `fault_hostile.ts HOW DIRECTORY`. Before that it
 * mirrors a flow of its own, honestly, so that there is something to lose. Says "done", and stays until it is killed.
 *
 * @module
 */
import { openLibrary } from "../../../net/ffi/libc.ts";
import { libc, LIBC_NAMES } from "../../../net/ffi/libc.ts";
import { KIND, PAGE, RING, SLOT } from "../../../net/capture/record/layout.ts";
import { encodeOpen } from "../../../net/capture/recording/record_writer.ts";
import { OPEN_EXAMPLE } from "../../support/capture_examples.ts";
import { handOver, joinAgent, RegionWriter, type RingWriter, USUAL } from "../../support/ring_writer.ts";
import { seededRandom } from "../../support/random.ts";
import { until } from "../../support/until.ts";

/** What a hostile program does; its name is its first argument. */
export const ATTACKS = {
  /** Random bytes over heads, slots and payloads of many rings. */
  rubbish,
  /** Records that no hook writes, a ring for each. */
  records,
  /** Memory that is cut off, or would be. */
  truncate,
  /** Rings in the name of other processes. */
  impersonate,
  /** Ends in the middle of a record. */
  die,
  /** Stops in the middle of a record. */
  stop,
} as const;

/** Bytes of its own flow that each attack mirrors honestly. */
export const HONEST_BYTES = 1000;

const PAYLOAD = new Uint8Array(HONEST_BYTES).fill(0x68);
/** A ring that the agent need not go on with is left after so long. */
const PATIENCE_MS = 3000;
const ROUNDS = 25;

/** Whether the agent has taken what is in the ring, or given the ring up: it may have no memory left for it. */
const isSettled = (ring: RingWriter) => ring.retired || ring.outstanding === 0;

/** A ring of which the agent has read an open flow. */
async function honest(directory: string, port: number) {
  const joined = joinAgent(directory);
  const { ring } = joined;
  const address = { ...OPEN_EXAMPLE.address!, remotePort: port };
  const open = { ...OPEN_EXAMPLE, address, update: false, late: false, offsets: [0, 0] as const };
  ring.write({ kind: KIND.open, flow: 1, payload: encodeOpen(open) });
  ring.write({ kind: KIND.data, flow: 1, payload: PAYLOAD });
  await until("the ring to be read", () => isSettled(ring), 2);
  return joined;
}

/** Waits until the ring is settled, or for {@linkcode PATIENCE_MS}. */
async function settled(ring: RingWriter): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  await until("the ring to be settled", () => isSettled(ring) || performance.now() > endMs, 2);
}

async function rubbish(directory: string): Promise<void> {
  const random = seededRandom("rubbish");
  for (let round = 0; round < ROUNDS; round++) {
    const { ring, region } = await honest(directory, 10_000 + round);
    const { slotCapacity } = region.geometry;
    const fill = (start: number, length: number) => ring.bytes.set(random.bytes(length), start);
    const slots = PAGE + SLOT.size * random.below(slotCapacity - 64);
    switch (round % 4) {
      case 0:
        fill(RING.head, 8);
        fill(PAGE, SLOT.size * 64);
        break;
      case 1: // all that the hook writes, and what only the agent should
        fill(0, 256);
        fill(slots, SLOT.size * 64);
        break;
      case 2: // a plausible record of random content
        ring.write({ kind: 1 + random.below(6), flow: 1, payload: random.bytes(random.below(300)) });
        fill(PAGE + SLOT.size + 8, 48);
        break;
      default: // a head that moves while it is read
        for (let at = 0; at < 200; at++) fill(RING.head, 5);
    }
    await settled(ring);
  }
}

async function records(directory: string): Promise<void> {
  const wrong: ((ring: RingWriter, at: number) => void)[] = [
    (ring, at) => ring.view.setUint8(at + SLOT.kind, 99),
    (ring, at) => ring.view.setUint8(at + SLOT.direction, 2),
    (ring, at) => ring.view.setUint32(at + SLOT.position, 0xffff_ffc0, true),
    (ring, at) => ring.view.setUint32(at + SLOT.position, 1, true),
    (ring, at) => ring.view.setUint32(at + SLOT.length, 0xffff_ffff, true),
    (ring, at) => ring.view.setUint32(at + SLOT.length, ring.grantedData + 1, true),
    (ring, at) => ring.view.setBigUint64(at + SLOT.flow, 2n ** 63n, true),
    (ring, at) => ring.view.setBigUint64(at + SLOT.offset, 2n ** 64n - 1n, true),
  ];
  for (const [number, spoil] of wrong.entries()) {
    const { ring } = await honest(directory, 11_000 + number);
    const place = ring.reserve(64)!;
    const at = PAGE + place.slot * SLOT.size;
    // Whole but for its sequence number, which is written last.
    ring.publish({ ...place, sequence: 0 }, {
      kind: KIND.data,
      flow: 1,
      offset: HONEST_BYTES,
      payload: PAYLOAD.subarray(0, 64),
    });
    spoil(ring, at);
    Atomics.store(ring.words, at >> 2, place.sequence | 0);
    await until("the ring to be given up", () => ring.retired, 2);
  }
}

async function truncate(directory: string): Promise<void> {
  for (const seals of [0, 2, 4, 1 | 4]) {
    const region = new RegionWriter(USUAL, directory, seals);
    region.claim(0, Deno.pid).write({ kind: KIND.data, flow: 1, payload: PAYLOAD });
    handOver(region, directory);
    libc().ftruncate(region.fd, 0n);
  }
  const { ring, region } = await honest(directory, 12_000);
  if (libc().ftruncate(region.fd, 0n) === 0) throw new Error("sealed memory was truncated");
  // Holes may be made in it all the same: it reads as zeros then.
  const punch = 1 | 2;
  libc().fallocate(region.fd, punch, BigInt(2 * PAGE), BigInt(region.stride - PAGE));
  ring.write({ kind: KIND.data, flow: 1, offset: HONEST_BYTES, payload: PAYLOAD });
  libc().fallocate(region.fd, punch, 0n, BigInt(region.stride));
  await settled(ring);
}

async function impersonate(directory: string): Promise<void> {
  const { region } = await honest(directory, 13_000);
  const owners = [1, Deno.ppid, 4_000_000, -1, Deno.pid];
  for (const [number, owner] of owners.entries()) {
    const ring = region.claim(number + 1, owner);
    ring.write({ kind: KIND.data, flow: 1, payload: PAYLOAD });
    await settled(ring);
  }
}

/** Of three records the second is begun and not finished. */
async function half(directory: string, port: number): Promise<void> {
  const { ring } = await honest(directory, port);
  ring.write({ kind: KIND.data, flow: 1, offset: HONEST_BYTES, payload: PAYLOAD });
  ring.reserve(500);
  ring.write({ kind: KIND.data, flow: 1, offset: 2 * HONEST_BYTES + 500, payload: PAYLOAD });
  await until("the record in front to be read", () => ring.retired || ring.outstanding <= 2, 2);
}

const self = openLibrary(LIBC_NAMES, { raise: { parameters: ["i32"], result: "i32" } });
const SIGKILL = 9;
const SIGSTOP = 19;

async function die(directory: string): Promise<void> {
  await half(directory, 14_000);
  console.log("done");
  self.symbols.raise(SIGKILL);
}

async function stop(directory: string): Promise<void> {
  await half(directory, 15_000);
  console.log("done");
  self.symbols.raise(SIGSTOP);
}

if (import.meta.main) {
  const [how, directory] = Deno.args;
  await ATTACKS[how as keyof typeof ATTACKS](directory);
  console.log("done");
  await new Promise(() => setInterval(() => {}, 1e6));
}
