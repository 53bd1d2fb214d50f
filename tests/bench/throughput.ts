// SPDX-License-Identifier: MIT
/**
 * From one writing program through ring, agent and sink without loss: the highest of a ladder of rates at which every
 * byte arrives in one of some tries, the program's peer and the agent on the same machine.
 *
 * @module
 */
import { makeCertificate } from "../support/certificate.ts";
import { netnsMissing, received, type Veth, withVeth } from "../support/netns.ts";
import { missing, runOk, withTempDir } from "../support/run.ts";
import { startAgent } from "./agent.ts";
import { tcpreplay } from "./forge.ts";
import { cpuNs, median } from "./measure.ts";
import type { BenchRow } from "./row.ts";

const LADDER_MEGABITS = [1000, 1500, 2100, 2500, 3000, 4000, 5000, 6500, 8000];
const SECONDS = 3;
/** Whoever else uses the machine costs one try something, and not each. */
const TRIES = 3;
const TARGET_MEGABITS = 2000;
/** Of an interface: as it comes, and as it is recommended. */
const MTUS = [1500, 9000] as const;
const REPLAYS = 3;
/** Of a pcap file, and of each packet in it. */
const FILE_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;

const SOURCE = new URL("tls_writer.c", import.meta.url).pathname;

/** Calls `use` with where a writer's bytes may go: its peer is mirrored neither by hook nor by probes. */
export async function withWriter<T>(use: (route: Omit<Route, "sink">) => Promise<T>): Promise<T> {
  return await withTempDir(async (folder) => {
    const [writer, peer] = [`${folder}/tls_writer`, `${folder}/peer`];
    await runOk("cc", "-O2", "-o", writer, SOURCE, "-lssl", "-lcrypto");
    // Without a library or a name that probes could be at.
    await runOk("cc", "-O2", "-static", "-s", "-w", "-o", peer, SOURCE, "-lssl", "-lcrypto");
    await makeCertificate(`${folder}/certificate.pem`, `${folder}/key.pem`);
    const server = new Deno.Command(peer, {
      args: ["serve", `${folder}/certificate.pem`, `${folder}/key.pem`],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    try {
      const { value } = await server.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
      const port = value!.trim();
      return await use({ folder, writer, port });
    } finally {
      server.kill("SIGTERM");
      await server.status;
    }
  });
}

export function benchThroughput(): Promise<BenchRow[]> {
  return withWriter(async (route) => {
    const file = await climb({ ...route, sink: `${route.folder}/out.pcapng` });
    const rows = [
      { name: "the writing program alone, not mirrored", value: await unmirrored(route.writer, route.port) },
      climbed("ring to file", file),
    ];
    if (netnsMissing()) return [...rows, { name: "ring to interface", value: "skipped: needs root" }];
    const best: number[] = [];
    for (const mtu of MTUS) {
      const found = await withVeth((veth) => intoInterface(veth, mtu, route), mtu);
      best.push(found.megabits);
      rows.push(...found.rows);
    }
    rows.push({
      name: `ring to interface, MTU ${MTUS[1]} / ${MTUS[0]}`,
      value: (best[1] / best[0]).toFixed(2),
      target: ">= 4",
      ok: best[1] >= 4 * best[0],
    });
    return rows;
  });
}

/** Where a writing program's bytes go. */
interface Route {
  readonly folder: string;
  readonly writer: string;
  readonly port: string;
  readonly sink: string;
  readonly options?: readonly string[];
}

export interface Written {
  /** Of clear text. */
  readonly bytes: number;
  readonly megabits: number;
  readonly lostBytes: number;
  readonly lostPackets: number;
  /** Of the agent, CPU nanoseconds from when it was ready. */
  readonly agentNs: number;
}

/** Writes for some seconds beside an agent of its own. */
export async function write(route: Route, megabits: number): Promise<Written> {
  const agent = await startAgent(route.folder, route.sink, ...route.options ?? []);
  const beforeNs = cpuNs(agent.pid);
  const { stdout } = await new Deno.Command(route.writer, {
    args: ["write", route.port, String(megabits), String(SECONDS)],
    env: agent.environment,
    stderr: "inherit",
  }).output();
  const agentNs = cpuNs(agent.pid) - beforeNs;
  const { total, sinks } = await agent.stop();
  const [bytes, reached] = new TextDecoder().decode(stdout).trim().split(" ").map(Number);
  return {
    bytes,
    megabits: reached,
    lostBytes: bytes - total.forged.toServer,
    lostPackets: sinks[0].packets - sinks[0].written,
    agentNs,
  };
}

/** What the program and its peer leave room for: nothing faster can be seen here. */
async function unmirrored(writer: string, port: string): Promise<string> {
  const text = await runOk(writer, "write", port, "1000000", String(SECONDS));
  return `${(Number(text.trim().split(" ")[1]) / 1000).toFixed(2)} Gbps`;
}

export interface Climb {
  readonly megabits: number;
  readonly stopped: string;
}

/** The first of some tries without loss, or the last. */
async function tryToWrite(route: Route, megabits: number): Promise<Written> {
  let written: Written;
  let left = TRIES;
  do written = await write(route, megabits); while (
    (written.lostBytes > 0 || written.lostPackets > 0) && --left > 0
  );
  return written;
}

/** The highest rate without loss; the ladder ends at the first with. */
export async function climb(route: Route): Promise<Climb> {
  let best = 0;
  for (const megabits of LADDER_MEGABITS) {
    const { bytes, megabits: reached, lostBytes, lostPackets } = await tryToWrite(route, megabits);
    if (lostBytes > 0 || lostPackets > 0) {
      const percent = (100 * lostBytes / bytes).toFixed(2);
      return { megabits: best, stopped: `${megabits} Mbps lost ${percent} % and ${lostPackets} packets` };
    }
    best = Math.max(best, reached);
    if (reached < megabits * 0.98) return { megabits: best, stopped: "the writer reached no more" };
  }
  return { megabits: best, stopped: "the top of the ladder" };
}

export function climbed(
  name: string,
  { megabits, stopped }: Climb,
  targetMegabits = TARGET_MEGABITS,
): BenchRow {
  return {
    name: `${name}, one writing program, no loss`,
    value: `${(megabits / 1000).toFixed(2)} Gbps (${stopped})`,
    target: `>= ${targetMegabits / 1000} Gbps`,
    ok: megabits >= targetMegabits,
  };
}

async function intoInterface(
  veth: Veth,
  mtu: number,
  route: Omit<Route, "sink">,
): Promise<{ megabits: number; rows: BenchRow[] }> {
  const name = `ring to interface, MTU ${mtu}`;
  const found = await climb({ ...route, sink: veth.near });
  const { packets, dropped } = await received(veth);
  const row = climbed(name, found);
  const value = `${row.value}; ${packets} packets received, ${dropped} dropped on the veth`;
  const rows = [{ ...row, value }];
  if (missing("tcpreplay") !== undefined) return { megabits: found.megabits, rows };
  const ratio = found.megabits / await replayedMegabits(veth, mtu, route);
  rows.push({
    name: `  to that of tcpreplay --topspeed with the same frames`,
    value: ratio.toFixed(2),
    target: ">= 0.6",
    ok: ratio >= 0.6,
  });
  return { megabits: found.megabits, rows };
}

/** Megabits of clear text a second that `tcpreplay` sends of frames as the agent forges them. */
async function replayedMegabits(veth: Veth, mtu: number, route: Omit<Route, "sink">): Promise<number> {
  const capture = `${route.folder}/frames.pcap`;
  const { bytes } = await write(
    { ...route, sink: capture, options: ["--mtu", String(mtu)] },
    LADDER_MEGABITS[0],
  );
  const rates: number[] = [];
  for (let replay = 0; replay < REPLAYS; replay++) rates.push(await tcpreplay(veth, capture));
  const frameBytes = await framesOf(capture);
  await Deno.remove(capture);
  return median(rates) * 1000 * bytes / frameBytes;
}

/** Bytes of all frames of a pcap file. */
async function framesOf(capture: string): Promise<number> {
  const bytes = await Deno.readFile(capture);
  const view = new DataView(bytes.buffer);
  let frames = 0;
  for (let at = FILE_HEADER_BYTES; at < bytes.length;) {
    const length = view.getUint32(at + 8, true);
    frames += length;
    at += PACKET_HEADER_BYTES + length;
  }
  return frames;
}
