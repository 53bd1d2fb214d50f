// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Direction, TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import { DEFAULT_LIMITS, Http2Connection, newSharedByConnections } from "../../../codecs/http2/connection.ts";
import { FrameType, Setting } from "../../../codecs/http2/frame.ts";
import { HttpEventLog } from "../../support/http_events.ts";
import {
  block as fieldBlock,
  clientStart,
  data,
  END_HEADERS,
  END_STREAM,
  type Fields,
  frame,
  goAway,
  headers,
  hpackInteger,
  join,
  literal,
  pushPromise,
  request,
  reset,
  response,
  serverStart,
  settings,
  settingsAck,
} from "../../support/http2_frames.ts";

type Said = readonly [direction: Direction, bytes: Uint8Array];

class Connection {
  readonly log = new HttpEventLog();
  readonly connection: Http2Connection<number>;

  constructor(joinedLate = false) {
    this.connection = new Http2Connection(
      this.log,
      newSharedByConnections(),
      DEFAULT_LIMITS,
      joinedLate,
    );
  }

  say(...said: readonly Said[]): this {
    for (const [direction, bytes] of said) this.connection.data(direction, bytes);
    return this;
  }

  end(): this {
    this.connection.end(TO_SERVER);
    this.connection.end(TO_CLIENT);
    return this;
  }
}

const client = (...frames: readonly Uint8Array[]): Said => [TO_SERVER, join(...frames)];
const server = (...frames: readonly Uint8Array[]): Said => [TO_CLIENT, join(...frames)];
const START = [client(clientStart()), server(serverStart()), client(settingsAck())];
const started = () => new Connection().say(...START);

const CONVERSATION: readonly Said[] = [
  ...START,
  client(headers(1, request("POST", "/a")), data(1, "he"), data(1, "llo", END_STREAM)),
  server(headers(1, response(103, ["link", "x"])), headers(1, response(200)), data(1, "body")),
  client(headers(3, request("GET", "/b"), END_STREAM)),
  server(headers(1, [["t", "v"]], END_STREAM), pushPromise(3, 2, request("GET", "/p"))),
  server(headers(3, response(204), END_STREAM), headers(2, response(200)), data(2, "pushed", END_STREAM)),
  client(headers(5, request("GET", "/c"), END_STREAM)),
  client(reset(5)),
  server(goAway(5)),
];

const TOLD = [
  "request 1 POST /a",
  "body 1 > hello",
  "ended 1 >",
  "interim 1 103",
  "response 1 200",
  "body 1 < body",
  "request 3 GET /b",
  "ended 3 >",
  "trailers 1 < t=v",
  "ended 1 <",
  "request 2 GET /p pushed",
  "ended 2 >",
  "response 3 204",
  "ended 3 <",
  "response 2 200",
  "body 2 < pushed",
  "ended 2 <",
  "request 5 GET /c",
  "ended 5 >",
  "reset 5",
  "truncated 5 < reset",
];

Deno.test("a conversation as events, in the order of its bytes", () => {
  const { log } = new Connection().say(...CONVERSATION).end();
  assert.deepEqual(log.lines, TOLD);
});

Deno.test("one byte at a time, and cut at every offset", () => {
  const bytewise = new Connection();
  for (const [direction, bytes] of CONVERSATION) {
    for (let at = 0; at < bytes.length; at++) bytewise.say([direction, bytes.subarray(at, at + 1)]);
  }
  assert.deepEqual(bytewise.end().log.lines, TOLD);
  for (const [index, [direction, bytes]] of CONVERSATION.entries()) {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { log } = new Connection()
        .say(...CONVERSATION.slice(0, index))
        .say([direction, bytes.subarray(0, cut)], [direction, bytes.subarray(cut)])
        .say(...CONVERSATION.slice(index + 1))
        .end();
      assert.deepEqual(log.lines, TOLD, `said ${index}, cut at ${cut}`);
    }
  }
});

Deno.test("ended at every offset: every exchange that began ends, once in each direction", () => {
  for (const [index, [direction, bytes]] of CONVERSATION.entries()) {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { log } = new Connection()
        .say(...CONVERSATION.slice(0, index), [direction, bytes.subarray(0, cut)])
        .end();
      checkEnds(log.lines);
    }
  }
});

/** For each exchange and direction at most one end, and one where the exchange began. */
function checkEnds(lines: readonly string[]): void {
  const begun = new Set<string>();
  const ends = new Map<string, number>();
  for (const line of lines) {
    const [what, id, direction] = line.split(" ");
    if (what === "request" || what === "orphan") begun.add(id);
    const ended = what === "aborted"
      ? [">", "<"]
      : what === "ended" || what === "truncated"
      ? [direction]
      : [];
    for (const one of ended) ends.set(id + one, (ends.get(id + one) ?? 0) + 1);
  }
  for (const id of begun) {
    for (const direction of "><") assert.ok(ends.has(id + direction), `${id} ${direction}`);
  }
}

Deno.test("whatever a connection says, all that began has ended when it has, in whatever pieces it came", () => {
  const id = fc.constantFrom(1, 3, 5, 7);
  const flags = fc.constantFrom(0, END_STREAM);
  const fields = (one: Fields) => fc.constantFrom<Fields>(one, [["x", "y"]], [...one, ["z", "1"]], []);
  const saysClient = fc.oneof(
    fc.tuple(id, fields(request("GET", "/")), flags).map(([id, fields, flags]) => headers(id, fields, flags)),
    fc.tuple(id, flags).map(([id, flags]) => data(id, "ask", flags)),
    id.map((id) => reset(id)),
    fc.constant(settings([Setting.ENABLE_PUSH, 0])),
  ).map((bytes): Said => client(bytes));
  const saysServer = fc.oneof(
    fc.tuple(id, fields(response(200)), flags).map(([id, fields, flags]) => headers(id, fields, flags)),
    id.map((id) => headers(id, response(100))),
    fc.tuple(id, flags).map(([id, flags]) => data(id, "answer", flags)),
    id.map((id) => reset(id)),
    id.map((id) => goAway(id)),
    id.map((id) => pushPromise(id, id + 1, request("GET", "/p"))),
  ).map((bytes): Said => server(bytes));
  fc.assert(
    fc.property(fc.array(fc.oneof(saysClient, saysServer), { maxLength: 25 }), fc.nat(), (said, cut) => {
      const whole = started().say(...said).end();
      checkEnds(whole.log.lines);
      const cutUp = started();
      for (const [index, [direction, bytes]] of said.entries()) {
        const at = (cut >> index % 16) % (bytes.length + 1);
        cutUp.say([direction, bytes.subarray(0, at)], [direction, bytes.subarray(at)]);
      }
      assert.deepEqual(cutUp.end().log.lines, whole.log.lines);
    }),
    { numRuns: 300 },
  );
});

Deno.test("a fault of one direction ends that direction, from its frame on", () => {
  const bad = frame(1, 4, 2);
  const { log } = started()
    .say(
      client(headers(1, request("POST", "/"))),
      client(bad, data(1, "x")),
      server(headers(1, response(200))),
    )
    .say(server(data(1, "answer", END_STREAM)));
  assert.deepEqual(log.lines, [
    "request 1 POST /",
    "count unreadable-stream-id 1",
    "truncated 1 > closed",
    `unreadable > stream-id ${String.fromCharCode(...bad, ...data(1, "x"))}`,
    "response 1 200",
    "body 1 < answer",
    "ended 1 <",
  ]);
});

Deno.test("DATA on streams that are unknown, without their head, or ended is counted, each under its name", () => {
  const { log } = started()
    .say(client(headers(1, request("GET", "/"), END_STREAM), data(1, "late")))
    .say(server(data(1, "early"), headers(1, response(200), END_STREAM), data(1, "after")));
  assert.deepEqual(log.exchanges, ["request 1 GET /", "ended 1 >", "response 1 200", "ended 1 <"]);
  assert.deepEqual(log.counts, {
    "data-after-end-stream": 1,
    "data-before-headers": 1,
    "data-on-closed-stream": 1,
    "data-dropped-bytes": 14,
  });
});

Deno.test("a header block that the end cuts is told to nobody, and counted once, wherever it is cut", () => {
  const whole = join(
    frame(FrameType.HEADERS, END_STREAM, 3, fieldBlock(request("GET", "/cut"))),
    frame(FrameType.CONTINUATION, 0, 3, fieldBlock([["x-a", "1"]])),
    frame(FrameType.CONTINUATION, END_HEADERS, 3, fieldBlock([["x-b", "2"]])),
  );
  const first = headers(1, request("GET", "/"), END_STREAM);
  for (let length = 9; length <= whole.length; length++) {
    const { log } = started().say(client(first, whole.subarray(0, length))).end();
    const isWhole = length === whole.length;
    assert.equal(log.lines.includes("request 3 GET /cut"), isWhole, `${length}`);
    assert.deepEqual(log.counts, isWhole ? {} : { "header-block-unfinished": 1 }, `${length}`);
  }
});

Deno.test("a table size is allowed once its SETTINGS are acknowledged", () => {
  const larger = Uint8Array.from(hpackInteger(8192, 5, 0x20));
  const block = join(larger, ...request("GET", "/").map(([name, value]) => literal(name, value)));
  const asks = () => started().say(server(settings([Setting.HEADER_TABLE_SIZE, 8192])));
  const early = asks().say(client(headers(1, block, END_STREAM)));
  assert.ok(early.log.lines.includes("count unreadable-hpack-table-size 1"));
  const acknowledged = asks().say(client(settingsAck(), headers(1, block, END_STREAM)));
  assert.deepEqual(acknowledged.log.lines, ["request 1 GET /", "ended 1 >"]);
});

Deno.test("a client that turns push off takes no promise", () => {
  const { log } = started()
    .say(client(settings([Setting.ENABLE_PUSH, 0]), headers(1, request("GET", "/"), END_STREAM)))
    .say(server(pushPromise(1, 2, request("GET", "/p")), headers(2, response(200), END_STREAM)));
  assert.deepEqual(log.exchanges, ["request 1 GET /", "ended 1 >"]);
  assert.deepEqual(log.counts, { "refused-push-disabled": 1 });
});

Deno.test("a gap in a body is told in its place, one over frames ends what was open", () => {
  const within = started().say(client(headers(1, request("POST", "/")), data(1, "abcdef").subarray(0, 11)));
  within.connection.gap(TO_SERVER, 2);
  within.say(client(data(1, "abcdef").subarray(13), data(1, "!", END_STREAM)));
  assert.deepEqual(within.log.lines.slice(1), ["body 1 > ab", "gap 1 > 2", "body 1 > ef!", "ended 1 >"]);

  const over = started().say(client(headers(1, request("POST", "/")), data(1, "ab")));
  over.connection.gap(TO_SERVER, 5);
  over.say(client(data(1, "cd"), data(1, "", END_STREAM))).say(server(headers(1, response(200), END_STREAM)));
  assert.deepEqual(over.log.exchanges.slice(1), [
    "body 1 > ab",
    "truncated 1 > gap",
    "ended 1 >",
    "response 1 200",
    "ended 1 <",
  ]);
  assert.equal(over.log.counts["body-after-gap-bytes"], 2);
});

Deno.test("joined late: what is read is doubtful until an answer confirms it", () => {
  const { log } = new Connection(true)
    .say(client(headers(7, request("GET", "/"), END_STREAM)))
    .say(server(headers(7, response(200), END_STREAM)))
    .say(client(headers(9, request("GET", "/"), END_STREAM)))
    .say(server(headers(9, response(200), END_STREAM)))
    .say(client(headers(11, request("GET", "/"), END_STREAM)));
  assert.deepEqual(log.exchanges.filter((line) => /^(request|response)/.test(line)), [
    "request 7 GET / resync",
    "response 7 200 resync",
    "request 9 GET / resync",
    "response 9 200",
    "request 11 GET /",
  ]);
});
