// SPDX-License-Identifier: MIT
/** A message of which all has come is whole, and written at once on lane 0, whatever comes in the place of END_STREAM. */
import assert from "node:assert/strict";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { fieldOf } from "../../support/http1_reader.ts";
import {
  clientStart,
  data,
  END_STREAM,
  type Fields,
  goAway,
  headers,
  join,
  request,
  reset,
  response,
  serverStart,
  textOf,
} from "../../support/http2_frames.ts";

const codec = http2to1();
const started = () => new CodecHarness(codec).data(0, clientStart()).data(1, serverStart());
const get = (id: number, method = "GET") => headers(id, request(method, `/${id}`), END_STREAM);
const MARK = "x-sslcollector-partial";

/** Everything on lane 0, and no mark anywhere. */
function assertWhole(harness: CodecHarness, expected: readonly string[]): void {
  assert.deepEqual(harness.summary(), expected);
  assert.ok(harness.connections().every(({ lane }) => lane === 0));
  for (const { request: asked, response: answered } of harness.exchanges()) {
    for (const message of [asked, answered!]) {
      assert.equal(fieldOf(message, MARK), undefined);
      assert.deepEqual(message.trailers, []);
    }
  }
  assert.deepEqual([...harness.counts.keys()].filter((reason) => reason.startsWith("partial")), []);
}

/** Responses that are complete without END_STREAM: method, head, body. */
const COMPLETE: readonly (readonly [string, Fields, string])[] = [
  ["GET", response(200, ["content-length", "5"]), "hello"],
  ["GET", response(200, ["content-length", "0"]), ""],
  ["HEAD", response(200, ["content-length", "500"]), ""],
  ["HEAD", response(200), ""],
  ["GET", response(204), ""],
  ["GET", response(304, ["content-length", "500"]), ""],
];

for (const [method, head, body] of COMPLETE) {
  const what = `${method}, ${head.slice(0, 2).map(([name, value]) => `${name} ${value}`).join(", ")}`;
  const answered = (id: number) => body === "" ? headers(id, head) : join(headers(id, head), data(id, body));
  const expected = [`${method} /1 ${head[0][1]} ${body.length}`, "GET /3 204 0"];
  const next = (harness: CodecHarness) =>
    harness.data(0, get(3)).data(1, headers(3, response(204), END_STREAM));

  Deno.test(`a reset in the place of END_STREAM, by either side: ${what}`, () => {
    for (const side of [0, 1] as const) {
      const harness = started().data(0, get(1, method)).data(1, answered(1)).data(side, reset(1));
      // At once: the next exchange is behind it.
      assertWhole(next(harness), expected);
      // What comes too late changes nothing.
      harness.data(1, data(1, "late", END_STREAM)).tick(3e9);
      assertWhole(harness.end(), expected);
    }
  });

  Deno.test(`GOAWAY or the end in the place of END_STREAM: ${what}`, () => {
    const away = started().data(0, get(1, method)).data(1, answered(1)).data(1, goAway(0));
    assertWhole(away.end(), expected.slice(0, 1));
    assertWhole(started().data(0, get(1, method)).data(1, answered(1)).end(), expected.slice(0, 1));
  });

  Deno.test(`an end that does not come takes no lane: ${what}`, () => {
    const harness = started().data(0, get(1, method)).data(1, answered(1)).tick(1.1e9);
    assertWhole(next(harness), expected);
    assertWhole(harness.data(1, data(1, "", END_STREAM)).end(), expected);
  });
}

Deno.test("a request of which all has come is whole too", () => {
  const asked = join(headers(1, request("POST", "/1", ["content-length", "4"])), data(1, "body"));
  for (const side of [0, 1] as const) {
    const harness = started().data(0, asked);
    if (side === 0) harness.data(0, reset(1)).data(1, headers(1, response(200), END_STREAM));
    else harness.data(1, headers(1, response(200), END_STREAM)).data(1, reset(1, 0));
    assertWhole(harness.end(), ["POST /1 200 0"]);
    assert.equal(textOf(harness.exchanges()[0].request.body), "body");
  }
});

Deno.test("one byte less, or more, is not all", () => {
  for (const [body, told] of [["hell", "reset"], ["hello!", "reset"]]) {
    const harness = started().data(0, get(1)).data(1, headers(1, response(200, ["content-length", "5"])));
    harness.data(1, data(1, body)).data(1, reset(1)).end();
    const [{ response: answered }] = harness.exchanges();
    assert.deepEqual(answered!.trailers, [[MARK, told]]);
    assert.equal(textOf(answered!.body), body);
  }
});

Deno.test("a body of no declared length, and one that ends by a fault, stay partial", () => {
  const open = started().data(0, get(1)).data(1, join(headers(1, response(200)), data(1, "hello"))).data(
    1,
    reset(1),
  ).end();
  assert.deepEqual(open.exchanges()[0].response!.trailers, [[MARK, "reset"]]);
  const faulty = started().data(0, get(1)).data(1, headers(1, response(200, ["content-length", "5"])))
    .data(1, data(1, "hello")).data(1, headers(1, response(200))).end();
  assert.deepEqual(faulty.exchanges()[0].response!.trailers, [[MARK, "malformed"]]);
});

Deno.test("on a lane of its own: the declared length ends the message, and the lane by FIN", () => {
  for (const late of [reset(1), goAway(0)]) {
    const harness = started().data(0, get(1)).data(1, headers(1, response(200, ["content-length", "10"])))
      .tick(1.1e9);
    harness.data(1, data(1, "01234")).data(1, data(1, "56789")).data(1, late).end();
    const [{ response: answered, connection }] = harness.exchanges();
    assert.deepEqual([textOf(answered!.body), connection.end], ["0123456789", "fin"]);
    assert.equal(harness.counts.get("partial-reset") ?? harness.counts.get("partial-goaway"), undefined);
  }
});

Deno.test("500 small responses, each with a reset behind its last byte, are on one connection", () => {
  const harness = started();
  for (let i = 0; i < 500; i++) {
    const id = 1 + 2 * i;
    harness.data(0, get(id)).data(
      1,
      join(headers(id, response(200, ["content-length", "2"])), data(id, "ok")),
    );
    harness.data(0, reset(id, 5)).tick(1e6);
  }
  assertWhole(harness.end(), Array.from({ length: 500 }, (_, i) => `GET /${1 + 2 * i} 200 2`));
  assert.equal(harness.connections().length, 2);
});
