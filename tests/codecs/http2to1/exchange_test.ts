// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { fieldOf } from "../../support/http1_reader.ts";
import {
  clientStart,
  data,
  END_STREAM,
  headers,
  join,
  request,
  response,
  serverStart,
  textOf,
} from "../../support/http2_frames.ts";

const codec = http2to1();
const started = () => new CodecHarness(codec).data(0, clientStart()).data(1, serverStart());

Deno.test("a GET with its response, byte for byte", () => {
  const harness = started()
    .data(0, headers(1, request("GET", "/a?b=c", ["user-agent", "test"], ["accept", "*/*"]), END_STREAM))
    .data(1, join(headers(1, response(200, ["content-type", "text/plain"])), data(1, "hello", END_STREAM)))
    .end();
  const [connection, ...others] = harness.connections();
  assert.deepEqual(others, []);
  assert.equal(connection.lane, 0);
  assert.equal(connection.end, "fin");
  assert.equal(
    textOf(connection.streams[0]),
    "GET /a?b=c HTTP/1.1\r\nHost: example.test\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n",
  );
  assert.equal(
    textOf(connection.streams[1]),
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
  );
  assert.deepEqual([...harness.counts], []);
});

Deno.test("exchanges are written whole in the order they finish", () => {
  const harness = started()
    .data(0, headers(1, request("GET", "/slow"), END_STREAM))
    .data(0, headers(3, request("POST", "/fast")))
    .data(0, data(3, "bo"))
    .data(1, headers(1, response(200)))
    .data(0, data(3, "dy", END_STREAM))
    .data(1, headers(3, response(404, ["content-length", "0"]), END_STREAM))
    .data(1, data(1, "x", END_STREAM))
    .end();
  assert.deepEqual(harness.summary(), ["POST /fast 404 0", "GET /slow 200 1"]);
  const [fast] = harness.exchanges();
  assert.equal(textOf(fast.request.body), "body");
  assert.equal(fieldOf(fast.request, "content-length"), "4");
});
