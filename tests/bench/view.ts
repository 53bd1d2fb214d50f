// SPDX-License-Identifier: MIT
/** What reading exchanges costs beside codec and forging, with nobody reading the log. */
import type { Codec } from "../../codecs/codec.ts";
import type { Direction } from "../../codecs/direction.ts";
import { http2to1 } from "../../codecs/http2to1/codec.ts";
import { madeUpHttp2 } from "../../codecs/http2to1/warm_up.ts";
import { raw } from "../../codecs/raw.ts";
import { InitialSequenceNumbers } from "../../net/forge/isn.ts";
import { PacketBuffer } from "../../net/forge/packet_batch.ts";
import { Pipeline } from "../../net/mirror/pipeline.ts";
import { View } from "../../net/view/view.ts";
import { makeOpen, makeProgram } from "../support/pipeline_harness.ts";
import { median } from "./measure.ts";
import type { BenchRow } from "./row.ts";

/** With and without in turns, after one that compiles the code; the median counts. */
const ROUNDS = 5;
/** Bulk takes 50 ms, of which a few hundredths are to be told from noise. */
const ROUNDS_OF_BULK = 25;
/** Bulk bodies: with the log they may take so much more. */
const ASKED_BULK = 1.05;

type Records = Iterable<readonly [direction: Direction, bytes: Uint8Array]>;

const encoder = new TextEncoder();
const REQUEST = encoder.encode(
  "GET /index.html?x=1 HTTP/1.1\r\nHost: localhost:30443\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\r\n",
);
const FIELDS = "Server: nginx/1.22.1\r\nDate: Thu, 26 Nov 2026 17:40:17 GMT\r\nContent-Type: text/html\r\n" +
  'Connection: keep-alive\r\nETag: "6b086ef8-30d40"\r\nAccept-Ranges: bytes\r\n';
const SMALL = encoder.encode(`HTTP/1.1 200 OK\r\n${FIELDS}Content-Length: 100\r\n\r\n${"x".repeat(100)}`);

const EXCHANGES = 200_000;
const BULK_RECORDS = 20_000;
/** Small ones of {@linkcode madeUpHttp2}, with what begins the connection. */
const HTTP2_RECORDS = 3000;
const HTTP2_CONNECTIONS = 100;

function* smallExchanges(): Records {
  for (let number = 0; number < EXCHANGES; number++) {
    yield [0, REQUEST];
    yield [1, SMALL];
  }
}

function* bulk(): Records {
  yield [0, REQUEST];
  yield [1, encoder.encode(`HTTP/1.1 200 OK\r\n${FIELDS}\r\n`)];
  const record = new Uint8Array(16 * 1024);
  for (let number = 0; number < BULK_RECORDS; number++) yield [1, record];
}

const HTTP2: readonly (readonly [Direction, Uint8Array])[] = [...madeUpHttp2()].slice(0, HTTP2_RECORDS);

/** Milliseconds for these connections. */
function run(codec: Codec, alpn: string, connections: readonly Records[], isRead: boolean): number {
  const view = isRead ? new View({ failed: (error) => console.error(error) }, []) : undefined;
  const buffer = new PacketBuffer({ timeBaseNs: 0n, onFull() {} });
  const observer = { flowOpened() {}, flowClosed() {}, laneOpened() {}, codecFailed() {}, programEnded() {} };
  const tap = view && ((flow: Parameters<View["tap"]>[0]) => view.tap(flow));
  const pipeline = new Pipeline(
    { codecs: [codec], raw, observer, idleNs: Infinity, flowsMax: Infinity, tap },
    { buffer, settings: { mtu: 1500, initialSequenceNumbers: new InitialSequenceNumbers(0) } },
  );
  const program = makeProgram(1);
  const startMs = performance.now();
  for (const [flow, records] of connections.entries()) {
    const address = { ...makeOpen().address!, localPort: 1024 + flow };
    const clientRandom = flow.toString(16).padStart(64, "0");
    pipeline.open(program, flow, makeOpen({ alpn, address, clientRandom }), 0);
    const offsets = [0, 0];
    let timeNs = 0;
    for (const [direction, bytes] of records) {
      pipeline.data(program, flow, direction, offsets[direction], bytes, timeNs += 1000);
      offsets[direction] += bytes.length;
    }
    pipeline.close(program, flow, "orderly", timeNs);
  }
  buffer.flush();
  view?.update();
  return performance.now() - startMs;
}

interface Times {
  readonly off: number;
  readonly on: number;
}

function compare(codec: Codec, alpn: string, connections: () => Records[], rounds = ROUNDS): Times {
  const off: number[] = [];
  const on: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    off.push(run(codec, alpn, connections(), false));
    on.push(run(codec, alpn, connections(), true));
  }
  return { off: median(off.slice(1)), on: median(on.slice(1)) };
}

const added = ({ off, on }: Times, exchanges: number): string =>
  `${(on / off).toFixed(2)} (${((on - off) * 1000 / exchanges).toFixed(2)} µs an exchange)`;

/** Ratios to codec and forging alone; an agent does more besides. */
export function benchView(): Promise<BenchRow[]> {
  const http2 = () => Array.from({ length: HTTP2_CONNECTIONS }, () => HTTP2);
  const exchanges = HTTP2_CONNECTIONS * HTTP2_RECORDS / 3;
  const large = compare(raw, "http/1.1", () => [bulk()], ROUNDS_OF_BULK);
  const ratio = large.on / large.off;
  return Promise.resolve([
    {
      name: "with the exchange log / forging alone, small exchanges of HTTP/1.1",
      value: added(compare(raw, "http/1.1", () => [smallExchanges()]), EXCHANGES),
    },
    {
      name: "the same, bulk",
      value: ratio.toFixed(2),
      target: `at most ${ASKED_BULK}`,
      ok: ratio <= ASKED_BULK,
    },
    { name: "the same, small exchanges of HTTP/2", value: added(compare(raw, "h2", http2), exchanges) },
    { name: "the same behind http2to1", value: added(compare(http2to1(), "h2", http2), exchanges) },
  ]);
}
