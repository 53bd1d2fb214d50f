// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { StdoutSink } from "../../../net/sinks/stdout.ts";
import { Connection } from "../../../net/forge/connection.ts";
import { PacketBuffer } from "../../../net/forge/packet_batch.ts";
import { IPV4_KEY, readSegments, testSettings, TIME_BASE_NS } from "../../support/capture.ts";

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
      return Promise.resolve(Math.min(777, bytes.length));
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
  const waiting: (() => void)[] = [];
  const options = { ...OPTIONS, warn: (message: string) => warnings.push(message) };
  const sink = new StdoutSink(options, {
    write: (bytes) =>
      new Promise((resolve) =>
        waiting.push(() => {
          parts.push(bytes.slice());
          resolve(bytes.length);
        })
      ),
  }, 200_000);
  for (let times = 0; times < 20; times++) forge(sink, 30);
  const flushed = sink.flush().then(() => true);
  for (let done = false; !done;) {
    waiting.shift()?.();
    done = await Promise.race([
      flushed,
      new Promise<false>((resolve) => setTimeout(() => resolve(false), 0)),
    ]);
  }
  await sink.close();
  const { counters } = sink;
  assert.ok(counters.dropped.get("slow-reader")! > 0);
  assert.equal(counters.packets, counters.written + sum(counters.dropped.values()));
  assert.equal(warnings.length, 1);
  assert.equal(readSegments(Uint8Array.from(parts.flatMap((part) => [...part]))).length, counters.written);
});

Deno.test("a closed pipe ends the sink cleanly, once", async () => {
  const messages: string[] = [];
  const options = { ...OPTIONS, stopped: (_: unknown, message: string) => messages.push(message) };
  const sink = new StdoutSink(options, {
    write: () => Promise.reject(Object.assign(new Deno.errors.BrokenPipe("Broken pipe"), { code: "EPIPE" })),
  });
  forge(sink, 10);
  await sink.flush();
  forge(sink, 10);
  await sink.close();
  assert.deepEqual(messages, ["-: the reader has gone"]);
  assert.equal(sink.counters.dropped.get("reader-gone"), sink.counters.packets);
  assert.equal(sink.counters.written, 0);
});
