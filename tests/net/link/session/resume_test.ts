// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withSeed } from "../../../support/random.ts";
import { cuttingProxy } from "../../../support/cutting_proxy.ts";
import { freePort } from "../../../support/free_port.ts";
import { remoteSink, startLinkServer, TestLog, withPki } from "../../../support/link_harness.ts";
import { assertEachOnce, NumberedPackets, numbersIn } from "../../../support/link_packets.ts";
import { missing, runOk } from "../../../support/run.ts";
import { skipIf } from "../../../support/skip.ts";

for (const workers of [0, 2]) {
  Deno.test(`packets reach the collector's file, each once and in order, ${workers} workers`, () =>
    withPki(async (pki) => {
      const log = new TestLog();
      const out = `${pki.folder}/out.pcapng`;
      const server = await startLinkServer(pki, out, log, { workers, statePath: `${pki.folder}/state` });
      const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log);
      const packets = new NumberedPackets((batch) => sink.write(batch));
      for (let round = 0; round < 20; round++) packets.make(500);
      await sink.flush();
      assert.deepEqual({ ...sink.counters, dropped: [...sink.counters.dropped] }, {
        packets: 10_000,
        written: 10_000,
        writtenBytes: sink.counters.writtenBytes,
        kept: 0,
        dropped: [],
      });
      await sink.close();
      await log.find(/agent web1 .* gone: it ended; 10000 packets/);
      await server.close();
      assertEachOnce(numbersIn(await Deno.readFile(out)), 10_000);
      const books = server.agents.get("web1")!;
      assert.equal(books.packets, 10_000);
      assert.equal(books.bytes, sink.counters.writtenBytes);
    }));
}

Deno.test("connections that are cut anywhere lose nothing and double nothing", () =>
  withSeed((random) =>
    withPki(async (pki) => {
      const log = new TestLog();
      const out = `${pki.folder}/out.pcapng`;
      const server = await startLinkServer(pki, out, log);
      await using proxy = cuttingProxy(
        server.port,
        () => random.below(4) === 0 ? random.below(5000) : random.below(3_000_000),
      );
      const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, log, { backoffMaxMs: 5 });
      const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1514);
      for (let round = 0; round < 30; round++) {
        packets.make(1 + random.below(1000));
        await sink.flush();
      }
      await sink.close();
      await server.close();
      assert.ok(proxy.cuts > 0);
      assertEachOnce(numbersIn(await Deno.readFile(out)), packets.count);
      assert.equal(sink.counters.written, packets.count);
    })
  ));

Deno.test("what does not fit is counted on both sides, and the sums agree", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const out = `${pki.folder}/out.pcapng`;
    const server = await startLinkServer(pki, out, log);
    await using proxy = cuttingProxy(server.port, () => Infinity);
    const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, log, { queueBytes: 600_000 });
    const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1514);
    // In one turn of the event loop nothing can leave.
    packets.make(5000);
    await log.find(/packets are dropped and counted: queue-full/);
    await sink.flush();
    packets.make(100);
    await sink.flush();
    const { counters } = sink;
    const dropped = counters.dropped.get("queue-full")!;
    assert.ok(dropped > 4000 && dropped < 5000, `${dropped} dropped`);
    assert.equal(counters.packets, 5100);
    assert.equal(counters.written, 5100 - dropped);
    await sink.close();
    await server.close();
    const books = server.agents.get("web1")!;
    assert.deepEqual([...books.lost], [["queue-full", dropped]]);
    assert.equal(books.packets + dropped, 5100);
    const numbers = numbersIn(await Deno.readFile(out));
    assert.equal(numbers.length, 5100 - dropped);
    assert.equal(numbers.at(-1), 5099);
    assert.ok(numbers.every((number, at) => at === 0 || number > numbers[at - 1]));
  }));

Deno.test("a session that another connection has taken over is written by the newer one", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const out = `${pki.folder}/out.pcapng`;
    const server = await startLinkServer(pki, out, log);
    let stalled = true;
    await using proxy = cuttingProxy(server.port, () => stalled ? 40_000 : Infinity);
    const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, log);
    const packets = new NumberedPackets((batch) => sink.write(batch));
    packets.make(1000);
    await log.find(/goes on at packet|connected/);
    stalled = false;
    await sink.flush();
    await sink.close();
    await server.close();
    assertEachOnce(numbersIn(await Deno.readFile(out)), 1000);
  }));

Deno.test("without a collector the sink costs its queue and no more, and says what it dropped", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const sink = remoteSink(`127.0.0.1:${freePort()}`, pki.agent, log, {
      queueBytes: 1 << 20,
      stalledMs: 50,
    });
    const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1514);
    packets.make(3000);
    assert.ok(sink.queuedBytes <= 1 << 20);
    await log.find(/ECONNREFUSED|refused/);
    await sink.close();
    const { counters } = sink;
    assert.equal(counters.packets, 3000);
    assert.equal(counters.written, 0);
    assert.equal(counters.dropped.get("queue-full")! + counters.dropped.get("not-acknowledged")!, 3000);
  }));

Deno.test({
  name: "a recording of the agent's side opens in tshark",
  ...skipIf(missing("tshark")),
  fn: () =>
    withPki(async (pki) => {
      const log = new TestLog();
      const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log, { credentials: undefined });
      const recorded: Uint8Array[] = [];
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const serving = (async () => {
        const near = await listener.accept();
        const far = await Deno.connect({ port: server.port });
        const back = far.readable.pipeTo(near.writable).catch(() => {});
        const writer = far.writable.getWriter();
        for await (const bytes of near.readable) {
          recorded.push(bytes.slice());
          await writer.write(bytes);
        }
        await writer.close().catch(() => {});
        await back;
      })();
      const { port } = listener.addr as Deno.NetAddr;
      const sink = remoteSink(`tcp://127.0.0.1:${port}`, undefined, log);
      new NumberedPackets((batch) => sink.write(batch)).make(321);
      await sink.flush();
      await sink.close();
      await serving;
      listener.close();
      await server.close();
      const path = `${pki.folder}/link.pcapng`;
      await Deno.writeFile(path, new Uint8Array(await new Blob(recorded as BlobPart[]).arrayBuffer()));
      const rows = (await runOk("tshark", "-r", path, "-Y", "tcp", "-T", "fields", "-e", "frame.number"))
        .trim().split(
          "\n",
        );
      assert.equal(rows.length, 321);
      assert.ok(log.lines.some((line) => /IN PLAINTEXT/.test(line)));
    }),
});

Deno.test("a session that was with another collector meanwhile has lost nothing, and each says what it has", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const outs = ["a", "b"].map((name) => `${pki.folder}/${name}.pcapng`);
    const [a, b] = await Promise.all(outs.map((out) => startLinkServer(pki, out, log)));
    let to = a;
    await using balancer = cuttingProxy(() => to.port, () => Infinity);
    const sink = remoteSink(`127.0.0.1:${balancer.port}`, pki.agent, log, { backoffMaxMs: 5 });
    const packets = new NumberedPackets((batch) => sink.write(batch));
    for (const [next, count] of [[a, 100], [b, 40], [a, 7], [b, 0], [a, 3]] as const) {
      to = next;
      balancer.cutAll();
      packets.make(count);
      await sink.flush();
    }
    await sink.close();
    await Promise.all([a.close(), b.close()]);
    const [first, second] = [a, b].map(({ agents }) => agents.get("web1")!);
    assert.deepEqual([first.packets, first.elsewhere, first.lost.size], [110, 40, 0]);
    assert.deepEqual([second.packets, second.lost.size], [40, 0]);
    assert.equal(sink.counters.written, packets.count);
    const numbers = await Promise.all(outs.map(async (out) => numbersIn(await Deno.readFile(out))));
    assertEachOnce(numbers.flat().sort((a, b) => a - b), packets.count);
  }));
