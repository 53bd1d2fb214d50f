// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FrameCursor, type PacketBatch } from "../../../net/forge/packet_batch.ts";
import { type HashedFrame, hashFlow } from "../../../net/link/flow_hash.ts";
import { type RoutedSink, RouterSink } from "../../../net/link/router_sink.ts";
import type { SinkCounters } from "../../../net/sinks/sink.ts";
import { NumberedPackets, numberOf } from "../../support/link_packets.ts";

class Recorder implements RoutedSink {
  readonly mtu = 1500;
  isGone = false;
  readonly numbers: number[] = [];
  readonly counters: SinkCounters = { packets: 0, written: 0, writtenBytes: 0, kept: 0, dropped: new Map() };
  constructor(readonly name: string) {}
  write({ blocks, count }: PacketBatch): void {
    const cursor = new FrameCursor();
    for (cursor.reset(blocks); cursor.next();) {
      this.numbers.push(
        numberOf(blocks.subarray(cursor.frameOffset, cursor.frameOffset + cursor.frameLength)),
      );
    }
    this.counters.packets += count;
  }
  flush = () => Promise.resolve();
  close = () => Promise.resolve();
}

const FLOWS = 200;

/** Which recorder has each flow's packets; fails when two have. */
function owners(recorders: readonly Recorder[], from: number): Map<number, Recorder> {
  const owners = new Map<number, Recorder>();
  for (const recorder of recorders) {
    for (const number of recorder.numbers.filter((number) => number >= from)) {
      const flow = number % FLOWS;
      assert.ok(!owners.has(flow) || owners.get(flow) === recorder, `flow ${flow} is split`);
      owners.set(flow, recorder);
    }
  }
  return owners;
}

Deno.test("a connection stays whole on one collector, and connections are spread", () => {
  const recorders = ["a:3005", "b:3005", "c:3005"].map((name) => new Recorder(name));
  const router = new RouterSink(recorders);
  new NumberedPackets((batch) => router.write(batch), FLOWS).make(20_000);
  assert.equal(router.counters.packets, 20_000);
  const owned = owners(recorders, 0);
  assert.equal(owned.size, FLOWS);
  for (const recorder of recorders) {
    const share = [...owned.values()].filter((owner) => owner === recorder).length;
    assert.ok(share > FLOWS / 6 && share < FLOWS / 2, `${recorder.name} has ${share} of ${FLOWS}`);
    assert.ok(recorder.numbers.every((number, at) => at === 0 || number > recorder.numbers[at - 1]));
  }
});

Deno.test("only the connections of a collector that is gone move, and they do not move back", () => {
  const recorders = ["a:3005", "b:3005", "c:3005"].map((name) => new Recorder(name));
  const router = new RouterSink(recorders);
  const packets = new NumberedPackets((batch) => router.write(batch), FLOWS);
  packets.make(10_000);
  const before = owners(recorders, 0);
  recorders[1].isGone = true;
  packets.make(10_000);
  const during = owners(recorders, 10_000);
  recorders[1].isGone = false;
  packets.make(10_000);
  const after = owners(recorders, 20_000);
  for (const [flow, owner] of before) {
    if (owner !== recorders[1]) assert.equal(during.get(flow), owner);
    assert.notEqual(during.get(flow), recorders[1]);
    assert.equal(after.get(flow), during.get(flow));
  }
});

Deno.test("with no collector within reach, packets wait where they would go", () => {
  const recorders = ["a:3005", "b:3005"].map((name) => new Recorder(name));
  for (const recorder of recorders) recorder.isGone = true;
  new NumberedPackets((batch) => new RouterSink(recorders).write(batch), FLOWS).make(1000);
  assert.equal(owners(recorders, 0).size, FLOWS);
});

Deno.test("when all collectors are gone, a connection stays where it was", () => {
  const recorders = ["a:3005", "b:3005", "c:3005"].map((name) => new Recorder(name));
  const router = new RouterSink(recorders);
  const packets = new NumberedPackets((batch) => router.write(batch), FLOWS);
  // Connections of the first are with the others when these go too.
  recorders[0].isGone = true;
  packets.make(10_000);
  const before = owners(recorders, 0);
  for (const recorder of recorders) recorder.isGone = true;
  packets.make(10_000);
  for (const [flow, owner] of owners(recorders, 10_000)) assert.equal(owner.name, before.get(flow)!.name);
});

Deno.test("both directions, tagged or not, have one hash; truncated and foreign frames have none", () => {
  const frame = new Uint8Array(60);
  const view = new DataView(frame.buffer);
  view.setUint16(12, 0x0800);
  frame[14] = 0x45;
  frame[23] = 6;
  frame.set([192, 0, 2, 1, 198, 51, 100, 7, 0x9c, 0x40, 0x01, 0xbb], 26);
  frame[47] = 2;
  const back = frame.slice();
  back.set([198, 51, 100, 7, 192, 0, 2, 1, 0x01, 0xbb, 0x9c, 0x40], 26);
  const tagged = new Uint8Array(64);
  tagged.set(frame.subarray(0, 12));
  tagged.set([0x81, 0, 0, 5], 12);
  tagged.set(frame.subarray(12), 16);
  const hash = (bytes: Uint8Array, length = bytes.length) => {
    const into: HashedFrame = { hash: 1, flags: 1 };
    hashFlow(bytes, 0, length, into);
    return into;
  };
  assert.ok(hash(frame).hash !== 0);
  assert.equal(hash(frame).flags, 2);
  assert.equal(hash(back).hash, hash(frame).hash);
  assert.equal(hash(tagged).hash, hash(frame).hash);
  assert.deepEqual(hash(frame, 40), { hash: 0, flags: 0 });
  const udp = frame.slice();
  udp[23] = 17;
  assert.deepEqual(hash(udp), { hash: 0, flags: 0 });
});
