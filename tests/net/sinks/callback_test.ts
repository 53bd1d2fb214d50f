// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { CallbackSink, type MirroredPacket } from "../../../net/sinks/callback.ts";
import { NumberedPackets } from "../../support/link_packets.ts";

Deno.test("a callback gets every packet with its time, until the sink is closed", async () => {
  const packets: MirroredPacket[] = [];
  const sink = new CallbackSink(
    "mine",
    (packet) => packets.push({ ...packet, frame: packet.frame.slice() }),
    {
      mtu: 9000,
    },
  );
  const numbered = new NumberedPackets((batch) => sink.write(batch), 3, 100);
  numbered.make(7);
  await sink.flush();
  assert.equal(sink.mtu, 9000);
  assert.equal(packets.length, 7);
  for (const [at, { timeNs, frame }] of packets.entries()) {
    assert(at === 0 || timeNs >= packets[at - 1].timeNs);
    assert(frame.length >= 60);
  }
  await sink.close();
  numbered.make(3);
  assert.equal(packets.length, 7);
  const { counters } = sink;
  assert.deepEqual([counters.packets, counters.written, counters.dropped.get("sink-closed")], [10, 7, 3]);
  assert.equal(counters.writtenBytes, packets.reduce((sum, { frame }) => sum + frame.length, 0));
});

Deno.test("a callback that throws gets no more, which is told once and counted", () => {
  let calls = 0;
  const told: string[] = [];
  const sink = new CallbackSink("mine", () => {
    if (++calls === 2) throw new RangeError("too much");
  }, { stopped: ({ name }, message) => told.push(`${name}: ${message}`) });
  const numbered = new NumberedPackets((batch) => sink.write(batch), 3, 100);
  numbered.make(7);
  const { counters } = sink;
  assert.equal(calls, 2);
  assert.deepEqual(told, ["mine: it threw: too much"]);
  assert.deepEqual([counters.packets, counters.written, counters.dropped.get("callback-failed")], [7, 1, 6]);
});
