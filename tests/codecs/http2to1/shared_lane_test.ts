// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NO_FACTS } from "../../../codecs/http1/field_lines.ts";
import { ByteWriter } from "../../../codecs/http1/byte_writer.ts";
import type { Message } from "../../../codecs/http1/message.ts";
import { MessageWriter } from "../../../codecs/http1/message_writer.ts";
import { Exchange } from "../../../codecs/http2to1/exchange.ts";
import { resolveOptions } from "../../../codecs/http2to1/options.ts";
import { SharedLane } from "../../../codecs/http2to1/shared_lane.ts";
import { OutputLog } from "../../support/output_log.ts";

function newLane(options = {}) {
  const log = new OutputLog();
  const writer = new MessageWriter();
  const lane = new SharedLane(log, resolveOptions(options), writer);
  const withHead = (message: Message, text: string) => {
    const head = new ByteWriter();
    head.ascii(text);
    message.keepHead(head, writer.pool);
  };
  /** Writes an exchange whose heads are these. */
  const write = (request: string, response?: string, repeatedFields = 0) => {
    const exchange = new Exchange(1, 0);
    withHead(exchange.request, request);
    if (response !== undefined) withHead(exchange.response, response);
    exchange.request.facts = { ...NO_FACTS, repeatedFields };
    lane.write(exchange, response === undefined);
  };
  /** How often a connection was closed, and how. */
  const closes = () => log.lines.filter((line) => line.startsWith("close"));
  return { log, lane, write, closes };
}

Deno.test("exchanges share a connection, one after the other", () => {
  const { log, lane, write } = newLane();
  write("A\r\n", "a\r\n");
  write("B\r\n", "b\r\n");
  lane.close("fin");
  lane.close("fin");
  assert.deepEqual(log.lines, [
    "0 > A\r\n\r\n",
    "0 < a\r\nContent-Length: 0\r\n\r\n",
    "0 > B\r\n\r\n",
    "0 < b\r\nContent-Length: 0\r\n\r\n",
    "close 0 fin",
  ]);
});

Deno.test("an unanswered request is the last of its connection", () => {
  const { log, write, lane } = newLane();
  write("A\r\n");
  lane.close("fin");
  assert.deepEqual(log.lines, ["0 > A\r\n\r\n", "count exchange-without-response 1", "close 0 reset"]);
});

Deno.test("a connection ends before a direction passes the depth, and before its parser has warned too often", () => {
  const deep = newLane({ reopenAfterBytes: 3000 });
  for (let times = 0; times < 3; times++) deep.write("A".repeat(900), "a");
  assert.equal(deep.closes().length, 1);
  const endless = newLane({ reopenAfterBytes: 0 });
  for (let times = 0; times < 100; times++) endless.write("A".repeat(20_000), "a");
  assert.equal(endless.closes().length, 0);
  const warned = newLane();
  for (let times = 0; times < 5; times++) warned.write("A", "a", 99);
  assert.equal(warned.closes().length, 1);
});

Deno.test("a connection without an exchange for long is closed, the clock beginning when it was found written to", () => {
  const { lane, write, closes } = newLane({ closeAfterNs: 100 });
  lane.age(1000);
  write("A", "a");
  lane.age(1050);
  lane.age(1149);
  assert.equal(closes().length, 0);
  write("B", "b");
  lane.age(1150);
  lane.age(1249);
  assert.equal(closes().length, 0);
  lane.age(1250);
  lane.age(2000);
  assert.deepEqual(closes(), ["close 0 fin"]);
  const endless = newLane({ closeAfterNs: 0 });
  endless.write("A", "a");
  for (const timeNs of [1, 1e15]) endless.lane.age(timeNs);
  assert.equal(endless.closes().length, 0);
});

Deno.test("it is raw only where nothing was written before", () => {
  const unused = newLane();
  assert.ok(unused.lane.makeRaw() && unused.lane.isRaw);
  const written = newLane();
  written.write("A", "a");
  assert.ok(!written.lane.makeRaw() && !written.lane.isRaw);
  written.lane.close("fin");
  assert.ok(!written.lane.makeRaw());
  const vacated = newLane();
  vacated.lane.vacate();
  assert.ok(!vacated.lane.makeRaw());
});
