// SPDX-License-Identifier: MIT
/**
 * What a peer can cause by HTTP/2 that is known to spoil HTTP/1.1 for an IDS: through the codec, forging and
 * Suricata. Each case is a flow of its own, with a good exchange behind it that must be seen as well.
 */
import assert from "node:assert/strict";
import type { CodecHarness } from "../../support/codec_harness.ts";
import { answer, ask, good, judged, one, text } from "../../support/ids_flows.ts";
import { type Exchange, judge, judgeMissing, judgeStrict } from "../../ids/judge.ts";
import {
  data,
  END_STREAM,
  type Fields,
  headers,
  join,
  request,
  reset,
  response,
} from "../../support/http2_frames.ts";
import { skipIf } from "../../support/skip.ts";

type Case = [name: string, run: (flow: CodecHarness) => void, expect: Exchange[]];

const CASES: Case[] = [
  ["100 at a time, answered backwards", (flow) => {
    for (let i = 0; i < 100; i++) ask(flow, 1 + 2 * i, request("GET", `/many/${i}`));
    for (let i = 99; i >= 0; i--) answer(flow, 1 + 2 * i, response(200), `body ${i}`);
  }, Array.from({ length: 100 }, (_, i) => ["GET", `/many/${i}`, 200, `body ${i}`.length])],
  ["600 in a row", (flow) => {
    for (let i = 0; i < 600; i++) {
      ask(flow, 1 + 2 * i, request("GET", `/row/${i}`, ["x-a", "1"], ["x-a", "2"]));
      answer(flow, 1 + 2 * i, response(204));
    }
  }, Array.from({ length: 600 }, (_, i) => ["GET", `/row/${i}`, 204, null])],
  ["a response before its request has ended", (flow) => {
    flow.data(0, headers(1, request("POST", "/early")));
    answer(flow, 1, response(413), "no");
    flow.tick(2e9).data(0, data(1, "late body", END_STREAM));
  }, [["POST", "/early", 413, 2]]],
  ["a request that is never answered", (flow) => {
    ask(flow, 1, request("GET", "/never"));
    flow.data(0, reset(1));
  }, [["GET", "/never", null as unknown as number, null]]],
  [
    "a body longer than its claim",
    one(request("GET", "/longer"), response(200, ["content-length", "3"]), "HTTP/1.1 200 OK\r\n\r\n"),
    [
      ["GET", "/longer", 200, 19],
    ],
  ],
  [
    "a body shorter than its claim",
    one(request("GET", "/shorter"), response(200, ["content-length", "300"]), text(21)),
    [
      ["GET", "/shorter", 200, 21],
    ],
  ],
  [
    "a request body longer than its claim",
    one(
      request("POST", "/smuggle", ["content-length", "4"]),
      response(200),
      "r1",
      "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
    ),
    [
      ["POST", "/smuggle", 200, 2],
    ],
  ],
  ["an empty claim", one(request("GET", "/empty-claim"), response(200, ["content-length", ""]), text(22)), [[
    "GET",
    "/empty-claim",
    200,
    22,
  ]]],
  ["a hex claim", one(request("GET", "/hex-claim"), response(200, ["content-length", "0x17"]), text(23)), [[
    "GET",
    "/hex-claim",
    200,
    23,
  ]]],
  [
    "a huge claim",
    one(request("GET", "/huge-claim"), response(200, ["content-length", "18446744073709551617"]), text(24)),
    [
      ["GET", "/huge-claim", 200, 24],
    ],
  ],
  [
    "transfer-encoding beside a length",
    one(
      request("GET", "/both", ["transfer-encoding", "chunked"]),
      response(200, ["transfer-encoding", "chunked"], ["content-length", "25"]),
      text(25),
    ),
    [["GET", "/both", 200, 25]],
  ],
  ["HEAD with a length", one(request("HEAD", "/head"), response(200, ["content-length", "70"])), [[
    "HEAD",
    "/head",
    200,
    null,
  ]]],
  ["204", one(request("GET", "/204"), response(204, ["content-length", "7"])), [["GET", "/204", 204, null]]],
  ["304 with a length", one(request("GET", "/304"), response(304, ["content-length", "7"])), [[
    "GET",
    "/304",
    304,
    null,
  ]]],
  ["304 with a body", one(request("GET", "/304-body"), response(304), text(26)), [[
    "GET",
    "/304-body",
    304,
    26,
  ]]],
  ["205 and 200 without anything", (flow) => {
    ask(flow, 1, request("GET", "/205"));
    answer(flow, 1, response(205));
    ask(flow, 3, request("GET", "/200"));
    answer(flow, 3, response(200));
  }, [["GET", "/205", 205, null], ["GET", "/200", 200, null]]],
  ["interim responses", (flow) => {
    ask(flow, 1, request("POST", "/interim", ["expect", "100-continue"]), "x");
    for (const status of [100, 100, 102, 103]) flow.data(1, headers(1, response(status, ["link", "</a>"])));
    answer(flow, 1, response(200), text(27));
  }, [["POST", "/interim", 200, 27]]],
  ["trailers", (flow) => {
    ask(flow, 1, request("POST", "/trailers"), "x");
    flow.data(1, headers(1, response(200))).data(1, data(1, text(28)));
    flow.data(1, headers(1, [["grpc-status", "0"], ["content-length", "1"]], END_STREAM));
  }, [["POST", "/trailers", 200, 28]]],
  [
    "a field line of 40,000 bytes",
    one(request("GET", "/long-line", ["x-long", text(40_000)]), response(200, ["y-long", text(40_000)])),
    [
      ["GET", "/long-line", 200, null],
    ],
  ],
  [
    "CR, LF and NUL in values",
    one(
      request("GET", "/inject", ["x", "1\r\nTransfer-Encoding: chunked\r\nX: "], ["y", "a\0b"]),
      response(200, ["z", "1\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 X"]),
      text(29),
    ),
    [["GET", "/inject", 200, 29]],
  ],
  ["spaces in the path", one(request("GET", "/a b HTTP/1.1"), response(200)), [[
    "GET",
    "/a%20b%20HTTP/1.1",
    200,
    null,
  ]]],
  ["an empty path", one(request("GET", ""), response(201)), [["GET", "/", 201, null]]],
  ["two hosts", one(request("GET", "/two-hosts", ["host", "evil.test"]), response(200)), [[
    "GET",
    "/two-hosts",
    200,
    null,
  ]]],
  [
    "upper-case names",
    one(request("GET", "/upper", ["X-UP", "1"]), response(200, ["Content-Length", "9"]), text(31)),
    [
      ["GET", "/upper", 200, 31],
    ],
  ],
  ["duplicate pseudo-header fields", (flow) => {
    ask(flow, 1, [...request("GET", "/first"), [":path", "/second"]]);
    answer(flow, 1, response(200), "refused");
  }, []],
  ["HEADERS after END_STREAM", (flow) => {
    ask(flow, 1, request("GET", "/once"));
    ask(flow, 1, request("GET", "/twice"));
    answer(flow, 1, response(200));
    answer(flow, 1, response(500));
  }, [["GET", "/once", 200, null]]],
  ["a streamed body longer than its claim", (flow) => {
    ask(flow, 1, request("GET", "/streamed-longer"));
    flow.data(1, headers(1, response(200, ["content-length", "34"]))).tick(2e9);
    flow.data(1, data(1, `${text(34)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`, END_STREAM));
  }, [["GET", "/streamed-longer", 200, 34]]],
  ["a streamed body shorter than its claim", (flow) => {
    ask(flow, 1, request("GET", "/streamed-shorter"));
    flow.data(1, headers(1, response(200, ["content-length", "999"]))).tick(2e9);
    flow.data(1, data(1, text(35), END_STREAM));
  }, [["GET", "/streamed-shorter", 200, 35]]],
  ["a body where none may be", (flow) => {
    ask(flow, 1, request("HEAD", "/head-body"));
    answer(flow, 1, response(200), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ask(flow, 3, request("HEAD", "/head-text"));
    answer(flow, 3, response(200), `${text(70)}\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`);
    ask(flow, 5, request("GET", "/204-body"));
    answer(flow, 5, response(204), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }, [["HEAD", "/head-body", 200, null], ["HEAD", "/head-text", 200, null], ["GET", "/204-body", 204, null]]],
  ["an upgrade that nobody asked for", (flow) => {
    ask(flow, 1, request("GET", "/upgrade", ["upgrade", "websocket"], ["connection", "Upgrade"]));
    answer(flow, 1, response(101, ["upgrade", "websocket"]));
    ask(flow, 3, request("GET", "/upgrade-refused", ["upgrade", "h2c"]));
    answer(flow, 3, response(200, ["upgrade", "h2c"], ["connection", "close"]), text(36));
  }, [["GET", "/upgrade", null as unknown as number, null], ["GET", "/upgrade-refused", 200, 36]]],
  ["CONNECT with bytes before its answer, and HTTP/1.1 inside", (flow) => {
    flow.data(0, headers(1, [[":method", "CONNECT"], [":authority", "inner.test:80"]]));
    flow.data(0, data(1, "GET /inner HTTP/1.1\r\nHost: inner.test\r\n\r\n"));
    flow.data(1, headers(1, response(200)));
    flow.data(1, data(1, `HTTP/1.1 404 Not Found\r\nContent-Length: 37\r\n\r\n${text(37)}`, END_STREAM));
    flow.data(0, data(1, "", END_STREAM));
  }, [["CONNECT", "inner.test:80", 200, null], ["GET", "/inner", 404, 37]]],
  ["CONNECT refused, with bytes that look like a request", (flow) => {
    flow.data(0, headers(1, [[":method", "CONNECT"], [":authority", "refused.test:80"]]));
    flow.data(0, data(1, "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"));
    answer(flow, 1, response(403), text(38));
  }, [["CONNECT", "refused.test:80", 403, 38]]],
  ["WebSocket over HTTP/2", (flow) => {
    flow.data(
      0,
      headers(1, [[":method", "CONNECT"], [":protocol", "websocket"], [":scheme", "https"], [
        ":authority",
        "a.test",
      ], [":path", "/chat"]]),
    );
    flow.data(1, headers(1, response(200))).data(0, data(1, "\x81\x03abc", END_STREAM)).data(
      1,
      data(1, "\x81\x01x", END_STREAM),
    );
  }, [["GET", "/chat", 101, null]]],
  ["an endless response", (flow) => {
    ask(flow, 1, request("GET", "/events"));
    flow.data(1, headers(1, response(200, ["content-type", "text/event-stream"])));
    for (let i = 0; i < 20; i++) flow.tick(0.25e9).data(1, data(1, "data: 12345\n\n"));
    flow.data(1, data(1, "", END_STREAM));
  }, [["GET", "/events", 200, 260]]],
  ["1-byte frames", (flow) => {
    ask(flow, 1, request("GET", "/bytes"));
    flow.data(1, headers(1, response(200)));
    for (const c of text(500)) flow.data(1, data(1, c));
    flow.data(1, data(1, "", END_STREAM));
  }, [["GET", "/bytes", 200, 500]]],
  ["1-byte frames of a streamed body", (flow) => {
    ask(flow, 1, request("GET", "/bytes-streamed"));
    flow.data(1, headers(1, response(200))).tick(2e9);
    for (const c of text(501)) flow.data(1, data(1, c));
    flow.data(1, data(1, "", END_STREAM));
  }, [["GET", "/bytes-streamed", 200, 501]]],
  ["trailers of a request that would be another one", (flow) => {
    flow.data(0, headers(1, request("POST", "/request-trailers"))).data(0, data(1, "x"));
    flow.data(
      0,
      headers(
        1,
        [["transfer-encoding", "chunked"], ["host", "evil.test"], ["x", "y\r\n\r\nGET / HTTP/1.1"]],
        END_STREAM,
      ),
    );
    answer(flow, 1, response(200), text(39));
  }, [["POST", "/request-trailers", 200, 39]]],
  ["5 MB in exchanges of 500 KB", (flow) => {
    for (let i = 0; i < 10; i++) {
      ask(flow, 1 + 2 * i, request("GET", `/big/${i}`));
      answer(flow, 1 + 2 * i, response(200), new Uint8Array(500_000).fill(97 + i));
    }
  }, Array.from({ length: 10 }, (_, i) => ["GET", `/big/${i}`, 200, 500_000])],
  ["a response cut by a reset", (flow) => {
    ask(flow, 1, request("GET", "/cut"));
    flow.data(1, join(headers(1, response(200, ["content-length", "1000"])), data(1, text(32)), reset(1)));
  }, [["GET", "/cut", 200, 32]]],
];

/** What Suricata's parser cannot take: such a message spoils its own lane and no other. */
const fields = (count: number): Fields => Array.from({ length: count }, (_, i) => [`x-${i}`, "v"]);
const BEYOND: [name: string, asked: Fields, answered: Fields][] = [
  ["1,200 fields", request("GET", "/beyond", ...fields(1200)), response(200)],
  ["a path of 20,000 bytes", request("GET", `/${text(20_000)}`), response(200)],
  ["Basic that is no base64", request("GET", "/beyond", ["authorization", "Basic ????"]), response(200)],
  ["Basic behind blanks", request("GET", "/beyond", ["authorization", "\r\n Basic ????"]), response(200)],
  ["a name of 12,000 bytes", request("GET", "/beyond", [text(12_000), text(8000)]), response(200)],
  ["a response of 1,200 fields", request("GET", "/beyond"), response(200, ...fields(1200))],
  ["a response's name of 12,000 bytes", request("GET", "/beyond"), response(200, [text(12_000), text(8000)])],
  ["a host of 20,000 bytes", [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/beyond"],
    [":authority", text(20_000)],
  ], response(200)],
];

const lacking = judgeMissing();

Deno.test({
  name: "Suricata sees the messages that the peers saw",
  ...skipIf(lacking),
  fn: () =>
    judged(CASES.map(([, run]) => run), async (capture) => {
      const expect = CASES.flatMap(([, , expected], i) => [...expected, good(i)]);
      const verdict = await judgeStrict(capture, { expect });
      assert.equal(verdict.depth_reached, 0);
    }),
});

Deno.test({
  name: "what Suricata cannot parse costs no other exchange",
  ...skipIf(lacking),
  fn: () =>
    judged(BEYOND.map(([, asked, answered]) => one(asked, answered)), async (capture) => {
      const verdict = await judge(capture);
      BEYOND.forEach(([name], i) => {
        const seen = verdict.http.filter(({ url, status }) => url === `/good/${i}` && status === 404);
        assert.equal(seen.length, 1, name);
      });
    }),
});
