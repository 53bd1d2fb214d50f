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

Deno.test("a list over the bound: what fits is told, and the response", () => {
  // 253 KB of a block with one field from the table.
  const big = join(...kilobytes(250).map(([name, value]) => literal(name, value)));
  for (
    const fields of [
      [
        block(request("GET", "/a")),
        literal("x-t", "v".repeat(3000), true),
        big,
        new Uint8Array(9).fill(0xbe),
      ],
      [
        literal("x-t", "v".repeat(3000), true),
        big,
        new Uint8Array(9).fill(0xbe),
        block(request("GET", "/a")),
      ],
    ]
  ) {
    const harness = next(started().data(0, headers(1, join(...fields), END_STREAM)).data(1, OK));
    assert.deepEqual(harness.summary(), ["GET /a 200 0", "GET /next 204 0"]);
    const [{ request: asked }, { request: other }] = harness.exchanges();
    assert.equal(fieldOf(asked, MARK), "bound");
    assert.equal(fieldOf(asked, "X-1249")!.length, 962);
    assert.equal(fieldOf(other, MARK), undefined);
    assert.equal(harness.counts.get("header-list-over-bound"), 1);
  }
  const answered = next(
    started().data(0, headers(1, request("GET", "/a"), END_STREAM))
      .data(
        1,
        headers(
          1,
          join(
            block(response(200)),
            literal("x-t", "v".repeat(3000), true),
            big,
            new Uint8Array(9).fill(0xbe),
          ),
          END_STREAM,
        ),
      ),
  );
  assert.deepEqual(answered.summary(), ["GET /a 200 0", "GET /next 204 0"]);
  assert.equal(fieldOf(answered.exchanges()[0].response!, MARK), "bound");
});

Deno.test("a block over the bound: its beginning is told, and what it put into the table is lost", () => {
  const indexed = literal("x-t", "evil", true);
  const first = started().data(0, headers(1, [...request("GET", "/a"), ...kilobytes(300)], END_STREAM));
  const harness = first.data(1, OK)
    .data(0, headers(3, join(block(request("GET", "/b")), Uint8Array.of(0xbe), indexed), END_STREAM))
    .data(1, headers(3, response(200), END_STREAM)).end();
  assert.deepEqual(harness.summary(), ["GET /a 200 0", "GET /b 200 0"]);
  assert.deepEqual(harness.exchanges().map((one) => fieldOf(one.request, MARK)), ["bound", "fields"]);
  assert.equal(harness.counts.get("header-block-over-bound"), 1);
  // Method and path may be in what is not kept.
  const late = next(
    started().data(0, headers(1, [...kilobytes(300), ...request("GET", "/a")], END_STREAM)).data(1, OK),
  );
  assert.deepEqual(late.summary(), ["UNKNOWN /x-sslcollector-unknown 200 0", "GET /next 204 0"]);
});

Deno.test("pseudo-header fields have a bound too", () => {
  const path = (lengthBytes: number): Fields => request("GET", `/${"p".repeat(lengthBytes)}`);
  const long = next(
    started().data(0, headers(1, join(block(path(10_000)), block(kilobytes(50))), END_STREAM)).data(1, OK),
  );
  assert.equal(long.exchanges()[0].target.length, 10_001);
  const longer = literal(":path", "/".repeat(3_900), true);
  const fields = join(block(request("GET", "/").slice(0, 3)), longer, new Uint8Array(100).fill(0xbe));
  const many = next(started().data(0, headers(1, fields, END_STREAM)).data(1, OK));
  assert.deepEqual(many.summary(), ["GET /next 204 0"]);
});

Deno.test("a promise over the bound is none", () => {
  const promised = frame(
    FrameType.PUSH_PROMISE,
    0,
    1,
    join(Uint8Array.of(0, 0, 0, 2), block(request("GET", "/evil"))),
  );
  const rest = Array.from(
    { length: 20 },
    (_, i) => frame(FrameType.CONTINUATION, i === 19 ? END_HEADERS : 0, 1, block(kilobytes(16))),
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

Deno.test("references to long fields do not make more than so many bytes of lists", () => {
  const harness = started();
  const filled = join(block(request("GET", "/0")), literal("x-long", "v".repeat(4000), true));
  harness.data(0, headers(1, filled, END_STREAM)).data(1, OK);
  const asked = join(Uint8Array.of(0x82, 0x84, 0x87), new Uint8Array(60).fill(0xbe));
  for (let i = 1; i <= 200; i++) {
    harness.data(0, headers(1 + 2 * i, asked, END_STREAM)).data(
      1,
      headers(1 + 2 * i, response(200), END_STREAM),
    );
  }
  const sizes = harness.end().exchanges().slice(1).map(({ request: { fields } }) =>
    fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  );
  assert.equal(sizes.length, 200);
  // Two whole ones, then the bound falls.
  assert.ok(sizes[0] > 240_000 && sizes[1] > 230_000, sizes.slice(0, 4).join());
  assert.ok(sizes.slice(10).every((size) => size > 8_000 && size <= 16 * 1024), sizes.slice(10, 20).join());
});

Deno.test("lists of less than the least bound are whole, however many and however small on the wire", () => {
  const harness = started();
  const filled = join(block(request("GET", "/0")), literal("cookie", "c".repeat(3900), true));
  harness.data(0, headers(1, filled, END_STREAM)).data(1, OK);
  const asked = Uint8Array.of(0x82, 0x84, 0x87, 0xbe, 0xbe, 0xbe);
  for (let i = 1; i <= 500; i++) {
    harness.data(0, headers(1 + 2 * i, asked, END_STREAM)).data(
      1,
      headers(1 + 2 * i, response(200), END_STREAM),
    );
  }
  assert.ok(harness.end().exchanges().every(({ request: one }) => fieldOf(one, MARK) === undefined));
});
