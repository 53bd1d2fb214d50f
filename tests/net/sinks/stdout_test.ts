// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { StdoutSink } from "../../../net/sinks/stdout.ts";
import { Connection } from "../../../net/forge/connection.ts";
import { PacketBuffer } from "../../../net/forge/packet_batch.ts";
import { IPV4_KEY, readSegments, testSettings, TIME_BASE_NS } from "../../support/capture.ts";
import { runOk, withTempDir } from "../../support/run.ts";

const SOURCE = new URL("../../../", import.meta.url).href;
const OPTIONS = { application: "sslcollector test", interfaceName: "any" };

/** A batch of `packets` or a few more, kept. */
function forge(sink: StdoutSink, segments: number): void {
  const buffer = new PacketBuffer({ timeBaseNs: TIME_BASE_NS, onFull: (batch) => sink.write(batch) });
  const lane = new Connection(IPV4_KEY, buffer, testSettings());
  for (let at = 0; at < segments; at++) lane.write(1, new Uint8Array(1460), at);
  lane.close("fin", segments);
  buffer.flush();
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}

Deno.test("stdout gets a pcapng capture whatever it accepts at a time", async () => {
  const parts: Uint8Array[] = [];
  const sink = new StdoutSink(OPTIONS, {
    write(bytes) {
      parts.push(bytes.slice(0, 777));
      return Math.min(777, bytes.length);
    },
  });
  forge(sink, 100);
  await sink.flush();
  await sink.close();
  assert.equal(
    readSegments(Uint8Array.from(parts.flatMap((part) => [...part]))).length,
    sink.counters.packets,
  );
  assert.equal(sink.counters.written, sink.counters.packets);
});

Deno.test("a slow reader loses whole batches, counted, warned of once; what it gets is a capture", async () => {
  const parts: Uint8Array[] = [];
  const warnings: string[] = [];
  const options = { ...OPTIONS, warn: (message: string) => warnings.push(message) };
  let room = 0;
  const writer = {
    write(bytes: Uint8Array) {
      const taken = Math.min(bytes.length, room);
      room -= taken;
      parts.push(bytes.slice(0, taken));
      return taken;
    },
  };
  const sink = new StdoutSink(options, writer, { queueBytes: 200_000 });
  for (let times = 0; times < 20; times++) {
    forge(sink, 30);
    room += 20_000;
  }
  room = Infinity;
  await sink.close();
  const { counters } = sink;
  assert.ok(counters.dropped.get("slow-reader")! > 0);
  assert.equal(counters.packets, counters.written + sum(counters.dropped.values()));
  assert.equal(warnings.length, 1);
  assert.equal(readSegments(Uint8Array.from(parts.flatMap((part) => [...part]))).length, counters.written);
});

const PROGRAM = `
import { StdoutSink } from "${SOURCE}net/sinks/stdout.ts";
import { NumberedPackets } from "${SOURCE}tests/support/link_packets.ts";
import { NEVER_MS } from "${SOURCE}tests/support/patience.ts";
const sink = new StdoutSink({ application: "test", interfaceName: "any" }, undefined, { patienceMs: NEVER_MS });
await new Promise((resolve) => setTimeout(resolve, 0));
const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1514);
// All in one turn of the event loop, as a busy agent does.
packets.make(100_000);
await sink.close();
console.error(JSON.stringify([packets.count, sink.counters.written, Object.fromEntries(sink.counters.dropped)]));
`;

for (
  const into of [
    "| dd of=/dev/null bs=1M status=none",
    "| cat > /dev/null",
    "| head -c 1G > /dev/null",
    "> /dev/null",
  ]
) {
  Deno.test(`a reader that is as fast as a file gets every packet of a writer that lets no timer run: ${into}`, () =>
    withTempDir(async (folder) => {
      const script = `${folder}/write.ts`;
      Deno.writeTextFileSync(script, PROGRAM);
      const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
      const write = `${Deno.execPath()} run -A --no-check --config ${config} ${script} 2> ${folder}/said`;
      await runOk("sh", "-c", `${write} ${into}`);
      assert.deepEqual(JSON.parse(Deno.readTextFileSync(`${folder}/said`)), [100_000, 100_000, {}]);
    }));
}

Deno.test("a closed pipe ends the sink cleanly, once", async () => {
  const messages: string[] = [];
  const options = { ...OPTIONS, stopped: (_: unknown, message: string) => messages.push(message) };
  const sink = new StdoutSink(options, {
    write() {
      throw Object.assign(new Deno.errors.BrokenPipe("Broken pipe"), { code: "EPIPE" });
    },
  });
  forge(sink, 10);
  await sink.flush();
  forge(sink, 10);
  await sink.close();
  assert.deepEqual(messages, ["-: the reader has gone"]);
  assert.equal(sink.counters.dropped.get("reader-gone"), sink.counters.packets);
  assert.equal(sink.counters.written, 0);
});
