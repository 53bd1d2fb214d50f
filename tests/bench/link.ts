// SPDX-License-Identifier: MIT
/** The remote link: agent to collector to interface, against a bare TLS copy; compression; memory; what a dead link costs. @module */
import * as tls from "node:tls";
import type { PacketBatch } from "../../net/forge/packet_batch.ts";
import type { RemoteSink } from "../../net/link/remote_sink.ts";
import type { Credentials } from "../../net/pki/credentials.ts";
import { loadCredentials } from "../../net/pki/load.ts";
import { issueInto, listCertificates } from "../../net/pki/store.ts";
import { V8_FLAGS } from "../../tools/compile.ts";
import { remoteSink, TestLog, type TestPki, VALIDITY, withPki } from "../support/link_harness.ts";
import { netnsMissing, received, withVeth } from "../support/netns.ts";
import { TestProcess } from "../support/process.ts";
import { compressionRows } from "./compression.ts";
import { startCollector } from "./link_collector.ts";
import { median, residentBytes } from "./measure.ts";
import type { BenchRow } from "./row.ts";
import { FRAME_LENGTH, fullBatch, type TlsCopyArguments } from "./tls_copy.ts";

const PACKETS = 600_000;
const ROUNDS = 3;
/** Waits in the agent's queue at a time: the bench is a source that can wait. */
const QUEUED_MAX = 8 << 20;
/** That all have sent, and that have said no more than who they are. */
const AGENTS = 100;
const IDLE_AGENTS = 1500;
/** Connections of one name: a collector takes 64. */
const AGENTS_PER_NAME = 50;
const GBPS = 1e9;

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

async function send(sink: RemoteSink, batch: PacketBatch, packets: number): Promise<void> {
  for (let sent = 0; sent < packets; sent += batch.count) {
    while (sink.queuedBytes > QUEUED_MAX) await turn();
    sink.write(batch);
  }
  while (sink.counters.written < sink.counters.packets) await sink.flush();
}

/** Bits of frames a second from an agent through a collector into a sink. */
async function linkSpeed(
  pki: TestPki,
  sinkName: string,
  workers: number,
): Promise<{ speed: number; packets: number }> {
  const collector = startCollector(pki, sinkName, workers);
  const port = Number((await collector.find(/^port (\d+)/))[1]);
  const sink = remoteSink(`127.0.0.1:${port}`, pki.agent, new TestLog());
  const batch = fullBatch();
  await send(sink, batch, PACKETS / 10);
  const before = sink.counters.packets;
  const startMs = performance.now();
  await send(sink, batch, PACKETS);
  const tookMs = performance.now() - startMs;
  const { packets } = sink.counters;
  await sink.close();
  await collector.finish();
  return { speed: (packets - before) * FRAME_LENGTH * 8 / tookMs * 1000, packets };
}

/** The same into a veth; throws when its far end has not got every packet. */
async function interfaceSpeed(pki: TestPki, workers: number): Promise<number> {
  return await withVeth(async (veth) => {
    const { speed, packets } = await linkSpeed(pki, veth.near, workers);
    const { packets: arrived } = await received(veth);
    if (arrived !== packets) throw new Error(`${packets - arrived} of ${packets} packets were lost`);
    return speed;
  });
}

/**
 * The same bytes through `node:tls` alone; with `interfaceName`, as many frames from its reader onto an interface. It has
 * no protocol, queue or acknowledgement, and lets its garbage grow to hundreds of megabytes.
 */
async function copySpeed(pki: TestPki, interfaceName?: string): Promise<number> {
  const batch = fullBatch();
  const writes = Math.ceil(PACKETS / batch.count);
  const copyArguments: TlsCopyArguments = {
    pki: pki.directory,
    bytes: writes * batch.blocks.length,
    interfaceName,
  };
  const program = new TestProcess("../bench/tls_copy.ts", copyArguments, [], [V8_FLAGS]);
  const port = Number((await program.find(/^port (\d+)/))[1]);
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    ca: [...pki.agent.authorities],
    minVersion: "TLSv1.3",
  });
  await new Promise<void>((resolve) => socket.once("secureConnect", () => resolve()));
  const startMs = performance.now();
  for (let write = 0; write < writes; write++) {
    if (!socket.write(batch.blocks)) {
      await new Promise<void>((resolve) => socket.once("drain", () => resolve()));
    }
  }
  await program.find(/^done/);
  const tookMs = performance.now() - startMs;
  socket.destroy();
  await program.finish();
  return writes * batch.count * FRAME_LENGTH * 8 / tookMs * 1000;
}

/** Credentials of as many agents as it takes for so many connections. */
async function credentialsFor(pki: TestPki, connections: number): Promise<Credentials[]> {
  const names = Array.from({ length: Math.ceil(connections / AGENTS_PER_NAME) }, (_, at) => `crowd${at}`);
  const { directory } = pki;
  for (const name of names) {
    if (!(await listCertificates(directory)).some((listed) => listed.name === name)) {
      await issueInto(directory, { role: "agent", name, names: [], validity: VALIDITY });
    }
  }
  return await Promise.all(names.map((name) => loadCredentials({ directory, role: "agent", name })));
}

/** Resident bytes of a collector with so many agents, which have sent `rounds` batches each. */
async function crowdMemory(pki: TestPki, agents: number, rounds: number): Promise<number> {
  const credentials = await credentialsFor(pki, agents);
  const collector = startCollector(pki, "/dev/null", 1);
  const port = Number((await collector.find(/^port (\d+)/))[1]);
  const batch = fullBatch();
  const sinks: RemoteSink[] = [];
  const logs: TestLog[] = [];
  while (sinks.length < agents) {
    const log = new TestLog();
    logs.push(log);
    sinks.push(remoteSink(`127.0.0.1:${port}`, credentials[Math.floor(sinks.length / AGENTS_PER_NAME)], log));
    // Not all handshakes at once: 256 are taken at a time.
    if (sinks.length % AGENTS_PER_NAME === 0) await Promise.all(logs.map((log) => log.find(/takes packets/)));
  }
  for (let round = 0; round < rounds; round++) {
    for (const sink of sinks) sink.write(batch);
    await Promise.all(sinks.map((sink) => sink.flush()));
  }
  const resident = residentBytes(collector.child.pid);
  await Promise.all(sinks.map((sink) => sink.close()));
  await collector.finish();
  return resident;
}

/** Nanoseconds that the sink takes for a packet: with a collector, and with none and a full queue. */
async function writeCost(pki: TestPki): Promise<{ live: number; dead: number }> {
  const batch = fullBatch();
  const cost = (sink: RemoteSink) => {
    const startMs = performance.now();
    let packets = 0;
    for (; packets < 20_000; packets += batch.count) sink.write(batch);
    return (performance.now() - startMs) * 1e6 / packets;
  };
  const collector = startCollector(pki, "/dev/null", 1);
  const port = Number((await collector.find(/^port (\d+)/))[1]);
  const sink = remoteSink(`127.0.0.1:${port}`, pki.agent, new TestLog());
  await send(sink, batch, 20_000);
  const live = cost(sink);
  await sink.close();
  await collector.finish();
  const dead = remoteSink(`127.0.0.1:${port}`, pki.agent, new TestLog(), {
    stalledMs: 1,
    queueBytes: 1 << 20,
  });
  cost(dead);
  const full = cost(dead);
  await dead.close();
  return { live, dead: full };
}

/** Speeds of one round, one after the other, in bits of frames a second. */
interface Round {
  readonly copy: number;
  /** Agent and collector, which writes to /dev/null. */
  readonly link: number;
  readonly copySent: number;
  /** Agent and collector, which writes to an interface. */
  readonly linkSent: number;
}

async function speedRows(pki: TestPki): Promise<BenchRow[]> {
  const workers = Math.max(0, Math.min(4, navigator.hardwareConcurrency - 1));
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({
      copy: await copySpeed(pki),
      link: (await linkSpeed(pki, "/dev/null", workers)).speed,
      copySent: await withVeth((veth) => copySpeed(pki, veth.near)),
      linkSent: await interfaceSpeed(pki, workers),
    });
  }
  const speed = (of: (round: Round) => number) => median(rounds.map(of));
  const gbps = (bits: number) => `${(bits / GBPS).toFixed(2)} Gbps`;
  const ratio = (name: string, value: number, target: number): BenchRow => (
    { name, value: value.toFixed(2), target: `>= ${target}`, ok: value >= target }
  );
  const sent = speed(({ linkSent }) => linkSent);
  return [
    {
      name: "agent to collector to interface, no loss",
      value: gbps(sent),
      target: "2 Gbps",
      ok: sent >= 2 * GBPS,
    },
    { name: "agent to collector to /dev/null", value: gbps(speed(({ link }) => link)) },
    { name: "bare node:tls copy of the same bytes", value: gbps(speed(({ copy }) => copy)) },
    { name: "the same, and its reader sends the frames", value: gbps(speed(({ copySent }) => copySent)) },
    ratio("to /dev/null against bare copy", speed(({ link, copy }) => link / copy), 0.7),
    ratio(
      "to interface against bare copy that sends too",
      speed(({ linkSent, copySent }) => linkSent / copySent),
      0.9,
    ),
    {
      name: "to interface against bare copy",
      value: speed(({ linkSent, copy }) => linkSent / copy).toFixed(2),
    },
  ];
}

export function benchLink(): Promise<BenchRow[]> {
  return withPki(async (pki) => {
    const rows: BenchRow[] = netnsMissing() ? [] : await speedRows(pki);
    rows.push(...await compressionRows(pki));
    for (
      const [name, agents, rounds, target] of [
        [`collector with ${AGENTS} agents that have sent`, AGENTS, 20, 250e6],
        [`collector with ${IDLE_AGENTS} idle agents`, IDLE_AGENTS, 0, 200e6],
      ] as const
    ) {
      const memory = await crowdMemory(pki, agents, rounds);
      const text = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
      rows.push({ name, value: text(memory), target: `< ${text(target)}`, ok: memory < target });
    }
    const { live, dead } = await writeCost(pki);
    rows.push({ name: "agent's time for a packet into the link", value: `${live.toFixed(0)} ns` });
    rows.push({
      name: "the same with a dead link and a full queue",
      value: `${dead.toFixed(0)} ns`,
      target: "no more",
      ok: dead <= live,
    });
    return rows;
  });
}
