// SPDX-License-Identifier: MIT
/** How fast packets are forged, and put on an interface. @module */
import { Connection } from "../../net/forge/connection.ts";
import { PacketBuffer } from "../../net/forge/packet_batch.ts";
import type { Sink } from "../../net/sinks/sink.ts";
import { FileSink } from "../../net/sinks/file.ts";
import { InterfaceSink } from "../../net/sinks/interface.ts";
import { IPV4_KEY, testSettings, TIME_BASE_NS } from "../support/capture.ts";
import { netnsMissing, received, type Veth, withVeth } from "../support/netns.ts";
import { missing, runOk, withTempDir } from "../support/run.ts";
import { median } from "./measure.ts";
import type { BenchRow } from "./row.ts";

const ROUNDS = 7;
/** A TLS record, as most programs write. */
const WRITE_BYTES = 16384;
const TARGET_GBPS = 2;
/** Of an interface: as it comes, and as it is recommended. */
const MTUS = [1500, 9000];
const OPTIONS = { application: "bench", interfaceName: "bench" };

interface Run {
  readonly seconds: number;
  readonly frames: number;
  /** Ethernet frames, without preamble and gap, as `tcpreplay` counts. */
  readonly frameBytes: number;
}

const EPB_OVERHEAD = 32;

/** Forges `payloadBytes` in writes of `writeBytes` and gives them to the sink, if any. */
function forge(
  sink: Pick<Sink, "write"> | undefined,
  payloadBytes: number,
  writeBytes: number,
  mtu = MTUS[0],
): Run {
  let frames = 0;
  let frameBytes = 0;
  const buffer = new PacketBuffer({
    timeBaseNs: TIME_BASE_NS,
    onFull(batch) {
      frames += batch.count;
      frameBytes += batch.blocks.length - batch.count * EPB_OVERHEAD;
      sink?.write(batch);
    },
  });
  const lane = new Connection(IPV4_KEY, buffer, testSettings({ mtu }));
  const ring = new Uint8Array(1 << 20).map((_, at) => at * 31);
  const start = performance.now();
  for (let done = 0, at = 0; done < payloadBytes; done += writeBytes) {
    at = at + writeBytes + 64 <= ring.length - writeBytes ? at + writeBytes : 0;
    lane.write(1, ring.subarray(at, at + writeBytes), done);
  }
  lane.close("fin", payloadBytes);
  buffer.flush();
  return { seconds: (performance.now() - start) / 1000, frames, frameBytes };
}

function gbps({ frameBytes, seconds }: Run): number {
  return frameBytes * 8 / seconds / 1e9;
}

function row(name: string, value: number, target?: number): BenchRow {
  const shown = `${value.toFixed(2)} Gbps`;
  return target === undefined
    ? { name, value: shown }
    : { name, value: shown, target: `at least ${target} Gbps`, ok: value >= target };
}

/** Rows of: forging alone, forging and injecting beside `tcpreplay`, forging into a file. */
export async function benchForge(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const writeBytes of [1460, WRITE_BYTES]) {
    forge(undefined, 100e6, writeBytes);
    const runs = Array.from({ length: ROUNDS }, () => forge(undefined, 400e6, writeBytes));
    const perFrame = median(runs.map(({ seconds, frames }) => seconds / frames * 1e9));
    rows.push(
      row(
        `forge only, writes of ${writeBytes} B, ${perFrame.toFixed(0)} ns a frame`,
        median(runs.map(gbps)),
        TARGET_GBPS,
      ),
    );
  }
  rows.push(...await benchFile());
  if (netnsMissing()) return rows;
  const speeds: number[] = [];
  for (const mtu of MTUS) {
    const found = await withVeth((veth) => benchInterface(veth, mtu), mtu);
    rows.push(...found.rows);
    speeds.push(found.gbps);
  }
  const ratio = (speeds[1] / speeds[0]).toFixed(2);
  return [...rows, { name: `forge + inject, MTU ${MTUS[1]} : ${MTUS[0]}`, value: ratio }];
}

async function benchFile(): Promise<BenchRow[]> {
  return await withTempDir(async (folder) => {
    const values: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const path = `${folder}/bench.pcapng`;
      const sink = new FileSink(path, true, OPTIONS);
      values.push(gbps(forge(sink, 200e6, WRITE_BYTES)));
      await sink.close();
      await Deno.remove(path);
    }
    return [row("forge + write a pcapng file", median(values), TARGET_GBPS)];
  });
}

async function benchInterface(veth: Veth, mtu: number): Promise<{ gbps: number; rows: BenchRow[] }> {
  return await withTempDir(async (folder) => {
    const payloadBytes = 200e6;
    const capture = `${folder}/frames.pcap`;
    const file = new FileSink(capture, false, OPTIONS);
    forge(file, payloadBytes, WRITE_BYTES, mtu);
    await file.close();
    const hasTcpreplay = !missing("tcpreplay");
    const ours: number[] = [];
    const theirs: number[] = [];
    let lost = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const sink = new InterfaceSink(veth.near, OPTIONS);
      const before = await received(veth);
      const run = forge(sink, payloadBytes, WRITE_BYTES, mtu);
      await sink.close();
      const after = await received(veth);
      lost += run.frames - (after.packets - before.packets);
      ours.push(gbps(run));
      if (hasTcpreplay) theirs.push(await tcpreplay(veth, capture));
    }
    const rows: BenchRow[] = [
      row(`forge + inject into a veth, MTU ${mtu}`, median(ours), TARGET_GBPS),
      { name: "frames lost on the way to the other end", value: String(lost), target: "0", ok: lost === 0 },
    ];
    if (!hasTcpreplay) return { gbps: median(ours), rows };
    const ratio = median(ours.map((value, at) => value / theirs[at]));
    rows.push(
      row("tcpreplay --topspeed, the same frames ready-made in memory", median(theirs)),
      { name: "forge + inject : tcpreplay, median of pairs", value: ratio.toFixed(2) },
    );
    return { gbps: median(ours), rows };
  });
}

/** Gbps of frames that `tcpreplay` sends of a capture, as fast as it can. */
export async function tcpreplay(veth: Veth, capture: string): Promise<number> {
  const text = await runOk("tcpreplay", "--topspeed", "--preload-pcap", "-q", "-i", veth.near, capture);
  const rated = /Rated: [\d.]+ Bps, ([\d.]+) Mbps/.exec(text);
  if (!rated) throw new Error(`tcpreplay told no rate: ${text}`);
  return Number(rated[1]) / 1000;
}

if (import.meta.main) console.table(await benchForge());
