// SPDX-License-Identifier: MIT
/** What `http2to1` can do on one core: bodies, small exchanges, HPACK beside npm `hpack`, memory of an open flow. @module */
import { FieldList } from "../../codecs/http/field_list.ts";
import { Buffer } from "node:buffer";
import type { CodecOutput, CodecSession, Direction } from "../../codecs/codec.ts";
import { HpackDecoder } from "../../codecs/http2/hpack/decoder.ts";
import { http2to1 } from "../../codecs/http2to1/codec.ts";
import { usedBytes } from "../support/heap.ts";
import { finalStories, newNpmHpack } from "../support/hpack_stories.ts";
import {
  clientStart,
  data,
  END_STREAM,
  type Fields,
  headers,
  join,
  request,
  response,
  serverStart,
} from "../support/http2_frames.ts";
import type { BenchRow } from "./row.ts";

/** The best of so many rounds counts: what else the machine does only ever makes a round slower. */
const ROUNDS = 7;

/** Takes everything and keeps nothing. */
class NullOutput implements CodecOutput {
  bytes = 0;
  #lanes = 0;
  write(_lane: number, _direction: Direction, bytes: Uint8Array): void {
    this.bytes += bytes.length;
  }
  gap(): void {}
  openLane(): number {
    return ++this.#lanes;
  }
  close(): void {}
  comment(): void {}
  count(): void {}
}

const codec = http2to1();
const FLOW = { alpn: "h2", sni: "example.test", isServer: false, serverPort: 443, joinedLate: false };

function openFlow(output: NullOutput): CodecSession {
  const session = codec.open(FLOW, output);
  session.data(0, clientStart(), 0);
  session.data(1, serverStart(), 0);
  return session;
}

/** Seconds of `run` at its best, after one round to warm up. */
function secondsOf(run: () => void): number {
  run();
  const rounds = Array.from({ length: ROUNDS }, () => {
    const startMs = performance.now();
    run();
    return (performance.now() - startMs) / 1000;
  });
  return Math.min(...rounds);
}

/** Gbit of body a second. `bodyBytes` an exchange, in TLS records of 16 KiB. */
function bodyRate(bodyBytes: number, fields: Fields): number {
  const exchanges = Math.max(1, Math.floor(128e6 / bodyBytes));
  const record = data(1, new Uint8Array(16384 - 9).fill(0x61));
  const records = Math.ceil(bodyBytes / (16384 - 9));
  const seconds = secondsOf(() => {
    const session = openFlow(new NullOutput());
    for (let i = 0; i < exchanges; i++) {
      const id = 1 + 2 * i;
      session.data(0, headers(id, request("GET", `/${i}`), END_STREAM), 0);
      session.data(1, headers(id, response(200, ...fields)), 0);
      new DataView(record.buffer).setUint32(5, id);
      for (let k = 0; k < records; k++) session.data(1, record, 0);
      session.data(1, data(id, "", END_STREAM), 0);
    }
  });
  return exchanges * records * (16384 - 9) * 8 / seconds / 1e9;
}

/** Exchanges a second: 10 request and 8 response fields as a browser and a server send them, 200 bytes of body. */
function exchangeRate(): number {
  const count = 50_000;
  const client = newNpmHpack(), server = newNpmHpack();
  const toServer: Uint8Array[] = [], toClient: Uint8Array[] = [];
  const body = new Uint8Array(200).fill(0x61);
  for (let i = 0; i < count; i++) {
    const id = 1 + 2 * i;
    const asked = request(
      "GET",
      `/api/v1/items/${i}?page=${i % 7}`,
      ["user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"],
      ["accept", "application/json"],
      ["accept-language", "en-US,en;q=0.5"],
      ["accept-encoding", "gzip, deflate, br"],
      ["referer", "https://example.test/items"],
      ["cookie", "session=0123456789abcdef0123456789abcdef"],
    );
    const answered = response(
      200,
      ["server", "nginx"],
      ["date", `Mon, 21 Oct 2013 20:13:${10 + i % 50} GMT`],
      ["content-type", "application/json"],
      ["content-length", "200"],
      ["cache-control", "no-cache"],
      ["etag", `"${i.toString(16)}"`],
      ["vary", "accept-encoding"],
    );
    toServer.push(headers(id, Uint8Array.from(client.encode(asked)), END_STREAM));
    toClient.push(join(headers(id, Uint8Array.from(server.encode(answered))), data(id, body, END_STREAM)));
  }
  const seconds = secondsOf(() => {
    const session = openFlow(new NullOutput());
    for (let i = 0; i < count; i++) {
      session.data(0, toServer[i], 0);
      session.data(1, toClient[i], 0);
    }
  });
  return count / seconds;
}

/** Nanoseconds a field over all final http2jp stories: ours and npm hpack's, in turns. */
function hpackTimes(): { ours: number; npm: number } {
  const stories = finalStories().map(({ cases }) => cases.map(({ wire }) => wire));
  const buffers = stories.map((blocks) => blocks.map((block) => Buffer.from(block)));
  const list = new FieldList();
  const ours = () => {
    let fields = 0;
    for (const blocks of stories) {
      const decoder = new HpackDecoder();
      decoder.allowTableSize(65536);
      for (const block of blocks) {
        decoder.decode(block, 0, block.length, list);
        fields += list.count;
      }
    }
    return fields;
  };
  const npm = () => {
    let fields = 0;
    for (const blocks of buffers) {
      const decoder = newNpmHpack();
      for (const block of blocks) fields += decoder.decode(block).length;
    }
    return fields;
  };
  const times = { ours: [] as number[], npm: [] as number[] };
  for (let round = 0; round <= 3 * ROUNDS; round++) {
    for (const name of ["ours", "npm"] as const) {
      const startMs = performance.now();
      const fields = (name === "ours" ? ours : npm)();
      // The first round warms up.
      if (round > 0) times[name].push((performance.now() - startMs) * 1e6 / fields);
    }
  }
  return { ours: Math.min(...times.ours), npm: Math.min(...times.npm) };
}

/** Bytes of an open flow at rest whose dynamic tables are full: heap and buffers, over 2,000 flows. */
function restingBytes(): number {
  const client = newNpmHpack(), server = newNpmHpack();
  const conversation: [Direction, Uint8Array][] = [];
  for (let i = 0; i < 80; i++) {
    const asked = request("GET", `/path/of/some/length/${i}`, ["x-request", `value of a field ${i}`]);
    const answered = response(200, ["etag", `"entity tag ${i}"`], [
      "x-response",
      `value of another field ${i}`,
    ]);
    conversation.push([0, headers(1 + 2 * i, Uint8Array.from(client.encode(asked)), END_STREAM)]);
    conversation.push([1, headers(1 + 2 * i, Uint8Array.from(server.encode(answered)), END_STREAM)]);
  }
  const flows: CodecSession[] = [];
  const before = usedBytes();
  for (let i = 0; i < 2000; i++) {
    const session = openFlow(new NullOutput());
    for (const [direction, bytes] of conversation) session.data(direction, bytes, 0);
    flows.push(session);
  }
  const bytes = (usedBytes() - before) / flows.length;
  for (const session of flows) session.end(0, 0);
  return bytes;
}

// deno-lint-ignore require-await -- the shape that all benchmarks have
export async function benchHttp2(): Promise<BenchRow[]> {
  const rate = (name: string, gbps: number): BenchRow => ({
    name: `http2to1, bodies, ${name}`,
    value: `${gbps.toFixed(1)} Gbit/s`,
    target: "2 Gbit/s",
    ok: gbps >= 2,
  });
  const hpack = hpackTimes();
  const exchanges = exchangeRate();
  const resting = restingBytes();
  return [
    rate("64 KB whole on lane 0", bodyRate(65_500, [])),
    rate("500 KB whole on lane 0", bodyRate(491_250, [])),
    rate("64 MB streamed, length declared", bodyRate(3908 * 16375, [["content-length", `${3908 * 16375}`]])),
    rate("64 MB streamed in chunks", bodyRate(64e6, [])),
    {
      name: "http2to1, small exchanges (10 and 8 fields)",
      value: `${Math.round(exchanges / 1000)},000 /s`,
      target: "50,000 /s",
      ok: exchanges >= 50_000,
    },
    {
      name: "HPACK decoder, http2jp stories, beside npm hpack",
      value: `${hpack.ours.toFixed(0)} ns a field, ${(hpack.npm / hpack.ours).toFixed(1)} times as fast`,
      target: "5 times",
      ok: hpack.npm / hpack.ours >= 5,
    },
    {
      name: "http2to1, open flow at rest, tables full",
      value: `${(resting / 1024).toFixed(1)} KiB`,
      target: "64 KiB",
      ok: resting <= 64 * 1024,
    },
  ];
}

if (import.meta.main) console.table(await benchHttp2());
