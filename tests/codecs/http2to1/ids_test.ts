/**
 * What a peer can cause by HTTP/2 that is known to spoil HTTP/1.1 for an IDS: through the codec, the forger and
 * Suricata. Each case is a flow of its own, with a good exchange behind it that must be seen as well.
 */
import assert from "node:assert/strict";
import type { Codec } from "../../../codecs/codec.ts";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { raw } from "../../../codecs/raw.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { Recorder } from "../../support/capture.ts";
import { type Exchange, judge, judgeMissing, judgeStrict } from "../../support/judge.ts";
import {
  clientStart,
  data,
  END_STREAM,
  type Fields,
  headers,
  join,
  request,
  reset,
  response,
  serverStart,
} from "../../support/http2_frames.ts";
import { newNpmHpack } from "../../support/hpack_stories.ts";
import { withTempDir } from "../../support/run.ts";

const codec = http2to1();
type Case = [name: string, run: (flow: CodecHarness) => void, expect: Exchange[]];

const ask = (flow: CodecHarness, id: number, fields: Fields, body?: string | Uint8Array) => {
  flow.data(0, headers(id, fields, body === undefined ? END_STREAM : 0));
  if (body !== undefined) flow.data(0, data(id, body, END_STREAM));
};
const answer = (flow: CodecHarness, id: number, fields: Fields, body?: string | Uint8Array) => {
  flow.data(1, headers(id, fields, body === undefined ? END_STREAM : 0));
  if (body === undefined) return;
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  for (let at = 0; at < bytes.length; at += 16384) flow.data(1, data(id, bytes.subarray(at, at + 16384)));
  flow.data(1, data(id, "", END_STREAM));
};
/** One exchange: fields of the request, of the response, bodies. */
const one =
  (asked: Fields, answered: Fields, body?: string | Uint8Array, sent?: string) => (flow: CodecHarness) => {
    ask(flow, 1, asked, sent);
    answer(flow, 1, answered, body);
  };
const text = (length: number) => "abcdefghij".repeat(Math.ceil(length / 10)).slice(0, length);

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
const BEYOND: [name: string, fields: Fields][] = [
  [
    "1,200 fields",
    request("GET", "/beyond", ...Array.from({ length: 1200 }, (_, i) => [`x-${i}`, "v"] as const)),
  ],
  ["a path of 20,000 bytes", request("GET", `/${text(20_000)}`)],
  ["Basic that is no base64", request("GET", "/beyond", ["authorization", "Basic ????"])],
  ["a name of 12,000 bytes", request("GET", "/beyond", [text(12_000), text(8000)])],
];

/** Runs flows, each with a client address of its own, into one capture and asks Suricata. */
async function judged(
  flows: ((flow: CodecHarness, i: number) => void)[],
  use: (capture: string) => Promise<void>,
) {
  const recorder = new Recorder();
  flows.forEach((run, i) => {
    const key = {
      client: { ip: Uint8Array.of(10, 1, 0, 1 + i), port: 40_000 + i },
      server: { ip: Uint8Array.of(10, 0, 0, 2), port: 80 },
    };
    const flow = new CodecHarness(codec, { recorder, key }).data(0, clientStart()).data(1, serverStart());
    run(flow, i);
    ask(flow, 9001, request("GET", `/good/${i}`));
    answer(flow, 9001, response(404), text(1000 + i));
    flow.end();
  });
  await withTempDir(async (folder) => {
    await Deno.writeFile(`${folder}/capture.pcapng`, recorder.bytes());
    await use(`${folder}/capture.pcapng`);
  });
}
const good = (i: number): Exchange => ["GET", `/good/${i}`, 404, 1000 + i];

const ignore = judgeMissing();

Deno.test({
  name: "Suricata sees the messages that the peers saw",
  ignore,
  fn: () =>
    judged(CASES.map(([, run]) => run), async (capture) => {
      const expect = CASES.flatMap(([, , expected], i) => [...expected, good(i)]);
      const verdict = await judgeStrict(capture, { expect });
      assert.equal(verdict.depth_reached, 0);
    }),
});

Deno.test({
  name: "what Suricata cannot parse costs no other exchange",
  ignore,
  fn: () =>
    judged(BEYOND.map(([, fields]) => one(fields, response(200))), async (capture) => {
      const verdict = await judge(capture);
      BEYOND.forEach(([name], i) => {
        const seen = verdict.http.filter(({ url, status }) => url === `/good/${i}` && status === 404);
        assert.equal(seen.length, 1, name);
      });
    }),
});

Deno.test({
  name: "gaps cost no other exchange",
  ignore,
  fn: () => {
    const gapped = (claim: Fields, streamed: boolean) => (flow: CodecHarness) => {
      ask(flow, 1, request("GET", "/gap"));
      flow.data(1, headers(1, response(200, ...claim)));
      if (streamed) flow.tick(2e9);
      const frame = data(1, text(9000), END_STREAM);
      flow.data(1, frame.subarray(0, 3009)).gap(1, 4000).data(1, frame.subarray(7009));
    };
    const overBoundary = (flow: CodecHarness) => {
      ask(flow, 1, request("GET", "/gap"));
      flow.data(1, headers(1, response(200))).data(1, data(1, text(100))).gap(1, 700);
    };
    const flows = [
      gapped([], false),
      gapped([["content-length", "9000"]], false),
      gapped([["content-length", "9000"]], true),
      gapped([], true),
      overBoundary,
    ];
    return judged(flows, async (capture) => {
      const { http } = await judge(capture);
      flows.forEach((_, i) => {
        assert.equal(
          http.filter(({ url, status }) => url === `/good/${i}` && status === 404).length,
          1,
          `flow ${i}`,
        );
      });
      assert.equal(http.filter(({ url, status }) => url === "/gap" && status === 200).length, 5);
    });
  },
});

Deno.test({
  name: "a flow joined in the middle: paths and statuses, where its bytes as they are give nothing",
  ignore,
  fn: async () => {
    const client = newNpmHpack(), server = newNpmHpack();
    const events: [0 | 1, Uint8Array][] = [];
    for (let i = 0; i < 30; i++) {
      const asked = client.encode(request("GET", `/late/${i}`, ["user-agent", "agent"]));
      const answered = server.encode(response(i % 2 ? 200 : 404, ["server", "test"]));
      events.push([0, headers(1 + 2 * i, Uint8Array.from(asked), END_STREAM)]);
      events.push([1, join(headers(1 + 2 * i, Uint8Array.from(answered)), data(1 + 2 * i, "x", END_STREAM))]);
    }
    await withTempDir(async (folder) => {
      const seen = async (name: string, chosen: Codec) => {
        const flow = new CodecHarness(chosen, { forge: true, flow: { joinedLate: true } });
        for (const [direction, bytes] of events.slice(20)) flow.data(direction, bytes);
        await Deno.writeFile(`${folder}/${name}`, flow.end().capture());
        return (await judge(`${folder}/${name}`)).http.map(({ url, status }) => `${url} ${status}`);
      };
      const late = Array.from({ length: 20 }, (_, i) => `/late/${i + 10} ${i % 2 ? 200 : 404}`);
      assert.deepEqual((await seen("http2to1.pcapng", codec)).sort(), late.sort());
      assert.deepEqual(await seen("raw.pcapng", raw), []);
    });
  },
});
