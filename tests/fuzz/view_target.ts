// SPDX-License-Identifier: MIT
/** Random clear text, well formed and not, through the readers of exchanges to a terminal. */
import assert from "node:assert/strict";
import { paintFor } from "../../cli/paint.ts";
import { RequestPrinter } from "../../cli/request_printer.ts";
import { http2to1 } from "../../codecs/http2to1/codec.ts";
import { raw } from "../../codecs/raw.ts";
import {
  clientStart,
  data,
  END_STREAM,
  headers,
  join,
  request,
  reset,
  response,
  serverStart,
} from "../support/http2_frames.ts";
import type { Random } from "../support/random.ts";
import { ViewHarness } from "../support/view_harness.ts";

const FLOWS = 20;
const PIECES = 20;
const UPGRADE =
  "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const encoder = new TextEncoder();
const PARTS: readonly Uint8Array[] = [
  "GET /a?b=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n",
  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
  "5\r\nhello\r\n",
  "0\r\n\r\n",
  "\r\n",
  UPGRADE,
  "\x81\x05hello",
  "\x1b]0;title\x07\u009b31m",
  clientStart(),
  serverStart(),
  headers(1, request("POST", "/a", ["x-escape", "\x1b[31m"])),
  join(headers(3, request("GET", "/b"), END_STREAM), data(1, "hello", END_STREAM)),
  join(headers(1, response(200)), data(1, "hello", END_STREAM), headers(3, response(404), END_STREAM)),
  reset(1),
].map((part) => typeof part === "string" ? encoder.encode(part) : part);
/** All that a terminal obeys, but the ends of lines. */
// deno-lint-ignore no-control-regex
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

/** No reader throws, nor does a codec that tells, every flow is told, and nothing of a peer's reaches a terminal. */
export function viewTarget(random: Random): void {
  const harness = new ViewHarness({ bodyBytes: 1000 }, [random.oneIn(2) ? http2to1() : raw]);
  for (let flow = 1; flow <= FLOWS; flow++) tellFlow(harness, flow, random);
  harness.mirror.pipeline.drain();
  harness.view.flush();
  assert.deepEqual(harness.failures, []);
  assert.deepEqual(harness.mirror.events.filter((event) => event.startsWith("codec ")), []);
  assert.equal(harness.entries.filter(({ kind }) => kind === "flow end").length, FLOWS);
  assert.doesNotMatch(printed(harness), OBEYED);
}

function tellFlow(harness: ViewHarness, flow: number, random: Random): void {
  harness.open(flow, {
    alpn: random.oneIn(4) ? "h2" : "",
    late: random.oneIn(5),
    sni: random.oneIn(3) ? "\x1b[2J" : "a",
  });
  for (let piece = 0; piece < PIECES; piece++) {
    const direction = random.below(2) as 0 | 1;
    const part = PARTS[random.below(PARTS.length)];
    if (random.oneIn(12)) harness.gap(flow, direction, 1 + random.below(100));
    else if (random.oneIn(5)) harness.send(flow, direction, random.bytes(1 + random.below(200)));
    else if (random.oneIn(3)) harness.send(flow, direction, random.mutated(part));
    else harness.send(flow, direction, part.subarray(0, 1 + random.below(part.length)));
  }
  harness.close(flow);
}

function printed(harness: ViewHarness): string {
  let text = "";
  const output = {
    write: (lines: string) => text += lines,
    dropped: 0,
    drained: async () => {},
    close: async () => {},
  };
  const printer = new RequestPrinter({
    what: "bodies",
    output,
    paint: paintFor("never", false),
    showsSecrets: true,
  });
  for (const entry of harness.entries) printer.take(entry);
  printer.flush();
  return text;
}
