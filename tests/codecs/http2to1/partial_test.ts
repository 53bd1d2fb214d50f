// SPDX-License-Identifier: MIT
/** Flows joined late, bytes lost, and bytes cut anywhere. */
import assert from "node:assert/strict";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { fieldOf } from "../../support/http1_reader.ts";
import {
  block,
  clientStart,
  data,
  END_STREAM,
  headers,
  join,
  literal,
  request,
  response,
  serverStart,
  settings,
  settingsAck,
  textOf,
} from "../../support/http2_frames.ts";
import { newNpmHpack } from "../../support/hpack_stories.ts";
import { withSeed } from "../../support/random.ts";

const codec = http2to1();
const started = () => new CodecHarness(codec).data(0, clientStart()).data(1, serverStart());
const joined = () => new CodecHarness(codec, { flow: { joinedLate: true } });

/** A conversation with dynamic tables, bodies, trailers and interleaved streams. */
function conversation(exchanges: number): { events: [0 | 1, Uint8Array][]; summary: string[] } {
  const client = newNpmHpack(), server = newNpmHpack();
  const events: [0 | 1, Uint8Array][] = [[0, clientStart()], [1, serverStart()]];
  const summary: string[] = [];
  for (let i = 0; i < exchanges; i++) {
    const id = 1 + 2 * i;
    const asked = request(i % 3 ? "GET" : "POST", `/path/${i}`, ["user-agent", "agent"], [
      "x-number",
      `${i}`,
    ]);
    const answered = response(i % 4 ? 200 : 404, ["server", "test"], ["content-type", "text/plain"]);
    events.push([0, headers(id, client.encode(asked) as Uint8Array<ArrayBuffer>, i % 3 ? END_STREAM : 0)]);
    if (i % 3 === 0) events.push([0, data(id, `body of ${i}`, END_STREAM)]);
    const body = "x".repeat(i * 37);
    events.push([1, join(headers(id, server.encode(answered) as Uint8Array<ArrayBuffer>), data(id, body))]);
    const trailers = () => server.encode([["x-sum", `${i}`]]) as Uint8Array<ArrayBuffer>;
    events.push([1, i % 5 ? data(id, "", END_STREAM) : headers(id, trailers(), END_STREAM)]);
    summary.push(`${i % 3 ? "GET" : "POST"} /path/${i} ${i % 4 ? 200 : 404} ${body.length}`);
  }
  return { events, summary };
}

Deno.test("one byte at a time", () => {
  const { events, summary } = conversation(20);
  const harness = new CodecHarness(codec);
  for (const [direction, bytes] of events) {
    for (let at = 0; at < bytes.length; at++) harness.data(direction, bytes.subarray(at, at + 1));
  }
  assert.deepEqual(harness.end().summary(), summary);
});

Deno.test("cut at every offset: the same exchanges, byte for byte", () => {
  const { events, summary } = conversation(4);
  const whole = new CodecHarness(codec);
  for (const [direction, bytes] of events) whole.data(direction, bytes);
  const expected = whole.end().connections();
  assert.deepEqual(whole.summary(), summary);
  for (let i = 0; i < events.length; i++) {
    for (let cut = 1; cut < events[i][1].length; cut++) {
      const harness = new CodecHarness(codec);
      events.forEach(([direction, bytes], k) => {
        if (k !== i) return harness.data(direction, bytes);
        harness.data(direction, bytes.subarray(0, cut)).data(direction, bytes.subarray(cut));
      });
      assert.deepEqual(harness.end().connections(), expected, `event ${i} cut at ${cut}`);
    }
  }
});

Deno.test("ended at every offset: what is whole is told, what is not is partial", () => {
  const { events, summary } = conversation(4);
  for (let i = 0; i < events.length; i++) {
    for (let cut = 0; cut < events[i][1].length; cut++) {
      const harness = new CodecHarness(codec);
      events.slice(0, i).forEach(([direction, bytes]) => harness.data(direction, bytes));
      if (cut > 0) harness.data(events[i][0], events[i][1].subarray(0, cut));
      const got = harness.end().exchanges();
      for (const { method, target, status, response: answered } of got) {
        const line = summary.find((one) => one.startsWith(`${method} ${target} `));
        assert.ok(line !== undefined, target);
        const partial = answered?.trailers.some(([name]) => name === "x-sslcollector-partial");
        if (answered !== undefined && !partial) {
          assert.equal(`${method} ${target} ${status} ${answered.body.length}`, line);
        }
      }
    }
  }
});

Deno.test("joined late: paths and statuses that need no lost entries are there, the others are marked", () => {
  const { events } = conversation(40);
  const harness = joined();
  for (const [direction, bytes] of events.slice(60)) harness.data(direction, bytes);
  const exchanges = harness.end().exchanges();
  assert.ok(exchanges.length >= 22, `${exchanges.length}`);
  // The first response to a request that was seen confirms both directions.
  const unsure = exchanges.flatMap(({ request: asked, response: answered }) => [asked, answered]).filter((
    one,
  ) => one !== undefined && /resync/.test(fieldOf(one, "x-sslcollector-partial") ?? ""));
  assert.deepEqual(unsure, [exchanges[0].request]);
  for (const { target, request: asked, status } of exchanges) {
    // The path is a literal each time; what was in the table before is a placeholder.
    assert.match(target, /^\/path\/\d+$/);
    const number = Number(target.slice(6));
    assert.ok([number % 4 ? 200 : 404, 999].includes(status));
    if (fieldOf(asked, "x-sslcollector-partial") !== undefined) {
      assert.match(fieldOf(asked, "x-sslcollector-partial")!, /^fields(, resync)?$/);
      assert.ok(asked.fields.some(([name]) => name === "x-sslcollector-unknown"));
    } else assert.equal(fieldOf(asked, "user-agent"), "agent");
  }
});

Deno.test("joined inside a frame: decoded on from the next boundary", () => {
  const { events, summary } = conversation(12);
  const body = data(1, new Uint8Array(3000).fill(0x61));
  for (const cut of [1, 5, 9, 10, 1000, 2999]) {
    const harness = joined();
    harness.data(1, body.subarray(cut));
    const toServer = events.filter(([direction]) => direction === 0).map(([, bytes]) => bytes);
    harness.data(0, join(...toServer.slice(1)).subarray(0));
    for (const [direction, bytes] of events.slice(2)) if (direction === 1) harness.data(1, bytes);
    harness.end();
    assert.ok(harness.counts.get("resync-skipped-bytes")! >= body.length - cut, `cut ${cut}`);
    const got = new Set(harness.summary());
    const found = summary.filter((line) => got.has(line)).length;
    assert.ok(found >= 8, `cut ${cut}: ${[...got]}`);
  }
});

Deno.test("joined late although it was not: a preface is a start", () => {
  const { events, summary } = conversation(3);
  const harness = joined();
  for (const [direction, bytes] of events) harness.data(direction, bytes);
  assert.deepEqual(harness.end().summary(), summary);
});

Deno.test("a table that was lost is relearnt", () => {
  const harness = joined()
    .data(
      0,
      headers(
        1,
        join(block(request("GET", "/a")), Uint8Array.of(0xbe), literal("x-new", "1", true)),
        END_STREAM,
      ),
    )
    .data(1, headers(1, response(200), END_STREAM))
    .data(0, headers(3, join(block(request("GET", "/b")), Uint8Array.of(0xbe)), END_STREAM))
    .data(1, headers(3, response(200), END_STREAM))
    .end();
  const [first, second] = harness.exchanges();
  assert.deepEqual(first.request.fields.slice(1), [
    ["x-sslcollector-partial", "fields, resync"],
    ["x-sslcollector-unknown", "?"],
    ["X-New", "1"],
  ]);
  // The server's direction was found behind the first request: the second exchange is the one that confirms it.
  assert.deepEqual(second.request.fields.slice(1), [["x-sslcollector-partial", "resync"], ["X-New", "1"]]);
  assert.equal(fieldOf(second.response!, "x-sslcollector-partial"), undefined);
});

Deno.test("a gap inside a body of a waiting exchange: real length, the gap in its place", () => {
  const frames = join(
    headers(1, response(200, ["content-length", "3000"])),
    data(1, "y".repeat(3000), END_STREAM),
  );
  const harness = started().data(0, headers(1, request("GET", "/a"), END_STREAM));
  harness.data(1, frames.subarray(0, frames.length - 2000)).gap(1, 1500).data(
    1,
    frames.subarray(frames.length - 500),
  );
  harness.data(0, headers(3, request("GET", "/b"), END_STREAM)).data(1, headers(3, response(200), END_STREAM))
    .end();
  assert.deepEqual(harness.summary(), ["GET /a 200 3000", "GET /b 200 0"]);
  const [connection] = harness.connections();
  assert.deepEqual(connection.gaps.map(({ direction, lengthBytes }) => [direction, lengthBytes]), [[
    1,
    1500,
  ]]);
  const [{ response: answered }] = harness.exchanges();
  assert.equal(fieldOf(answered!, "x-sslcollector-partial"), "gap");
  const zeros = [...answered!.body.keys()].filter((at) => answered!.body[at] === 0);
  assert.deepEqual([zeros[0], zeros.length], [1000, 1500]);
});

Deno.test("a gap inside a streamed body: skipped within a declared length, the end within chunks", () => {
  const streamed = (...claim: [string, string][]) => {
    const harness = started().data(0, headers(1, request("GET", "/a"), END_STREAM))
      .data(1, headers(1, response(200, ...claim))).tick(2e9);
    const frames = data(1, "z".repeat(1000), END_STREAM);
    return harness.data(1, frames.subarray(0, 109)).gap(1, 300).data(1, frames.subarray(409)).end();
  };
  const declared = streamed(["content-length", "1000"]);
  assert.equal(declared.connections()[0].gaps[0].lengthBytes, 300);
  assert.equal(declared.connections()[0].end, "fin");
  assert.equal(declared.exchanges()[0].response!.body.length, 1000);
  const chunked = streamed();
  const [{ response: answered }] = chunked.exchanges();
  assert.equal(textOf(answered!.body), "z".repeat(100));
  assert.deepEqual(answered!.trailers, [["x-sslcollector-partial", "gap"]]);
});

Deno.test("a gap over frame boundaries: open messages end there, later exchanges are right", () => {
  const harness = started()
    .data(0, headers(1, request("GET", "/a"), END_STREAM)).data(
      0,
      headers(3, request("GET", "/b"), END_STREAM),
    )
    .data(1, join(headers(1, response(200)), data(1, "first half")))
    .gap(1, 5000)
    .data(1, data(1, "second half", END_STREAM))
    .data(1, headers(3, response(200), END_STREAM))
    .data(0, headers(5, request("GET", "/c"), END_STREAM)).data(1, headers(5, response(404), END_STREAM))
    .end();
  assert.deepEqual(harness.summary().sort(), ["GET /a 200 10", "GET /b 200 0", "GET /c 404 0"]);
  const a = harness.exchanges().find(({ target }) => target === "/a")!;
  assert.deepEqual(a.response!.trailers, [["x-sslcollector-partial", "gap"]]);
  assert.equal(harness.counts.get("sync-lost"), 1);
});

Deno.test("gaps anywhere: nothing is spliced, nothing throws", () =>
  withSeed((random) => {
    const { events, summary } = conversation(10);
    for (let round = 0; round < 1500; round++) {
      const harness = new CodecHarness(codec);
      for (const [direction, bytes] of events) {
        if (random.below(12) > 0) {
          harness.data(direction, bytes);
          continue;
        }
        const from = random.below(bytes.length), length = 1 + random.below(bytes.length - from);
        if (from > 0) harness.data(direction, bytes.subarray(0, from));
        harness.gap(direction, length);
        if (from + length < bytes.length) harness.data(direction, bytes.subarray(from + length));
      }
      for (const { method, target, status, response: answered } of harness.end().exchanges()) {
        if (target === "/x-sslcollector-unknown") continue;
        const line = summary.find((one) => one.startsWith(`${method} ${target} `)) ??
          (method === "UNKNOWN" ? summary.find((one) => one.includes(` ${target} `)) : undefined);
        assert.ok(line !== undefined, `${method} ${target}`);
        const [, , wanted, size] = line.split(" ");
        assert.ok([Number(wanted), 999, 0].includes(status), `${target} ${status}`);
        assert.ok((answered?.body.length ?? 0) <= Number(size));
      }
    }
  }));

Deno.test("behind a gap: the server's answer tells which piece is a request", () => {
  const harness = started().data(0, headers(1, request("POST", "/upload"))).gap(0, 500);
  // The end of a body, then a request as one piece: neither is a chain.
  harness.data(0, headers(77, request("GET", "/body"), END_STREAM));
  harness.data(0, headers(3, request("GET", "/asked"), END_STREAM));
  harness.data(1, headers(3, response(200), END_STREAM));
  harness.data(0, headers(5, request("GET", "/next"), END_STREAM));
  harness.data(1, headers(5, response(204), END_STREAM)).end();
  assert.deepEqual(harness.summary(), ["GET /asked 200 0", "GET /next 204 0", "POST /upload 0 0"]);
  const marks = harness.exchanges().map((one) => fieldOf(one.request, "x-sslcollector-partial"));
  assert.deepEqual(marks, ["resync", undefined, undefined]);
});

Deno.test("a boundary that turns out to be none is left again", () => {
  const broken = headers(77, Uint8Array.of(0x40, 0x7f), END_STREAM);
  const harness = started().gap(0, 500).data(0, join(broken, broken, broken, new Uint8Array(50).fill(0xff)));
  for (const id of [1, 3, 5]) harness.data(0, headers(id, request("GET", `/${id}`), END_STREAM));
  for (const id of [1, 3, 5]) harness.data(1, headers(id, response(200), END_STREAM));
  assert.deepEqual(harness.end().summary(), ["GET /1 200 0", "GET /3 200 0", "GET /5 200 0"]);
  assert.equal(harness.counts.get("sync-lost"), 2);
});

Deno.test("behind lost SETTINGS any table size may be in force, whatever is acknowledged", () => {
  const harness = started().gap(0, settings([1, 65536]).length);
  const three = [1, 3, 5].map((id) => headers(id, request("GET", `/${id}`), END_STREAM));
  harness.data(0, join(...three)).data(1, headers(1, response(200), END_STREAM)).data(0, settings([1, 4096]));
  // The first acknowledgement is of the lost ones.
  const sized = (...update: number[]) => join(Uint8Array.from(update), block(response(200)));
  harness.data(1, join(settingsAck(), headers(3, sized(0x3f, 0xe1, 0xff, 0x03), END_STREAM)));
  harness.data(1, join(settingsAck(), headers(5, sized(0x3f, 0xe1, 0x1f), END_STREAM))).end();
  assert.deepEqual(harness.summary(), ["GET /1 200 0", "GET /3 200 0", "GET /5 200 0"]);
});

Deno.test("joined late: a head of unknown status before another was that of an interim response", () => {
  const hints = headers(41, join(Uint8Array.of(0xbe), literal("link", "</a.css>")));
  const next = (harness: CodecHarness) =>
    harness.data(0, headers(43, request("GET", "/next"), END_STREAM)).data(
      1,
      headers(43, response(204), END_STREAM),
    )
      .end().summary();
  const asked = () => joined().data(0, headers(41, request("GET", "/page"), END_STREAM)).data(1, hints);
  const whole = headers(41, response(200, ["x-real", "1"]));
  const harness = asked().data(1, join(whole, data(41, "real body", END_STREAM)));
  assert.deepEqual(next(harness), ["GET /page 200 9", "GET /next 204 0"]);
  assert.equal(harness.counts.get("interim-of-unknown-status"), 1);
  assert.deepEqual(next(asked().data(1, headers(41, response(200), END_STREAM))), [
    "GET /page 200 0",
    "GET /next 204 0",
  ]);
  assert.deepEqual(
    next(asked().data(1, join(headers(41, response(103)), whole, data(41, "b", END_STREAM)))),
    [
      "GET /page 200 1",
      "GET /next 204 0",
    ],
  );
  // Behind a body, or once it is written, it was the head.
  assert.deepEqual(next(asked().data(1, join(data(41, "b"), whole))), ["GET /page 999 1", "GET /next 204 0"]);
  assert.deepEqual(next(asked().tick(2e9).data(1, whole)), ["GET /page 999 0", "GET /next 204 0"]);
});

Deno.test("behind a gap: answers to lost requests are told, in whatever order, those to closed streams are not", () => {
  const get = (id: number) => headers(id, request("GET", `/${id}`), END_STREAM);
  const answer = (id: number) => join(headers(id, response(200 + id)), data(id, `of ${id}`, END_STREAM));
  const lost = join(get(3), get(5), get(7));
  const seen = join(get(9), get(11), get(13));
  for (const answered of [[9, 11, 13, 3, 5], [5, 3, 9, 11, 13], [3, 9, 5, 11, 13], [7, 3, 5, 9, 11, 13]]) {
    for (const isLate of [false, true]) {
      const harness = started().data(0, get(1)).data(1, answer(1)).gap(0, lost.length);
      if (!isLate) harness.data(0, seen);
      for (const id of answered) {
        if (isLate && id === 9) harness.data(0, seen);
        harness.data(1, answer(id));
      }
      // The second of each is for a stream that is closed.
      for (const id of [1, ...answered]) harness.data(1, answer(id));
      harness.end();
      assert.deepEqual(harness.summary(), ["GET /1 201 4", "GET /9 209 4", "GET /11 211 5", "GET /13 213 5"]);
      const orphans = harness.orphans().map(({ start, body }) => `${start.slice(9, 12)} ${textOf(body)}`);
      assert.deepEqual(orphans, answered.filter((id) => id < 9).map((id) => `20${id} of ${id}`));
    }
  }
});

Deno.test("joined late: streams that were open then are told although newer ones are known", () => {
  const harness = joined().data(0, headers(41, request("GET", "/page"), END_STREAM));
  harness.data(1, join(headers(39, response(203)), data(39, "older", END_STREAM)));
  harness.data(1, headers(41, response(204), END_STREAM)).end();
  assert.deepEqual(harness.summary(), ["GET /page 204 0"]);
  assert.deepEqual(harness.orphans().map(({ body }) => textOf(body)), ["older"]);
});

Deno.test("behind a gap a preface is no start", () => {
  const harness = started().data(0, headers(1, request("POST", "/upload"))).gap(0, 500);
  harness.data(0, join(clientStart(), headers(77, request("GET", "/body"), END_STREAM))).end();
  assert.deepEqual(harness.summary(), ["POST /upload 0 0"]);
});
