// SPDX-License-Identifier: MIT
/** Compression on the link: CPU time of both sides, bytes on the wire. @module */
import { type PacketBatch, PacketBuffer } from "../../net/forge/packet_batch.ts";
import {
  CLEAR_MAX,
  clearBytesOf,
  packableBytes,
  Packer,
  PACKING_ROOM,
  Unpacker,
} from "../../net/link/blocks/packing.ts";
import type { Compression } from "../../net/link/remote_sink.ts";
import { PACKET_FRAME } from "../../net/wire/pcapng.ts";
import { cuttingProxy } from "../support/cutting_proxy.ts";
import { remoteSink, TestLog, type TestPki } from "../support/link_harness.ts";
import { Random } from "../support/random.ts";
import { startCollector } from "./link_collector.ts";
import { cpuNs, median, ratioText, spread } from "./measure.ts";
import type { BenchRow } from "./row.ts";
import { FRAME_LENGTH, fullBatch } from "./tls_copy.ts";

const ROUNDS = 3;
const QUEUED_MAX = 8 << 20;
/** Of text, to compare CPU time. */
const TEXT_PACKETS = 150_000;
/** Some megabytes of packets. */
const TEXT_BATCHES = 40;
const HEADERS_LENGTH = 54;
/** Of TCP, in a frame. */
const SEQUENCE_AT = 38;

/** Answers of a web application: rows of a table in HTML, each with values of its own, and the same head on each page. */
function applicationPages(random: Random): Uint8Array[] {
  const names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"];
  const name = () => names[random.below(names.length)];
  const head =
    `<!doctype html><html><head><title>Orders</title><link rel="stylesheet" href="/main.css"></head>`;
  const row = () =>
    `<tr class="order"><td><a href="/orders/${random.below(1e6)}">${random.below(1e6)}</a></td>` +
    `<td>${name()}.${name()}@example.org</td><td>2026-11-${10 + random.below(20)}</td>` +
    `<td class="amount">${random.below(1000)}.${10 + random.below(90)} EUR</td><td>delivered</td></tr>\n`;
  return Array.from(
    { length: 50 },
    () =>
      new TextEncoder().encode(
        `${head}<body><table>${Array.from({ length: 100 }, row).join("")}</table></body></html>`,
      ),
  );
}

/** This project's pages, which hardly repeat within what zstd looks back. */
function prosePages(): Uint8Array[] {
  return [...Deno.readDirSync("docs")].filter(({ name }) => name.endsWith(".md")).map(({ name }) =>
    Deno.readFileSync(`docs/${name}`)
  );
}

/** Batches of frames that carry the pages, one after the other and again. */
function textBatches(pages: readonly Uint8Array[]): PacketBatch[] {
  const batches: PacketBatch[] = [];
  const buffer = new PacketBuffer({
    timeBaseNs: 1_700_000_000_000_000_000n,
    onFull: ({ count, blocks }) => batches.push({ count, blocks: blocks.slice() }),
  });
  const headers = fullBatch().blocks.slice(PACKET_FRAME, PACKET_FRAME + HEADERS_LENGTH);
  for (let page = 0, packets = 0; batches.length < TEXT_BATCHES; page = (page + 1) % pages.length) {
    for (let at = 0; at < pages[page].length; at += FRAME_LENGTH - HEADERS_LENGTH) {
      const payload = pages[page].subarray(at, at + FRAME_LENGTH - HEADERS_LENGTH);
      const frame = buffer.reserve(HEADERS_LENGTH + payload.length, packets * 10_000);
      const { bytes } = buffer.memory;
      new DataView(headers.buffer).setUint32(SEQUENCE_AT, packets++ * payload.length);
      bytes.set(headers, frame);
      bytes.set(payload, frame + HEADERS_LENGTH);
    }
  }
  return batches;
}

/** CPU nanoseconds of agent and collector together for a byte of the text's packets. */
async function textCost(
  pki: TestPki,
  batches: readonly PacketBatch[],
  compress: Compression,
): Promise<number> {
  const collector = startCollector(pki, "/dev/null", 1);
  const port = Number((await collector.find(/^port (\d+)/))[1]);
  const sink = remoteSink(`127.0.0.1:${port}`, pki.agent, new TestLog(), { compress });
  const cost = () => cpuNs(Deno.pid) + cpuNs(collector.child.pid);
  let before = 0;
  let bytesBefore = 0;
  for (let at = 0, warm = true; sink.counters.packets < TEXT_PACKETS; at = (at + 1) % batches.length) {
    while (sink.queuedBytes > QUEUED_MAX) await new Promise((resolve) => setTimeout(resolve, 10));
    sink.write(batches[at]);
    if (!warm || sink.counters.packets < TEXT_PACKETS / 10) continue;
    while (sink.counters.written < sink.counters.packets) await sink.flush();
    [warm, before, bytesBefore] = [false, cost(), sink.counters.writtenBytes];
  }
  while (sink.counters.written < sink.counters.packets) await sink.flush();
  const spent = (cost() - before) / (sink.counters.writtenBytes - bytesBefore);
  await sink.close();
  await collector.finish();
  return spent;
}

/** CPU nanoseconds that packing and unpacking take by themselves for a byte of the text's packets. */
function packingCost(batches: readonly PacketBatch[]): number {
  const [packer, unpacker] = [new Packer(), new Unpacker()];
  const [packed, memory] = [new Uint8Array(PACKING_ROOM), new Uint8Array(CLEAR_MAX)];
  let bytes = 0;
  const before = cpuNs(Deno.pid);
  for (const { blocks } of batches) {
    for (let at = 0; at < blocks.length;) {
      const clear = blocks.subarray(at, at + packableBytes(blocks.subarray(at)));
      const block = packed.subarray(0, packer.pack(clear, packed, 0));
      if (block.length > 0) unpacker.unpack(block, clearBytesOf(block), memory, 0);
      at += clear.length;
    }
    bytes += blocks.length;
  }
  const spent = (cpuNs(Deno.pid) - before) / bytes;
  packer.close();
  return spent;
}

/** Bytes on the wire for each byte of the text's packets. */
async function textShare(pki: TestPki, batches: readonly PacketBatch[]): Promise<number> {
  const collector = startCollector(pki, "/dev/null", 1);
  await using proxy = cuttingProxy(Number((await collector.find(/^port (\d+)/))[1]), () => Infinity);
  const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, new TestLog(), { compress: "on" });
  for (const batch of batches) sink.write(batch);
  await sink.flush();
  await sink.close();
  await collector.finish();
  return proxy.bytes / sink.counters.writtenBytes;
}

/** Needs the checkout as its working directory. */
export async function compressionRows(pki: TestPki): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (
    const [name, pages] of [["pages of an application", applicationPages(new Random(1))], [
      "prose",
      prosePages(),
    ]] as const
  ) {
    const batches = textBatches(pages);
    const ratios: number[] = [];
    const packing: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const off = await textCost(pki, batches, "off");
      ratios.push(await textCost(pki, batches, "on") / off);
      packing.push(packingCost(batches) / off);
    }
    const share = await textShare(pki, batches);
    rows.push({
      name: `CPU of both sides for ${name}, compressed / not`,
      value: ratioText(spread(ratios)),
      target: "<= 1.4",
      ok: median(ratios) <= 1.4,
    }, {
      name: "  zstd alone, packing and unpacking / all of the link without it",
      value: ratioText(spread(packing)),
    }, {
      name: "  bytes on the wire, compressed / not",
      value: share.toFixed(3),
      target: "<= 0.2",
      ok: share <= 0.2,
    });
  }
  return rows;
}
