// SPDX-License-Identifier: MIT
/**
 * How long kernel probes take to come to a host that has many processes, and to go: CPU time and time that passes, of a source that is
 * made the first time in its process, and again.
 *
 * @module
 */
import { ProbeSource } from "../../net/capture/uprobes/probe_source.ts";
import { buildProbes } from "../../tools/probes.ts";
import { probesMissing } from "../e2e/support/probes.ts";
import { CaptureLog } from "../support/capture_log.ts";
import { runOk, withTempDir } from "../support/run.ts";
import { cpuNs } from "./measure.ts";
import type { BenchRow } from "./row.ts";

const SOURCE = new URL("sleepers.c", import.meta.url).pathname;
const LIBSSL = `/usr/lib/${Deno.build.arch}-linux-gnu/libssl.so.3`;
const KINDS = 40;
const PROCESSES = 500;
const TARGET_MS = 3000;
const AGAIN_TARGET_MS = 1000;
/** So often, of which the median is taken. */
const AGAIN = 5;
/** Large executables in the folders of commands are looked at for 30 ms of each second. */
const SETTLE_MS = 15_000;
const RESTING_MS = 10_000;

export async function benchAttach(): Promise<BenchRow[]> {
  const missing = await probesMissing();
  if (missing !== undefined) return [{ name: "kernel probes", value: `skipped: ${missing}` }];
  return await withTempDir(async (folder) => {
    const object = await Deno.readFile(await buildProbes());
    const empty = await attach(object);
    await using _ = await Sleepers.start(folder);
    const first = await attach(object);
    const again = await attachAgain(object);
    const name = `${PROCESSES} more processes, with ${KINDS} copies of libssl`;
    return [
      row("probes come to this host as it is", empty, undefined),
      row(`to it with ${name}`, first, TARGET_MS),
      row(`  again, with what they need compiled, a median of ${AGAIN}`, again, AGAIN_TARGET_MS),
      { name: "  and go", value: `${again.goneMs.toFixed(0)} ms` },
      { name: "  and are at rest", value: `${(100 * await shareAtRest(object)).toFixed(1)} % of a core` },
    ];
  });
}

async function attachAgain(object: Uint8Array<ArrayBuffer>): Promise<Attached> {
  const all: Attached[] = [];
  for (let left = AGAIN; left > 0; left--) all.push(await attach(object));
  return all.sort((a, b) => a.ms - b.ms)[AGAIN >> 1];
}

interface Attached {
  readonly files: number;
  readonly ms: number;
  readonly cpuMs: number;
  readonly goneMs: number;
}

async function attach(object: Uint8Array<ArrayBuffer>): Promise<Attached> {
  const [startMs, startNs] = [performance.now(), cpuNs(Deno.pid)];
  const source = new ProbeSource({
    object,
    target: new CaptureLog(),
    nextProgram: () => 1,
    timeBaseNs: 0n,
  });
  const [ms, cpuMs] = [performance.now() - startMs, (cpuNs(Deno.pid) - startNs) / 1e6];
  const { files } = source.counters;
  const closingMs = performance.now();
  await source.close();
  return { files, ms, cpuMs, goneMs: performance.now() - closingMs };
}

/** Of a processor, while nothing happens, once what is looked at ahead has been. */
async function shareAtRest(object: Uint8Array<ArrayBuffer>): Promise<number> {
  const source = new ProbeSource({
    object,
    target: new CaptureLog(),
    nextProgram: () => 1,
    timeBaseNs: 0n,
  });
  const running = source.run();
  await pause(SETTLE_MS);
  const beforeNs = cpuNs(Deno.pid);
  await pause(RESTING_MS);
  const share = (cpuNs(Deno.pid) - beforeNs) / 1e6 / RESTING_MS;
  await source.close();
  await running;
  return share;
}

const pause = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));

function row(name: string, { files, ms, cpuMs }: Attached, targetMs: number | undefined): BenchRow {
  return {
    name,
    value: `${ms.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU time, ${files} files`,
    ...targetMs === undefined ? {} : { target: `<= ${targetMs} ms`, ok: ms <= targetMs },
  };
}

class Sleepers implements AsyncDisposable {
  readonly #children: Deno.ChildProcess[] = [];

  static async start(folder: string): Promise<Sleepers> {
    const program = `${folder}/sleepers`;
    await runOk("cc", "-O1", "-o", program, SOURCE);
    const sleepers = new Sleepers();
    for (let kind = 0; kind < KINDS; kind++) {
      const library = `${folder}/${kind}/libssl.so.3`;
      await Deno.mkdir(`${folder}/${kind}`);
      await Deno.copyFile(LIBSSL, library);
      const count = Math.ceil((PROCESSES - kind) / KINDS);
      const child = new Deno.Command(program, {
        args: [library, String(count)],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      sleepers.#children.push(child);
      await child.stdout.getReader().read();
    }
    return sleepers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await child.stdin.close();
    for (const child of this.#children) await child.status;
  }
}
