// SPDX-License-Identifier: MIT
/** The agent's side where its collector or its spool fails it. */
import assert from "node:assert/strict";
import type { PacketBatch } from "../../../net/forge/packet_batch.ts";
import type { Credentials } from "../../../net/pki/credentials.ts";
import type { RemoteSink } from "../../../net/link/remote_sink.ts";
import { eventLoopTurn } from "../../../net/sinks/sink.ts";
import { FakeCollector } from "../../support/fake_collector.ts";
import { freePort } from "../../support/free_port.ts";
import { remoteSink, startLinkServer, TestLog, withPki } from "../../support/link_harness.ts";
import { assertEachOnce, NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import { withTempDir } from "../../support/run.ts";
import { until } from "../../support/until.ts";

function deadSink(log: TestLog, agent: Credentials | undefined, options: Parameters<typeof remoteSink>[3]) {
  return remoteSink(`tcp://127.0.0.1:${freePort()}`, agent, log, options);
}

/** Every packet is in one of the books. */
function assertBalanced({ counters: { packets, written, kept, dropped } }: RemoteSink): void {
  assert.equal(packets, written + kept + [...dropped.values()].reduce((sum, count) => sum + count, 0));
}

Deno.test("what lies in the spool and is over the collector's MTU is lost by name, all else arrives", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const out = `${pki.folder}/out.pcapng`;
    const server = await startLinkServer(pki, out, log, { sinkOptions: { mtu: 1400 } });
    const target = `127.0.0.1:${server.port}`;
    const spool = { directory: `${pki.folder}/spool` };
    const early = remoteSink(target, pki.agent, log, { stalledMs: 50, spool });
    const write = (batch: PacketBatch) => early.write(batch);
    const [small, large] = [new NumberedPackets(write, 10, 200), new NumberedPackets(write, 10, 1514)];
    for (let round = 0; round < 100; round++) {
      small.make(1 + round % 3);
      large.make(1 + round % 2);
    }
    await log.find(/start it with --mtu 1400/);
    await early.close();
    assertBalanced(early);
    assert.equal(early.counters.kept, small.count + large.count);
    const late = remoteSink(target, pki.agent, log, { spool, mtu: 1400 });
    const own = new NumberedPackets((batch) => late.write(batch), 10, 1414);
    own.count = small.count;
    own.make(100);
    await late.flush();
    await late.close();
    await server.close();
    assertBalanced(late);
    assert.deepEqual([...late.counters.dropped], [["over-mtu", large.count]]);
    assert.deepEqual([...server.agents.get("web1")!.lost], [["over-mtu", large.count]]);
    assert.equal(late.counters.writtenBytes, server.agents.get("web1")!.bytes);
    assertEachOnce(numbersIn(await Deno.readFile(out)), own.count);
    assert.deepEqual([...Deno.readDirSync(spool.directory)].map(({ name }) => name), ["lock"]);
  }));

Deno.test("a segment of the spool that cannot be read is lost by name, what is behind it arrives", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const directory = `${pki.folder}/spool`;
    const port = freePort();
    const sink = remoteSink(`127.0.0.1:${port}`, pki.agent, log, {
      queueBytes: 1 << 20,
      spool: { directory },
    });
    const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1500);
    for (let round = 0; round < 40; round++) packets.make(500);
    const names = [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
    assert.equal(names.filter((name) => name.endsWith(".pcapng")).length, 4);
    Deno.removeSync(`${directory}/${names[1]}`);
    Deno.truncateSync(`${directory}/${names[2]}`, 4_000_000);
    const out = `${pki.folder}/out.pcapng`;
    const server = await startLinkServer(pki, out, log, { port });
    await sink.flush();
    packets.make(100);
    await sink.flush();
    await sink.close();
    await server.close();
    assertBalanced(sink);
    assert.deepEqual([...sink.counters.dropped.keys()], ["spool-failed"]);
    const lost = sink.counters.dropped.get("spool-failed")!;
    assert.ok(lost > 7000 && lost < 9000, `${lost} of ${packets.count} are lost`);
    assert.deepEqual([...server.agents.get("web1")!.lost], [["spool-failed", lost]]);
    const numbers = numbersIn(await Deno.readFile(out));
    assert.equal(numbers.length, packets.count - lost);
    assert.ok(numbers.every((number, at) => at === 0 || number > numbers[at - 1]));
    assert.equal(numbers.at(-1), packets.count - 1);
    const lines = log.lines.filter((line) => /packets are lost: No such file/.test(line));
    assert.equal(lines.length, 1, log.lines.join("\n"));
    assert.match(lines[0], new RegExp(names[1]));
  }));

Deno.test("kept is what the next agent finds, and what was only in memory is not acknowledged", () =>
  withTempDir(async (folder) => {
    const log = new TestLog();
    const options = { stalledMs: 50, spool: { directory: `${folder}/spool`, maxBytes: 300_000 } };
    const sink = deadSink(log, undefined, options);
    new NumberedPackets((batch) => sink.write(batch), 10, 1000).make(5000);
    await sink.close();
    assertBalanced(sink);
    const { kept, dropped } = sink.counters;
    assert.ok(kept > 0 && kept < 300, `${kept} kept`);
    assert.deepEqual([...dropped], [["not-acknowledged", 5000 - kept]]);
    const next = deadSink(log, undefined, options);
    assert.equal(next.counters.packets, kept);
    await next.close();
    assert.equal(next.counters.kept, kept);
  }));

Deno.test("closing waits for a collector that comes back while packets are only in memory, spool or not", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const out = `${pki.folder}/out.pcapng`;
    const port = freePort();
    const sink = remoteSink(`127.0.0.1:${port}`, pki.agent, log, {
      spool: { directory: `${pki.folder}/spool`, maxBytes: 300_000 },
    });
    new NumberedPackets((batch) => sink.write(batch), 10, 1000).make(2000);
    await log.find(/ECONNREFUSED/);
    const closing = sink.close();
    const server = await startLinkServer(pki, out, log, { port });
    await closing;
    await server.close();
    assert.equal(sink.counters.written, 2000);
    assertEachOnce(numbersIn(await Deno.readFile(out)), 2000);
  }));

Deno.test("a collector that says the same acknowledgement again and again makes no progress", async () => {
  const log = new TestLog();
  await using collector = new FakeCollector((turn, say) =>
    say(turn === 0 ? { kind: "welcome", have: 0, mtu: 1500 } : { kind: "ack", have: 3 })
  );
  const sink = remoteSink(collector.target, undefined, log, { stalledMs: 300 });
  new NumberedPackets((batch) => sink.write(batch)).make(100);
  while (sink.counters.written < 3) await sink.flush();
  await sink.close();
  assert.deepEqual([...sink.counters.dropped], [["not-acknowledged", 97]]);
});

Deno.test("closing has an end with a collector that acknowledges a packet now and then, and tells who waits", async () => {
  const log = new TestLog();
  await using collector = new FakeCollector((turn, say) =>
    say(turn === 0 ? { kind: "welcome", have: 0, mtu: 1500 } : { kind: "ack", have: turn })
  );
  const told: number[][] = [];
  const sink = remoteSink(collector.target, undefined, log, {
    closeMaxMs: 1500,
    waiting: (packets, longestMs) => told.push([packets, longestMs]),
  });
  new NumberedPackets((batch) => sink.write(batch)).make(5000);
  while (sink.counters.written === 0) await eventLoopTurn();
  await sink.close();
  assertBalanced(sink);
  assert.ok(sink.counters.written > 0 && sink.counters.written < 5000);
  assert.equal(told.length, 1);
  assert.ok(told[0][0] > 0 && told[0][0] < 5000 && told[0][1] === 500, `${told}`);
});

Deno.test("after a stall, flushing does not wait again until the collector is there", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const out = `${pki.folder}/out.pcapng`;
    const port = freePort();
    const stalledMs = 10;
    let nowMs = 0;
    const sink = remoteSink(`127.0.0.1:${port}`, pki.agent, log, { stalledMs, now: () => nowMs });
    const packets = new NumberedPackets((batch) => sink.write(batch));
    packets.make(10);
    const stalled = sink.flush();
    nowMs += stalledMs;
    await stalled;
    // The clock stands still: whoever waited would wait for ever.
    for (let round = 0; round < 4; round++) {
      packets.make(10);
      await sink.flush();
    }
    const server = await startLinkServer(pki, out, log, { port });
    await log.find(/collector takes packets/);
    packets.make(10);
    await sink.flush();
    assert.equal(sink.counters.written, 60);
    await sink.close();
    await server.close();
  }));

Deno.test("flushing in a loop while the collector is away lets the sink come back to it", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const port = freePort();
    const sink = remoteSink(`127.0.0.1:${port}`, pki.agent, log, { stalledMs: 1, backoffMaxMs: 1 });
    new NumberedPackets((batch) => sink.write(batch)).make(10);
    await log.find(/ECONNREFUSED/);
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log, { port });
    let flushes = 0;
    for (; sink.counters.written < 10 && flushes < 100_000; flushes++) await sink.flush();
    assert.equal(sink.counters.written, 10, `after ${flushes} flushes`);
    await sink.close();
    await server.close();
  }));

Deno.test("the log has a line a minute for dropped packets, however often they begin to be dropped", async () => {
  const log = new TestLog();
  let nowMs = 0;
  let have = 0;
  await using collector = new FakeCollector((turn, say) =>
    say(turn === 0 ? { kind: "welcome", have, mtu: 1500 } : { kind: "ack", have })
  );
  const sink = remoteSink(collector.target, undefined, log, {
    queueBytes: 400_000,
    now: () => nowMs,
  });
  await log.find(/takes packets/);
  const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1500);
  const overflow = async () => {
    packets.make(1000);
    have = packets.count;
    await sink.flush();
  };
  const lines = () => log.lines.filter((line) => /packets are dropped and counted: queue-full/.test(line));
  for (let round = 0; round < 20; round++) await overflow();
  assert.equal(lines().length, 1);
  const before = sink.counters.dropped.get("queue-full")!;
  const [, first] = /queue-full \((\d+)\)/.exec(lines()[0])!;
  nowMs = 61_000;
  await overflow();
  assert.equal(lines().length, 2);
  const [, more] = /queue-full \((\d+) more\)/.exec(lines()[1])!;
  assert.ok(Number(first) + Number(more) > before);
  await sink.close();
  assertBalanced(sink);
});

Deno.test("a collector learns that nothing waits any more when that is so, not at the next heartbeat", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log, { heartbeatMs: 60_000 });
    const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, { heartbeatMs: 60_000 });
    new NumberedPackets((batch) => sink.write(batch)).make(100);
    assert.ok(sink.queuedBytes > 0);
    await until("nothing waits", () => server.agents.get("web1")?.state?.queuedBytes === 0);
    assert.equal(sink.counters.written, 100);
    await sink.close();
    await server.close();
  }));
