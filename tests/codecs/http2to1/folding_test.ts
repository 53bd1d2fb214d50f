// SPDX-License-Identifier: MIT
/** Every request that can reach a back end is told, answered or not: only those that are the same may be told as one, with their number. */
import assert from "node:assert/strict";
import { http2to1, type Http2To1Options } from "../../../codecs/http2to1/codec.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { fieldOf } from "../../support/http1_reader.ts";
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

const started = (options: Http2To1Options = {}) =>
  new CodecHarness(http2to1(options)).data(0, clientStart()).data(1, serverStart());
const get = (id: number, path = `/${id}`) => headers(id, request("GET", path), END_STREAM);
const ids = (count: number) => Array.from({ length: count }, (_, i) => 1 + 2 * i);

/** How many requests were told, by target. */
function told(harness: CodecHarness): Map<string, number> {
  const targets = new Map<string, number>();
  for (const { target, request: asked } of harness.exchanges()) {
    const times = Number(fieldOf(asked, "x-sslcollector-folded") ?? 1);
    targets.set(target, (targets.get(target) ?? 0) + times);
  }
  return targets;
}

Deno.test("the request behind 120 that were reset at once", () => {
  const harness = started();
  for (const id of ids(120)) harness.data(0, join(get(id, "/"), reset(id)));
  harness.data(0, headers(401, request("GET", "/evil", ["x-evil", "needle"]), END_STREAM)).tick(0.15e9);
  harness.data(0, reset(401)).tick(0.3e9).data(0, get(403)).end();
  assert.deepEqual([...told(harness)].sort(), [["/", 120], ["/403", 1], ["/evil", 1]]);
  assert.equal(harness.counts.get("folded-request"), 19);
});

Deno.test("requests that differ are told each, however many are reset a second", () => {
  const harness = started();
  for (const id of ids(2000)) harness.data(0, join(get(id), reset(id)));
  harness.tick(1e9).tick(1e9).end();
  const targets = told(harness);
  assert.equal(targets.size, 2000);
  assert.ok([...targets.values()].every((times) => times === 1));
  assert.equal(harness.counts.get("exchange-without-response"), 2000);
  assert.ok(harness.connections().every(({ lane, end }) => lane === 0 && end === "reset"));
});

Deno.test("requests that are the same are told as one each second, with their number", () => {
  const harness = started();
  for (const id of ids(5000)) harness.data(0, join(get(id, id % 4 === 1 ? "/a" : "/b"), reset(id)));
  harness.tick(1e9).tick(1e9);
  const before = harness.exchanges().length;
  assert.ok(before <= 100 + 2 * 2, `${before}`);
  assert.deepEqual([...told(harness)].sort(), [["/a", 2500], ["/b", 2500]]);
  // In the next second they are told anew.
  harness.data(0, join(get(20_001, "/a"), reset(20_001))).tick(1.1e9).end();
  assert.equal(harness.exchanges().length, before + 1);
  assert.equal(told(harness).get("/a"), 2501);
});

Deno.test("what makes requests differ: method, a field, a body, where they were cut", () => {
  const harness = started({ maxUnansweredPerSecond: 0 });
  const post = (id: number, body: string, flags: number = END_STREAM) =>
    join(headers(id, request("POST", "/")), data(id, body, flags));
  const sent = [
    (id: number) => get(id, "/"),
    (id: number) => headers(id, request("PUT", "/"), END_STREAM),
    (id: number) => headers(id, request("GET", "/", ["a", "1"]), END_STREAM),
    (id: number) => headers(id, request("GET", "/", ["a", "2"]), END_STREAM),
    (id: number) => post(id, "abc"),
    (id: number) => post(id, "abd"),
    (id: number) => post(id, "abc", 0),
  ];
  for (let times = 0; times < 3; times++) {
    sent.forEach((make, i) => {
      const id = 1 + 2 * (times * sent.length + i);
      harness.data(0, join(make(id), reset(id)));
    });
  }
  const exchanges = harness.end().exchanges();
  assert.equal(exchanges.length, sent.length);
  assert.ok(exchanges.every(({ request: asked }) => fieldOf(asked, "x-sslcollector-folded") === "3"));
});

Deno.test("300 requests open when the connection closes, and the last of them", () => {
  for (const waitedNs of [0, 2e9]) {
    const harness = started();
    for (const id of ids(300)) harness.data(0, get(id, id < 300 ? "/cover" : undefined));
    harness.tick(waitedNs).data(0, headers(999, request("GET", "/evil", ["x-evil", "needle"]), END_STREAM))
      .end();
    const targets = told(harness);
    assert.equal(targets.get("/cover"), 150);
    assert.equal(targets.get("/evil"), 1);
    assert.equal(targets.size, 152);
  }
});

Deno.test("GOAWAY, and streams over the bound, hide none", () => {
  const away = started();
  for (const id of ids(300)) away.data(0, get(id));
  away.data(1, goAway(0)).end();
  assert.equal(told(away).size, 300);
  const many = started({ maxStreams: 50, maxWaitingBytes: 100_000 });
  for (const id of ids(1000)) many.data(0, get(id));
  assert.equal(told(many.end()).size, 1000);
});

Deno.test("an answer that comes behind a flood of resets is its request's", () => {
  const harness = started();
  for (const id of ids(300)) harness.data(0, join(get(id), reset(id)));
  harness.data(1, headers(599, response(204), END_STREAM)).tick(1e9).end();
  assert.equal(told(harness).size, 300);
  assert.deepEqual(harness.summary().filter((line) => / 204 /.test(line)), ["GET /599 204 0"]);
});

Deno.test("tunnels and unknown methods that nothing answers, on their lanes, are folded likewise", () => {
  const harness = started({ maxUnansweredPerSecond: 0 });
  const connect = (id: number) => headers(id, [[":method", "CONNECT"], [":authority", "a:1"]]);
  for (const id of ids(500)) {
    const bytes = id % 4 === 1 ? connect(id) : headers(id, request("EHLO", "/x"), END_STREAM);
    harness.data(0, join(bytes, reset(id)));
  }
  harness.end();
  assert.deepEqual([...told(harness)].sort(), [["/x", 250], ["a:1", 250]]);
});
