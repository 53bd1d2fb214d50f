// SPDX-License-Identifier: MIT
/** The seven rules for lanes, and the bounds on what a flow holds. */
import assert from "node:assert/strict";
import { http2to1, type Http2To1Options } from "../../../codecs/http2to1/codec.ts";
import { CodecHarness, RAW_MARKER } from "../../support/codec_harness.ts";
import {
  block,
  bytesOf,
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

const started = (options?: Http2To1Options) =>
  new CodecHarness(http2to1(options)).data(0, clientStart()).data(1, serverStart());
const ask = (id: number, path = `/${id}`) => headers(id, request("GET", path), END_STREAM);
const answer = (id: number, body: string | Uint8Array = "") => {
  const bytes = typeof body === "string" ? bytesOf(body) : body;
  const frames = [headers(id, response(200))];
  for (let at = 0; at < bytes.length; at += 16384) frames.push(data(id, bytes.subarray(at, at + 16384)));
  return join(...frames, data(id, "", END_STREAM));
};

Deno.test("rule 1: one exchange after the other, never pipelined", () => {
  const harness = started();
  const order: string[] = [];
  for (let i = 0; i < 50; i++) harness.data(0, ask(1 + 2 * i));
  for (let i = 49; i >= 0; i--) {
    harness.data(1, answer(1 + 2 * i, "x"));
    order.push(`GET /${1 + 2 * i} 200 1`);
  }
  harness.end();
  assert.deepEqual(harness.summary(), order);
  const [connection] = harness.connections();
  assert.equal(connection.lane, 0);
  // Request and response are one write each, and nothing is written ahead of its turn.
  assert.equal(harness.writes(0, 0).length, 50);
  assert.equal(harness.writes(0, 1).length, 50);
});

Deno.test("rule 2: unfinished after 1 s streams on a lane of its own and stays there", () => {
  const harness = started().data(0, ask(1, "/events")).data(0, ask(3, "/quick")).data(1, answer(3));
  harness.tick(0.9e9);
  assert.deepEqual(harness.connections().map(({ lane }) => lane), [0]);
  harness.data(1, headers(1, response(200, ["content-type", "text/event-stream"]))).data(
    1,
    data(1, "data: 1\n\n"),
  );
  harness.tick(0.2e9);
  const [, events] = harness.connections();
  assert.match(events.comment, /^http2to1: stream 1, long exchange$/);
  assert.match(textOf(events.streams[1]), /data: 1\n\n\r\n$/);
  harness.data(0, ask(5, "/beside")).data(1, answer(5)).data(1, data(1, "data: 2\n\n")).data(
    1,
    data(1, "", END_STREAM),
  );
  harness.end();
  assert.deepEqual(harness.summary(), ["GET /quick 200 0", "GET /beside 200 0", "GET /events 200 18"]);
  assert.deepEqual(harness.connections().map(({ lane, end }) => [lane, end]), [[0, "fin"], [1, "fin"]]);
});

Deno.test("rule 2: more than 1 MiB streams, less waits", () => {
  const harness = started().data(0, ask(1));
  harness.data(1, headers(1, response(200)));
  for (let i = 0; i < 63; i++) harness.data(1, data(1, new Uint8Array(16384)));
  assert.deepEqual(harness.connections(), []);
  harness.data(1, data(1, new Uint8Array(16384)));
  assert.deepEqual(harness.connections().map(({ lane }) => lane), [1]);
  harness.data(1, data(1, "end", END_STREAM)).end();
  assert.deepEqual(harness.summary(), [`GET /1 200 ${64 * 16384 + 3}`]);
});

Deno.test("rule 3: a new connection before a direction passes the depth", () => {
  const harness = started();
  for (let i = 0; i < 10; i++) {
    harness.data(0, ask(1 + 2 * i)).data(1, answer(1 + 2 * i, new Uint8Array(200_000)));
  }
  harness.end();
  const connections = harness.connections();
  assert.deepEqual(connections.map(({ lane, end }) => [lane, end]), Array(4).fill([0, "fin"]));
  for (const { streams } of connections) assert.ok(streams[1].length <= 768 * 1024);
  assert.equal(harness.exchanges().length, 10);
  const never = started({ reopenAfterBytes: 0 });
  for (let i = 0; i < 10; i++) {
    never.data(0, ask(1 + 2 * i)).data(1, answer(1 + 2 * i, new Uint8Array(200_000)));
  }
  assert.equal(never.end().connections().length, 1);
});

Deno.test("rule 3: a new connection before its parser has warned too often", () => {
  const harness = started();
  for (let i = 0; i < 300; i++) {
    harness.data(0, ask(1 + 2 * i));
    harness.data(1, headers(1 + 2 * i, response(200, ["set-cookie", "a"], ["set-cookie", "b"]), END_STREAM));
  }
  const connections = harness.end().connections();
  assert.deepEqual(connections.map(({ streams }) => textOf(streams[0]).split("GET ").length - 1), [200, 100]);
});

Deno.test("rule 3: fields of interim responses count as repeated ones", () => {
  const harness = started();
  const hints = response(103, ...Array.from({ length: 150 }, (_, i) => ["link", `</${i}>`] as const));
  for (let id = 1; id < 21; id += 2) {
    harness.data(0, ask(id)).data(1, headers(id, hints)).data(1, headers(id, response(200), END_STREAM));
  }
  const connections = harness.end().connections();
  assert.deepEqual(connections.map(({ streams }) => textOf(streams[0]).split("GET ").length - 1), [
    2,
    2,
    2,
    2,
    2,
  ]);
});

Deno.test("rule 5: a response without its request, a body without its head", () => {
  const late = new CodecHarness(http2to1(), { flow: { joinedLate: true } });
  late.data(1, join(headers(7, response(404)), data(7, "gone", END_STREAM)));
  late.data(1, join(data(9, "\0tail of a body"), data(9, " and its end", END_STREAM)));
  late.end();
  const [orphan, raw] = late.connections();
  assert.deepEqual([orphan.lane > 0, raw.lane > 0], [true, true]);
  assert.deepEqual(orphan.streams[0].length, 0);
  const marked = "HTTP/1.1 404 Not Found\r\nx-sslcollector-partial: resync\r\nContent-Length: 4\r\n\r\ngone";
  assert.equal(textOf(orphan.streams[1]), marked);
  assert.equal(textOf(raw.streams[1]), `${RAW_MARKER}\0tail of a body and its end`);
  assert.match(raw.comment, /stream 9, body without its head/);
  assert.equal(late.counts.get("response-without-request"), 1);
});

Deno.test("a raw lane never begins like a message", () => {
  const long = `/${"x".repeat(100)} http/1.1\r\n`;
  const starts = [
    ...[
      "GET /x HTTP/1.1\r\n",
      "HTTP/1.1 200 OK\r\n",
      " \r\nPOST\t/",
      "OPT",
      "x http/1.0",
      " ".repeat(99),
      "htt",
    ],
    ...[`get ${long}`, `gEt\t${long}`, `version-control ${long}`, "ge", `FOO ${long}`],
  ];
  for (const start of starts) {
    const late = new CodecHarness(http2to1(), { flow: { joinedLate: true } });
    late.data(1, data(9, start)).data(1, data(9, "GET / HTTP/1.1\r\n\r\n", END_STREAM)).end();
    assert.deepEqual(late.connections(), [], start);
    assert.equal(late.counts.get("raw-withheld-bytes"), start.length + 18);
  }
});

Deno.test("a raw lane begins with what is no message", () => {
  for (
    const start of ["\0GET /", "get-it ", "hello", "getting ", "the /x", '{"a": 1}', "http:", "\x80GET /"]
  ) {
    const late = new CodecHarness(http2to1(), { flow: { joinedLate: true } });
    late.data(1, data(9, start)).data(1, data(9, "GET / HTTP/1.1\r\n\r\n", END_STREAM)).end();
    assert.equal(late.counts.get("raw-bytes"), start.length + 18, start);
  }
});

Deno.test("waiting exchanges over the bound go to lanes, oldest first", () => {
  const harness = started({ maxWaitingBytes: 100_000 });
  for (let i = 0; i < 20; i++) {
    harness.data(0, ask(1 + 2 * i)).data(
      1,
      join(headers(1 + 2 * i, response(200)), data(1 + 2 * i, new Uint8Array(9000))),
    );
  }
  const open = harness.connections().map(({ comment }) => /stream (\d+)/.exec(comment)![1]);
  assert.ok(open.length >= 9 && open.length <= 15, `${open}`);
  assert.deepEqual(open, open.map((_, i) => `${1 + 2 * i}`));
  for (let i = 0; i < 20; i++) harness.data(1, data(1 + 2 * i, "", END_STREAM));
  assert.equal(harness.end().exchanges().length, 20);
});

Deno.test("without lanes left, exchanges over the bound are cut and told", () => {
  const harness = started({ maxWaitingBytes: 50_000, maxLanes: 2 });
  for (let i = 0; i < 10; i++) {
    harness.data(0, ask(1 + 2 * i)).data(
      1,
      join(headers(1 + 2 * i, response(200)), data(1 + 2 * i, new Uint8Array(16000))),
    );
  }
  for (let i = 0; i < 10; i++) harness.data(1, data(1 + 2 * i, "more", END_STREAM));
  harness.end();
  assert.ok(new Set(harness.connections().map(({ lane }) => lane)).size <= 5);
  const cut = harness.exchanges().filter(({ response }) => response!.trailers.length > 0);
  assert.equal(harness.counts.get("exchange-over-bound"), cut.length);
  assert.ok(cut.length >= 4);
  for (const { response } of cut) assert.deepEqual(response!.trailers, [["x-sslcollector-partial", "bound"]]);
  assert.equal(harness.exchanges().length, 10);
});

Deno.test("without lanes left, what must not share a connection has one of lane 0 for itself", () => {
  const cases: [kind: string, fields: Fields, status: number, own: string][] = [
    ["method", request("get", "/odd"), 200, "get /odd 200 0"],
    ["basic", request("GET", "/basic", ["authorization", "Basic x"]), 200, "GET /basic 200 0"],
    ["refused tunnel", [[":method", "CONNECT"], [":authority", "a:1"]], 403, "CONNECT a:1 403 0"],
    ["tunnel", [[":method", "CONNECT"], [":authority", "a:1"]], 200, "CONNECT a:1 200 0"],
    ["no response", request("get", "/odd"), 0, "get /odd 0 0"],
  ];
  for (const [kind, fields, status, own] of cases) {
    const harness = started({ maxLanes: 2 }).data(0, join(ask(1), ask(3))).tick(2e9);
    harness.data(0, ask(5)).data(1, answer(5)).data(0, headers(7, fields, END_STREAM));
    harness.data(1, status > 0 ? headers(7, response(status), END_STREAM) : reset(7));
    harness.tick(1e9).data(0, ask(9)).data(1, answer(9)).end();
    const shared = harness.exchanges().filter(({ connection }) => connection.lane === 0);
    assert.deepEqual(
      shared.map(({ method, target, status: told, connection }) => [
        `${method} ${target} ${told} 0`,
        shared.filter((other) => other.connection === connection).length,
      ]),
      [["GET /5 200 0", 1], [own, 1], ["GET /9 200 0", 1]],
      kind,
    );
    // A tunnel is cut where it begins.
    assert.equal(harness.counts.get("exchange-over-bound"), kind === "tunnel" ? 1 : undefined, kind);
  }
});

Deno.test("trailers count for what makes an exchange a long one", () => {
  for (const claim of [[], [["content-length", "3000"]]] as Fields[]) {
    const harness = started({ streamAfterBytes: 8000 }).data(0, ask(1));
    harness.data(1, join(headers(1, response(200, ...claim)), data(1, "b".repeat(3000))));
    harness.data(1, headers(1, [["x-sum", "s".repeat(5000)]], END_STREAM)).end();
    const [{ connection, response: told }] = harness.exchanges();
    assert.match(connection.comment, /long exchange/);
    assert.deepEqual([told!.body.length, told!.trailers[0][1].length], [3000, 5000]);
  }
});

Deno.test("streams without end are bounded", () => {
  const harness = started({ maxStreams: 100, maxUnansweredPerSecond: 1000 });
  for (let i = 0; i < 1000; i++) harness.data(0, headers(1 + 2 * i, request("POST", "/")));
  assert.equal(harness.counts.get("streams-over-bound"), 900);
  assert.equal(harness.end().exchanges().length, 1000);
});

Deno.test("a rapid reset does not become more packets than bytes that came", () => {
  const harness = new CodecHarness(http2to1(), { forge: true }).data(0, clientStart()).data(1, serverStart());
  let received = 0;
  const indexed = Uint8Array.of(0x82, 0x84, 0x87);
  const tunnel = block([[":method", "CONNECT"], [":authority", "a:1"]]);
  for (let i = 0; i < 10_000; i++) {
    const id = 1 + 2 * i;
    const bytes = join(i % 2 === 0 ? headers(id, indexed, END_STREAM) : headers(id, tunnel), reset(id));
    received += bytes.length;
    harness.data(0, bytes);
  }
  const written = harness.end().capture().length;
  assert.ok(written < received, `${written} bytes of packets for ${received} received`);
});

Deno.test("a reset does not hide the answer of a server that had begun: nginx and h2o send it", () => {
  const flood = started();
  for (let i = 0; i < 150; i++) flood.data(0, join(ask(1 + 2 * i), reset(1 + 2 * i)));
  flood.data(0, join(ask(1001, "/evil"), reset(1001))).data(1, answer(1001, "evil"));
  flood.data(0, ask(1003, "/next")).data(1, answer(1003, "next"));
  assert.deepEqual(flood.summary(), ["GET /evil 200 4", "GET /next 200 4"]);
  assert.deepEqual(flood.connections().map(({ end }) => end), ["open"]);
  assert.equal(flood.end().exchanges().length, 152);
  assert.equal(flood.counts.get("headers-on-closed-stream"), undefined);
});

Deno.test("a request that was reset before its end, or by the server, and is answered", () => {
  for (const direction of [0, 1] as const) {
    const harness = started().data(0, join(headers(1, request("POST", "/up")), data(1, "half")))
      .data(direction, reset(1)).data(0, data(1, "evil", END_STREAM)).data(1, answer(1, "body")).end();
    assert.deepEqual(harness.summary(), ["POST /up 200 4"]);
    const [{ request: asked, response: told }] = harness.exchanges();
    assert.deepEqual([textOf(asked.body), asked.trailers], ["half", [["x-sslcollector-partial", "reset"]]]);
    assert.deepEqual(told!.trailers, []);
  }
});

Deno.test("a response goes on behind the client's reset, for a second", () => {
  const harness = started().data(0, ask(1)).data(1, join(headers(1, response(200)), data(1, "one")));
  harness.data(0, reset(1)).data(1, data(1, "two")).tick(0.9e9).data(1, data(1, "three")).tick(0.1e9);
  const [{ response: told }] = harness.data(1, data(1, "evil", END_STREAM)).end().exchanges();
  assert.equal(textOf(told!.body), "onetwothree");
  assert.deepEqual(told!.trailers, [["x-sslcollector-partial", "reset"]]);
});

Deno.test("requests that were reset get no lanes of their own, however many wait and however long they took", () => {
  const harness = started({ maxWaitingBytes: 50_000 });
  for (let i = 0; i < 100; i++) harness.data(0, ask(1 + 2 * i)).tick(0.02e9).data(0, reset(1 + 2 * i));
  // The oldest have given way.
  assert.ok(harness.connections().length > 30);
  harness.tick(0.3e9).end();
  assert.ok(harness.connections().every(({ lane }) => lane === 0));
  assert.equal(harness.exchanges().length, 100);
});

Deno.test("an exchange of an open request and a finished response ends with the request's reset", () => {
  const harness = started()
    .data(0, headers(1, request("POST", "/upload", ["content-length", "100"])))
    .data(0, data(1, "first"))
    .data(1, headers(1, response(413), END_STREAM))
    .data(1, reset(1, 0))
    .end();
  const [{ request: asked, status }] = harness.exchanges();
  assert.equal(status, 413);
  assert.deepEqual(asked.trailers, [["x-sslcollector-partial", "reset"]]);
});

Deno.test("lane 0 without an exchange for 60 s is closed, and opened anew for the next", () => {
  const harness = started().data(0, ask(1)).data(1, answer(1, "a")).tick(59e9).data(0, ask(3)).data(
    1,
    answer(3, "b"),
  );
  for (let second = 0; second < 59; second++) harness.tick(1e9);
  assert.deepEqual(harness.connections().map(({ end }) => end), ["open"]);
  harness.tick(2e9).data(0, ask(5)).data(1, answer(5, "c")).end();
  assert.deepEqual(harness.connections().map(({ lane, end }) => [lane, end]), [[0, "fin"], [0, "fin"]]);
  assert.deepEqual(harness.summary(), ["GET /1 200 1", "GET /3 200 1", "GET /5 200 1"]);
  const never = started({ closeAfterNs: 0 }).data(0, ask(1)).data(1, answer(1)).tick(1e12);
  assert.deepEqual(never.connections().map(({ end }) => end), ["open"]);
});
