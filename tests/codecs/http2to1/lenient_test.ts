// SPDX-License-Identifier: MIT
/**
 * Connection errors that some real peer does not mind: nginx 1.22, nghttpd 1.52, haproxy 2.6 and Node answer what comes behind
 * them, each its own. What the laxest answers is told, and the fault is counted; nothing is told that nobody saw.
 */
import assert from "node:assert/strict";
import type { Direction } from "../../../codecs/codec.ts";
import { CONNECTION_PREFACE, FrameType } from "../../../codecs/http2/frame.ts";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import {
  block,
  bytesOf,
  clientStart,
  data,
  END_HEADERS,
  END_STREAM,
  type Fields,
  frame,
  headers,
  join,
  literal,
  pushPromise,
  request,
  reset,
  response,
  serverStart,
  settings,
  settingsAck,
  textOf,
} from "../../support/http2_frames.ts";
import { good, judged } from "../../support/ids_flows.ts";
import { type Exchange, judgeMissing, judgeStrict } from "../../ids/judge.ts";
import { skipIf } from "../../support/skip.ts";

const codec = http2to1();
const GET = block(request("GET", "/a"));
const get = (...behind: Uint8Array[]) => headers(1, join(GET, ...behind), END_STREAM);
const longValue = (...length: number[]) =>
  join(Uint8Array.of(0, 1, 0x78, 0x7f, ...length), bytesOf("v".repeat(130)));

/** A client's bytes from the first on, then an ordinary request; the server answers both. */
const play = (bytes: Uint8Array, answered = true) => {
  const harness = new CodecHarness(codec).data(0, bytes).data(1, serverStart());
  if (answered) harness.data(1, headers(1, response(200), END_STREAM));
  return harness.data(0, headers(101, request("GET", "/next"), END_STREAM))
    .data(1, headers(101, response(204), END_STREAM)).end();
};

const withoutScheme = request("GET", "/a").filter(([name]) => name !== ":scheme");
const withFields = (...more: [string, string][]) =>
  join(clientStart(), headers(1, [...request("GET", "/a"), ...more], END_STREAM));
/** A request's frames with others between its header block's two. */
const apart = (...between: Uint8Array[]) =>
  join(
    clientStart(),
    frame(FrameType.HEADERS, END_STREAM, 1, GET.subarray(0, 5)),
    ...between,
    frame(FrameType.CONTINUATION, END_HEADERS, 1, GET.subarray(5)),
  );
const PADDED = 0x08, PRIORITY = 0x20;
/** A header block that no peer decodes: what it would put into the table is not there. */
const badHead = (flags: number, ...before: number[]) =>
  frame(
    FrameType.HEADERS,
    flags | END_HEADERS | END_STREAM,
    3,
    join(Uint8Array.from(before), literal("x-evil", "1", true)),
  );

const faults: [reason: string, peer: string, bytes: Uint8Array][] = [
  ["idle-stream", "nginx", join(clientStart(), data(99, "x", END_STREAM), get())],
  ["idle-stream", "nginx", join(clientStart(), frame(FrameType.RST_STREAM, 0, 99, new Uint8Array(4)), get())],
  ["no-settings", "nginx", join(CONNECTION_PREFACE, get())],
  ["no-settings", "nginx", join(CONNECTION_PREFACE, settingsAck(), get())],
  ["no-settings", "nginx", join(CONNECTION_PREFACE, frame(0xee, 0, 0, new Uint8Array(30_000)), get())],
  ["frame-size", "nginx", join(clientStart(), frame(0xee, 0, 0, new Uint8Array(20_000)), get())],
  ["frame-size", "nginx", join(clientStart(), frame(0xee, 0, 0, new Uint8Array(1_000_000)), get())],
  [
    "frame-size",
    "nginx",
    join(clientStart(), frame(FrameType.SETTINGS, 0, 0, new Uint8Array(18_000)), get()),
  ],
  [
    "frame-stream",
    "h2 of Rust",
    join(clientStart(), frame(FrameType.PRIORITY, 0, 0, new Uint8Array(5)), get()),
  ],
  ["hpack-table-size", "nginx", join(clientStart(), get(Uint8Array.of(0x20)))],
  ["hpack-integer", "nghttpd, Node", join(clientStart(), get(longValue(0x83, 0x80, 0x80, 0x80, 0)))],
  ["hpack-integer", "haproxy", join(clientStart(), get(longValue(0x83, ...new Array(20).fill(0x80), 0)))],
  ["hpack-huffman", "nginx", join(clientStart(), get(Uint8Array.of(0, 1, 0x78, 0x83, 0x1f, 0xff, 0xff)))],
  [
    "pseudo-header-order",
    "nginx",
    join(clientStart(), headers(1, [["x", "y"], ...request("GET", "/a")], END_STREAM)),
  ],
  [
    "settings-flags",
    "nginx",
    join(clientStart(), frame(FrameType.SETTINGS, 0x03, 0, Uint8Array.of(0, 3, 0, 0, 0, 100)), get()),
  ],
  ["protocol", "haproxy, lighttpd", withFields([":protocol", "websocket"])],
  ["protocol", "haproxy", withFields([":protocol", ""])],
  // 4 times 32 bits of zeros: the octet behind them counts again.
  ["hpack-integer", "haproxy", join(clientStart(), get(longValue(0x80, ...new Array(31).fill(0x80), 0x03)))],
  ["hpack-integer", "haproxy", join(clientStart(), get(longValue(0x83, 0x80, 0x80, 0x80, 0x70)))],
  ["frame-padding", "Caddy", join(clientStart(), badHead(PADDED, 200), get())],
  ["frame-padding", "Caddy", join(clientStart(), frame(FrameType.HEADERS, PADDED | END_HEADERS, 3), get())],
  ["frame-padding", "Caddy", join(clientStart(), badHead(PADDED | PRIORITY, 11, 0, 0, 0, 0, 16), get())],
  ["continuation", "varnish", apart(frame(0xee, 0, 0, new Uint8Array(20)))],
  ["continuation", "varnish", apart(frame(0x10, 0, 1))],
  ["scheme", "varnish", join(clientStart(), headers(1, withoutScheme, END_STREAM))],
  ["scheme", "varnish", withFields([":scheme", "http"])],
  [
    "frame-stream",
    "h2 of Rust",
    join(clientStart(), frame(FrameType.GOAWAY, 0, 9, new Uint8Array(8)), get()),
  ],
];

Deno.test("what some peer answers is told, and what comes behind it; the fault is counted", () => {
  for (const [reason, peer, bytes] of faults) {
    const harness = play(bytes);
    assert.deepEqual(harness.summary(), ["GET /a 200 0", "GET /next 204 0"], `${reason} (${peer})`);
    assert.equal(
      harness.counts.get(`tolerated-${reason}`),
      1,
      `${reason} (${peer})`,
    );
    assert.ok([...harness.counts.keys()].every((name) => !/unreadable|refused|raw/.test(name)), reason);
  }
});

Deno.test("one byte at a time it is the same", () => {
  for (const [reason, , bytes] of faults) {
    if (bytes.length > 40_000) continue;
    const harness = new CodecHarness(codec);
    for (let at = 0; at < bytes.length; at++) harness.data(0, bytes.subarray(at, at + 1));
    harness.data(1, serverStart()).data(1, headers(1, response(200), END_STREAM)).end();
    assert.deepEqual(harness.summary(), ["GET /a 200 0"], reason);
    assert.equal(harness.counts.get(`tolerated-${reason}`), 1, reason);
  }
});

Deno.test("a server that does not mind answers; one that does ends the connection, and no response is made up", () => {
  for (const [reason, , bytes] of faults) {
    const harness = new CodecHarness(codec).data(0, bytes).data(1, serverStart())
      .data(1, frame(FrameType.GOAWAY, 0, 0, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1))).end();
    assert.deepEqual(harness.summary(), ["GET /a 0 0"], reason);
    assert.deepEqual(harness.connections().map(({ end }) => end), ["reset"], reason);
  }
});

Deno.test("the fields of a request whose pseudo-header fields come late stay in their order", () => {
  const [method, scheme, authority, path] = request("GET", "/a");
  const late = [method, ["x-1", "a"], scheme, ["cookie", "c"], ["x-2", "b"], authority, path, [
    "x-3",
    "d",
  ]] as const;
  const { request: told } =
    play(join(clientStart(), headers(1, late.map(([n, v]) => [n, v] as [string, string]), END_STREAM)))
      .exchanges()[0];
  assert.deepEqual(told.fields.map(([name]) => name), ["Host", "X-1", "Cookie", "X-2", "X-3"]);
  const answer = new CodecHarness(codec).data(0, join(clientStart(), get())).data(1, serverStart())
    .data(1, headers(1, [["x", "y"], ...response(200)], END_STREAM)).end();
  assert.deepEqual(answer.summary(), ["GET /a 200 0"]);
  assert.equal(answer.counts.get("tolerated-pseudo-header-order"), 1);
});

Deno.test("fields without a name are left out and counted, in heads, interim heads and trailers", () => {
  const nameless: [string, string] = ["", "v"];
  const harness = new CodecHarness(codec).data(0, clientStart()).data(1, serverStart())
    .data(0, headers(1, request("GET", "/a", nameless), END_STREAM))
    .data(1, headers(1, response(103, nameless))).data(1, headers(1, response(200, nameless)))
    .data(1, headers(1, [nameless, ["x", "y"]], END_STREAM)).end();
  assert.deepEqual(harness.summary(), ["GET /a 200 0"]);
  assert.equal(harness.counts.get("empty-field-name"), 4);
});

Deno.test("many small or empty CONTINUATION frames, up to a bound that can be set", () => {
  const tiny = (count: number, fragment?: Uint8Array) =>
    join(
      clientStart(),
      frame(FrameType.HEADERS, END_STREAM, 1, GET),
      ...Array.from({ length: count }, () => frame(FrameType.CONTINUATION, 0, 1, fragment)),
      frame(FrameType.CONTINUATION, END_HEADERS, 1),
    );
  for (const bytes of [tiny(130, literal("x", "y")), tiny(2000)]) {
    assert.deepEqual(play(bytes).summary(), ["GET /a 200 0", "GET /next 204 0"]);
  }
  const strict = new CodecHarness(http2to1({ maxContinuations: 100 })).data(0, tiny(130, literal("x", "y")));
  assert.equal(strict.counts.get("header-block-over-bound"), 1);
});

Deno.test("a header block that is passed over leaves the table alone", () => {
  const harness = new CodecHarness(codec).data(0, clientStart()).data(1, serverStart())
    .data(0, headers(1, join(GET, literal("x-kept", "1", true)), END_STREAM))
    .data(1, headers(1, response(200), END_STREAM))
    .data(0, badHead(PADDED, 200)).data(1, reset(3))
    .data(0, headers(3, join(GET, Uint8Array.of(0xbe)), END_STREAM))
    .data(1, headers(3, response(200), END_STREAM)).end();
  assert.deepEqual(harness.summary(), ["GET /a 200 0", "GET /a 200 0"]);
  assert.deepEqual(harness.exchanges()[1].request.fields.at(-1), ["X-Kept", "1"]);
});

Deno.test("a DATA frame with more padding than bytes ends its message, and the rest goes on", () => {
  for (const more of ["", "evil"]) {
    const bad = frame(FrameType.DATA, PADDED | END_STREAM, 1, join(Uint8Array.of(9), bytesOf(more)));
    const harness = new CodecHarness(codec).data(0, clientStart()).data(1, serverStart())
      .data(0, join(headers(1, request("POST", "/a")), data(1, "body"), bad, data(1, "evil", END_STREAM)))
      .data(0, headers(3, request("GET", "/b"), END_STREAM))
      .data(1, headers(1, response(503), END_STREAM)).data(1, headers(3, response(200), END_STREAM)).end();
    assert.deepEqual(harness.summary(), ["POST /a 503 0", "GET /b 200 0"]);
    const [{ request: asked }] = harness.exchanges();
    assert.deepEqual([textOf(asked.body), asked.trailers], ["body", [[
      "x-sslcollector-partial",
      "malformed",
    ]]]);
    assert.equal(harness.counts.get("tolerated-frame-padding"), 1);
  }
});

Deno.test("an empty :protocol leaves a CONNECT one of the ordinary kind, its path left out", () => {
  const fields = [...request("CONNECT", "/a"), [":protocol", ""] as [string, string]];
  const harness = new CodecHarness(codec).data(0, clientStart()).data(1, serverStart())
    .data(0, headers(1, fields, 0)).data(1, headers(1, response(403), END_STREAM))
    .data(0, data(1, "", END_STREAM)).end();
  assert.deepEqual(harness.summary(), ["CONNECT example.test 403 0"]);
  assert.equal(harness.counts.get("tolerated-protocol"), 1);
});

Deno.test("promises are not read as leniently: it is servers that take such requests", () => {
  for (const fields of [withoutScheme, [...request("GET", "/evil"), [":protocol", ""] as [string, string]]]) {
    const harness = new CodecHarness(codec).data(0, join(clientStart(), get())).data(1, serverStart())
      .data(1, join(pushPromise(1, 2, fields), headers(2, response(200), END_STREAM)))
      .data(1, headers(1, response(200), END_STREAM)).end();
    assert.deepEqual(harness.summary(), ["GET /a 200 0"]);
  }
});

Deno.test("a server's SETTINGS with a value for ENABLE_PUSH that means nothing", () => {
  const play = (direction: Direction) =>
    new CodecHarness(codec).data(0, join(clientStart(), get())).data(1, serverStart())
      .data(direction, settings([2, 7])).data(1, headers(1, response(200), END_STREAM)).end();
  assert.deepEqual(play(1).summary(), ["GET /a 200 0"]);
  assert.equal(play(1).counts.get("tolerated-settings-value"), 1);
  assert.equal(play(0).counts.get("unreadable-settings-value"), 1);
});

Deno.test("responses with odd statuses and with pseudo-header fields of others", () => {
  const play = (fields: Fields) =>
    new CodecHarness(codec).data(0, join(clientStart(), get())).data(1, serverStart())
      .data(1, join(headers(1, fields), data(1, "body", END_STREAM)))
      .data(0, headers(3, request("GET", "/next"), END_STREAM)).data(1, headers(3, response(204), END_STREAM))
      .end();
  for (const status of ["20", "2000", "0x2", "099", "", "2\r\n"]) {
    const harness = play(response(status));
    assert.deepEqual(harness.summary(), ["GET /a 999 4", "GET /next 204 0"], status);
    assert.equal(harness.counts.get("tolerated-status"), 1, status);
  }
  const foreign = play([...response(200), [":path", "/"], [":evil", "1"], ["x", "y"]]);
  assert.deepEqual(foreign.summary(), ["GET /a 200 4", "GET /next 204 0"]);
  assert.equal(foreign.counts.get("tolerated-foreign-pseudo-header"), 1);
  assert.deepEqual(foreign.exchanges()[0].response!.fields.map(([name]) => name), ["X", "Content-Length"]);
});

Deno.test("101, which HTTP/2 has not, is an interim response, as Go's client takes it", () => {
  const harness = new CodecHarness(codec).data(0, join(clientStart(), get())).data(1, serverStart())
    .data(1, headers(1, response(101, ["upgrade", "x"])))
    .data(1, join(headers(1, response(200)), data(1, "body", END_STREAM))).end();
  assert.deepEqual(harness.summary(), ["GET /a 200 4"]);
  assert.equal(harness.counts.get("tolerated-switching-protocols"), 1);
  const [{ response: answered }] = harness.exchanges();
  assert.equal(answered!.fields[0].join(": "), "x-sslcollector-101-upgrade: x");
});

Deno.test("a server that begins with a frame of an extension", () => {
  const harness = new CodecHarness(codec).data(0, join(clientStart(), get()))
    .data(1, join(frame(0xc, 0, 0, bytesOf("origin")), serverStart(), headers(1, response(200), END_STREAM)))
    .end();
  assert.deepEqual(harness.summary(), ["GET /a 200 0"]);
  assert.equal(harness.counts.get("tolerated-no-settings"), 1);
});

Deno.test("frames of a server that no client asked for are passed over, their fields learnt", () => {
  const idle = (...bytes: Uint8Array[]) => {
    const harness = new CodecHarness(codec).data(0, clientStart()).data(1, join(serverStart(), ...bytes));
    return harness.data(0, headers(1, request("GET", "/a"), END_STREAM))
      .data(1, headers(1, join(Uint8Array.of(0x88), Uint8Array.of(0xbe)), END_STREAM)).end();
  };
  // The dynamic table's newest entry is from the head that nobody asked for.
  const harness = idle(headers(7, join(block(response(200)), literal("x-kept", "1", true)), END_STREAM));
  assert.deepEqual(harness.summary(), ["GET /a 200 0"]);
  assert.deepEqual(harness.exchanges()[0].response!.fields[0], ["X-Kept", "1"]);
  assert.equal(harness.counts.get("tolerated-idle-stream"), 1);
});

Deno.test("what looks like a fault in bytes that may be no frames is none to pass over", () => {
  for (const direction of [0, 1] as Direction[]) {
    const late = new CodecHarness(codec, { flow: { joinedLate: true } });
    const frames = join(data(5, "a"), data(5, "b"), data(5, "c"), frame(0xee, 0, 5, new Uint8Array(20_000)));
    late.data(direction, frames).end();
    assert.ok(
      [...late.counts.keys()].every((name) => !name.startsWith("tolerated")),
      [...late.counts.keys()].join(),
    );
  }
});

Deno.test({
  name: "an IDS pairs them rightly",
  ...skipIf(judgeMissing()),
  fn: async () => {
    const start = clientStart().length;
    const behindStart = faults.filter(([reason]) => reason !== "no-settings");
    const flows = behindStart.map(([, , bytes]) => (flow: CodecHarness) => {
      flow.data(0, bytes.subarray(start)).data(1, headers(1, response(200), END_STREAM));
    });
    const expect = behindStart.flatMap((_, i): Exchange[] => [["GET", "/a", 200, 0], good(i)]);
    await judged(flows, (capture) => judgeStrict(capture, { expect }).then(() => {}));
  },
});
