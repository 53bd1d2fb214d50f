// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CaptureAddress, CaptureTarget } from "../../../../net/capture/target.ts";
import {
  RecordingError,
  RecordingReader,
  type RecordingSource,
} from "../../../../net/capture/recording/reader.ts";
import { RecordingWriter } from "../../../../net/capture/recording/writer.ts";
import { OPEN_EXAMPLE } from "../../../support/capture_examples.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import { seededRandom } from "../../../support/random.ts";

const TIME_BASE_NS = 1_700_000_000_123_456_789n;

/** A source that gives at most `most` bytes at a time. */
function source(bytes: Uint8Array, most = 65_536): RecordingSource {
  let at = 0;
  return {
    read(buffer) {
      if (at === bytes.length) return Promise.resolve(null);
      const length = Math.min(most, buffer.length, bytes.length - at);
      buffer.set(bytes.subarray(at, at + length));
      at += length;
      return Promise.resolve(length);
    },
  };
}

/** Every kind of call, in one of its shapes. */
function tell(target: CaptureTarget): void {
  const program = {
    id: 1,
    pid: 4_000_000_000,
    uid: 33,
    comm: "nginx",
    networkNamespace: 4_026_531_840,
    ancestors: [7, 1],
    container: "3f2a9c000000",
    pod: "8f1d2c3b-1a2b-3c4d-5e6f-0123456789ab",
    executable: "/usr/sbin/nginx",
    cgroup: "/system.slice/nginx.service",
    source: "probes",
    containerName: "app",
    podName: "shop/web-7",
  } as const;
  const other = { id: 2, pid: 7, uid: 0, comm: "", ancestors: [], isTrusted: true, cgroup: "/✗" } as const;
  const ip = Uint8Array.from({ length: 16 }, (_, i) => 255 - i);
  const address: CaptureAddress = { grade: "nested", localIp: ip, localPort: 1, remoteIp: ip, remotePort: 2 };
  const { clientRandom } = OPEN_EXAMPLE;
  target.programStart(program, 0);
  target.tick(250_000_000);
  target.open(program, 2 ** 52 - 1, OPEN_EXAMPLE, 300_000_000);
  const confirmed = { ...OPEN_EXAMPLE.address!, confirmed: true };
  target.open(program, 3, { ...OPEN_EXAMPLE, address: confirmed }, 300_000_000);
  target.programStart(other, 300_000_000);
  target.hello(other, { address, clientRandom, received: true, carrier: 0 }, 300_000_001);
  const denied = { ...address, confirmed: false };
  target.hello(other, { address: denied, clientRandom, received: true, carrier: 0 }, 300_000_001);
  target.hello(other, { address: undefined, clientRandom: "", received: false, carrier: 2 ** 40 }, 2 ** 51);
  target.wire({
    kind: "interfaces",
    interfaces: [{ name: "eth0", addresses: ["10.0.0.1"], isSeen: true }, {
      name: "✗",
      addresses: [],
      isSeen: false,
    }],
  }, 300_000_001);
  const key = { client: { ip, port: 65_535 }, server: { ip, port: 1 } };
  const short = { client: { ip: ip.slice(12), port: 0 }, server: { ip: ip.slice(2, 6), port: 443 } };
  const [clientMac, serverMac] = [ip.slice(0, 6), ip.slice(6, 12)];
  target.wire({ kind: "hello", clientRandom, key }, 300_000_001);
  target.wire({ kind: "hello", clientRandom, key: short, link: { clientMac, serverMac } }, 300_000_001);
  target.wire({ kind: "hello", clientRandom, key, link: { clientMac, serverMac, vlan: 0 } }, 300_000_001);
  target.wire(
    { kind: "hello", clientRandom, key, link: { clientMac, serverMac }, isSent: true },
    300_000_001,
  );
  target.wire({ kind: "hello", clientRandom: "", key, isSent: true }, 300_000_001);
  for (const bytes of [0, 1, 31]) {
    target.wire({ kind: "hello", clientRandom: clientRandom.slice(0, 2 * bytes), key }, 300_000_001);
  }
  target.wire({ kind: "lost", hellos: 2 ** 40 }, 300_000_001);
  target.data(program, 2 ** 52 - 1, 1, 2 ** 51, new TextEncoder().encode("clear text"), 300_000_001);
  target.data(other, 1, 0, 0, Uint8Array.of(1), 300_000_001);
  target.gap(other, 1, { direction: 0, offset: 1, length: 2 ** 50, reason: "ring-full" }, 300_000_002);
  target.gap(other, 1, { direction: 1, offset: 0, length: 1, reason: "never-seen-✗" }, 300_000_002);
  target.close(program, 2 ** 52 - 1, "orderly", 300_000_003);
  target.close(other, 1, "abrupt", 300_000_003);
  target.close(other, 2, "died", 300_000_003);
  const losses = [
    { reason: "ring-full", unit: "bytes", amount: 2 ** 51 },
    { reason: "unfinished-records", unit: "records", amount: 3 },
    { reason: "sessions-unmirrored", unit: "sessions", amount: 4 },
  ] as const;
  target.programEnd(program, { losses, stopped: undefined }, 300_000_004);
  target.programEnd(other, { losses: [], stopped: "it wrote ✗" }, 300_000_004);
  target.tick(500_000_000);
}

/** Records `calls`; answers the file's bytes and what reached the target behind the writer. */
async function record(calls: (target: CaptureTarget) => void): Promise<[Uint8Array, CaptureLog]> {
  const path = await Deno.makeTempFile();
  try {
    const log = new CaptureLog();
    const writer = new RecordingWriter(path, { timeBaseNs: TIME_BASE_NS, target: log });
    calls(writer);
    writer.finish();
    writer.finish();
    return [await Deno.readFile(path), log];
  } finally {
    await Deno.remove(path);
  }
}

async function replay(bytes: Uint8Array, most?: number) {
  const log = new CaptureLog();
  try {
    const reader = await RecordingReader.from(source(bytes, most), bytes.length);
    const result = await reader.replay(log);
    return { log, result, reader, error: undefined };
  } catch (error) {
    assert(error instanceof RecordingError, String(error));
    return { log, error };
  }
}

Deno.test("a replay makes the calls that were recorded", async () => {
  const [bytes, told] = await record(tell);
  const again = await replay(bytes);
  // The program of a record is what the kernel said, in the record and beside it.
  const expected = structuredClone(told.calls);
  Object.assign(expected[2][3] as object, { pid: 4_000_000_000, uid: 33 });
  assert.deepEqual(again.log.calls, expected);
  assert.equal(again.reader!.timeBaseNs, TIME_BASE_NS);
  assert.deepEqual(again.result, { entries: expected.length + 1, bytesRead: bytes.length });
});

Deno.test("programs have other numbers where those of the recording may be taken", async () => {
  const [bytes, told] = await record(tell);
  const log = new CaptureLog();
  let number = 40;
  await (await RecordingReader.from(source(bytes))).replay(log, { nextProgram: () => number++ });
  const ids = (calls: CaptureLog["calls"]) =>
    calls.filter(([name]) => name !== "tick" && name !== "wire").map(([, program]) =>
      (program as { id: number }).id
    );
  assert.deepEqual(ids(log.calls), ids(told.calls).map((id) => id + 39));
});

Deno.test("what arrives a byte at a time is the same", async () => {
  const [bytes, told] = await record(tell);
  assert.deepEqual((await replay(bytes, 1)).log.calls, told.calls);
});

Deno.test("a recording cut at any byte gives one error that names the place, after all before it", async () => {
  const [bytes, told] = await record(tell);
  let delivered = 0;
  for (let length = 0; length < bytes.length; length++) {
    const { log, error } = await replay(bytes.subarray(0, length));
    assert(error !== undefined, `cut at ${length}`);
    assert.equal(error.offset, length);
    assert.match(error.message, /^The recording is cut/);
    assert(log.calls.length >= delivered);
    delivered = log.calls.length;
    assert.deepEqual(log.calls, told.calls.slice(0, delivered));
  }
  assert.equal(delivered, told.calls.length);
});

Deno.test("large payloads and long recordings are read with bounded memory and told progress", async () => {
  const random = seededRandom("recording");
  const program = { id: 1, pid: 1, uid: 1, comm: "x" };
  const path = await Deno.makeTempFile();
  const sizes = [1 << 20, (1 << 20) - 80, (1 << 20) - 81, (16 << 20) - 256, 1, 16_384];
  const blocks = sizes.map((size) => new Uint8Array(size).fill(random.below(256)));
  const writer = new RecordingWriter(path, { timeBaseNs: 0n, target: new CaptureLog() });
  writer.programStart(program, 0);
  const order = Array.from({ length: 60 }, () => random.below(blocks.length));
  let offset = 0;
  for (const i of order) {
    writer.data(program, 1, 0, offset, blocks[i], offset);
    offset += blocks[i].length;
  }
  writer.programEnd(program, { losses: [], stopped: undefined }, offset);
  writer.finish();
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  let at = 0;
  let index = 0;
  const progress: number[] = [];
  const target: CaptureTarget = {
    ...new CaptureLog(),
    data: (_program, _flow, _direction, from, bytes) => {
      const block = blocks[order[index++]];
      assert.equal(from, at);
      assert.equal(bytes.length, block.length);
      assert(bytes[0] === block[0] && bytes.at(-1) === block[0]);
      at += bytes.length;
    },
  };
  const reader = await RecordingReader.open(path);
  let batches = 0;
  await reader.replay(target, {
    onBatch: () => Promise.resolve(void batches++),
    progress: (bytesRead, totalBytes) => {
      assert.equal(totalBytes, reader.totalBytes);
      progress.push(bytesRead);
    },
  });
  assert.equal(at, offset);
  assert.equal(progress.at(-1), reader.totalBytes);
  assert.deepEqual(progress, progress.toSorted((a, b) => a - b));
  assert.equal(batches, progress.length);
  await Deno.remove(path);
});

Deno.test("a replay can be stopped", async () => {
  const [bytes] = await record(tell);
  const reader = await RecordingReader.from(source(bytes, 64));
  const stop = new AbortController();
  stop.abort(new Error("enough"));
  await assert.rejects(reader.replay(new CaptureLog(), { signal: stop.signal }), /enough/);
});

Deno.test("other files are refused by name", async () => {
  const [bytes] = await record(tell);
  await assert.rejects(
    RecordingReader.open("/nonexistent/recording"),
    /Cannot replay "\/nonexistent\/recording"/,
  );
  const pcapng = Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a, ...new Uint8Array(100));
  await assert.rejects(RecordingReader.from(source(pcapng)), /This is no recording but a capture, for/);
  const newer = bytes.slice();
  newer[8] = 4;
  await assert.rejects(RecordingReader.from(source(newer)), /of version 4, this program reads 1 to 3/);
  const longer = Uint8Array.of(...bytes, 0);
  assert.match((await replay(longer)).error!.message, /goes on after its end mark/);
});

Deno.test("rubbish never crashes, hangs or delivers what no source tells", async () => {
  const random = seededRandom("recording rubbish");
  const [bytes, told] = await record(tell);
  for (let run = 0; run < 3000; run++) {
    const wrong = bytes.slice(0, random.oneIn(4) ? random.below(bytes.length) : undefined);
    for (let i = 0; i <= random.below(4) && wrong.length > 0; i++) {
      const at = random.oneIn(3) ? random.below(wrong.length) : 32 + 8 * random.below(wrong.length >> 3);
      if (at >= wrong.length) continue;
      if (random.oneIn(10)) wrong.set(random.bytes(Math.min(64, wrong.length - at)), at);
      else {
        wrong[at] = random.oneIn(2) ? random.below(256) : wrong[at] ^ 1 << random.below(8);
      }
    }
    const { log } = await replay(wrong, 1 + random.below(500));
    assert(log.calls.length <= told.calls.length + 1);
    for (const call of log.calls) {
      for (const argument of call) {
        assert(typeof argument !== "number" || argument >= 0 && argument < 2 ** 52);
      }
    }
  }
});

Deno.test("a disk that is full ends the recording, told once, and not the capture", async () => {
  const failures: string[] = [];
  const log = new CaptureLog();
  const options = { timeBaseNs: 0n, target: log, failed: (message: string) => failures.push(message) };
  const writer = new RecordingWriter("/dev/full", options);
  for (let i = 0; i < 5; i++) tell(writer);
  writer.finish();
  assert.equal(failures.length, 1);
  assert.match(failures[0], /Cannot record to "\/dev\/full" any more: .*No space/);
  assert.equal(log.of("tick").length, 10);
  await Promise.resolve();
  assert.throws(() => new RecordingWriter("/nonexistent/x", options), /Cannot record to "\/nonexistent\/x"/);
});
