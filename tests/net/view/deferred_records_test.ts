// SPDX-License-Identifier: MIT
/** What is read into the exchange log later is what would have been read at once, and whoever asks sees all of it. */
import assert from "node:assert/strict";
import type { Codec } from "../../../codecs/codec.ts";
import type { Direction } from "../../../codecs/direction.ts";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { raw } from "../../../codecs/raw.ts";
import {
  clientStart,
  data,
  END_STREAM,
  headers,
  join,
  request,
  response,
  serverStart,
} from "../../support/http2_frames.ts";
import { type Random, withSeed } from "../../support/random.ts";
import { ViewHarness } from "../../support/view_harness.ts";

const FLOWS = 6;
const STEPS = 400;
/** Some 2 MiB, which is more than may wait. */
const MANY = 6000;

/** Something that happens to a flow, of either of two mirrors alike. */
type Step = (harness: ViewHarness) => void;

const HTTP1: readonly (readonly [Direction, string])[] = [
  [0, "GET /small HTTP/1.1\r\nHost: shop.test\r\n\r\n"],
  [1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"],
  [
    0,
    "POST /chunked HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
  ],
  [1, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"],
  [0, "HEAD /two HTTP/1.1\r\n\r\nGET /pipelined HTTP/1.1\r\n\r\n"],
  [
    1,
    `HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n${
      "x".repeat(9000)
    }`,
  ],
  [0, `GET /${"long".repeat(1200)} HTTP/1.1\r\n\r\n`],
  [1, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"],
];

/** Exchanges of a connection of HTTP/2, a piece each. */
function http2Piece(number: number): readonly (readonly [Direction, Uint8Array])[] {
  const stream = 2 * number + 1;
  return [
    [0, headers(stream, request("GET", `/${number}`), END_STREAM)],
    [1, join(headers(stream, response(200), 0), data(stream, `body ${number}`, END_STREAM))],
  ];
}

/** Pieces, some cut in two, some lost, of flows that open and close meanwhile; odd flows speak HTTP/2. */
function* script(random: Random): Generator<Step> {
  const sent = new Map<number, number>();
  let flows = 0;
  const open = function* (): Generator<Step> {
    const flow = ++flows;
    sent.set(flow, 0);
    yield (harness) => harness.open(flow, { alpn: flow % 2 === 1 ? "h2" : "", offsets: [0, 0] });
    if (flow % 2 === 0) return;
    yield (harness) => harness.send(flow, 0, clientStart());
    yield (harness) => harness.send(flow, 1, serverStart());
  };
  while (flows < FLOWS) yield* open();
  for (let step = 0; step < STEPS; step++) {
    const flow = [...sent.keys()][random.below(sent.size)];
    const number = sent.get(flow)!;
    sent.set(flow, number + 1);
    const pieces = flow % 2 === 1 ? http2Piece(number) : [HTTP1[number % HTTP1.length]];
    if (random.oneIn(40)) {
      const direction = random.below(2) as Direction;
      yield (harness) => harness.gap(flow, direction, 10);
    }
    for (const [direction, piece] of pieces) {
      const bytes = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
      const cut = random.oneIn(4) ? random.below(bytes.length) : 0;
      if (cut > 0) yield (harness) => harness.send(flow, direction, bytes.slice(0, cut));
      yield (harness) => harness.send(flow, direction, bytes.slice(cut));
    }
    if (random.oneIn(50)) {
      sent.delete(flow);
      yield (harness) => harness.close(flow);
      yield* open();
    }
  }
  for (const flow of sent.keys()) yield (harness) => harness.close(flow);
}

/** All that is known of what each flow had, in its order. */
function byFlow({ entries }: ViewHarness): Map<number, unknown[]> {
  const flows = new Map<number, unknown[]>();
  for (const { number: _, ...entry } of entries) {
    const { flow } = entry;
    flows.set(flow.id, [...flows.get(flow.id) ?? [], entry]);
  }
  return flows;
}

for (const codecs of [[raw], [http2to1(), raw]] as readonly Codec[][]) {
  Deno.test(`what is read later is what would have been read at once (${codecs[0].name})`, () =>
    withSeed((random) => {
      const options = { logBytes: 4 * 1024 * 1024, bodyBytes: 100 };
      const atOnce = new ViewHarness(options, codecs);
      const later = new ViewHarness(options, codecs, "later");
      for (const step of script(random)) {
        step(atOnce);
        step(later);
        if (random.oneIn(100)) later.read();
      }
      atOnce.read();
      later.read();
      assert.deepEqual([...later.failures, ...atOnce.failures], []);
      assert.ok(later.entries.length > STEPS / 2);
      assert.deepEqual(byFlow(later), byFlow(atOnce));
    }));
}

Deno.test("whoever asks sees all that came, however much has waited", () => {
  const harness = new ViewHarness({ logBytes: 16 * 1024 * 1024 }, [raw], "later");
  harness.open(1);
  const send = (from: number, end: number) => {
    for (let number = from; number < end; number++) {
      harness.send(1, 0, `GET /${number} HTTP/1.1\r\nHost: shop.test\r\nX-Long: ${"x".repeat(200)}\r\n\r\n`);
      harness.send(1, 1, "HTTP/1.1 204 No Content\r\n\r\n");
    }
  };
  send(0, 1);
  assert.deepEqual(harness.lines(), ["GET /0 204 0"]);
  send(1, MANY);
  assert.deepEqual(
    harness.lines(),
    Array.from({ length: MANY }, (_, number) => `GET /${number} 204 0`),
  );
});
