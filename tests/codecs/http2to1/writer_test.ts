// SPDX-License-Identifier: MIT
/** The twelve rules for the HTTP/1.1 writer, one or more tests each. */
import assert from "node:assert/strict";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { CodecHarness, RAW_MARKER } from "../../support/codec_harness.ts";
import { fieldOf } from "../../support/http1_reader.ts";
import {
  clientStart,
  data,
  END_STREAM,
  type Fields,
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
/** One request without a body, and its response. */
const exchange = (asked: Fields, answered: Fields = response(200), body = ""): CodecHarness =>
  started()
    .data(0, headers(1, asked, END_STREAM))
    .data(
      1,
      join(
        headers(1, answered, body === "" ? END_STREAM : 0),
        body === "" ? join() : data(1, body, END_STREAM),
      ),
    )
    .end();
const only = (harness: CodecHarness) => {
  const exchanges = harness.exchanges();
  assert.equal(exchanges.length, 1);
  return exchanges[0];
};
const requestLine = (method: string, path: string) => {
  const harness = exchange(request(method, path));
  return only(harness).request.start;
};

Deno.test("rule 1: request targets", () => {
  assert.equal(requestLine("GET", "/a b\tc\x7f\x00d"), "GET /a%20b%09c%7F%00d HTTP/1.1");
  assert.equal(requestLine("GET", "/ä%20?#"), "GET /ä%20?# HTTP/1.1");
  assert.equal(requestLine("GET", ""), "GET / HTTP/1.1");
  assert.equal(requestLine("OPTIONS", "*"), "OPTIONS * HTTP/1.1");
  assert.equal(requestLine("GET", "*"), "GET /* HTTP/1.1");
  assert.equal(requestLine("GET", "http://evil/"), "GET /http://evil/ HTTP/1.1");
  assert.equal(
    requestLine("GET", "/x HTTP/1.1\r\nHost: evil\r\n\r\n"),
    "GET /x%20HTTP/1.1%0D%0AHost:%20evil%0D%0A%0D%0A HTTP/1.1",
  );
});

Deno.test("rule 2: no byte ends a line or a name, each substitution is counted", () => {
  const harness = exchange(
    request("GE T", "/", ["a b:c", "1\r\nTransfer-Encoding: chunked"], ["x", "\0y\n"]),
    response(200, ["s", "a\rb"]),
  );
  const { request: asked, response: answered, method } = only(harness);
  assert.equal(method, "GE_T");
  assert.equal(fieldOf(asked, "A_b_c"), "1  Transfer-Encoding: chunked");
  assert.equal(fieldOf(asked, "X"), " y ");
  assert.equal(fieldOf(answered!, "S"), "a b");
  assert.equal(harness.counts.get("substituted-method-byte"), 1);
  assert.equal(harness.counts.get("substituted-name"), 1);
  assert.equal(harness.counts.get("substituted-value-byte"), 5);
});

Deno.test("rule 3: exactly one Host, and the prefix is ours", () => {
  const both = only(exchange(request("GET", "/", ["host", "EXAMPLE.test"], ["host", "other"]))).request;
  assert.deepEqual(both.fields, [["Host", "example.test"], ["x-sslcollector-host", "other"]]);
  const fields = request("GET", "/", ["host", "b"], ["host", "c"]).filter(([name]) => name !== ":authority");
  assert.deepEqual(only(exchange(fields)).request.fields, [["Host", "b"], ["x-sslcollector-host", "c"]]);
  const none = request("GET", "/").filter(([name]) => name !== ":authority");
  assert.deepEqual(only(exchange(none)).request.fields, []);
  const reserved = only(exchange(request("GET", "/", ["x-sslcollector-partial", "gap"]))).request;
  assert.deepEqual(reserved.fields.slice(1), [["x-sslcollector-peer-partial", "gap"]]);
});

Deno.test("rule 4: what would change the framing is left out or renamed", () => {
  const left = [
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "Transfer-Encoding",
  ];
  const harness = exchange(
    request("GET", "/", ...left.map((name) => [name, "chunked"] as const)),
    response(200, ...left.map((name) => [name, "chunked"] as const)),
  );
  const { request: asked, response: answered } = only(harness);
  assert.deepEqual(asked.fields, [["Host", "example.test"]]);
  assert.deepEqual(answered!.fields, [["Content-Length", "0"]]);
  assert.equal(harness.counts.get("connection-field-left-out"), 12);
  const trailers = started().data(0, headers(1, request("GET", "/"), END_STREAM)).data(
    1,
    join(
      headers(1, response(200)),
      data(1, "x"),
      headers(1, [["x-sum", "1"], ["content-length", "9"], ["host", "h"], ["content-type", "t"], [
        "connection",
        "c",
      ], [
        ":status",
        "500",
      ]], END_STREAM),
    ),
  ).end();
  assert.deepEqual(only(trailers).response!.trailers, [
    ["X-Sum", "1"],
    ["x-sslcollector-content-length", "9"],
    ["x-sslcollector-host", "h"],
    ["x-sslcollector-content-type", "t"],
  ]);
});

Deno.test("rule 5: title case and reason phrases", () => {
  const harness = exchange(request("GET", "/", ["x-FORWARDED-for", "a"], ["te", "trailers"]), response(418));
  const { request: asked, response: answered } = only(harness);
  assert.deepEqual(asked.fields.slice(1), [["X-Forwarded-For", "a"], ["Te", "trailers"]]);
  assert.equal(answered!.start, "HTTP/1.1 418 I'm a teapot");
  assert.equal(harness.counts.get("upper-case-name"), 1);
  assert.equal(only(exchange(request("GET", "/"), response(799))).response!.start, "HTTP/1.1 799 Unassigned");
});

Deno.test("rule 5: cookie crumbs are one field", () => {
  const { request: asked } = only(
    exchange(request("GET", "/", ["cookie", "a=1"], ["x", "y"], ["cookie", "b=2"])),
  );
  assert.deepEqual(asked.fields.slice(1), [["Cookie", "a=1; b=2"], ["X", "y"]]);
});

Deno.test("rule 6: whole messages have their real length, untrue claims are told", () => {
  for (
    const [claims, told] of [
      [["5"], undefined],
      [["4"], "4"],
      [["6"], "6"],
      [[""], ""],
      [["0x5"], "0x5"],
      [["+5"], "+5"],
      [["99999999999999999999"], "99999999999999999999"],
      [["5", "5"], undefined],
      [["5", "6"], "5, 6"],
    ] as const
  ) {
    const fields = claims.map((claim) => ["content-length", claim] as const);
    const { response: answered } = only(exchange(request("GET", "/"), response(200, ...fields), "12345"));
    assert.equal(fieldOf(answered!, "content-length"), "5");
    assert.equal(fieldOf(answered!, "x-sslcollector-content-length"), told, `claim ${claims}`);
    assert.equal(textOf(answered!.body), "12345");
  }
});

Deno.test("rule 6: with trailers chunked, and never both", () => {
  const harness = started()
    .data(0, headers(1, request("POST", "/grpc", ["te", "trailers"])))
    .data(0, data(1, "question", END_STREAM))
    .data(1, headers(1, response(200, ["content-length", "6"])))
    .data(1, data(1, "answer"))
    .data(1, headers(1, [["grpc-status", "0"]], END_STREAM))
    .end();
  const { response: answered } = only(harness);
  assert.equal(answered!.chunked, true);
  assert.equal(textOf(answered!.body), "answer");
  assert.deepEqual(answered!.trailers, [["Grpc-Status", "0"]]);
  assert.equal(fieldOf(answered!, "content-length"), undefined);
  assert.equal(fieldOf(answered!, "x-sslcollector-content-length"), undefined);
});

Deno.test("rule 6: streaming joins what is at hand up to 16 KiB", () => {
  const harness = started()
    .data(0, headers(1, request("GET", "/"), END_STREAM))
    .data(1, headers(1, response(200)))
    .tick(2e9)
    .data(1, join(...Array.from({ length: 100 }, () => data(1, "0123456789"))))
    .data(1, join(...Array.from({ length: 40 }, () => data(1, "x".repeat(1000)))))
    .data(1, data(1, "", END_STREAM))
    .end();
  const { response: answered, connection } = only(harness);
  assert.equal(connection.lane, 1);
  assert.equal(answered!.chunked, true);
  assert.equal(answered!.body.length, 41_000);
  const sizes = textOf(connection.streams[1]).match(/\r\n[0-9a-f]+\r\n/g)!.map((size) =>
    parseInt(size.trim(), 16)
  );
  // What came in one call is together, but for the cut at 16 KiB.
  assert.deepEqual(sizes, [1000, 16384, 616, 16384, 616, 6000, 0]);
});

Deno.test("rule 7: HEAD, 204, 304 and empty responses", () => {
  const head = only(exchange(request("HEAD", "/"), response(200, ["content-length", "70"]))).response!;
  assert.equal(fieldOf(head, "content-length"), "70");
  for (const status of [204, 304]) {
    const answered = only(exchange(request("GET", "/"), response(status, ["content-length", "70"])))
      .response!;
    assert.equal(fieldOf(answered, "content-length"), undefined);
    assert.equal(fieldOf(answered, "transfer-encoding"), undefined);
    assert.equal(fieldOf(answered, "x-sslcollector-content-length"), "70");
  }
  for (const status of [200, 205, 404]) {
    assert.equal(
      fieldOf(only(exchange(request("GET", "/"), response(status))).response!, "content-length"),
      "0",
    );
  }
});

Deno.test("rule 7: DATA where none may be is chunked, on a lane of its own", () => {
  for (const status of [204, 304]) {
    const harness = exchange(request("GET", "/"), response(status, ["content-length", "4"]), "HTTP");
    const [connection] = harness.connections();
    assert.notEqual(connection.lane, 0);
    assert.equal(connection.end, "fin");
    const { response: answered } = only(harness);
    assert.equal(answered!.chunked, true);
    assert.equal(textOf(answered!.body), "HTTP");
  }
});

Deno.test("rule 7: a body of a response to HEAD is raw on a lane of its own, but where it begins like a message", () => {
  const body = `${"text ".repeat(20)}\r\nHTTP/1.1 200 OK\r\n\r\n`;
  const harness = exchange(request("HEAD", "/"), response(200, ["content-length", "4"]), body);
  const [raw, shared] = harness.connections();
  assert.match(raw.comment, /stream 1, body of a response to HEAD$/);
  assert.equal(textOf(raw.streams[1]), RAW_MARKER + body);
  assert.deepEqual([raw.end, shared.lane], ["fin", 0]);
  assert.equal(fieldOf(only(harness).response!, "content-length"), "4");
  const evil = exchange(request("HEAD", "/"), response(200), "HTTP/1.1 200 OK\r\n\r\n");
  assert.deepEqual(evil.connections().map(({ lane }) => lane), [0]);
  assert.equal(evil.counts.get("raw-withheld-bytes"), 19);
});

Deno.test("rule 8: a streamed body that ends short, and one that runs over", () => {
  const streamed = (...body: Uint8Array[]) => {
    const harness = started()
      .data(0, headers(1, request("GET", "/"), END_STREAM))
      .data(1, headers(1, response(200, ["content-length", "10"])))
      .tick(2e9);
    for (const piece of body) harness.data(1, piece);
    return harness.end();
  };
  const short = streamed(data(1, "12345", END_STREAM));
  assert.equal(short.connections()[0].end, "reset");
  assert.equal(textOf(only(short).response!.body), "12345");
  const over = streamed(data(1, "12345678"), data(1, "90EXTRA"), data(1, "HTTP/1.1 200 OK", END_STREAM));
  assert.equal(over.connections()[0].end, "fin");
  assert.equal(textOf(only(over).response!.body), "1234567890");
  assert.equal(over.counts.get("body-over-length-bytes"), 5 + 15);
});

Deno.test("rule 9: interim responses go into the final one", () => {
  const harness = started()
    .data(0, headers(1, request("GET", "/"), END_STREAM))
    .data(1, headers(1, response(100)))
    .data(1, headers(1, response(103, ["link", "</a>"], ["link", "</b>"])))
    .data(1, headers(1, response(200), END_STREAM))
    .end();
  const { response: answered } = only(harness);
  assert.deepEqual(answered!.fields, [
    ["x-sslcollector-103-link", "</a>"],
    ["x-sslcollector-103-link", "</b>"],
    ["Content-Length", "0"],
  ]);
});

Deno.test("rule 9: of 64 KiB of interim fields and more the final response says how many are left out", () => {
  const harness = started().data(0, headers(1, request("GET", "/"), END_STREAM));
  for (let i = 0; i < 1000; i++) {
    harness.data(1, headers(1, response(103, ["link", `<${i}${"v".repeat(90)}>`], ["a", ""])));
  }
  harness.data(1, headers(1, response(200), END_STREAM)).end();
  const { response: answered } = only(harness);
  const told = answered!.fields.filter(([name]) => name.startsWith("x-sslcollector-103-")).length;
  assert.ok(told > 800, `${told}`);
  assert.equal(fieldOf(answered!, "x-sslcollector-interim-elided"), `${2000 - told}`);
  assert.equal(harness.counts.get("interim-fields-over-bound"), 2000 - told);
});

Deno.test("rule 10: extended CONNECT is an upgrade, its bytes opaque", () => {
  const harness = started()
    .data(
      0,
      headers(1, [[":method", "CONNECT"], [":protocol", "websocket"], [":scheme", "https"], [
        ":path",
        "/chat",
      ], [
        ":authority",
        "example.test",
      ], ["sec-websocket-version", "13"]]),
    )
    .data(0, data(1, "early"))
    .data(1, headers(1, response(200, ["sec-websocket-protocol", "x"])))
    .data(0, data(1, "\x81\x05hello"))
    .data(1, data(1, "\x81\x02yo", END_STREAM))
    .data(0, data(1, "", END_STREAM))
    .end();
  const [connection] = harness.connections();
  assert.equal(
    textOf(connection.streams[0]),
    "GET /chat HTTP/1.1\r\nHost: example.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-Websocket-Version: 13\r\n\r\nearly\x81\x05hello",
  );
  assert.equal(
    textOf(connection.streams[1]),
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-Websocket-Protocol: x\r\n\r\n" +
      "\x81\x02yo",
  );
  assert.equal(connection.end, "fin");
  assert.notEqual(connection.lane, 0);
});

Deno.test("rule 10: CONNECT, accepted and refused", () => {
  const connect = (status: number) => {
    const harness = started().data(0, headers(1, [[":method", "CONNECT"], [":authority", "host:25"]]))
      .data(0, data(1, "EHLO"));
    assert.deepEqual(harness.connections(), []);
    return harness.data(1, headers(1, response(status, ["content-length", "3"]))).data(1, data(1, "220"))
      .end();
  };
  const [accepted] = connect(200).connections();
  assert.equal(textOf(accepted.streams[0]), "CONNECT host:25 HTTP/1.1\r\nHost: host:25\r\n\r\nEHLO");
  assert.equal(textOf(accepted.streams[1]), "HTTP/1.1 200 OK\r\nx-sslcollector-content-length: 3\r\n\r\n220");
  const refused = connect(403);
  assert.equal(
    textOf(refused.connections()[0].streams[0]),
    "CONNECT host:25 HTTP/1.1\r\nHost: host:25\r\n\r\n",
  );
  assert.equal(textOf(only(refused).response!.body), "220");
  assert.equal(refused.counts.get("tunnel-bytes-refused"), 4);
});

Deno.test("rule 11: long lines are split, what cannot be goes to a lane of its own", () => {
  const long = only(exchange(request("GET", "/", ["x-long", "v".repeat(40_000)])));
  assert.equal(long.connection.lane, 0);
  assert.equal(fieldOf(long.request, "x-long")!.replaceAll(", ", ""), "v".repeat(40_000));
  assert.equal(long.request.fields.filter(([name]) => name === "X-Long").length, 3);
  for (
    const fields of [
      request("GET", "/" + "p".repeat(17_000)),
      request("GET", "/", ...Array.from({ length: 1001 }, (_, i) => [`x-${i}`, "v"] as const)),
      request("GET", "/", ["authorization", "Basic ????"]),
      request("GET", "/", ["authorization", "basic"]),
      request("GET", "/", ["authorization", " Basic ????"]),
      request("GET", "/", ["Authorization", "\r\n\tBasic ????"]),
      request("GET", "/", ["n".repeat(12_000), "v".repeat(8000)]),
    ]
  ) {
    const harness = started().data(0, headers(1, fields, END_STREAM)).data(
      1,
      headers(1, response(200), END_STREAM),
    ).end();
    assert.deepEqual(harness.connections().map(({ lane, end }) => [lane, end]), [[1, "fin"]]);
  }
  assert.equal(only(exchange(request("GET", "/", ["authorization", "Basic dTpw"]))).connection.lane, 0);
});

Deno.test("rule 12: reset behind the head", () => {
  const chunked = started()
    .data(0, headers(1, request("GET", "/"), END_STREAM))
    .data(1, join(headers(1, response(200)), data(1, "half")))
    .data(1, reset(1))
    .end();
  const { response: answered, connection } = only(chunked);
  assert.deepEqual(answered!.trailers, [["x-sslcollector-partial", "reset"]]);
  assert.equal(textOf(answered!.body), "half");
  assert.equal(connection.end, "fin");
  const declared = started()
    .data(0, headers(1, request("GET", "/"), END_STREAM))
    .data(1, join(headers(1, response(200, ["content-length", "100"])), data(1, "half")))
    .tick(2e9)
    .data(0, reset(1))
    .end();
  assert.equal(only(declared).connection.end, "reset");
  const unanswered = started().data(0, headers(1, request("GET", "/"), END_STREAM)).data(0, reset(1)).tick(
    1e9,
  )
    .data(0, headers(3, request("GET", "/next"), END_STREAM)).data(1, headers(3, response(200), END_STREAM))
    .end();
  assert.deepEqual(unanswered.connections().map(({ lane, end }) => [lane, end]), [[0, "reset"], [0, "fin"]]);
  assert.deepEqual(unanswered.summary(), ["GET / 0 0", "GET /next 200 0"]);
});
