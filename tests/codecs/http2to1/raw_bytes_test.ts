// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import { BoundedOutput } from "../../../codecs/http2to1/bounded_output.ts";
import { RawBytes } from "../../../codecs/http2to1/raw_bytes.ts";
import { bytesOf } from "../../support/http2_frames.ts";
import { OutputLog } from "../../support/output_log.ts";

const MARK = "\r\nx-sslcollector-raw\r\n";

function newRaw(maxLanes = 1, lane?: number) {
  const log = new OutputLog();
  const bounded = new BoundedOutput(log, maxLanes);
  return { log, bounded, raw: new RawBytes(bounded, "why", lane) };
}

Deno.test("a lane is opened by the first byte, and each direction begins with a marker", () => {
  const { log, raw } = newRaw();
  raw.write(TO_SERVER, new Uint8Array(0));
  assert.equal(log.lines.length, 0);
  raw.write(TO_SERVER, bytesOf("\x01"));
  raw.write(TO_CLIENT, bytesOf("\x02"));
  raw.write(TO_SERVER, bytesOf("GET / HTTP/1.1"));
  raw.close("fin");
  assert.deepEqual(log.lines.filter((line) => !line.startsWith("count")), [
    "open 1: http2to1: why",
    `1 > ${MARK}`,
    "1 > \x01",
    `1 < ${MARK}`,
    "1 < \x02",
    "1 > GET / HTTP/1.1",
    "close 1 fin",
  ]);
});

Deno.test("a direction that begins like a message is withheld for good, the other is not", () => {
  for (const start of ["GET ", "get /", "G", "FOO\t", "HTTP/1.1 200", "htt", " \r\nPOST x"]) {
    const { log, raw } = newRaw();
    raw.write(TO_CLIENT, bytesOf(start));
    raw.write(TO_CLIENT, bytesOf("\x00"));
    raw.gap(TO_CLIENT, 5);
    assert.deepEqual(log.lines, [
      `count raw-withheld-bytes ${start.length}`,
      "count raw-withheld-bytes 1",
    ]);
    raw.write(TO_SERVER, bytesOf("\x01"));
    assert.ok(log.lines.includes("1 > \x01"));
  }
  for (const start of ["{", "\x16\x03", "ssh", "get/", "Foo ", "\x00GET / HTTP"]) {
    const { log, raw } = newRaw();
    raw.write(TO_CLIENT, bytesOf(start));
    assert.equal(log.lines.at(-1), `count raw-bytes ${start.length}`, JSON.stringify(start));
  }
});

Deno.test("gaps are told behind bytes only, and where there is no lane left nothing is", () => {
  const { log, raw } = newRaw();
  raw.gap(TO_SERVER, 5);
  raw.write(TO_SERVER, bytesOf("\x01"));
  raw.gap(TO_SERVER, 6);
  assert.equal(log.lines.at(-1), "1 > gap of 6");
  assert.ok(!log.lines.includes("1 > gap of 5"));
  const full = newRaw(0);
  full.raw.write(TO_SERVER, bytesOf("\x01"));
  assert.deepEqual(full.log.lines, ["count raw-withheld-bytes 1"]);
});

Deno.test("on lane 0 bytes are as they are from the first on, and it is not closed here", () => {
  const { log, raw } = newRaw(0, 0);
  raw.write(TO_SERVER, bytesOf("GET / HTTP/1.1"));
  raw.close("fin");
  assert.deepEqual(log.lines, ["0 > GET / HTTP/1.1", "count raw-bytes 14"]);
});

Deno.test("a lane that is closed makes room for another", () => {
  const { bounded } = newRaw(2);
  const first = bounded.open("a");
  bounded.open("b");
  assert.ok(!bounded.hasRoom);
  bounded.close(first, "reset");
  assert.ok(bounded.hasRoom);
});
