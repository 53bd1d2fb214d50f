// SPDX-License-Identifier: MIT
/** HTTP/2 out of clear text, by the codec's reader, and by the codec itself where it rewrites the flow. */
import assert from "node:assert/strict";
import type { Codec, CodecOutput } from "../../../codecs/codec.ts";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { raw } from "../../../codecs/raw.ts";
import {
  block,
  clientStart,
  data,
  END_STREAM,
  goAway,
  headers,
  join,
  literal,
  request,
  reset,
  response,
  serverStart,
} from "../../support/http2_frames.ts";
import type { ViewOptions } from "../../../net/view/view.ts";
import { ViewHarness } from "../../support/view_harness.ts";

const SILENT: CodecOutput = { write() {}, gap() {}, openLane: () => 1, close() {}, comment() {}, count() {} };

function opened(codec: Codec, options: Partial<ViewOptions> = {}): ViewHarness {
  const harness = new ViewHarness({ bodyBytes: 1000, ...options }, [codec]);
  harness.open(1, { alpn: "h2" });
  harness.send(1, 0, clientStart());
  harness.send(1, 1, serverStart());
  return harness;
}

/** Once where the flow is rewritten by nobody, once by `http2to1`. */
function test(name: string, run: (codec: Codec) => void): void {
  for (const codec of [raw, http2to1()]) Deno.test(`${name} (${codec.name})`, () => run(codec));
}

test("exchanges of interleaved streams each have their own sizes and times", (codec) => {
  const harness = opened(codec);
  harness.send(1, 0, headers(1, request("GET", "/one"), END_STREAM));
  harness.send(1, 0, join(headers(3, request("POST", "/two")), data(3, "abc", END_STREAM)));
  harness.send(1, 1, join(headers(3, response(201, ["content-type", "text/css"])), data(3, "hel")));
  harness.send(1, 1, join(headers(1, response(204), END_STREAM), data(3, "lo", END_STREAM)));
  assert.deepEqual(harness.lines(), ["GET /one 204 0", "POST /two 201 5"]);
  const [, two] = harness.exchanges();
  assert.equal(two.host, "example.test");
  assert.equal(two.type, "text/css");
  assert.equal(two.version, "HTTP/2");
  assert.equal(two.stream, 3);
  assert.equal(two.requestBytes, 3);
  assert.equal(two.responseNs - two.startNs, 1e6);
  assert.equal(new TextDecoder().decode(two.responseBody.bytes), "hello");
});

test("a blank in a method or a path hides nothing of what was asked for", (codec) => {
  const harness = opened(codec);
  harness.send(1, 0, headers(1, request("GET /x HTTP/1.1", "/one"), END_STREAM));
  harness.send(1, 1, headers(1, response(400), END_STREAM));
  harness.send(1, 0, headers(3, request("GET", "/two /../etc/passwd"), END_STREAM));
  harness.send(1, 1, headers(3, response(200), END_STREAM));
  assert.deepEqual(harness.lines(), ["GET?/x?HTTP/1.1 /one 400 0", "GET /two /../etc/passwd 200 0"]);
});

test("the preface alone tells HTTP/2, in pieces too", (codec) => {
  const harness = new ViewHarness({}, [codec]);
  harness.open(1, { alpn: "" });
  const start = join(clientStart(), headers(1, request("GET", "/"), END_STREAM));
  for (const byte of start) harness.send(1, 0, Uint8Array.of(byte));
  harness.send(1, 1, join(serverStart(), headers(1, response(200), END_STREAM)));
  assert.deepEqual(harness.lines(), ["GET / 200 0"]);
});

test("a server that says its settings before its client's preface is of HTTP/2, and another is not", (codec) => {
  const harness = new ViewHarness({}, [codec]);
  harness.open(1, { alpn: "" });
  harness.send(1, 1, serverStart());
  harness.send(1, 0, join(clientStart(), headers(1, request("GET", "/"), END_STREAM)));
  harness.send(1, 1, headers(1, response(200), END_STREAM));
  assert.deepEqual(harness.lines(), ["GET / 200 0"]);
  harness.open(2, { alpn: "" });
  harness.send(2, 1, "220 mail.example ESMTP\r\n");
  harness.send(2, 0, "EHLO client.example\r\n");
  harness.close(2);
  assert.deepEqual(harness.lines(), ["GET / 200 0"]);
});

test("resets, refusals and the end of the connection are told", (codec) => {
  const harness = opened(codec);
  for (const id of [1, 3, 5]) harness.send(1, 0, headers(id, request("GET", `/${id}`), END_STREAM));
  harness.send(1, 1, join(headers(1, response(200)), data(1, "abc"), reset(1)));
  harness.send(1, 1, goAway(3));
  harness.close(1);
  assert.deepEqual(harness.lines(), ["GET /1 200 3 reset", "GET /5 0 0 goaway", "GET /3 0 0 closed"]);
});

test("trailers of gRPC are kept", (codec) => {
  const harness = opened(codec);
  harness.send(1, 0, headers(1, request("POST", "/pkg.Service/Call", ["content-type", "application/grpc"])));
  harness.send(1, 0, data(1, "\0\0\0\0\x02hi", END_STREAM));
  harness.send(
    1,
    1,
    join(
      headers(1, response(200, ["content-type", "application/grpc"])),
      data(1, "\0\0\0\0\x03you"),
      headers(1, [["grpc-status", "5"], ["grpc-message", "no such thing"]], END_STREAM),
    ),
  );
  const [{ responseTrailers, responseBytes }] = harness.exchanges();
  assert.equal(responseTrailers.get("grpc-status"), "5");
  assert.equal(responseTrailers.get("grpc-message"), "no such thing");
  assert.equal(responseBytes, 8);
});

test("no byte of a field ends a line of a head", (codec) => {
  const harness = opened(codec);
  harness.send(1, 0, headers(1, request("GET", "/a", ["x-a", "b"]), END_STREAM));
  harness.send(1, 1, headers(1, response(200, ["x-b", "1\x0b2\x1b[31m"]), END_STREAM));
  const [{ responseHead, requestHead }] = harness.exchanges();
  assert.equal(requestHead.firstLine, "GET /a HTTP/2");
  assert.deepEqual(requestHead.fields, [["host", "example.test"], ["x-a", "b"]]);
  assert.equal(responseHead.fields.length, 1);
});

test("behind lost bytes streams go on, and what was lost is said", (codec) => {
  const harness = opened(codec);
  harness.send(1, 0, headers(1, request("GET", "/a"), END_STREAM));
  harness.send(1, 1, join(headers(1, response(200)), data(1, "abc")));
  harness.gap(1, 1, 1000);
  harness.send(1, 1, join(data(1, "rest", END_STREAM), data(1, ""), data(1, "")));
  harness.send(1, 0, headers(3, request("GET", "/b"), END_STREAM));
  harness.send(1, 1, headers(3, response(200), END_STREAM));
  const lines = harness.lines();
  assert.ok(lines.some((line) => /^GET \/a 200 \d+ gap$/.test(line)), lines.join("; "));
  assert.ok(lines.includes("GET /b 200 0"), lines.join("; "));
});

test("a connection that was there before has exchanges from the next frames on", (codec) => {
  const harness = new ViewHarness({}, [codec]);
  harness.open(1, { alpn: "h2", late: true });
  harness.send(1, 1, join(data(5, "tail", END_STREAM), headers(7, response(200), END_STREAM), serverStart()));
  harness.send(
    1,
    0,
    join(headers(9, request("GET", "/new"), END_STREAM), clientStart().slice(24), data(9, "")),
  );
  harness.send(1, 1, headers(9, response(200), END_STREAM));
  harness.close(1);
  const told = harness.exchanges();
  const found = told.find(({ target }) => target === "/new");
  assert.equal(found?.status, 200, harness.lines().join("; "));
  assert.ok(told.some(({ remarks }) => remarks.includes("request-unseen")));
});

/** The first entry of the connection's table of fields, by its number. */
const FIRST_OF_TABLE = Uint8Array.of(0x80 | 62);

Deno.test("who comes late to a connection that http2to1 rewrites has its table of fields", () => {
  const harness = new ViewHarness({}, [http2to1()]);
  harness.isLooking = false;
  harness.open(1, { alpn: "h2" });
  const learnt = join(block(request("GET", "/first")), literal("x-learnt", "before", true));
  harness.send(1, 0, join(clientStart(), headers(1, learnt, END_STREAM)));
  harness.send(1, 0, headers(3, request("GET", "/open"), END_STREAM));
  harness.send(1, 1, join(serverStart(), headers(1, response(200), END_STREAM)));
  harness.isLooking = true;
  harness.mirror.pipeline.tapAgain();
  harness.send(1, 0, headers(5, join(block(request("GET", "/later")), FIRST_OF_TABLE), END_STREAM));
  harness.send(1, 1, join(headers(3, response(201), END_STREAM), headers(5, response(202), END_STREAM)));
  assert.deepEqual(harness.lines(), ["-  201 0", "GET /later 202 0"]);
  const [open, later] = harness.exchanges();
  assert.deepEqual(open.remarks, ["request-unseen"]);
  assert.deepEqual(later.remarks, []);
  assert.equal(later.requestHead.get("x-learnt"), "before");
});

Deno.test("where http2to1 fails, what is open ends, and the flow is read on", () => {
  let isArmed = false;
  const codec = http2to1();
  const failing: Codec = {
    ...codec,
    open: (flow, output) => {
      const write: CodecOutput["write"] = (lane, direction, bytes) => {
        if (isArmed) throw new Error("armed");
        output.write(lane, direction, bytes);
      };
      const count: CodecOutput["count"] = (reason, amount) => output.count(reason, amount);
      return codec.open(flow, { ...SILENT, write, count });
    },
  };
  const harness = opened(failing);
  harness.send(1, 0, headers(1, request("GET", "/open"), END_STREAM));
  harness.send(1, 0, headers(3, request("GET", "/last"), END_STREAM));
  isArmed = true;
  harness.send(1, 1, headers(3, response(200), END_STREAM));
  harness.send(1, 0, headers(5, request("GET", "/after"), END_STREAM));
  harness.send(1, 1, headers(5, response(204), END_STREAM));
  harness.close(1);
  const lines = harness.lines();
  assert.ok(harness.mirror.events.includes("codec http2to1"), harness.mirror.events.join("; "));
  assert.deepEqual(lines.filter((line) => line.startsWith("GET /open")), ["GET /open 0 0 bound"]);
  assert.ok(lines.includes("GET /after 204 0"), lines.join("; "));
});

Deno.test("a reader that throws keeps nothing from being rewritten", () => {
  const harness = opened(http2to1());
  const { log } = harness.view;
  log.requestHead = () => {
    throw new Error("no log");
  };
  harness.send(1, 0, headers(1, request("GET", "/a"), END_STREAM));
  harness.send(1, 1, headers(1, response(200), END_STREAM));
  harness.close(1);
  assert.deepEqual(harness.failures.map(String), ["Error: no log"]);
  assert.ok(!harness.mirror.events.includes("codec http2to1"));
  const [{ streams: [toServer] }] = harness.mirror.connections();
  assert.match(new TextDecoder().decode(toServer), /^GET \/a HTTP\/1.1\r\n/);
});
