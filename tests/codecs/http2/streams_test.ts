// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import { type Stream, StreamState } from "../../../codecs/http2/stream.ts";
import { StreamTable } from "../../../codecs/http2/streams.ts";
import { HttpEventLog } from "../../support/http_events.ts";

const { HEAD, LOST_HEAD, BODY, LOST, ENDED } = StreamState;

function newTable(joinedLate = false, maxStreams = 100) {
  const log = new HttpEventLog();
  const table = new StreamTable(log, maxStreams, joinedLate);
  /** A stream whose request was read. */
  const begin = (id: number): Stream<number> => {
    table.nextRequest(id);
    return table.add(id, id);
  };
  return { log, table, begin };
}

Deno.test("a stream ends when both directions have ended, in either order", () => {
  for (const order of [[TO_SERVER, TO_CLIENT], [TO_CLIENT, TO_SERVER]] as const) {
    const { table, begin, log } = newTable();
    const stream = begin(1);
    assert.deepEqual(stream.states, [BODY, HEAD]);
    table.responseHead(stream);
    table.finish(stream, order[0]);
    assert.ok(table.has(1));
    table.finish(stream, order[0]);
    table.finish(stream, order[1]);
    assert.ok(!table.has(1));
    assert.deepEqual(log.lines, order.map((direction) => `ended 1 ${direction === TO_SERVER ? ">" : "<"}`));
  }
});

Deno.test("bytes that are lost before and behind the response's head", () => {
  const { table, begin, log } = newTable();
  const [before, behind] = [begin(1), begin(3)];
  table.lose(before, TO_CLIENT);
  assert.equal(before.states[TO_CLIENT], LOST_HEAD);
  table.responseHead(before);
  assert.equal(before.states[TO_CLIENT], LOST);
  table.responseHead(behind);
  table.lose(behind, TO_CLIENT);
  table.lose(behind, TO_CLIENT);
  assert.equal(behind.states[TO_CLIENT], LOST);
  assert.deepEqual(log.lines, ["truncated 1 < gap", "truncated 3 < gap"]);
});

Deno.test("a head that is taken back leaves the stream as it was before", () => {
  const { table, begin } = newTable();
  const stream = begin(1);
  for (const state of [HEAD, LOST_HEAD]) {
    stream.states[TO_CLIENT] = state;
    table.responseHead(stream);
    table.retractHead(stream);
    assert.equal(stream.states[TO_CLIENT], state);
  }
});

Deno.test("where the place of frames is lost, bodies go no further; what has no head may still get one", () => {
  const { table, begin, log } = newTable();
  const [answered, unanswered] = [begin(1), begin(3)];
  table.responseHead(answered);
  table.placeLost(TO_CLIENT);
  assert.deepEqual(answered.states, [BODY, LOST]);
  assert.deepEqual(unanswered.states, [BODY, HEAD]);
  assert.deepEqual(log.lines, ["truncated 1 < gap"]);
});

Deno.test("the end of a direction cuts what is open in it, and what begins later", () => {
  const { table, begin, log } = newTable();
  begin(1);
  table.close(TO_CLIENT);
  const late = begin(3);
  table.cutClosed(late);
  assert.deepEqual(late.states, [BODY, ENDED]);
  assert.deepEqual(log.lines, ["truncated 1 < closed", "truncated 3 < closed"]);
});

Deno.test("a request that was reset may be answered for a second, and is given up then", () => {
  const { table, begin, log } = newTable();
  table.advance(5e9);
  begin(1);
  table.reset(1, TO_SERVER);
  table.reset(1, TO_SERVER);
  table.advance(6e9 - 1);
  assert.ok(table.has(1));
  table.advance(6e9);
  assert.ok(!table.has(1));
  assert.deepEqual(log.lines, ["truncated 1 > reset", "reset 1", "aborted 1 reset"]);
});

Deno.test("an answer behind the reset ends the stream, and counts as reset where it is cut", () => {
  const { table, begin, log } = newTable();
  const [whole, cut] = [begin(1), begin(3)];
  for (const stream of [whole, cut]) {
    table.reset(stream.id, TO_SERVER);
    table.responseHead(stream);
  }
  table.finish(whole, TO_CLIENT);
  table.close(TO_CLIENT);
  assert.deepEqual(log.lines.slice(4), ["ended 1 <", "truncated 3 < reset"]);
});

Deno.test("a reset by the server in its response, of a push, or with nothing to come is the end", () => {
  const { table, begin, log } = newTable();
  table.responseHead(begin(1));
  table.reset(1, TO_CLIENT);
  table.lastId[1] = 2;
  table.add(2, 2);
  table.reset(2, TO_SERVER);
  table.finish(begin(3), TO_CLIENT);
  table.reset(3, TO_SERVER);
  table.close(TO_CLIENT);
  begin(5);
  table.reset(5, TO_CLIENT);
  assert.deepEqual(log.exchanges.filter((line) => line.startsWith("aborted")), [
    "aborted 1 reset",
    "aborted 2 reset",
    "aborted 3 reset",
    "aborted 5 reset",
  ]);
});

Deno.test("GOAWAY aborts the other side's streams above its number, and makes later ones doubtful", () => {
  const { table, begin, log } = newTable();
  for (const id of [1, 3, 5]) begin(id);
  table.add(2, 2);
  table.goAway(TO_CLIENT, 3);
  assert.deepEqual(log.lines, ["aborted 5 goaway"]);
  assert.ok(table.isRefusedByGoAway(5) && !table.isRefusedByGoAway(3) && !table.isRefusedByGoAway(4));
  // A later one does not raise the number.
  table.goAway(TO_CLIENT, 99);
  assert.ok(table.isRefusedByGoAway(5));
  table.goAway(TO_SERVER, 0);
  assert.deepEqual(log.lines, ["aborted 5 goaway", "aborted 2 goaway"]);
});

Deno.test("only so many GOAWAY frames are acted on", () => {
  const { table, begin, log } = newTable();
  for (let times = 0; times < 16; times++) table.goAway(TO_CLIENT, 1000);
  begin(1);
  table.goAway(TO_CLIENT, 0);
  assert.deepEqual(log.lines, []);
  assert.ok(table.isRefusedByGoAway(1));
});

Deno.test("beyond the bound the oldest stream is given up", () => {
  const { table, begin, log } = newTable(false, 2);
  for (const id of [1, 3, 5]) begin(id);
  assert.deepEqual([table.has(1), table.has(3), table.has(5)], [false, true, true]);
  assert.deepEqual(log.lines, ["count streams-over-bound 1", "aborted 1 bound"]);
});

Deno.test("nobody can have opened a stream above the highest, where everything was seen", () => {
  const { table, begin } = newTable();
  begin(5);
  assert.ok(table.isIdle(7) && table.isIdle(2));
  assert.ok(!table.isIdle(5) && !table.isIdle(3));
  assert.ok(!table.mayBeLost(7));
  table.bytesMissing(TO_CLIENT);
  assert.ok(!table.isIdle(7));
  assert.ok(table.mayBeLost(7) && table.mayBeLost(2) && !table.mayBeLost(3));
});

Deno.test("requests that were passed over behind a loss may be answered, each once, the latest 512", () => {
  const { table, begin } = newTable();
  begin(1);
  table.bytesMissing(TO_SERVER);
  begin(2001);
  const lost = Array.from({ length: 1000 }, (_, i) => 3 + 2 * i).filter((id) => table.mayBeLost(id));
  assert.equal(lost.length, 512);
  assert.equal(lost.at(-1), 1999);
  table.addOrphan(1999);
  assert.ok(!table.mayBeLost(1999));
  table.bytesMissing(TO_SERVER);
  begin(2605);
  assert.ok(table.mayBeLost(2003) && table.mayBeLost(2603) && table.mayBeLost(1997));
  assert.ok(!table.mayBeLost(2003 - 2 * 512) && !table.mayBeLost(1001));
  // Nothing was lost between these.
  begin(2611);
  assert.ok(!table.mayBeLost(2607));
});

Deno.test("a stream without its request: its body has no head, its response ends it", () => {
  const { table, log } = newTable(true);
  const stream = table.addOrphan(7);
  assert.deepEqual(stream.states, [HEAD, HEAD]);
  assert.equal(table.lastId[0], 7);
  table.responseHead(stream);
  table.finish(stream, TO_CLIENT);
  assert.ok(!table.has(7));
  assert.deepEqual(log.lines, ["orphan 7", "ended 7 <", "truncated 7 > gap"]);
});

Deno.test("an answer confirms both directions, where its request came behind every boundary that was looked for", () => {
  const { table, begin } = newTable(true);
  const sure = () => table.directions.map(({ isSure }) => isSure);
  table.boundaryFound(TO_SERVER);
  const early = begin(1);
  table.boundaryFound(TO_CLIENT);
  table.confirm(early);
  table.confirm(table.addOrphan(3));
  assert.deepEqual(sure(), [false, false]);
  table.confirm(begin(5));
  assert.deepEqual(sure(), [true, true]);
});

Deno.test("a refused exchange is told once, and its stream goes on until it ends", () => {
  const { table, begin, log } = newTable();
  const stream = begin(1);
  table.refuse(stream, "invalid-status");
  table.finish(stream, TO_CLIENT);
  table.cut(stream, TO_SERVER, "closed");
  assert.deepEqual(log.lines, ["count refused-invalid-status 1", "aborted 1 malformed"]);
  assert.ok(!table.has(1));
});
