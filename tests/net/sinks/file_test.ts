// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Connection } from "../../../net/forge/connection.ts";
import type { PacketBatch } from "../../../net/forge/packet_batch.ts";
import { PacketBuffer } from "../../../net/forge/packet_batch.ts";
import type { Sink } from "../../../net/sinks/sink.ts";
import { FileSink } from "../../../net/sinks/file.ts";
import { rotatedPath } from "../../../net/sinks/rotated_path.ts";
import type { SinkOptions } from "../../../net/sinks/sink_options.ts";
import { PcapngReader } from "../../support/pcapng_reader.ts";
import { mountMissing } from "../../support/mount.ts";
import { IPV4_KEY, readSegments, testSettings, TIME_BASE_NS } from "../../support/capture.ts";
import { missing, runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { tsharkFields } from "../../support/tshark.ts";

const OPTIONS: SinkOptions = { application: "sslcollector test", interfaceName: "eth7" };

/** Forges `segments` full segments, and hands each `perFlush` on as a batch. */
function forgeInto(sink: Sink, segments: number, perFlush = 100): number {
  let packets = 0;
  const buffer = new PacketBuffer({
    timeBaseNs: TIME_BASE_NS,
    onFull: (batch: PacketBatch) => {
      packets += batch.count;
      sink.write(batch);
    },
  });
  const lane = new Connection(IPV4_KEY, buffer, testSettings());
  lane.comment("first");
  for (let at = 0; at < segments; at++) {
    lane.write(1, new Uint8Array(1460).fill(at), at * 1000);
    if (at % perFlush === 0) buffer.flush();
  }
  lane.close("fin", segments * 1000);
  buffer.flush();
  return packets;
}

function assertSums({ counters }: Sink): void {
  let dropped = 0;
  for (const packets of counters.dropped.values()) dropped += packets;
  assert.equal(counters.packets, counters.written + dropped);
}

Deno.test("pcapng: all packets, the interface and its statistics", () =>
  withTempDir(async (folder) => {
    const path = `${folder}/out.pcapng`;
    const sink = new FileSink(path, true, OPTIONS);
    const packets = forgeInto(sink, 500);
    await sink.flush();
    await sink.close();
    await sink.close();
    assert.equal(sink.counters.written, packets);
    assertSums(sink);
    const bytes = Deno.readFileSync(path);
    assert.equal(readSegments(bytes).length, packets);
    const reader = new PcapngReader();
    reader.push(bytes);
    const kinds = new Map<string, unknown>();
    for (let answer = reader.next(); answer.state === "value"; answer = reader.next()) {
      kinds.set(answer.value.kind, answer.value);
    }
    assert.equal((kinds.get("interface") as { name: string }).name, "eth7");
    assert.deepEqual(kinds.get("statistics"), {
      kind: "statistics",
      interfaceId: 0,
      received: packets,
      dropped: 0,
    });
    sink.write({ count: 1, blocks: new Uint8Array(0) });
    assert.equal(sink.counters.dropped.get("sink-closed"), 1);
    assertSums(sink);
  }));

Deno.test({
  name: "pcap and pcapng: tshark reads the same packets and nanoseconds from both",
  ...skipIf(missing("tshark", "capinfos")),
  fn: () =>
    withTempDir(async (folder) => {
      const rows = [];
      for (const format of ["pcap", "pcapng"]) {
        const path = `${folder}/out.${format}`;
        const sink = new FileSink(path, format === "pcapng", OPTIONS);
        forgeInto(sink, 300);
        await sink.close();
        rows.push(await tsharkFields(path, "tcp", ["frame.time_epoch", "tcp.seq", "tcp.len", "frame.len"]));
        assert.match(await runOk("capinfos", path), /Strict time order:\s+True/);
      }
      // Acknowledged are the first 16 writes, and every second one behind them.
      assert.equal(rows[0].length, 3 + 300 + 16 + 142 + 3);
      assert.deepEqual(rows[0], rows[1]);
      assert.equal(rows[0][10][0].split(".")[0], String(TIME_BASE_NS / 1_000_000_000n));
    }),
});

for (const isPcapng of [true, false]) {
  Deno.test(`rotation by size keeps each file below it and no packet is lost (pcapng: ${isPcapng})`, () =>
    withTempDir(async (folder) => {
      const rotateBytes = 50_000;
      const sink = new FileSink(`${folder}/out.cap`, isPcapng, { ...OPTIONS, rotateBytes });
      const packets = forgeInto(sink, 400, 37);
      await sink.close();
      assert.equal(sink.counters.written, packets);
      const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
      assert.ok(names.length > 10);
      names.forEach((name, at) => {
        assert.match(name, new RegExp(`^out_${String(at + 1).padStart(5, "0")}_\\d{14}\\.cap$`));
        // A file may end with its statistics beyond the limit.
        assert.ok(Deno.statSync(`${folder}/${name}`).size <= rotateBytes + 100);
      });
      if (isPcapng) {
        const total = names.reduce(
          (sum, name) => sum + readSegments(Deno.readFileSync(`${folder}/${name}`)).length,
          0,
        );
        assert.equal(total, packets);
      }
    }));
}

Deno.test("rotation by time, with the oldest deleted; no empty files while idle", () =>
  withTempDir(async (folder) => {
    let nowMs = Date.UTC(2024, 0, 31, 12);
    const options = { ...OPTIONS, rotateMs: 60_000, keep: 2 };
    const sink = new FileSink(`${folder}/out.pcapng`, true, options, () => nowMs);
    for (let minute = 0; minute < 5; minute++) {
      forgeInto(sink, 2);
      nowMs += 59_999;
      forgeInto(sink, 2);
      nowMs += 1;
    }
    nowMs += 3_600_000;
    await sink.close();
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assert.deepEqual(names.map((name) => name.slice(0, 9)), ["out_00004", "out_00005"]);
    assert.ok(sink.path.endsWith(names[1]));
    for (const name of names) assert.equal(readSegments(Deno.readFileSync(`${folder}/${name}`)).length, 18);
  }));

Deno.test("files of earlier runs are within the bound of a series, other files are left alone", () =>
  withTempDir(async (folder) => {
    const others = [
      "out_00001_2024.pcapng",
      "out_1_20240131120000.pcapng",
      "out2_00001_20240131120000.pcapng",
    ];
    for (const name of others) Deno.writeTextFileSync(`${folder}/${name}`, "");
    let nowMs = new Date(2024, 0, 31, 12).getTime();
    const run = async () => {
      const options = { ...OPTIONS, rotateMs: 60_000, keep: 3 };
      const sink = new FileSink(`${folder}/out.pcapng`, true, options, () => nowMs);
      for (let minute = 0; minute < 2; minute++, nowMs += 60_000) forgeInto(sink, 2);
      await sink.close();
    };
    for (let runs = 0; runs < 3; runs++) await run();
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
      !others.includes(name)
    );
    assert.deepEqual(names.sort(), [
      "out_00001_20240131120400.pcapng",
      "out_00002_20240131120300.pcapng",
      "out_00002_20240131120500.pcapng",
    ]);
    for (const name of others) assert(Deno.statSync(`${folder}/${name}`).isFile);
  }));

Deno.test("a new file is for its owner only, one that was there keeps its mode", () =>
  withTempDir(async (folder) => {
    const modes = [];
    for (const name of ["new", "old"]) {
      const path = `${folder}/${name}.pcapng`;
      if (name === "old") Deno.writeTextFileSync(path, "", { mode: 0o640 });
      await new FileSink(path, true, OPTIONS).close();
      modes.push((Deno.statSync(path).mode ?? 0) & 0o777);
    }
    assert.deepEqual(modes, [0o600, 0o640]);
  }));

Deno.test("names of rotated files", () => {
  const timeMs = new Date(2024, 0, 31, 23, 59, 58).getTime();
  assert.equal(rotatedPath("/a.b/out.pcapng", 1, timeMs), "/a.b/out_00001_20240131235958.pcapng");
  assert.equal(rotatedPath("/a.b/out", 12, timeMs), "/a.b/out_00012_20240131235958");
  assert.equal(rotatedPath("./.hidden", 123456, timeMs), "./.hidden_123456_20240131235958");
});

for (const format of ["pcapng", "pcap"]) {
  Deno.test({
    name: `a full disk stops the sink once, with what was written readable (${format})`,
    ...skipIf(mountMissing(), missing("tshark")),
    fn: () =>
      withTempDir(async (folder) => {
        await runOk("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder);
        try {
          const messages: string[] = [];
          const path = `${folder}/out.${format}`;
          const stopped = (sink: Sink, message: string) => messages.push(`${sink.name}|${message}`);
          const sink = new FileSink(path, format === "pcapng", { ...OPTIONS, stopped });
          const packets = forgeInto(sink, 1000, 30);
          await sink.close();
          assert.equal(messages.length, 1);
          assert.match(messages[0], /\|.*No space left on device; the \d+ packets written before are whole$/);
          assert.equal(sink.counters.packets, packets);
          assert.ok(sink.counters.written > 100);
          assert.deepEqual([...sink.counters.dropped.keys()], ["disk-full"]);
          assertSums(sink);
          const rows = await tsharkFields(path, "frame", ["frame.number"]);
          assert.equal(rows.length, sink.counters.written);
        } finally {
          await runOk("umount", folder);
        }
      }),
  });
}

Deno.test("a directory that vanishes stops a rotating sink, not its caller", () =>
  withTempDir(async (folder) => {
    const messages: string[] = [];
    const inner = `${folder}/inner`;
    Deno.mkdirSync(inner);
    const stopped = (_: Sink, message: string) => messages.push(message);
    const sink = new FileSink(`${inner}/out.pcapng`, true, { ...OPTIONS, rotateBytes: 20_000, stopped });
    Deno.removeSync(inner, { recursive: true });
    forgeInto(sink, 200);
    await sink.close();
    assert.equal(messages.length, 1);
    assert.match(messages[0], /writing stopped: No such file or directory/);
    assertSums(sink);
  }));

Deno.test({
  name: "the process's file size limit stops the sink, not the process",
  ...skipIf(missing("prlimit", "tshark")),
  fn: () =>
    withTempDir(async (folder) => {
      const path = `${folder}/out.pcapng`;
      const url = (name: string) => JSON.stringify(new URL(`../../../net/${name}`, import.meta.url).href);
      const code = `
        import { FileSink } from ${url("sinks/file.ts")};
        import { PacketBuffer } from ${url("forge/packet_batch.ts")};
        const stopped = (_, message) => console.log(message);
        // The signal comes late where processors are busy, so that it may meet a sink that was closed since.
        for (let run = 1; run <= 10; run++) {
          const options = { application: "test", interfaceName: "any", stopped };
          const sink = new FileSink(${JSON.stringify(path)}, true, options);
          const buffer = new PacketBuffer({ timeBaseNs: 0n, onFull: (batch) => sink.write(batch) });
          for (let at = 0; at < 30000; at++) buffer.reserve(1000, at);
          buffer.flush();
          await sink.close();
          if (run === 10) console.log(sink.counters.written);
        }`;
      // The limit holds for Deno's own caches too: an empty folder for them, and a limit that they stay below.
      const caches = `DENO_DIR=${folder}/deno`;
      const said = await runOk("env", caches, "prlimit", "--fsize=20000000", Deno.execPath(), "eval", code);
      const lines = said.trim().split("\n");
      const written = lines.pop();
      assert.equal(lines.length, 10);
      for (const line of lines) {
        assert.match(line, /File too large; the \d+ packets written before are whole/);
      }
      const rows = await tsharkFields(path, "frame", ["frame.number"]);
      assert.equal(rows.length, Number(written));
    }),
});
