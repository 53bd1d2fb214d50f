// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as tls from "node:tls";
import { issueInto } from "../../../net/pki/store.ts";
import { loadCredentials } from "../../../net/pki/load.ts";
import { linkBlock, linkHead, newSessionId } from "../../../net/link/blocks/link.ts";
import type { RemoteSink } from "../../../net/link/remote_sink.ts";
import { remoteSink, TestLog, VALIDITY, withPki } from "../../support/link_harness.ts";
import { NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import { TestProcess } from "../../support/process.ts";
import { Random } from "../../support/random.ts";

const AGENTS = 100;
const PACKETS = 300;
/** Numbers of one agent's packets begin here times its index. */
const SPAN = 10_000_000;
const MEMORY_MAX = 300e6;

Deno.test(`of ${AGENTS} agents one floods, one stalls and one sends rubbish: the others' packets all arrive`, () =>
  withPki(async (pki) => {
    await issueInto(pki.directory, { role: "agent", name: "rude", names: [], validity: VALIDITY });
    const rude = await loadCredentials({ directory: pki.directory, role: "agent", name: "rude" });
    await issueInto(pki.directory, { role: "agent", name: "web2", names: [], validity: VALIDITY });
    const others = [
      pki.agent,
      await loadCredentials({ directory: pki.directory, role: "agent", name: "web2" }),
    ];
    const out = `${pki.folder}/out.pcapng`;
    const collector = new TestProcess("collector_process.ts", {
      pki: pki.directory,
      sink: out,
      state: `${pki.folder}/state`,
      workers: 2,
    });
    const port = Number((await collector.find(/^port (\d+)/))[1]);
    const connect = (first: Uint8Array[]) => {
      const socket = tls.connect({
        host: "127.0.0.1",
        port,
        ca: [...rude.authorities],
        cert: rude.certificate,
        key: rude.key,
        ALPNProtocols: ["sslcollector/1"],
      }, () => {
        for (const bytes of first) socket.write(bytes);
      });
      socket.on("error", () => {});
      const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
      return { socket, closed };
    };
    const opening = () => [
      linkHead("rude", "any"),
      linkBlock({ kind: "hello", session: newSessionId(), first: 0, next: 0, mtu: 1500, name: "rude" }),
    ];
    // Says hello, then nothing, and reads nothing.
    const stalled = connect(opening());
    stalled.socket.pause();
    const random = new Random(1);
    const rubbish = Array.from({ length: 20 }, () => connect([...opening(), random.bytes(100_000)]));
    for (const { socket } of rubbish) socket.resume();

    const log = new TestLog();
    const flooding = remoteSink(`127.0.0.1:${port}`, pki.agent, log, { queueBytes: 8 << 20 });
    const flood = new NumberedPackets((batch) => flooding.write(batch), 10, 1514);
    let isOver = false;
    const running = (async () => {
      while (!isOver) {
        if (flooding.queuedBytes < 4 << 20) flood.make(500);
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    })();
    const sinks: RemoteSink[] = [];
    for (let agent = 1; agent <= AGENTS - 3; agent++) {
      const sink = remoteSink(`127.0.0.1:${port}`, others[agent % 2], log);
      const packets = new NumberedPackets((batch) => sink.write(batch), 5, 300);
      packets.count = agent * SPAN;
      for (let part = 0; part < 3; part++) packets.make(PACKETS / 3);
      sinks.push(sink);
    }
    await Promise.all(sinks.map((sink) => sink.flush()));
    for (const sink of sinks) assert.equal(sink.counters.written, PACKETS);
    await Promise.all(sinks.map((sink) => sink.close()));
    await Promise.all(rubbish.map(({ closed }) => closed));
    isOver = true;
    await running;
    await flooding.flush();
    await flooding.close();
    assert.equal(flooding.counters.written, flood.count);
    stalled.socket.destroy();
    assert.equal(await collector.finish(), 0);
    const peak = Number((await collector.find(/^peak (\d+)/))[1]);
    console.log(`peak memory of the collector: ${(peak / 1e6).toFixed(0)} MB`);
    assert.ok(peak < MEMORY_MAX, `peak memory ${peak}`);

    const byAgent = new Map<number, number[]>();
    for (const number of numbersIn(await Deno.readFile(out))) {
      const agent = Math.floor(number / SPAN);
      if (!byAgent.has(agent)) byAgent.set(agent, []);
      byAgent.get(agent)!.push(number % SPAN);
    }
    assert.equal(byAgent.size, AGENTS - 2);
    for (const [agent, numbers] of byAgent) {
      const count = agent === 0 ? flood.count : PACKETS;
      assert.equal(numbers.length, count, `agent ${agent}`);
      assert.ok(numbers.every((number, at) => number === at), `agent ${agent} in order`);
    }
  }));
