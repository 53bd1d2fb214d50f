// SPDX-License-Identifier: MIT
/**
 * References to the table of HPACK make long heads of few bytes. What is told of them is bounded by what came, and nothing that
 * a peer sent as bytes, or that frames, encodes or routes a message, is left out for it.
 */
import assert from "node:assert/strict";
import { CodecHarness } from "../../support/codec_harness.ts";
import { fieldOf } from "../../support/http1_reader.ts";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import {
  block,
  clientStart,
  data,
  END_STREAM,
  headers,
  hpackInteger,
  join,
  literal,
  request,
  response,
  serverStart,
  settings,
  settingsAck,
} from "../../support/http2_frames.ts";

const codec = http2to1();
const started = (made = codec) => new CodecHarness(made).data(0, clientStart()).data(1, serverStart());
const LONG = "v".repeat(3900);
const GET_INDEXED = Uint8Array.of(0x82, 0x84, 0x87);
const OK = Uint8Array.of(0x88);
/** The newest entry of the table, so many times. */
const again = (times: number) => new Uint8Array(times).fill(0xbe);

const receivedBytes = (...parts: Uint8Array[]) => parts.reduce((sum, { length }) => sum + length, 0);
const toldBytes = (harness: CodecHarness) =>
  harness.connections().reduce((sum, { streams }) => sum + streams[0].length + streams[1].length, 0);

/** `count` exchanges whose requests repeat the field 60 times; returns how many bytes they were. */
function drain(harness: CodecHarness, direction: 0 | 1, count: number, value = LONG): number {
  const fill = join(
    direction === 0 ? block(request("GET", "/fill")) : block(response(200)),
    literal("x-junk", value, true),
  );
  const repeat = join(direction === 0 ? GET_INDEXED : OK, again(60));
  let received = 0;
  for (let i = 0; i <= count; i++) {
    const blocks = [direction === 0 && i === 0 ? fill : GET_INDEXED, direction === 1 && i === 0 ? fill : OK];
    if (i > 0) blocks[direction] = repeat;
    for (const side of [0, 1] as const) {
      const bytes = headers(1 + 2 * i, blocks[side], END_STREAM);
      received += bytes.length;
      harness.data(side, bytes);
    }
  }
  return received;
}

Deno.test("a request's literals are told whatever references were made before", () => {
  const harness = started();
  drain(harness, 0, 60);
  harness.data(
    0,
    headers(
      1001,
      join(
        again(60),
        block(request("GET", "/evil")),
        literal("user-agent", "sqlmap"),
        literal("cookie", "a=evil"),
        literal("x-evil", "needle"),
        again(60),
      ),
      END_STREAM,
    ),
  ).data(1, headers(1001, response(200), END_STREAM)).end();
  const [{ request: asked }] = harness.exchanges().filter(({ target }) => target === "/evil");
  assert.equal(fieldOf(asked, "user-agent"), "sqlmap");
  assert.equal(fieldOf(asked, "cookie"), "a=evil");
  assert.equal(fieldOf(asked, "x-evil"), "needle");
  // What is left out repeats what was told, and is marked.
  assert.ok(Number(fieldOf(asked, "x-sslcollector-elided")) >= 60);
  assert.ok(harness.counts.get("header-fields-elided")! > 3000);
  assert.equal(harness.counts.get("amplified-flow"), 1);
});

Deno.test("what frames, encodes or routes a message is told when it was sent as a reference too", () => {
  const decisive = [
    ["host", "example.test"],
    ["content-type", "text/evil"],
    ["content-encoding", "gzip"],
    ["cookie", "c=evil"],
    ["user-agent", "sqlmap"],
    ["authorization", "Bearer evil"],
  ] as const;
  for (const direction of [0, 1] as const) {
    const harness = started();
    drain(harness, direction, 100, "v".repeat(2500));
    const start = direction === 0 ? block(request("GET", "/learn")) : block(response(200));
    const learn = join(start, ...decisive.map(([name, value]) => literal(name, value, true)));
    const use = join(
      direction === 0 ? block(request("GET", "/use")) : block(response(200)),
      new Uint8Array(50).fill(0xbe + decisive.length),
      ...decisive.map((_, i) => Uint8Array.of(0xbe + i)),
    );
    for (const [id, head] of [[2001, learn], [2003, use]] as const) {
      for (const side of [0, 1] as const) {
        harness.data(
          side,
          headers(id, side === direction ? head : side === 0 ? GET_INDEXED : OK, END_STREAM),
        );
      }
    }
    harness.end();
    const { request: asked, response: answered } = harness.exchanges().at(-1)!;
    for (const [name, value] of decisive) {
      const told = fieldOf(direction === 0 ? asked : answered!, name);
      if (name === "host" && direction === 1) continue;
      assert.equal(told?.split(", ")[0], value, name);
    }
  }
});

Deno.test("a method, path or status of the table is never left out", () => {
  const harness = started();
  drain(harness, 0, 60);
  const learn = join(
    literal(":method", "DELETE", true),
    literal(":path", "/evil", true),
    literal(":authority", "evil.test", true),
    Uint8Array.of(0x87),
  );
  const use = Uint8Array.of(0x87, 0xbe, 0xbf, 0xc0);
  for (const [id, head] of [[1001, learn], [1003, use]] as const) {
    harness.data(0, headers(id, head, END_STREAM)).data(1, headers(id, Uint8Array.of(0x8d), END_STREAM));
  }
  harness.end();
  assert.deepEqual(harness.summary().slice(-2), ["DELETE /evil 404 0", "DELETE /evil 404 0"]);
  assert.equal(fieldOf(harness.exchanges().at(-1)!.request, "host"), "evil.test");
});

const COUNT = 400;

Deno.test("bytes told for each that came are bounded, whatever the requests repeat", () => {
  for (const times of [1, 4, 60, 1000]) {
    for (const direction of [0, 1] as const) {
      const harness = started();
      const fill = join(
        direction === 0 ? block(request("GET", "/")) : block(response(200)),
        literal("x-junk", LONG, true),
      );
      const repeat = join(direction === 0 ? GET_INDEXED : OK, again(times));
      let received = 0;
      for (let i = 0; i < COUNT; i++) {
        const blocks = [GET_INDEXED, OK];
        blocks[direction] = i === 0 ? fill : repeat;
        for (const side of [0, 1] as const) {
          const bytes = headers(1 + 2 * i, blocks[side], END_STREAM);
          received += receivedBytes(bytes);
          harness.data(side, bytes);
        }
      }
      const told = toldBytes(harness.end());
      // Fields that repeat, a request line, a status line and what else each head has, and an allowance.
      const allowed = 65 * received + COUNT * 200 + 64 * 1024;
      assert.ok(told < allowed, `${times} times: ${told} told of ${received}`);
      assert.equal(harness.exchanges().length, COUNT);
    }
  }
});

Deno.test("what is never left out is bounded where exchanges are the same: they are told as one each second", () => {
  for (const direction of [0, 1] as const) {
    const harness = started();
    const first = join(
      direction === 0 ? block(request("GET", "/")) : block(response(200)),
      literal("cookie", LONG, true),
    );
    const repeat = join(direction === 0 ? GET_INDEXED : OK, again(1));
    let received = 0;
    for (let i = 0; i < 10 * COUNT; i++) {
      const blocks = [GET_INDEXED, OK];
      blocks[direction] = i === 0 ? first : repeat;
      for (const side of [0, 1] as const) {
        const bytes = headers(1 + 2 * i, blocks[side], END_STREAM);
        received += bytes.length;
        harness.data(side, bytes);
      }
    }
    harness.data(0, headers(20_001, join(GET_INDEXED, literal("x-evil", "needle")), END_STREAM));
    harness.data(1, headers(20_001, OK, END_STREAM)).end();
    const told = toldBytes(harness);
    assert.ok(told < 10 * received, `${told} told of ${received}`);
    const exchanges = harness.exchanges();
    const times = exchanges.map(({ request: asked }) => Number(fieldOf(asked, "x-sslcollector-folded") ?? 1));
    assert.equal(times.reduce((sum, one) => sum + one, 0), 10 * COUNT + 1);
    for (const { request: asked, response: answered } of exchanges.slice(0, -2)) {
      assert.equal(fieldOf(direction === 0 ? asked : answered!, "cookie"), LONG);
    }
    assert.ok(exchanges.some(({ request: asked }) => fieldOf(asked, "x-evil") === "needle"));
  }
});

/** Of a flow's fields that are never left out, at the table of 4 KiB that a receiver allows unless it says otherwise. */
const RATIO_MAX = 170;

Deno.test("exchanges that differ keep what is never left out, each of them: bounded for each flow and all, with an event", () => {
  const shared = http2to1();
  for (let flow = 0; flow < 2; flow++) {
    const harness = started(shared);
    const learn = join(block(request("GET", "/")), literal("cookie", LONG, true));
    let received = receivedBytes(clientStart(), serverStart());
    for (let i = 0; i < 2 * COUNT; i++) {
      const asked = i === 0 ? learn : join(Uint8Array.of(0x82, 0x87), literal(":path", `/${i}`), again(1));
      for (const [side, head] of [asked, OK].entries()) {
        const bytes = headers(1 + 2 * i, head, END_STREAM);
        received += bytes.length;
        harness.data(side as 0 | 1, bytes);
      }
    }
    const exchanges = harness.end().exchanges();
    assert.equal(exchanges.length, 2 * COUNT);
    assert.ok(exchanges.every(({ request: asked }) => fieldOf(asked, "cookie") === LONG));
    const ratio = toldBytes(harness) / received;
    assert.ok(ratio < RATIO_MAX, `${ratio} told for each that came`);
    assert.equal(harness.counts.get("amplified-flow"), 1);
    assert.equal(harness.counts.get("header-fields-elided"), undefined);
  }
});

Deno.test("many short connections have one allowance between them", () => {
  const shared = http2to1();
  let received = 0, told = 0;
  for (let flow = 0; flow < 600; flow++) {
    const harness = started(shared);
    received += receivedBytes(clientStart(), serverStart()) + drain(harness, 0, 1);
    told += toldBytes(harness.end());
  }
  assert.ok(told < 65 * received + 600 * 8000 + 16 * 1024 * 1024, `${told} told of ${received}`);
});

Deno.test("fields of a few KiB that every request repeats, as browsers do, are told every time", () => {
  const harness = started();
  const learn = join(
    block(request("GET", "/")),
    literal("x-token", "t".repeat(1500), true),
    literal("cookie", "c".repeat(2400), true),
  );
  harness.data(0, headers(1, learn, END_STREAM)).data(1, headers(1, response(304), END_STREAM));
  for (let i = 1; i <= 2000; i++) {
    const asked = join(
      GET_INDEXED.subarray(0, 1),
      GET_INDEXED.subarray(2),
      literal(":path", `/item/${i}`),
      Uint8Array.of(0xbe, 0xbf),
    );
    harness.data(0, headers(1 + 2 * i, asked, END_STREAM));
    harness.data(1, headers(1 + 2 * i, response(304, ["etag", `"${i}"`]), END_STREAM));
  }
  harness.end();
  assert.equal(harness.counts.get("header-fields-elided"), undefined);
  assert.ok(harness.exchanges().every(({ request: one }) => fieldOf(one, "x-token")!.length === 1500));
});

Deno.test("a table of 64 KiB, where the server allows it, is known whole", () => {
  const harness = new CodecHarness(codec).data(0, clientStart()).data(1, settings([1, 65536])).data(
    0,
    settingsAck(),
  );
  const fields = Array.from(
    { length: 15 },
    (_, i) => [`x-${i}`, `${i}`.repeat(3900 >> (i > 9 ? 1 : 0))] as const,
  );
  const learn = join(
    Uint8Array.from(hpackInteger(65536, 5, 0x20)),
    block(request("POST", "/learn")),
    ...fields.map(([name, value]) => literal(name, value, true)),
  );
  const use = join(block(request("POST", "/use")), ...fields.map((_, i) => Uint8Array.of(0xbe + i)));
  harness.data(0, headers(1, learn, END_STREAM)).data(1, headers(1, response(200)));
  harness.data(1, data(1, "a".repeat(2000), END_STREAM));
  harness.data(0, headers(3, use, END_STREAM)).data(1, headers(3, response(200), END_STREAM)).end();
  const { request: asked } = harness.exchanges()[1];
  for (const [name, value] of fields) assert.equal(fieldOf(asked, name), value);
  assert.equal(fieldOf(asked, "x-sslcollector-unknown"), undefined);
});
