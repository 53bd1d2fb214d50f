// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { AgentRates, AgentShares } from "../../../net/collector/quotas.ts";
import { issueInto } from "../../../net/pki/store.ts";
import { loadCredentials } from "../../../net/pki/load.ts";
import { FileSink } from "../../../net/sinks/file.ts";
import {
  remoteSink,
  startLinkServer,
  TestLog,
  type TestPki,
  VALIDITY,
  withPki,
} from "../../support/link_harness.ts";
import { NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import { withTempDir } from "../../support/run.ts";

const OPTIONS = { application: "test", interfaceName: "any" };
const FRAME = 1500;
const MIB = 1 << 20;

Deno.test("a rate: a second's worth at once, then as it comes; each agent has its own", () => {
  let nowMs = 0;
  const rates = new AgentRates(1000, () => nowMs);
  assert.equal(rates.take("web1", 1000), 0);
  assert.equal(rates.take("web1", 500), 500);
  assert.equal(rates.take("web2", 1000), 0);
  nowMs = 400;
  assert.equal(rates.take("web1", 100), 200);
  nowMs = 600;
  assert.equal(rates.take("web1", 0), 0);
  nowMs = 10_000;
  assert.equal(rates.take("web1", 1000), 0);
});

Deno.test("a share: what is beyond it does not go into files, and files that are gone count no more", () =>
  withTempDir(async (folder) => {
    const sink = new FileSink(`${folder}/out.pcapng`, true, { ...OPTIONS, rotateBytes: 20_000, keep: 2 });
    const shares = new AgentShares(30_000, [sink]);
    const packets = new NumberedPackets((batch) => sink.write(batch), 1, FRAME);
    assert.ok(shares.take("web1", 20_000));
    assert.ok(shares.take("web2", 30_000));
    assert.ok(!shares.take("web1", 10_001));
    assert.ok(shares.take("web1", 10_000));
    assert.ok(!shares.take("web1", 1));
    while (sink.oldest === 1) packets.make(1);
    assert.ok(shares.take("web1", 30_000));
    await sink.close();
    assert.ok(!shares.take("web1", 1));
  }));

/** A collector that one agent floods, while twenty others send a little each. */
async function flooded(
  pki: TestPki,
  quotas: { agentRate?: number; agentShare?: number },
  floodPackets: number,
): Promise<
  { seconds: number; others: number; server: Awaited<ReturnType<typeof startLinkServer>>; log: TestLog }
> {
  await issueInto(pki.directory, { role: "agent", name: "web2", names: [], validity: VALIDITY });
  const web2 = await loadCredentials({ directory: pki.directory, role: "agent", name: "web2" });
  const log = new TestLog();
  const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log, { workers: 1, ...quotas });
  const target = `127.0.0.1:${server.port}`;
  const start = performance.now();
  const flooding = remoteSink(target, pki.agent, log);
  new NumberedPackets((batch) => flooding.write(batch), 1, FRAME).make(floodPackets);
  const sinks = Array.from({ length: 20 }, () => remoteSink(target, web2, log));
  for (const sink of sinks) new NumberedPackets((batch) => sink.write(batch), 1, FRAME).make(10);
  await Promise.all(sinks.map((sink) => sink.flush()));
  const others = sinks.reduce((sum, { counters }) => sum + counters.written, 0);
  await Promise.all(sinks.map((sink) => sink.close()));
  await flooding.flush();
  await flooding.close();
  const seconds = (performance.now() - start) / 1000;
  assert.equal(flooding.counters.written, floodPackets);
  await server.close();
  return { seconds, others, server, log };
}

Deno.test("one agent at full speed is held to its rate, and keeps nothing from twenty others", () =>
  withPki(async (pki) => {
    const agentRate = 2 * MIB;
    const packets = Math.ceil(8 * MIB / FRAME);
    const { seconds, others, server, log } = await flooded(pki, { agentRate }, packets);
    assert.equal(others, 200);
    // A second's worth comes at once, and what a connection may have unanswered: 4 MiB and less.
    assert.ok(seconds > (8 - 4) / 2 - 1, `${seconds} s`);
    const [web1, web2] = ["web1", "web2"].map((name) => server.agents.get(name)!);
    assert.ok(web1.heldMs > 1000, `held for ${web1.heldMs} ms`);
    assert.deepEqual([web1.packets, web2.packets, web2.heldMs], [packets, 200, 0]);
    assert.equal(log.lines.filter((line) => /agent web1 sends more than its rate/.test(line)).length, 1);
    assert.equal(numbersIn(Deno.readFileSync(`${pki.folder}/out.pcapng`)).length, packets + 200);
  }));

Deno.test("one agent at full speed without a quota leaves twenty others their shares", () =>
  withPki(async (pki) => {
    const packets = Math.ceil(32 * MIB / FRAME);
    const { others, server } = await flooded(pki, {}, packets);
    assert.equal(others, 200);
    assert.deepEqual(["web1", "web2"].map((name) => server.agents.get(name)!.packets), [packets, 200]);
  }));

Deno.test("an agent's share of the files is held: what is beyond is in no file, counted, and others go on", () =>
  withPki(async (pki) => {
    const packets = Math.ceil(4 * MIB / FRAME);
    const { server, log } = await flooded(pki, { agentShare: 2 * MIB }, packets);
    const [web1, web2] = ["web1", "web2"].map((name) => server.agents.get(name)!);
    assert.equal(web1.packets + web1.dropped.get("agent-share")!, packets);
    assert.ok(web1.bytes <= 2 * MIB && web1.bytes > MIB, `${web1.bytes} bytes`);
    assert.deepEqual([web2.packets, [...web2.dropped]], [200, []]);
    assert.equal(numbersIn(Deno.readFileSync(`${pki.folder}/out.pcapng`)).length, web1.packets + 200);
    assert.equal(log.lines.filter((line) => /agent web1 has its share of the files/.test(line)).length, 1);
  }));
