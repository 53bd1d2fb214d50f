// SPDX-License-Identifier: MIT
/** What all flows of a codec hold together, by its own account and by that of V8: the largest pay first, and no other loses anything. */
import assert from "node:assert/strict";
import type { CodecOutput, CodecSession } from "../../codecs/codec.ts";
import { http2to1 } from "../../codecs/http2to1/codec.ts";
import { type MemoryAccount, MemoryBudget } from "../../codecs/memory_budget.ts";
import { CodecHarness } from "../support/codec_harness.ts";
import { usedBytes } from "../support/heap.ts";
import { CONNECTION_PREFACE, FrameType } from "../../codecs/http2/frame.ts";
import {
  block,
  bytesOf,
  clientStart,
  END_STREAM,
  frame,
  headers,
  hpackInteger,
  join,
  literal,
  request,
  reset,
  response,
  serverStart,
  settings,
  settingsAck,
  textOf,
} from "../support/http2_frames.ts";

const MIB = 1024 * 1024;

/** An account that gives what it is asked for, and notes it. */
function account(budget: MemoryBudget, gifts: string[], name: string): MemoryAccount {
  const opened: MemoryAccount = budget.open((lengthBytes) => {
    gifts.push(name);
    return opened.heldBytes - lengthBytes;
  });
  return opened;
}

Deno.test("the largest account pays, whoever brought the last byte", () => {
  const budget = new MemoryBudget(1000);
  const gifts: string[] = [];
  const [large, small] = ["large", "small"].map((name) => account(budget, gifts, name));
  large.settle(800);
  small.settle(200);
  assert.equal(gifts.length, 0);
  small.settle(300);
  assert.deepEqual([gifts, large.heldBytes, small.heldBytes, budget.heldBytes], [["large"], 600, 300, 900]);
  small.settle(900);
  assert.ok(budget.heldBytes <= 1000);
  assert.equal(gifts[1], "small");
});

Deno.test("who cannot give is not asked for ever, and who is gone holds nothing", () => {
  const budget = new MemoryBudget(1000);
  let asked = 0;
  const stubborn = budget.open(() => {
    asked++;
    return stubborn.heldBytes;
  });
  stubborn.settle(2000);
  assert.deepEqual([asked, budget.heldBytes], [1, 2000]);
  stubborn.close();
  assert.equal(budget.heldBytes, 0);
});

Deno.test("of many accounts few are looked at, and one pays that holds at least half of what the largest does", () => {
  const budget = new MemoryBudget(15_000_000);
  const gifts: MemoryAccount[] = [];
  let looks = 0;
  const accounts = Array.from({ length: 10_000 }, (_, index) => {
    const opened: MemoryAccount = budget.open((lengthBytes) => {
      gifts.push(opened);
      return opened.heldBytes - lengthBytes;
    });
    opened.settle(1000 + index % 1000);
    let held = opened.heldBytes;
    Object.defineProperty(opened, "heldBytes", { get: () => (looks++, held), set: (to) => held = to });
    return opened;
  });
  for (let i = 0; i < 100; i++) {
    const largest = Math.max(...accounts.map(({ heldBytes }) => heldBytes));
    looks = 0;
    const before = gifts.length;
    accounts[i].settle(1999);
    for (const paid of gifts.slice(before)) assert.ok(paid.heldBytes >= largest / 2 * 3 / 4 - 1);
    assert.ok(looks < 200 * (1 + gifts.length - before), `${looks}`);
    assert.ok(budget.heldBytes <= budget.maxBytes);
  }
  assert.ok(gifts.length > 0);
});

class NullOutput implements CodecOutput {
  lanes = 0;
  write(): void {}
  gap(): void {}
  openLane(): number {
    return ++this.lanes;
  }
  close(): void {}
  comment(): void {}
  count(): void {}
}

const GET = request("GET", "/");
const LONG = request("GET", `/${"x".repeat(8000)}`);

/** What fills memory on one stream of many. */
const FILLERS: Record<string, { streams: number; bytes: (id: number) => Uint8Array }> = {
  "requests that are reset": { streams: 3000, bytes: (id) => join(headers(id, GET, END_STREAM), reset(id)) },
  "requests that are never answered": { streams: 3000, bytes: (id) => headers(id, GET, END_STREAM) },
  "long requests that are never answered": { streams: 300, bytes: (id) => headers(id, LONG, END_STREAM) },
  "header blocks that do not end": {
    streams: 60,
    bytes: (id) =>
      frame(id === 1 ? FrameType.HEADERS : FrameType.CONTINUATION, 0, 1, bytesOf("x".repeat(16384))),
  },
  "a payload that does not end": {
    streams: 60,
    bytes: (id) =>
      id === 1 ? frame(FrameType.HEADERS, 0, 1, new Uint8Array(16384), 1_000_000) : new Uint8Array(16384),
  },
};

for (const [name, { streams, bytes }] of Object.entries(FILLERS)) {
  Deno.test(`20 flows hold no more than the bound: ${name}`, () => {
    const fill = (flows: number) => {
      const codec = http2to1({ maxMemoryBytes: 4 * MIB });
      return Array.from({ length: flows }, (): CodecSession => {
        const flow = { alpn: "h2", sni: "", isServer: false, serverPort: 443, joinedLate: false };
        const session = codec.open(flow, new NullOutput());
        session.data(0, clientStart(), 0);
        session.data(1, serverStart(), 0);
        for (let i = 0; i < streams; i++) session.data(0, bytes(1 + 2 * i), i);
        return session;
      });
    };
    fill(2);
    const before = usedBytes();
    const sessions = fill(20);
    const taken = usedBytes() - before;
    // What cannot be let go: the beginnings of blocks, tables, and what V8 keeps.
    assert.ok(taken <= 1.25 * 4 * MIB + sessions.length * 64 * 1024, `${(taken / MIB).toFixed(1)} MiB`);
  });
}

Deno.test("a flow that is not the largest loses nothing, however others fill the memory", () => {
  const codec = http2to1({ maxMemoryBytes: 2 * MIB });
  const started = () => new CodecHarness(codec).data(0, clientStart()).data(1, serverStart());
  const quiet = started().data(0, headers(1, request("GET", "/quiet"), END_STREAM));
  const loud = Array.from({ length: 4 }, () => {
    const harness = started();
    for (let i = 0; i < 1000; i++) harness.data(0, headers(1 + 2 * i, request("GET", `/${i}`), END_STREAM));
    return harness;
  });
  quiet.data(1, headers(1, response(200), END_STREAM)).end();
  assert.deepEqual(quiet.summary(), ["GET /quiet 200 0"]);
  assert.equal(quiet.counts.get("memory-over-bound"), undefined);
  assert.ok(loud.some(({ counts }) => counts.has("memory-over-bound")));
  // Those that paid have told their requests.
  for (const harness of loud) {
    assert.equal(new Set(harness.end().exchanges().map(({ target }) => target)).size, 1000);
  }
});

/** A connection whose client has filled a table of 64 KiB, and fields that it repeats by their numbers. */
function withLargeTable(session: CodecSession): CodecSession {
  session.data(1, join(settings([1, 65_536]), settingsAck()), 0);
  session.data(0, join(CONNECTION_PREFACE, settings(), settingsAck()), 0);
  let update = Uint8Array.from(hpackInteger(65_536, 5, 0x20));
  for (let i = 0; i < 240; i += 10) {
    const fields = Array.from({ length: 10 }, (_, j) => literal(`x-${100 + i + j}`, "v".repeat(200), true));
    session.data(0, headers(1 + 2 * i, join(update, block(request("GET", "/")), ...fields), END_STREAM), i);
    session.data(1, headers(1 + 2 * i, response(200), END_STREAM), i);
    update = new Uint8Array();
  }
  return session;
}

Deno.test("large tables of many flows hold no more than the bound, and an ordinary one loses nothing", () => {
  const codec = http2to1({ maxMemoryBytes: MIB });
  const flow = { alpn: "h2", sni: "", isServer: false, serverPort: 443, joinedLate: false };
  const fill = (flows: number) =>
    Array.from({ length: flows }, () => withLargeTable(codec.open(flow, new NullOutput())));
  const byNumber = Uint8Array.from(hpackInteger(62, 7, 0x80));
  const quiet = new CodecHarness(codec).data(0, clientStart()).data(1, serverStart());
  const first = join(block(request("GET", "/first")), literal("x-quiet", "kept", true));
  quiet.data(0, headers(1, first, END_STREAM)).data(1, headers(1, response(200), END_STREAM));
  fill(2);
  const before = usedBytes();
  const sessions = fill(60);
  const taken = usedBytes() - before;
  assert.ok(taken <= 1.25 * MIB + sessions.length * 32 * 1024, `${(taken / MIB).toFixed(1)} MiB`);
  const again = join(block(request("GET", "/again")), byNumber);
  quiet.data(0, headers(3, again, END_STREAM)).data(1, headers(3, response(200), END_STREAM)).end();
  assert.deepEqual(quiet.exchanges().map(({ target }) => target), ["/first", "/again"]);
  assert.equal(textOf(quiet.connections()[0].streams[0]).split("X-Quiet: kept").length, 3);
});

Deno.test("a table that gave way is learnt anew: what it held is unknown, what comes later is told", () => {
  const harness = new CodecHarness(http2to1({ maxMemoryBytes: 50_000 }));
  withLargeTable(harness.session);
  const [lost, known] = [hpackInteger(62 + 230, 7, 0x80), hpackInteger(62, 7, 0x80)].map((bytes) =>
    Uint8Array.from(bytes)
  );
  const ask = (id: number, path: string, ...fields: Uint8Array[]) =>
    harness.data(0, headers(id, join(block(request("GET", path)), ...fields), END_STREAM))
      .data(1, headers(id, response(200), END_STREAM));
  ask(501, "/new", literal("x-new", "told", true), lost);
  ask(503, "/last", known);
  harness.end();
  const text = textOf(harness.connections()[0].streams[0]);
  const told = harness.exchanges().map(({ target }) => target);
  assert.deepEqual([told.length, told.includes("/new"), told.includes("/last")], [26, true, true]);
  assert.equal(text.split("X-New: told").length, 3);
  assert.equal(harness.counts.get("memory-over-bound"), 1);
  assert.equal(text.toLowerCase().split("x-sslcollector-unknown: ?").length, 2);
});

Deno.test("a block that gave way is told from its beginning, and the flow goes on", () => {
  const codec = http2to1({ maxMemoryBytes: MIB / 2 });
  const harness = new CodecHarness(codec).data(0, clientStart()).data(1, serverStart());
  const more = join(...Array.from({ length: 16 }, (_, i) => literal(`x-${i}`, "v".repeat(1000))));
  const fields = join(...request("GET", "/long").map(([name, value]) => literal(name, value)), more);
  harness.data(0, frame(FrameType.HEADERS, END_STREAM, 1, fields));
  for (let i = 0; i < 50; i++) harness.data(0, frame(FrameType.CONTINUATION, 0, 1, more));
  harness.data(0, frame(FrameType.CONTINUATION, 4, 1)).data(1, headers(1, response(200), END_STREAM));
  harness.data(0, headers(3, request("GET", "/next"), END_STREAM)).data(
    1,
    headers(3, response(204), END_STREAM),
  ).end();
  assert.deepEqual(harness.summary(), ["GET /long 200 0", "GET /next 204 0"]);
  assert.equal(harness.counts.get("header-block-over-bound"), 1);
});
