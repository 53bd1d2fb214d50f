// SPDX-License-Identifier: MIT
/** What a peer can send to make an IDS see other messages than its peer saw: never forged, never shifted, counted. */
import assert from "node:assert/strict";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { CodecHarness, RAW_MARKER } from "../../support/codec_harness.ts";
import { fieldOf } from "../../support/http1_reader.ts";
import {
  bytesOf,
  clientStart,
  data,
  END_HEADERS,
  END_STREAM,
  type Fields,
  frame,
  goAway,
  headers,
  join,
  literal,
  pushPromise,
  request,
  response,
  serverStart,
  settings,
  settingsAck,
  textOf,
} from "../../support/http2_frames.ts";
import { FrameType } from "../../../codecs/http2/frame.ts";
import { http2Target } from "../../fuzz/http2_targets.ts";
import { withSeed } from "../../support/random.ts";

const codec = http2to1();
const started = () => new CodecHarness(codec).data(0, clientStart()).data(1, serverStart());
/** A good exchange behind the bad one: it must come out as it is. */
const good = (harness: CodecHarness, id = 101) =>
  harness.data(0, headers(id, request("GET", "/good"), END_STREAM)).data(
    1,
    headers(id, response(204), END_STREAM),
  ).end();
const GOOD = "GET /good 204 0";

Deno.test("malformed requests are refused, with their responses", () => {
  const cases: [string, Fields][] = [
    ["duplicate-pseudo-header", [...request("GET", "/a"), [":path", "/b"]]],
    ["duplicate-pseudo-header", [...request("GET", "/a"), [":method", "GET"]]],
    ["duplicate-pseudo-header", [...request("GET", "/a"), [":authority", "other"]]],
    ["duplicate-pseudo-header", [...request("GET", "/a", ["x", "y"]), [":path", "/b"]]],
    ["missing-pseudo-header", request("GET", "/").filter(([name]) => name !== ":path")],
    ["missing-pseudo-header", request("GET", "/").filter(([name]) => name !== ":method")],
    ["missing-pseudo-header", request("", "/")],
    ["unknown-pseudo-header", [...request("GET", "/"), [":evil", "1"]]],
    ["unknown-pseudo-header", [...request("GET", "/"), [":status", "200"]]],
    ["connect-pseudo-header", request("CONNECT", "/")],
  ];
  for (const [reason, fields] of cases) {
    const harness = started().data(0, headers(1, fields)).data(0, data(1, "body", END_STREAM))
      .data(1, headers(1, response(200))).data(1, data(1, "answer", END_STREAM));
    assert.deepEqual(good(harness).summary(), [GOOD], reason);
    assert.equal(harness.counts.get(`refused-${reason}`), 1, reason);
  }
});

Deno.test("malformed responses: the request is told, a response is not made up", () => {
  const cases: [string, Fields][] = [
    ["missing-pseudo-header", [["x", "y"]]],
    ["duplicate-pseudo-header", [...response(200), [":status", "404"]]],
    ["duplicate-pseudo-header", [...response("099"), [":status", "200"]]],
    ["duplicate-pseudo-header", [...response(200, ["x", "y"]), [":status", "404"]]],
  ];
  for (const [reason, fields] of cases) {
    const harness = started().data(0, headers(1, request("GET", "/bad"), END_STREAM))
      .data(1, headers(1, fields)).data(1, data(1, "answer", END_STREAM));
    assert.deepEqual(good(harness).summary(), ["GET /bad 0 0", GOOD], reason);
    assert.equal(harness.counts.get(`refused-${reason}`), 1, reason);
    assert.deepEqual(harness.connections().map(({ end }) => end), ["reset", "fin"]);
  }
  const interim = started().data(0, headers(1, request("GET", "/bad"), END_STREAM))
    .data(1, headers(1, response(103), END_STREAM));
  assert.deepEqual(good(interim).summary(), ["GET /bad 0 0", GOOD]);
});

Deno.test("HEADERS after END_STREAM, and what else comes too late", () => {
  const harness = started()
    .data(0, headers(1, request("GET", "/a"), END_STREAM))
    .data(0, headers(1, request("GET", "/evil"), END_STREAM))
    .data(0, data(1, "evil", END_STREAM))
    .data(1, headers(1, response(200), END_STREAM))
    .data(1, headers(1, response(500), END_STREAM))
    .data(1, data(1, "evil"))
    .data(0, headers(1, request("GET", "/evil"), END_STREAM));
  assert.deepEqual(good(harness).summary(), ["GET /a 200 0", GOOD]);
  assert.equal(harness.counts.get("headers-after-end-stream"), 1);
  assert.equal(harness.counts.get("data-after-end-stream"), 1);
  assert.equal(harness.counts.get("headers-on-closed-stream"), 2);
  assert.equal(harness.counts.get("data-on-closed-stream"), 1);
});

Deno.test("a second head inside a body ends the message there", () => {
  const harness = started()
    .data(0, headers(1, request("GET", "/a"), END_STREAM))
    .data(1, headers(1, response(200))).data(1, data(1, "half"))
    .data(1, headers(1, response(500))).data(1, data(1, "evil", END_STREAM));
  good(harness);
  const [first, second] = harness.exchanges();
  assert.equal(textOf(first.response!.body), "half");
  assert.deepEqual(first.response!.trailers, [["x-sslcollector-partial", "malformed"]]);
  assert.equal(second.target, "/good");
});

Deno.test("DATA before the response's head is no body", () => {
  const harness = started().data(0, headers(1, request("GET", "/a"), END_STREAM))
    .data(1, data(1, "HTTP/1.1 200 OK\r\n\r\n")).data(1, headers(1, response(200), END_STREAM));
  assert.deepEqual(good(harness).summary(), ["GET /a 200 0", GOOD]);
  assert.equal(harness.counts.get("data-before-headers"), 1);
});

Deno.test("bodies that look like messages stay bodies", () => {
  const smuggled = "0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n";
  const harness = started()
    .data(0, headers(1, request("POST", "/a", ["content-length", "0"]))).data(
      0,
      data(1, smuggled, END_STREAM),
    )
    .data(1, headers(1, response(200, ["transfer-encoding", "chunked"]))).data(
      1,
      data(1, "0\r\n\r\nHTTP/1.1 500 X\r\n\r\n"),
    )
    .data(1, headers(1, [["x-t", "1"]], END_STREAM));
  good(harness);
  const [first] = harness.exchanges();
  assert.equal(textOf(first.request.body), smuggled);
  assert.deepEqual(harness.summary(), ["POST /a 200 23", GOOD]);
});

/** A connection error of the client: what follows is seen by nobody as messages. */
Deno.test("connection errors: raw from that frame on, without a message in it", () => {
  const cases: [string, Uint8Array][] = [
    ["hpack-index", headers(1, Uint8Array.of(0xbe), END_STREAM)],
    ["hpack-truncated", headers(1, Uint8Array.of(0x40), END_STREAM)],
    ["hpack-table-size", headers(1, Uint8Array.of(0x3f, 0xe2, 0x1f), END_STREAM)],
    ["frame-size", frame(FrameType.SETTINGS, 0, 0, Uint8Array.of(1, 2, 3))],
    ["frame-size", frame(FrameType.PING, 0, 0, Uint8Array.of(1))],
    ["frame-stream", frame(FrameType.HEADERS, END_HEADERS, 0, Uint8Array.of(0x82))],
    ["frame-stream", settings().map((byte, i) => i === 8 ? 1 : byte)],
    ["stream-id", headers(2, request("GET", "/a"), END_STREAM)],
    ["continuation", frame(FrameType.CONTINUATION, END_HEADERS, 1, Uint8Array.of(0x82))],
    ["continuation", join(frame(FrameType.HEADERS, 0, 1, literal("a", "b")), data(1, "x"))],
    ["continuation", join(frame(FrameType.HEADERS, 0, 1), frame(FrameType.CONTINUATION, END_HEADERS, 3))],
    ["push-from-client", pushPromise(1, 2, request("GET", "/"))],
    ["settings-value", settings([5, 1])],
    ["settings-value", settings([2, 7])],
  ];
  for (const [reason, bytes] of cases) {
    const flow = started();
    flow.data(0, bytes).data(0, bytesOf("GET /evil HTTP/1.1\r\nHost: x\r\n\r\n"));
    flow.data(0, headers(101, request("GET", "/evil"), END_STREAM)).end();
    assert.equal(flow.counts.get(`unreadable-${reason}`), 1, reason);
    assert.ok(flow.exchanges().every(({ target }) => target === "/a"), reason);
    for (const { comment, streams } of flow.connections()) {
      if (!/could not be read/.test(comment)) continue;
      // It begins with the header of the frame that could not be read.
      assert.equal(textOf(streams[0].subarray(0, RAW_MARKER.length + 1)), `${RAW_MARKER}\0`);
    }
  }
});

Deno.test("a frame header that spells a method is not put at the start of a lane", () => {
  const harness = started().data(0, bytesOf("GET /evil HTTP/1.1\r\nHost: x\r\n\r\n")).data(0, bytesOf("more"))
    .end();
  assert.deepEqual(harness.connections(), []);
  // It is that of an unknown frame of 4.6 MB.
  assert.equal(harness.counts.get("tolerated-frame-size"), 1);
});

Deno.test("an error of one direction leaves the other readable", () => {
  const harness = started()
    .data(0, headers(1, request("GET", "/a"), END_STREAM))
    .data(0, headers(3, Uint8Array.of(0x80), END_STREAM))
    .data(1, headers(1, response(200), END_STREAM))
    .end();
  assert.deepEqual(harness.summary(), ["GET /a 200 0"]);
});

Deno.test("first bytes: no preface, or a server that speaks something else", () => {
  const http1 = new CodecHarness(codec);
  const asked = bytesOf("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    answered = bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  http1.data(0, asked).data(1, answered).end();
  assert.deepEqual(http1.connections().map(({ lane }) => lane), [0]);
  assert.deepEqual(http1.connections()[0].streams, [asked, answered]);
  const almost = new CodecHarness(codec).data(0, bytesOf("PRI * HTTP/2.0\r\n")).data(0, bytesOf("\r\nXX"))
    .end();
  assert.equal(textOf(almost.connections()[0].streams[0]), "PRI * HTTP/2.0\r\n\r\nXX");
  for (
    const [said, reason] of [["HTTP/1.1 400 Bad Request\r\n", "frame-size"], [
      "\0\0\x05smtp1234567",
      "no-settings",
    ]]
  ) {
    const other = new CodecHarness(codec).data(0, clientStart()).data(1, bytesOf(said)).end();
    assert.equal(other.counts.get(`unreadable-${reason}`), 1);
    assert.deepEqual(other.exchanges(), []);
  }
});

Deno.test("a CONTINUATION flood and a header bomb stop at the bound, the next exchange is right", () => {
  const flood = started().data(0, frame(FrameType.HEADERS, END_STREAM, 1, literal("x", "y")));
  for (let i = 0; i < 100_000; i++) flood.data(0, frame(FrameType.CONTINUATION, 0, 1, literal("x", "y")));
  flood.data(0, frame(FrameType.CONTINUATION, END_HEADERS, 1));
  assert.deepEqual(good(flood).summary(), [GOOD, "UNKNOWN /x-sslcollector-unknown 0 0"]);
  assert.equal(flood.counts.get("header-block-over-bound"), 1);
  const bomb = started().data(
    0,
    headers(1, join(literal("x", "y".repeat(4000), true), new Uint8Array(16000).fill(0xbe)), END_STREAM),
  );
  assert.deepEqual(good(bomb).summary(), [GOOD]);
  assert.equal(bomb.counts.get("refused-missing-pseudo-header"), 1);
});

Deno.test("settings change how the other direction is read, once acknowledged", () => {
  const sized = (size: number, ack: boolean) => {
    const harness = new CodecHarness(codec).data(0, clientStart()).data(1, settings([1, size]));
    if (ack) harness.data(0, settingsAck());
    const update = Uint8Array.of(0x3f, 0xe1, 0x3f); // 8192
    harness.data(
      0,
      headers(
        1,
        join(update, literal(":method", "GET"), literal(":scheme", "https"), literal(":path", "/")),
        END_STREAM,
      ),
    );
    return harness.data(1, headers(1, response(200), END_STREAM)).end();
  };
  assert.deepEqual(sized(8192, true).summary(), ["GET / 200 0"]);
  assert.equal(sized(8192, false).counts.get("unreadable-hpack-table-size"), 1);
  assert.equal(sized(8191, true).counts.get("unreadable-hpack-table-size"), 1);
});

Deno.test("frames longer than the receiver allows are told", () => {
  const body = new Uint8Array(20_000);
  const big = () => join(headers(1, request("POST", "/")), data(1, body, END_STREAM));
  const allowed = new CodecHarness(codec).data(0, clientStart()).data(1, settings([5, 20_000])).data(0, big())
    .data(1, headers(1, response(200), END_STREAM)).end();
  assert.equal(allowed.exchanges()[0].request.body.length, 20_000);
  assert.equal(allowed.counts.get("tolerated-frame-size"), undefined);
  const longer = started().data(0, big()).end();
  assert.equal(longer.exchanges()[0].request.body.length, 20_000);
  assert.equal(longer.counts.get("tolerated-frame-size"), 1);
});

Deno.test("padding, priority and unknown frames are passed over", () => {
  const block = join(...request("POST", "/p").map(([name, value]) => literal(name, value)));
  const padded = frame(
    FrameType.HEADERS,
    END_HEADERS | 0x08 | 0x20,
    1,
    join(Uint8Array.of(3, 0, 0, 0, 0, 16), block, new Uint8Array(3)),
  );
  const harness = started()
    .data(
      0,
      join(
        frame(0xaa, 0xff, 9, bytesOf("unknown")),
        frame(FrameType.PRIORITY, 0, 1, new Uint8Array(5)),
        padded,
      ),
    )
    .data(0, frame(FrameType.DATA, 0x08, 1, join(Uint8Array.of(4), bytesOf("body"), new Uint8Array(4))))
    .data(0, frame(FrameType.DATA, 0x09, 1, join(Uint8Array.of(2), new Uint8Array(2))))
    .data(
      0,
      join(
        frame(FrameType.PING, 0, 0, new Uint8Array(8)),
        frame(FrameType.WINDOW_UPDATE, 0, 0, Uint8Array.of(0, 0, 0, 1)),
      ),
    )
    .data(1, headers(1, response(200), END_STREAM))
    .end();
  assert.equal(textOf(harness.exchanges()[0].request.body), "body");
});

Deno.test("push: promised request and pushed response are an exchange", () => {
  const harness = started()
    .data(0, headers(1, request("GET", "/page"), END_STREAM))
    .data(1, pushPromise(1, 2, request("GET", "/style.css")))
    .data(1, pushPromise(1, 4, request("GET", "/cancelled")))
    .data(1, pushPromise(1, 6, [...request("GET", "/a"), [":path", "/b"]]))
    .data(0, frame(FrameType.RST_STREAM, 0, 4, Uint8Array.of(0, 0, 0, 8)))
    .data(
      1,
      join(headers(2, response(200)), data(2, "css", END_STREAM), headers(6, response(200), END_STREAM)),
    )
    .data(1, headers(1, response(200), END_STREAM))
    .end();
  assert.deepEqual(harness.summary(), ["GET /style.css 200 3", "GET /page 200 0"]);
  assert.equal(harness.counts.get("push-unanswered"), 1);
  const [pushed, page] = harness.exchanges().map((one) => fieldOf(one.request, "x-sslcollector-pushed"));
  assert.deepEqual([pushed, page], ["1", undefined]);
});

Deno.test("push: promises that the client does not take are decoded, counted and told nobody", () => {
  const after = (reason: string, run: (flow: CodecHarness) => void, fields: Fields) => {
    const flow = started().data(0, headers(1, request("GET", "/page"), END_STREAM));
    run(flow);
    // The field that the promise puts into the table is the next response's.
    const promise = join(
      ...fields.map(([name, value]) => literal(name, value)),
      literal("x-learnt", "1", true),
    );
    flow.data(1, pushPromise(1, 2, promise));
    flow.data(1, join(headers(2, response(200)), data(2, "evil", END_STREAM)));
    flow.data(0, headers(3, request("GET", "/next"), END_STREAM));
    flow.data(1, headers(3, join(literal(":status", "200"), Uint8Array.of(0xbe)), END_STREAM)).end();
    const exchanges = flow.exchanges().map(({ target }) => target);
    assert.ok(exchanges.every((target) => target === "/page" || target === "/next"), reason);
    const next = flow.exchanges().find(({ target }) => target === "/next")!;
    assert.equal(fieldOf(next.response!, "x-learnt"), "1");
    assert.equal(flow.counts.get(`refused-${reason}`), 1, reason);
  };
  const get = request("GET", "/evil");
  after("push-disabled", (flow) => flow.data(0, settings([2, 0])), get);
  after("push-disabled", (flow) => flow.data(0, settings([2, 0])).data(1, settingsAck()), get);
  after("push-on-closed-stream", (flow) => flow.data(1, headers(1, response(200), END_STREAM)), get);
  after("push-method", () => {}, request("POST", "/evil"));
  after("push-method", () => {}, [[":method", "CONNECT"], [":authority", "evil.test:80"]]);
  after("push-with-body", () => {}, [...get, ["content-length", "1"]]);
});

Deno.test("GOAWAY: what was not looked at has no response", () => {
  const harness = started()
    .data(0, headers(1, request("GET", "/a"), END_STREAM))
    .data(0, headers(3, request("GET", "/b"), END_STREAM))
    .data(1, goAway(1))
    .data(1, headers(1, response(200), END_STREAM))
    .end();
  assert.deepEqual(harness.summary(), ["GET /b 0 0", "GET /a 200 0"]);
});

Deno.test("a byte of a path that is a space in Unicode alone ends no target", () => {
  const harness = started().data(0, headers(1, request("GET", "/\u00a0a"), END_STREAM)).end();
  assert.deepEqual(harness.exchanges().map(({ target }) => target), ["/\u00a0a"]);
});

Deno.test("random frames and mutated conversations: no throw, every message strictly readable", () =>
  withSeed((random) => {
    for (let round = 0; round < 3000; round++) http2Target(random);
  }));
