// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Direction, TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import { MessageHeads } from "../../../codecs/http2/message_heads.ts";
import { newDecodeScratch } from "../../../codecs/http2/pseudo.ts";
import { StreamTable } from "../../../codecs/http2/streams.ts";
import { addFields } from "../../support/field_list.ts";
import { HttpEventLog } from "../../support/http_events.ts";
import { type Fields, request, response } from "../../support/http2_frames.ts";

class Heads {
  readonly log = new HttpEventLog();
  readonly table: StreamTable<number>;
  readonly #scratch = newDecodeScratch();
  readonly #heads: readonly MessageHeads<number>[];

  constructor(joinedLate = false) {
    this.table = new StreamTable(this.log, 100, joinedLate);
    this.#heads = [TO_SERVER, TO_CLIENT].map((direction) =>
      new MessageHeads(direction as Direction, this.table, this.#scratch)
    );
    if (!joinedLate) return;
    for (const direction of [TO_SERVER, TO_CLIENT] as const) this.table.boundaryFound(direction);
  }

  /** A block was decoded; nothing in `fields` stands for one that lost a field. */
  block(direction: Direction, streamId: number, fields: Fields | undefined, more = {}): string | undefined {
    const list = this.#scratch.request.fields;
    list.clear();
    if (fields === undefined) list.addLost();
    else addFields(list, fields);
    return this.#heads[direction].block({ streamId, promisedId: 0, endStream: false, ...more });
  }

  /** The client asks for `/` and nothing more. */
  ask(streamId: number): this {
    this.block(TO_SERVER, streamId, request("GET", "/"), { endStream: true });
    return this;
  }
}

const END = { endStream: true };

Deno.test("the first block of a stream is its head, one with END_STREAM behind it its trailers", () => {
  const heads = new Heads();
  heads.block(TO_SERVER, 1, request("POST", "/"));
  heads.block(TO_SERVER, 1, [["a", "b"]], END);
  heads.block(TO_CLIENT, 1, response(200));
  heads.block(TO_CLIENT, 1, [["c", "d"]], END);
  assert.deepEqual(heads.log.lines, [
    "request 1 POST /",
    "trailers 1 > a=b",
    "ended 1 >",
    "response 1 200",
    "trailers 1 < c=d",
    "ended 1 <",
  ]);
});

Deno.test("interim responses come before the final one, however many", () => {
  const heads = new Heads().ask(1);
  for (const status of [100, 103, 103, 200]) heads.block(TO_CLIENT, 1, response(status));
  assert.deepEqual(heads.log.lines.slice(2), [
    "interim 1 100",
    "interim 1 103",
    "interim 1 103",
    "response 1 200",
  ]);
});

Deno.test("a second head inside a body ends the message, and what follows belongs to nothing", () => {
  const heads = new Heads().ask(1);
  for (let times = 0; times < 2; times++) heads.block(TO_CLIENT, 1, response(200));
  heads.block(TO_CLIENT, 1, [["a", "b"]], END);
  assert.deepEqual(heads.log.lines.slice(2), [
    "response 1 200",
    "count refused-headers-in-body 1",
    "aborted 1 malformed",
  ]);
});

Deno.test("blocks that come too late are counted", () => {
  const heads = new Heads();
  heads.block(TO_SERVER, 1, request("GET", "/"), END);
  heads.block(TO_SERVER, 1, [["a", "b"]], END);
  heads.block(TO_CLIENT, 1, response(200), END);
  heads.block(TO_CLIENT, 1, response(200), END);
  heads.block(TO_SERVER, 1, request("GET", "/"), END);
  assert.deepEqual(heads.log.counts, { "headers-after-end-stream": 1, "headers-on-closed-stream": 2 });
});

Deno.test("a refused request swallows its response, a refused response its request", () => {
  const heads = new Heads();
  heads.block(TO_SERVER, 1, [[":method", "GET"]], END);
  heads.block(TO_CLIENT, 1, response(200), END);
  assert.deepEqual(heads.log.lines, ["count refused-missing-pseudo-header 1"]);
  assert.ok(!heads.table.has(1));
  for (const [fields, more] of [[response(101), END], [response(103), END], [[["a", "b"]], END]] as const) {
    const other = new Heads().ask(1);
    other.block(TO_CLIENT, 1, fields, more);
    assert.equal(other.log.lines.at(-1), "aborted 1 malformed");
  }
});

Deno.test("a response whose status was lost may have been an interim one: the next head tells", () => {
  const heads = new Heads(true).ask(1);
  heads.block(TO_CLIENT, 1, undefined);
  heads.block(TO_CLIENT, 1, response(200), END);
  assert.deepEqual(heads.log.lines.slice(2), [
    "response 1 0",
    "retract 1",
    "response 1 200",
    "ended 1 <",
  ]);
});

Deno.test("once its bytes are written it is too late for that", () => {
  const heads = new Heads(true).ask(1);
  heads.log.mayRetract = false;
  heads.block(TO_CLIENT, 1, undefined);
  heads.block(TO_CLIENT, 1, response(200), END);
  assert.deepEqual(heads.log.lines.slice(3), ["retract 1", "trailers 1 < :status=200", "ended 1 <"]);
});

Deno.test("joined late: a response without its request is told, trailers without their message are not", () => {
  const heads = new Heads(true);
  heads.block(TO_CLIENT, 5, response(200), END);
  heads.block(TO_CLIENT, 7, [["grpc-status", "0"]], END);
  heads.block(TO_SERVER, 9, [["a", "b"]], END);
  assert.deepEqual(heads.log.lines, ["orphan 5", "response 5 200 resync", "ended 5 <", "truncated 5 > gap"]);
});

const promise = (heads: Heads, promisedId: number, fields = request("GET", "/p"), streamId = 1) =>
  heads.block(TO_CLIENT, streamId, fields, { promisedId });

Deno.test("a promise is a request that has ended", () => {
  const heads = new Heads().ask(1);
  assert.equal(promise(heads, 2), undefined);
  assert.deepEqual(heads.log.lines.slice(2), ["request 2 GET /p pushed", "ended 2 >"]);
});

Deno.test("promised numbers are even and rise", () => {
  for (const bad of [3, 2, 4]) {
    const heads = new Heads().ask(1);
    promise(heads, 4);
    assert.equal(promise(heads, bad), "stream-id");
  }
  const late = new Heads(true).ask(1);
  promise(late, 4);
  assert.equal(promise(late, 2), undefined);
});

Deno.test("promises that a client does not take are counted under the reason, and answered to nobody", () => {
  const refused = (prepare: (heads: Heads) => void, fields?: Fields, streamId?: number) => {
    const heads = new Heads().ask(1);
    prepare(heads);
    promise(heads, 2, fields, streamId);
    heads.block(TO_CLIENT, 2, response(200), END);
    assert.ok(!heads.log.exchanges.some((line) => line.includes(" 2 ")));
    return Object.keys(heads.log.counts).filter((reason) => reason.startsWith("refused-"));
  };
  const nothing = () => {};
  assert.deepEqual(refused((heads) => heads.table.pushAllowed = false), ["refused-push-disabled"]);
  assert.deepEqual(refused(nothing, undefined, 3), ["refused-push-on-closed-stream"]);
  assert.deepEqual(refused(nothing, request("POST", "/p")), ["refused-push-method"]);
  assert.deepEqual(refused(nothing, request("GET", "/p", ["content-length", "1"])), [
    "refused-push-with-body",
  ]);
  assert.deepEqual(refused(nothing, [[":method", "GET"], [":path", "/"]]), ["refused-missing-pseudo-header"]);
  const unsure = (heads: Heads) => {
    heads.table.directions[TO_CLIENT].placeLost();
    heads.table.boundaryFound(TO_CLIENT);
  };
  assert.deepEqual(refused(unsure), ["refused-push-unconfirmed"]);
});

Deno.test("a request that the server said it does not process is doubtful", () => {
  const heads = new Heads();
  heads.table.goAway(TO_CLIENT, 1);
  heads.ask(1).ask(3);
  assert.deepEqual(heads.log.exchanges.filter((line) => line.startsWith("request")), [
    "request 1 GET /",
    "request 3 GET / goaway",
  ]);
});
