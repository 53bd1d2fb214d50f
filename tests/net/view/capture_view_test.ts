// SPDX-License-Identifier: MIT
/** What a capture says is what was said when it was written. */
import assert from "node:assert/strict";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { readCapture } from "../../../net/agent/read.ts";
import type { Entry } from "../../../net/view/exchange.ts";
import { pcapngHead } from "../../../net/wire/pcapng.ts";
import { concat } from "../../support/bytes.ts";
import {
  clientStart,
  data,
  END_STREAM,
  headers,
  join,
  request,
  response,
  serverStart,
} from "../../support/http2_frames.ts";
import { withSeed } from "../../support/random.ts";
import { ViewHarness } from "../../support/view_harness.ts";

const GET = "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

async function read(capture: Uint8Array<ArrayBuffer>, pieceBytes = 1000) {
  const entries: Entry[] = [];
  const pieces = function* () {
    for (let at = 0; at < capture.length; at += pieceBytes) yield capture.subarray(at, at + pieceBytes);
  };
  const summary = await readCapture(ReadableStream.from(pieces()), {
    readers: [{ take: (entry) => void entries.push(entry) }],
    bodyBytes: 10_000,
  });
  return { ...summary, entries };
}

function captured(harness: ViewHarness): Uint8Array<ArrayBuffer> {
  return concat([pcapngHead({ application: "test", interfaceName: "any" }), harness.mirror.bytes()]);
}

/** What of entries does not depend on where they were seen. */
const facts = (entries: readonly Entry[]) =>
  entries.map((entry) => {
    const { kind, flow } = entry;
    const told = [kind, flow.program, flow.sni, flow.client.port, flow.communityId];
    if (kind !== "exchange") return told;
    const { method, target, status, responseBytes, requestBytes, cut } = entry;
    return [...told, method, target, status, requestBytes, responseBytes, cut];
  });

Deno.test("exchanges, messages and flows of a capture are those that were seen", async () => {
  const harness = new ViewHarness({ bodyBytes: 10_000 });
  harness.open(1, { comm: "program1" });
  harness.send(1, 0, GET);
  harness.send(1, 1, OK.slice(0, -3));
  harness.gap(1, 1, 3);
  harness.send(1, 0, `PUT /b HTTP/1.1\r\nContent-Length: 5000\r\n\r\n${"x".repeat(5000)}`);
  harness.send(1, 1, OK);
  harness.close(1);
  harness.open(2, { alpn: "h2", comm: "program1" });
  harness.send(2, 0, join(clientStart(), headers(1, request("GET", "/h2"), END_STREAM)));
  harness.send(2, 1, join(serverStart(), headers(1, response(200)), data(1, "abc", END_STREAM)));
  harness.close(2);
  harness.mirror.pipeline.drain();
  harness.view.flush();
  for (const pieceBytes of [7, 1000, 1_000_000]) {
    const { entries, flows, damage } = await read(captured(harness), pieceBytes);
    assert.equal(damage, "");
    assert.equal(flows, 2);
    assert.deepEqual(facts(entries), facts(harness.entries));
  }
});

Deno.test("what a codec has rewritten is read as that", async () => {
  const harness = new ViewHarness({}, [http2to1()]);
  harness.open(1, { alpn: "h2" });
  harness.send(1, 0, join(clientStart(), headers(1, request("GET", "/h2"), END_STREAM)));
  harness.send(1, 1, join(serverStart(), headers(1, response(200)), data(1, "abc", END_STREAM)));
  harness.close(1);
  harness.mirror.pipeline.drain();
  const { entries } = await read(captured(harness));
  const [exchange] = entries.filter((entry) => entry.kind === "exchange");
  assert.deepEqual([exchange.target, exchange.status, exchange.responseBytes, exchange.version], [
    "/h2",
    200,
    3,
    "HTTP/1.1",
  ]);
});

Deno.test("a damaged or cut capture is read up to there, and random ones never break the reader", () =>
  withSeed(async (random) => {
    const harness = new ViewHarness();
    harness.open(1);
    for (let turn = 0; turn < 5; turn++) {
      harness.send(1, 0, GET);
      harness.send(1, 1, OK);
    }
    harness.close(1);
    harness.mirror.pipeline.drain();
    const capture = captured(harness);
    const cut = await read(capture.slice(0, -10));
    assert.equal(cut.damage, "it ends in the middle of a packet");
    assert.equal(cut.entries.filter(({ kind }) => kind === "exchange").length, 5);
    assert.equal((await read(random.bytes(1000))).damage, "neither pcapng nor pcap in little-endian order");
    const recording = await Deno.readFile(new URL("../../vectors/recordings/forks_v1.sslc", import.meta.url));
    assert.equal((await read(recording)).damage, "it is a recording, for sslcollector replay");
    for (let round = 0; round < 100; round++) await read(random.mutated(capture));
  }));
