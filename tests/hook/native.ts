// SPDX-License-Identifier: MIT
/** What tests of the hook share: its C programs, a certificate, an agent that collects records, programs with the hook. @module */
import { makeCertificate } from "../support/certificate.ts";
import { TextLineStream } from "../support/lines.ts";
import { awaited } from "../support/until.ts";
import { buildHook } from "../../tools/hook.ts";

const HERE = new URL("./", import.meta.url).pathname;

/** For everything that tests of this process make; taken away when it ends. */
export const WORK = Deno.makeTempDirSync({ prefix: "hook_test_" });
globalThis.addEventListener("unload", () => Deno.removeSync(WORK, { recursive: true }));

export interface Output {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end with nothing to read. */
export async function run(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Output> {
  const child = new Deno.Command(command, { args, env, stdin: "null", stdout: "piped", stderr: "piped" });
  const { code, signal, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, signal, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Compiles files of this folder (or absolute ones) into {@linkcode WORK}; throws with the compiler's words. */
export async function compile(
  name: string,
  sources: string[],
  flags: string[] = [],
  compiler = "cc",
): Promise<string> {
  const path = `${WORK}/${name}`;
  const files = sources.map((source) => source.startsWith("/") ? source : HERE + source);
  const base = ["-std=c99", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror"];
  const output = await run(compiler, [...base, ...files, ...flags, "-o", path]);
  if (output.code !== 0) throw new Error(`cannot compile ${name}: ${output.stderr}`);
  return path;
}

let certificate: Promise<{ cert: string; key: string }> | undefined;

/** A self-signed certificate for localhost, as PEM files. */
export function certificateFiles(): Promise<{ cert: string; key: string }> {
  return certificate ??= (async () => {
    const cert = `${WORK}/cert.pem`, key = `${WORK}/key.pem`;
    await makeCertificate(cert, key);
    return { cert, key };
  })();
}

/** The environment that mirrors a program. */
export async function hooked(runtime: string): Promise<Record<string, string>> {
  return { LD_PRELOAD: await buildHook(), SSLCOLLECTOR_RUNTIME: runtime };
}

/** A line of `collect.c`. */
export interface Line {
  readonly kind: "ready" | "open" | "hello" | "data" | "gap" | "close" | "ring";
  readonly pid: number;
  readonly comm: string;
  readonly flow: number;
  readonly flags: number;
  readonly direction: 0 | 1;
  readonly offset: number;
  readonly length: number;
  readonly hash: string;
  readonly jump: boolean;
  readonly grade: "none" | "socket" | "nested" | "hello";
  readonly local: string;
  readonly localPort: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly random: string;
  readonly server: 0 | 1;
  readonly version: number;
  readonly alpn: string;
  readonly sni: string;
  readonly offsets: [number, number];
  readonly received: 0 | 1;
  readonly carrier: number;
  readonly dropped: number;
  readonly gap: number;
  readonly data: number;
  /** Of the ring's header and the region's page. */
  readonly granted: number;
  readonly lost: number;
  readonly ringless: readonly [number, number, number];
}

/** One flow as it was collected. */
export interface Flow {
  readonly open: Line;
  /** Later opens, that bring an address. */
  readonly updates: Line[];
  /** Bytes of data, by direction. */
  readonly bytes: [number, number];
  /** The collector's sums of them, by direction. */
  readonly hash: [string, string];
  /** Bytes in gaps, by direction. */
  readonly gaps: [number, number];
  readonly largest: number;
  close: Line | undefined;
}

let collect: Promise<string> | undefined;

export class Collector {
  readonly lines: Line[] = [];
  readonly #waiting = new Set<() => void>();
  #reading: Promise<void> | undefined;

  private constructor(readonly runtime: string, readonly process: Deno.ChildProcess) {}

  /** Starts an agent in a runtime directory of its own, or in one given. */
  static async start(runtime = Deno.makeTempDirSync({ dir: WORK })): Promise<Collector> {
    collect ??= compile("collect", ["collect.c", "drain.c"]);
    const command = new Deno.Command(await collect, { args: [runtime], stdin: "piped", stdout: "piped" });
    const collector = new Collector(runtime, command.spawn());
    collector.#reading = collector.#read();
    await collector.until((line) => line.kind === "ready");
    return collector;
  }

  async #read(): Promise<void> {
    const text = this.process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of text) {
      this.lines.push(JSON.parse(line));
      for (const look of this.#waiting) look();
    }
    for (const look of this.#waiting) look();
  }

  /** Resolves with the first line, present or future, that satisfies `wanted`. */
  until(wanted: (line: Line) => boolean): Promise<Line> {
    const { promise, resolve } = Promise.withResolvers<Line>();
    let looked = 0;
    const look = () => {
      while (looked < this.lines.length) {
        const line = this.lines[looked++];
        if (!wanted(line)) continue;
        this.#waiting.delete(look);
        resolve(line);
        return;
      }
    };
    this.#waiting.add(look);
    look();
    return awaited(`a line of the collector: ${wanted}`, promise);
  }

  /** Ends it once everything is read. */
  async stop(): Promise<Line[]> {
    await this.process.stdin.close();
    await this.#reading;
    await this.process.status;
    return this.lines;
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.stdin.close().catch(() => {});
    await this.#reading;
    await this.process.status;
  }

  get hellos(): Line[] {
    return this.lines.filter((line) => line.kind === "hello");
  }

  get rings(): Line[] {
    return this.lines.filter((line) => line.kind === "ring");
  }

  /** The flows, in the order in which they opened. Throws when an offset jumps. */
  get flows(): Flow[] {
    const flows = new Map<string, Flow>();
    for (const line of this.lines) {
      if (line.kind === "ready" || line.kind === "hello" || line.kind === "ring") continue;
      const key = `${line.pid} ${line.flow}`;
      const flow = flows.get(key);
      if (line.kind === "open") {
        if (flow) flow.updates.push(line);
        else flows.set(key, newFlow(line));
      } else if (!flow) {
        throw new Error(`${line.kind} before open: ${JSON.stringify(line)}`);
      } else if (line.kind === "close") {
        flow.close = line;
      } else {
        if (line.jump) throw new Error(`offset jumps: ${JSON.stringify(line)}`);
        if (line.kind === "gap") flow.gaps[line.direction] += line.length;
        else {
          flow.bytes[line.direction] += line.length;
          flow.hash[line.direction] = line.hash;
          Object.assign(flow, { largest: Math.max(flow.largest, line.length) });
        }
      }
    }
    return [...flows.values()];
  }
}

function newFlow(open: Line): Flow {
  return { open, updates: [], bytes: [0, 0], hash: ["", ""], gaps: [0, 0], largest: 0, close: undefined };
}

/** The sum that `collect.c` shows for a stream of these bytes. */
export function sumOf(bytes: Uint8Array): string {
  const padded = new Uint8Array((bytes.length + 7) & ~7);
  padded.set(bytes);
  let sum = 0n;
  new BigUint64Array(padded.buffer).forEach((word, place) => {
    sum = BigInt.asUintN(64, sum + word * BigInt(2 * place + 1));
  });
  return sum.toString(16).padStart(16, "0");
}
