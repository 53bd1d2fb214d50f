// SPDX-License-Identifier: MIT
/** Header lists and blocks over their bounds: Go takes 1 MiB and h2o answers too, so what fits is told and the rest marked. */
import assert from "node:assert/strict";
import { FrameType } from "../../../codecs/http2/frame.ts";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { fieldOf } from "../../support/http1_reader.ts";
import {
  block,
  clientStart,
  END_HEADERS,
  END_STREAM,
  type Fields,
  frame,
  headers,
  join,
  literal,
  request,
  response,
  serverStart,
} from "../../support/http2_frames.ts";

const codec = http2to1();
const started = () => new CodecHarness(codec).data(0, clientStart()).data(1, serverStart());
/** So many fields of 1 KB each. */
const kilobytes = (count: number): Fields =>
  Array.from({ length: count }, (_, i) => [`x-${1000 + i}`, "v".repeat(962)]);
const OK = headers(1, response(200), END_STREAM);
const MARK = "x-sslcollector-partial";
const next = (harness: CodecHarness) =>
  harness.data(0, headers(3, request("GET", "/next"), END_STREAM))
    .data(1, headers(3, response(204), END_STREAM)).end();

Deno.test("long lists are told whole, of requests, responses and trailers", () => {
  const big = [...kilobytes(900), ["x-last", "needle"]] as Fields;
  const harness = started().data(0, headers(1, [...request("POST", "/a"), ...big])).data(
    0,
    headers(1, big, END_STREAM),
  )
    .data(1, headers(1, [...response(200), ...big])).data(1, headers(1, big, END_STREAM));
  assert.deepEqual(next(harness).summary(), ["POST /a 200 0", "GET /next 204 0"]);
  const [{ request: asked, response: answered }] = harness.exchanges();
  for (const fields of [asked.fields, answered!.fields, asked.trailers, answered!.trailers]) {
    assert.ok(fields.some(([name, value]) => name === "X-Last" && value === "needle"));
    assert.equal(fields.filter(([, value]) => value.length === 962).length, 900);
  }
  assert.equal(fieldOf(asked, MARK), undefined);
});

Deno.test("a block over the bound: its beginning is told, and what it put into the table is lost", () => {
  const indexed = literal("x-t", "evil", true);
  const first = started().data(0, headers(1, [...request("GET", "/a"), ...kilobytes(1200)], END_STREAM));
  const harness = first.data(1, OK)
    .data(0, headers(3, join(block(request("GET", "/b")), Uint8Array.of(0xbe), indexed), END_STREAM))
    .data(1, headers(3, response(200), END_STREAM)).end();
  assert.deepEqual(harness.summary(), ["GET /a 200 0", "GET /b 200 0"]);
  assert.deepEqual(harness.exchanges().map((one) => fieldOf(one.request, MARK)), ["bound", "fields"]);
  assert.equal(harness.counts.get("header-block-over-bound"), 1);
  // Method and path may be in what is not kept.
  const late = next(
    started().data(0, headers(1, [...kilobytes(1200), ...request("GET", "/a")], END_STREAM)).data(1, OK),
  );
  assert.deepEqual(late.summary(), ["UNKNOWN /x-sslcollector-unknown 200 0", "GET /next 204 0"]);
});

Deno.test("trailers over the bound: their beginning is told, and that it is one", () => {
  const harness = next(
    started().data(0, headers(1, request("GET", "/a"), END_STREAM)).data(1, headers(1, response(200)))
      .data(1, headers(1, kilobytes(1200), END_STREAM)),
  );
  assert.deepEqual(harness.summary(), ["GET /a 200 0", "GET /next 204 0"]);
  const { trailers } = harness.exchanges()[0].response!;
  assert.ok(trailers.length > 1000);
  assert.deepEqual(trailers.at(-1), [MARK, "bound"]);
});

Deno.test("a pseudo-header field again and again is a fault, told or not", () => {
  const longer = literal(":path", "/".repeat(3_900), true);
  const fields = join(block(request("GET", "/").slice(0, 3)), longer, new Uint8Array(100).fill(0xbe));
  const many = next(started().data(0, headers(1, fields, END_STREAM)).data(1, OK));
  assert.deepEqual(many.summary(), ["GET /next 204 0"]);
  assert.equal(many.counts.get("refused-duplicate-pseudo-header"), 1);
});

Deno.test("a promise over the bound is none", () => {
  const promised = frame(
    FrameType.PUSH_PROMISE,
    0,
    1,
    join(Uint8Array.of(0, 0, 0, 2), block(request("GET", "/evil"))),
  );
  const rest = Array.from(
    { length: 80 },
    (_, i) => frame(FrameType.CONTINUATION, i === 79 ? END_HEADERS : 0, 1, block(kilobytes(16))),
  );
  const harness = next(
    started().data(0, headers(1, request("GET", "/a"), END_STREAM)).data(1, join(promised, ...rest))
      .data(1, headers(2, response(200), END_STREAM)).data(1, OK),
  );
  assert.deepEqual(harness.summary(), ["GET /a 200 0", "GET /next 204 0"]);
  assert.equal(harness.counts.get("refused-header-list-size"), 1);
});

Deno.test("a request whose HEADERS were lost has a response of its own", () => {
  const lost = headers(1, request("GET", "/lost"), END_STREAM);
  const harness = started().data(0, lost.subarray(0, 12)).gap(0, lost.length - 12)
    .data(0, headers(3, request("GET", "/next"), END_STREAM)).data(1, OK)
    .data(1, headers(3, response(204), END_STREAM)).end();
  assert.deepEqual(harness.summary(), ["GET /next 204 0"]);
  assert.deepEqual(harness.orphans().map(({ start }) => start), ["HTTP/1.1 200 OK"]);
});
