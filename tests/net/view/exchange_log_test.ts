// SPDX-License-Identifier: MIT
/** The exchange log: bounded, read from any thread, and honest about what it has no room for. */
import assert from "node:assert/strict";
import { ExchangeLog } from "../../../net/view/exchange_log.ts";
import { LOG_BYTES_MIN, logMemory, Protocol, RowKind } from "../../../net/view/log_layout.ts";
import { LogReader } from "../../../net/view/log_reader.ts";
import { ViewHarness } from "../../support/view_harness.ts";

const encoder = new TextEncoder();
const FLOW = encoder.encode(`{"id":1,"program":"curl","sni":"a","alpn":""}\n`);

function exchange(log: ExchangeLog, flowAt: number, number: number): number {
  const row = log.begin(RowKind.EXCHANGE, Protocol.HTTP_1_1, flowAt, number);
  const head = encoder.encode(`GET /${number} HTTP/1.1\r\nhost: h${number}\r\n\r\n`);
  log.requestHead(row, head, 0, head.length);
  return row;
}

Deno.test("its memory is what was asked for, however much passes, and what falls out is counted", () => {
  const log = new ExchangeLog(LOG_BYTES_MIN, 100);
  const reader = new LogReader(log.readable);
  assert.ok(log.memory.buffer.byteLength <= LOG_BYTES_MIN);
  const flowAt = log.text(FLOW, 0, FLOW.length);
  const total = 5 * log.memory.rows;
  const body = new Uint8Array(90);
  for (let number = 0; number < total; number++) {
    const row = exchange(log, flowAt, number);
    log.body(row, 1, body, 0, body.length, number);
    log.end(row, number);
  }
  const read = [...reader.ended()];
  assert.equal(read.length + reader.missed, total);
  assert.equal(read.length, log.memory.rows);
  const last = read.at(-1)!;
  assert.ok(last.kind === "exchange" && last.target === `/${total - 1}`);
});

Deno.test("an exchange that is open when its place is needed is counted as fallen out", () => {
  const log = new ExchangeLog(LOG_BYTES_MIN);
  const reader = new LogReader(log.readable);
  const flowAt = log.text(FLOW, 0, FLOW.length);
  const open = exchange(log, flowAt, 0);
  for (let number = 0; number < log.memory.rows; number++) log.end(exchange(log, flowAt, number), 1);
  assert.equal(log.has(open), false);
  log.end(open, 2);
  assert.equal(reader.fellOut, 1);
  const read = [...reader.ended()].length;
  // What soon may be overtaken counts as gone.
  assert.equal(read + reader.missed, log.memory.rows);
  assert.ok(read > 0.9 * log.memory.rows);
});

Deno.test("bytes that were overtaken are never shown as another's", () => {
  const log = new ExchangeLog(LOG_BYTES_MIN, 1 << 20);
  const reader = new LogReader(log.readable);
  const flowAt = log.text(FLOW, 0, FLOW.length);
  const row = exchange(log, flowAt, 7);
  log.body(row, 1, encoder.encode("mine"), 0, 4, 1);
  const filler = new Uint8Array(50_000).fill(0x58);
  for (let at = 0; at < log.memory.arena.length; at += filler.length) log.text(filler, 0, filler.length);
  log.body(row, 1, encoder.encode("late"), 0, 4, 2);
  const entry = reader.entry(row);
  assert.ok(entry?.kind === "exchange");
  assert.equal(entry.requestHead.firstLine, "");
  assert.equal(entry.flow.program, "?");
  assert.equal(new TextDecoder().decode(entry.responseBody.bytes), "late");
  assert.equal(entry.responseBody.missingBytes, 4);
});

Deno.test("a flow that outlives what was written of it is described again", () => {
  const harness = new ViewHarness();
  harness.open(1);
  const request = `GET / HTTP/1.1\r\nX: ${"x".repeat(900)}\r\n\r\n`;
  for (let number = 0; number < 4000; number++) {
    harness.send(1, 0, request);
    harness.send(1, 1, "HTTP/1.1 204 No Content\r\n\r\n");
    if (number % 100 === 0) harness.view.flush();
  }
  const told = harness.exchanges();
  assert.equal(told.length, 4000);
  assert.ok(told.every(({ flow, status }) => flow.program === "program1" && status === 204));
});

Deno.test("another thread reads rows whole while they are written", async () => {
  const log = new ExchangeLog(LOG_BYTES_MIN);
  const flowAt = log.text(FLOW, 0, FLOW.length);
  const source = `
    import { LogReader } from ${
    JSON.stringify(new URL("../../../net/view/log_reader.ts", import.meta.url).href)
  };
    self.onmessage = ({ data: { buffer, total } }) => {
      const reader = new LogReader({ buffer });
      let read = 0, wrong = 0;
      while (read + reader.missed < total) {
        for (const entry of reader.ended()) {
          read++;
          const { target, host, requestBytes } = entry;
          const isOvertaken = target === "";
          if (!isOvertaken && (target !== "/" + requestBytes || host !== "h" + requestBytes)) wrong++;
        }
      }
      self.postMessage({ read, missed: reader.missed, wrong });
    };
    self.postMessage("ready");`;
  const url = URL.createObjectURL(new Blob([source], { type: "application/javascript" }));
  const worker = new Worker(url, { type: "module" });
  const next = () => new Promise<MessageEvent>((resolve) => worker.onmessage = resolve);
  await next();
  const total = 20_000;
  const answered = next();
  worker.postMessage({ buffer: log.memory.buffer, total });
  const body = new Uint8Array(total);
  for (let number = 0; number < total; number++) {
    const row = exchange(log, flowAt, number);
    log.body(row, 0, body, 0, number, number);
    log.end(row, number);
    log.publish();
  }
  const { data } = await answered;
  worker.terminate();
  URL.revokeObjectURL(url);
  assert.equal(data.wrong, 0);
  assert.equal(data.read + data.missed, total);
  assert.ok(logMemory(log.memory.buffer).rows === log.memory.rows);
});

Deno.test("a row that is read where it lies says what its entry says, however its heads are written", () => {
  const log = new ExchangeLog(LOG_BYTES_MIN);
  const reader = new LogReader(log.readable);
  const flowAt = log.text(FLOW, 0, FLOW.length);
  const heads = [
    "GET /a HTTP/1.1\r\nHost: one\r\nHost: two\r\nContent-Type: Text/HTML; charset=x\r\n\r\n",
    "GET /a HTTP/1.1\nX: y\nHOST:  b  \nContent-type:text/plain\n",
    "POST / x HTTP/1.1\r\nhost : a\r\n:host: b\r\nhost\r\nxhost: c\r\ncontent-type\r\n",
    "GET\r\nhost:a:1",
    "\r\n\r\nhost: late\r\ncontent-type: a/b",
    "GET /only HTTP/1.1",
    "",
    "host: first line\nhost:\nHost: empty before",
  ];
  for (const head of heads) {
    const row = log.begin(RowKind.EXCHANGE, Protocol.HTTP_1_1, flowAt, 0);
    const bytes = encoder.encode(head);
    log.requestHead(row, bytes, 0, bytes.length);
    log.responseHead(row, 200, bytes, 0, bytes.length, 0);
    const [lying, entry] = [reader.row(row), reader.entry(row)];
    assert(lying?.kind === "exchange" && entry?.kind === "exchange");
    for (const name of ["method", "target", "host", "type", "status", "version", "cut"] as const) {
      assert.equal(lying[name], entry[name], `${name} of ${JSON.stringify(head)}`);
    }
  }
});

Deno.test("no number finds a place that no row has had", () => {
  const log = new ExchangeLog(LOG_BYTES_MIN);
  const reader = new LogReader(log.readable);
  for (const number of [-1, -log.memory.rows, 0, 1, NaN, Infinity]) {
    assert.equal(reader.entry(number), undefined, String(number));
  }
});
