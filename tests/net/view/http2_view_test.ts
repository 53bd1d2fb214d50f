// SPDX-License-Identifier: MIT
/** HTTP/2 out of clear text, by the codec's reader. */
import assert from "node:assert/strict";
import {
  clientStart,
  data,
  END_STREAM,
  goAway,
  headers,
  join,
  request,
  reset,
  response,
  serverStart,
} from "../../support/http2_frames.ts";
import { ViewHarness } from "../../support/view_harness.ts";

function opened(alpn = "h2"): ViewHarness {
  const harness = new ViewHarness({ bodyBytes: 1000 });
  harness.open(1, { alpn });
  harness.send(1, 0, clientStart());
  harness.send(1, 1, serverStart());
  return harness;
}

Deno.test("exchanges of interleaved streams each have their own sizes and times", () => {
  const harness = opened();
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

Deno.test("the preface alone tells HTTP/2, in pieces too", () => {
  const harness = new ViewHarness();
  harness.open(1, { alpn: "" });
  const start = join(clientStart(), headers(1, request("GET", "/"), END_STREAM));
  for (const byte of start) harness.send(1, 0, Uint8Array.of(byte));
  harness.send(1, 1, join(serverStart(), headers(1, response(200), END_STREAM)));
  assert.deepEqual(harness.lines(), ["GET / 200 0"]);
});

Deno.test("resets, refusals and the end of the connection are told", () => {
  const harness = opened();
  for (const id of [1, 3, 5]) harness.send(1, 0, headers(id, request("GET", `/${id}`), END_STREAM));
  harness.send(1, 1, join(headers(1, response(200)), data(1, "abc"), reset(1)));
  harness.send(1, 1, goAway(3));
  harness.close(1);
  assert.deepEqual(harness.lines(), ["GET /1 200 3 reset", "GET /5 0 0 goaway", "GET /3 0 0 closed"]);
});

Deno.test("trailers of gRPC are kept", () => {
  const harness = opened();
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

Deno.test("no byte of a field ends a line of a head", () => {
  const harness = opened();
  harness.send(1, 0, headers(1, request("GET", "/a", ["x-a", "b"]), END_STREAM));
  harness.send(1, 1, headers(1, response(200, ["x-b", "1\x0b2\x1b[31m"]), END_STREAM));
  const [{ responseHead, requestHead }] = harness.exchanges();
  assert.equal(requestHead.firstLine, "GET /a HTTP/2");
  assert.deepEqual(requestHead.fields, [["host", "example.test"], ["x-a", "b"]]);
  assert.equal(responseHead.fields.length, 1);
});

Deno.test("behind lost bytes streams go on, and what was lost is said", () => {
  const harness = opened();
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

Deno.test("a connection that was there before has exchanges from the next frames on", () => {
  const harness = new ViewHarness();
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
