// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { HookReceiver } from "../../net/capture/preload/hook_source.ts";
import { RING, WORD } from "../../net/capture/record/layout.ts";
import { CaptureLog } from "../support/capture_log.ts";
import { certificateFiles, Collector, compile, hooked, run, WORK } from "./native.ts";
import { Commanded } from "./commanded.ts";
import { TextLineStream } from "../support/lines.ts";
import { notRoot, skipIf } from "../support/skip.ts";
import { until } from "../support/until.ts";

const PROGRAMS = new URL("./programs/", import.meta.url).pathname;
const LATE = 4, UPDATE = 1;

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

Deno.test("a program goes over to the next agent, its flow marked late, with the hellos of before", async () => {
  const first = await Collector.start();
  const program = await Steps.start(first.runtime);
  await program.step("one");
  await first.until((line) => line.kind === "data" && line.direction === 1);
  await first.stop();
  const second = await Collector.start(first.runtime);
  let steps = 1;
  await until("data of the program", async () => {
    await program.step("more");
    steps++;
    return second.lines.some((line) => line.kind === "data");
  }, 0);
  await program.step("end");
  await program.end();
  await second.stop();
  const [before] = first.flows, [after] = second.flows;
  assert.equal(after.open.random, before.open.random);
  assert.equal(after.open.flags & LATE, LATE);
  assert.equal(before.open.flags & LATE, 0);
  assert.ok(after.open.offsets[0] >= 4, "offsets do not go on");
  for (const flow of second.flows) {
    const direction = 0;
    assert.equal(flow.open.offsets[direction] + flow.bytes[direction], 4 + (steps - 1) * 5 + 4);
  }
  assert.deepEqual(
    second.hellos.map((hello) => hello.random),
    [before.open.random, before.open.random],
  );
});

Deno.test("a session that begins without an agent is late for one that comes", async () => {
  const place = await Collector.start();
  await place.stop();
  await Deno.remove(`${place.runtime}/control`);
  const program = await Steps.start(place.runtime);
  await program.step("unseen");
  const collector = await Collector.start(place.runtime);
  await until("data of the program", async () => {
    await program.step("more");
    return collector.lines.some((line) => line.kind === "data");
  }, 0);
  await program.end();
  await collector.stop();
  for (const flow of collector.flows) {
    assert.equal(flow.open.flags & LATE, LATE);
    assert.equal(flow.open.grade, "socket");
    assert.ok(collector.hellos.some((hello) => hello.random === flow.open.random));
  }
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
    assert.equal(carrier.open.grade, "socket");
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

Deno.test("an agent that was killed costs a program no memory for long", async () => {
  const collector = await Collector.start();
  await using program = await Commanded.start(collector.runtime);
  await program.do("write", 64);
  await collector.until((line) => line.kind === "data");
  await collector.kill();
  const { shared } = await program.do("write", 8 << 10);
  assert(shared > 8 << 10);
  await until("the memory to come back", async () => (await program.do("write", 16)).shared <= 200, 200);
  assert((await program.do("write", 64 << 10)).shared < 200);
  // The next agent sees the program.
  const second = await Collector.start(collector.runtime);
  await until("data of the program", async () => {
    await program.do("write", 16);
    return second.lines.some((line) => line.kind === "data");
  }, 100);
  await second.stop();
});

Deno.test("a stopped agent finds what was written; what comes later than it can be away costs no memory", async () => {
  const collector = await Collector.start();
  await using program = await Commanded.start(collector.runtime);
  await program.do("write", 64);
  await collector.until((line) => line.kind === "data");
  collector.process.kill("SIGSTOP");
  const { shared } = await program.do("write", 4 << 10);
  let written = 64 + (4 << 10);
  for (const endMs = performance.now() + 8000; performance.now() < endMs; written += 16) {
    await program.do("write", 16);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert((await program.do("write", 32 << 10)).shared < shared + 2048);
  written += 32 << 10;
  collector.process.kill("SIGCONT");
  await collector.until((line) => line.kind === "data" && line.offset >= 4 << 20);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await program.do("write", 16);
  await collector.stop();
  const [flow] = collector.flows;
  assert(flow.bytes[0] >= 4 << 20 && flow.gaps[0] > 30 << 20, `${flow.bytes} bytes, ${flow.gaps} missing`);
  assert.equal(flow.bytes[0] + flow.gaps[0], (written + 16) << 10);
});

/** A process's region, to be written to. */
function openRegion(pid: number): Deno.FsFile {
  const line = Deno.readTextFileSync(`/proc/${pid}/maps`).split("\n").find((line) =>
    line.includes("/memfd:sslc")
  );
  const range = line?.split(" ")[0].split("-").map((address) => address.replace(/^0+/, "")).join("-");
  return Deno.openSync(`/proc/${pid}/map_files/${range}`, { read: true, write: true });
}

Deno.test(
  "a program of which a record is never finished makes another ring",
  skipIf(notRoot("opening another process's memory")),
  async () => {
    const runtime = Deno.makeTempDirSync({ dir: WORK });
    const log = new CaptureLog();
    const timeBaseNs = BigInt(Date.now()) * 1_000_000n;
    const receiver = new HookReceiver({ runtimeDir: runtime, target: log, timeBaseNs, blockedMs: 200 });
    const running = receiver.run();
    try {
      await using program = await Commanded.start(runtime);
      await program.do("write", 16);
      await log.until(() => log.of("data").length === 1);
      using region = openRegion(program.child.pid);
      // As if a thread had reserved a place: the ring is empty, so it is slot 0.
      const head = new DataView(new ArrayBuffer(8));
      region.seekSync(RING.head, Deno.SeekMode.Start);
      region.readSync(new Uint8Array(head.buffer));
      const sequence = head.getBigUint64(0, true) + 1n & (1n << 29n) - 1n;
      head.setBigUint64(0, sequence | 1n << BigInt(WORD.slotShift) | 1n << BigInt(WORD.freshShift), true);
      region.seekSync(RING.head, Deno.SeekMode.Start);
      region.writeSync(new Uint8Array(head.buffer));
      await until("another ring", async () => {
        await program.do("write", 16);
        return log.of("programStart").length >= 2;
      }, 50);
      assert.deepEqual(log.end(1), {
        losses: [{ reason: "unfinished-records", unit: "records", amount: 1 }],
        stopped: undefined,
      });
      const data = log.of("data").length;
      const { mapped } = await program.do("write", 16);
      await log.until(() => log.of("data").length > data);
      assert(mapped < 750 << 10, `${mapped} KiB are mapped`);
    } finally {
      await receiver.close();
      await running;
    }
  },
);
