// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { certificateFiles, Collector, compile, hooked, run, WORK } from "./native.ts";
import { Commanded } from "./commanded.ts";
import { TextLineStream } from "../support/lines.ts";
import { notRoot, skipIf } from "../support/skip.ts";

const PROGRAMS = new URL("./programs/", import.meta.url).pathname;
const UPDATE = 1, LATE = 4, AGAIN = 64;
const RETIRED_AGAIN = 2, UNWANTED = 3;
const RING_START = 4096, RING_RETIRED = RING_START + 148, RING_SKIPPED = RING_START + 256;

/** A program that passes a line over its one TLS connection whenever it is told to. */
class Steps {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#output = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
      .getReader();
  }

  static async start(runtime: string): Promise<Steps> {
    const { cert, key } = await certificateFiles();
    const command = new Deno.Command("python3", {
      args: [`${PROGRAMS}steps.py`, cert, key],
      env: await hooked(runtime),
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    });
    return new Steps(command.spawn());
  }

  async step(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
    assert.equal((await this.#output.read()).value, line.toUpperCase());
  }

  async end(): Promise<void> {
    await this.#input.close();
    await this.#output.cancel();
    assert.equal((await this.#child.status).code, 0);
  }
}

Deno.test("an agent goes on where the last one stopped, or was killed: not a byte is lost", async (t) => {
  const [one, between, after] = ["one\n", "between\n", "after\n"].map(({ length }) => length);
  for (const end of ["stop", "kill"] as const) {
    await t.step(end, async () => {
      const first = await Collector.start();
      const program = await Steps.start(first.runtime);
      await program.step("one");
      // All of it: what an agent has read and not told when it is killed is lost.
      let told = 0;
      await first.until((line) => line.kind === "data" && (told += line.length) === 4 * one);
      await first[end]();
      await program.step("between");
      const second = await Collector.start(first.runtime);
      await program.step("after");
      await program.end();
      await second.stop();
      const [before] = first.flows;
      const again = second.lines.filter((line) => line.kind === "open" && line.flow === before.open.flow);
      assert.deepEqual(again.map((line) => line.flags), [AGAIN]);
      for (const direction of [0, 1] as const) {
        const data = [...first.lines, ...second.lines].filter((line) =>
          line.kind === "data" && line.direction === direction
        );
        assert.equal(data.reduce((sum, line) => sum + line.length, 0), 2 * (one + between + after));
      }
      assert.equal(again[0].random, before.open.random);
    });
  }
});

Deno.test("an agent that comes late reads what was written before", async () => {
  const runtime = Deno.makeTempDirSync({ dir: WORK });
  const program = await Steps.start(runtime);
  await program.step("unseen");
  const collector = await Collector.start(runtime);
  await program.step("seen");
  await program.end();
  await collector.stop();
  assert.deepEqual(collector.flows.map((flow) => [flow.open.flags, flow.bytes[0]]), [[0, 12], [0, 12]]);
  assert.deepEqual(collector.rings.map((ring) => ring.dropped), [0]);
});

Deno.test("TLS inside TLS: the inner hello is found in the outer session's clear text", async () => {
  const { cert, key } = await certificateFiles();
  const collector = await Collector.start();
  const output = await run("python3", [`${PROGRAMS}tunnel.py`, cert, key], await hooked(collector.runtime));
  await collector.stop();
  assert.deepEqual(output, { code: 0, signal: null, stdout: "inner: hello\n", stderr: "" });
  const flows = collector.flows;
  const inner = flows.filter((flow) => flow.bytes[0] === 5 && flow.bytes[1] === 12);
  const outer = flows.filter((flow) => !inner.includes(flow));
  assert.deepEqual([inner.length, outer.length], [2, 2]);
  for (const role of [0, 1]) {
    const one = inner.find((flow) => flow.open.server === role)!;
    const carrier = outer.find((flow) => flow.open.server === role)!;
    const hello = collector.hellos.find((line) => line.random === one.open.random && line.received === role)!;
    assert.equal(hello.carrier, carrier.open.flow);
    assert.ok(collector.lines.indexOf(hello) < collector.lines.indexOf(one.open));
    assert.equal(one.open.grade, "none");
    assert.equal(carrier.open.grade, "hello");
    assert.deepEqual(one.updates.map((line) => line.flags & UPDATE), []);
  }
});

Deno.test("an address that comes late is told by a second open", async () => {
  const { cert, key } = await certificateFiles();
  const program = await compile("switch", ["switch.c"], ["-lssl", "-lcrypto"]);
  const collector = await Collector.start();
  const output = await run(program, [cert, key], await hooked(collector.runtime));
  await collector.stop();
  assert.deepEqual([output.code, output.stderr], [0, ""]);
  const [clientPort, serverPort] = output.stdout.trim().split(" ").map(Number);
  assert.equal(collector.flows.length, 2);
  for (const flow of collector.flows) {
    assert.equal(flow.open.grade, "none");
    assert.equal(flow.updates.length, 1);
    const [update] = flow.updates;
    assert.equal(update.flags, UPDATE);
    assert.equal(update.grade, "socket");
    assert.equal(update.random, flow.open.random);
    const ports = [update.localPort, update.remotePort];
    assert.deepEqual(flow.open.server ? ports.reverse() : ports, [clientPort, serverPort]);
    assert.deepEqual(flow.bytes, [9, 0]);
  }
});

Deno.test("what nobody reads is kept as far as it fits, and counted", async () => {
  const runtime = Deno.makeTempDirSync({ dir: WORK });
  await using program = await Commanded.start(runtime);
  const { shared } = await program.do("write", 32 << 10);
  assert(shared < 2 << 10, `${shared} KiB without an agent`);
  const collector = await Collector.start(runtime);
  await collector.until((line) => line.kind === "data");
  await program.do("write", 16);
  await collector.stop();
  const [flow] = collector.flows, [ring] = collector.rings;
  assert.equal(flow.bytes[0] + flow.gaps[0], (32 << 20) + (16 << 10));
  assert(flow.bytes[0] > 900 << 10);
  assert.equal(ring.dropped, flow.gaps[0]);
});

Deno.test("a stopped agent finds what was written", async () => {
  const collector = await Collector.start();
  await using program = await Commanded.start(collector.runtime);
  await program.do("write", 64);
  await collector.until((line) => line.kind === "data");
  collector.process.kill("SIGSTOP");
  await program.do("write", 15 << 10);
  collector.process.kill("SIGCONT");
  await collector.until((line) => line.kind === "data" && line.offset >= 15 << 20);
  await collector.stop();
  const [flow] = collector.flows;
  assert.deepEqual([flow.bytes[0], flow.gaps[0]], [(64 + (15 << 10)) << 10, 0]);
});

/** A process's region, to be written to. */
function openRegion(pid: number): Deno.FsFile {
  const line = Deno.readTextFileSync(`/proc/${pid}/maps`).split("\n").find((line) =>
    line.includes("/memfd:sslcollector:")
  );
  const range = line?.split(" ")[0].split("-").map((address) => address.replace(/^0+/, "")).join("-");
  return Deno.openSync(`/proc/${pid}/map_files/${range}`, { read: true, write: true });
}

Deno.test(
  "a program of which a record is never finished claims another ring of its region",
  skipIf(notRoot("opening another process's memory")),
  async () => {
    const collector = await Collector.start();
    await using program = await Commanded.start(collector.runtime);
    const { mapped } = await program.do("write", 16);
    await collector.until((line) => line.kind === "data");
    using region = openRegion(program.child.pid);
    region.seekSync(RING_RETIRED, Deno.SeekMode.Start);
    region.writeSync(Uint8Array.of(RETIRED_AGAIN, 0, 0, 0));
    assert.equal((await program.do("write", 16)).mapped, mapped);
    await collector.until((line) => line.kind === "data" && line.offset === 16 << 10);
    await collector.stop();
    assert.deepEqual(collector.rings.map((ring) => ring.data), [16 << 10, 16 << 10]);
    const opens = collector.lines.filter((line) => line.kind === "open");
    assert.deepEqual(opens.map((line) => line.flags), [0, LATE]);
  },
);

/** Changes what the reader says of the first ring. */
function retire(region: Deno.FsFile, word: number): void {
  region.seekSync(RING_RETIRED, Deno.SeekMode.Start);
  region.writeSync(Uint8Array.of(word, 0, 0, 0));
}

/** Bytes and sessions that a program counted as skipped. */
function skipped(region: Deno.FsFile): [bytes: bigint, sessions: bigint] {
  const counters = new BigUint64Array(2);
  region.seekSync(RING_SKIPPED, Deno.SeekMode.Start);
  region.readSync(new Uint8Array(counters.buffer));
  return [counters[0], counters[1]];
}

Deno.test(
  "a program of which nothing is wanted tells nothing and counts it; wanted again, it goes on where it is",
  skipIf(notRoot("opening another process's memory")),
  async () => {
    const collector = await Collector.start();
    await using program = await Commanded.start(collector.runtime);
    await program.do("write", 16);
    await collector.until((line) => line.kind === "data");
    using region = openRegion(program.child.pid);
    assert.deepEqual(skipped(region), [0n, 0n]);
    retire(region, UNWANTED);
    const { mapped } = await program.do("write", 32 << 10);
    assert.equal((await program.do("write", 16)).mapped, mapped, "it makes no other ring");
    assert.deepEqual(skipped(region), [BigInt((32 << 20) + (16 << 10)), 1n]);
    retire(region, 0);
    await program.do("write", 16);
    await collector.until((line) => line.kind === "data" && line.offset === (32 << 20) + (32 << 10));
    retire(region, UNWANTED);
    await program.do("write", 16);
    assert.deepEqual(skipped(region), [BigInt((32 << 20) + (32 << 10)), 1n]);
    await collector.stop();
    assert.deepEqual(collector.rings.map((ring) => ring.data), [32 << 10]);
  },
);
