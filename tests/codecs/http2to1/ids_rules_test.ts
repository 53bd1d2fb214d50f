// SPDX-License-Identifier: MIT
/** What the rules of an IDS look at is what they would find in HTTP/1.1: names, cookies, hosts, reasons, bodies, trailers. */
import assert from "node:assert/strict";
import type { CodecHarness } from "../../support/codec_harness.ts";
import { answer, ask, judged, text } from "../../support/ids_flows.ts";
import { data, END_STREAM, headers, request, response } from "../../support/http2_frames.ts";
import { judge, judgeMissing } from "../../ids/judge.ts";
import { skipIf } from "../../support/skip.ts";

/** What each rule looks for in the one exchange. */
const SEEN = {
  name: `http.header; content:"X-Custom-Name|3a| a value"`,
  user_agent: `http.user_agent; content:"agent/1"`,
  host: `http.host; content:"example.test"; bsize:12`,
  cookie: `http.cookie; content:"a=1|3b| b=2"`,
  method: `http.method; content:"POST"`,
  uri: `http.uri; content:"/rules"`,
  request_body: `http.request_body; content:"asked for"`,
  reason: `http.stat_msg; content:"Not Found"`,
  response_name: `http.header; content:"X-Answer|3a| yes"`,
  set_cookie: `http.cookie; content:"c=3"`,
  trailer: `http.header; content:"Grpc-Status|3a| 7"`,
  response_body: `file.data; content:"the answer"`,
};
/** What nothing of it may be taken for. */
const MISSED = {
  lower_case: `http.header; content:"x-custom-name"`,
  injected: `http.header; content:"|0d 0a|Injected|3a| 1"`,
  second_host: `http.host; content:"evil"`,
};

const rules = Object.entries({ ...SEEN, ...MISSED }).map(([name, options], index) => {
  const way = /stat_msg|Answer|c=3|Grpc|file/.test(options)
    ? "established,to_client"
    : "established,to_server";
  return `alert http any any -> any any (msg:"${name}"; flow:${way}; ${options}; sid:${9000001 + index};)`;
}).join("\n") + "\n";

const asked = request(
  "POST",
  "/rules",
  ["x-custom-name", "a value\r\nInjected: 1"],
  ["user-agent", "agent/1"],
  ["cookie", "a=1"],
  ["cookie", "b=2"],
  ["host", "evil.test"],
);

/** The same exchange whole on lane 0, streamed on a lane of its own, and in frames of one byte. */
const WAYS: Record<string, (flow: CodecHarness) => void> = {
  whole: (flow) => {
    ask(flow, 1, asked, "asked for");
    flow.data(1, headers(1, response(404, ["x-answer", "yes"], ["set-cookie", "c=3"])));
    flow.data(1, data(1, "the answer")).data(1, headers(1, [["grpc-status", "7"]], END_STREAM));
  },
  streamed: (flow) => {
    ask(flow, 1, asked, "asked for");
    flow.data(1, headers(1, response(404, ["x-answer", "yes"], ["set-cookie", "c=3"]))).tick(2e9);
    flow.data(1, data(1, "the ")).data(1, data(1, "answer"));
    flow.data(1, headers(1, [["grpc-status", "7"]], END_STREAM));
  },
  "byte by byte": (flow) => {
    flow.data(0, headers(1, asked));
    for (const c of "asked for") flow.data(0, data(1, c));
    flow.data(0, data(1, "", END_STREAM));
    flow.data(1, headers(1, response(404, ["x-answer", "yes"], ["set-cookie", "c=3"]))).tick(2e9);
    for (const c of "the answer") flow.data(1, data(1, c));
    flow.data(1, headers(1, [["grpc-status", "7"]], END_STREAM));
  },
  "behind others": (flow) => {
    for (let id = 11; id < 31; id += 2) {
      ask(flow, id, request("GET", "/other"));
      answer(flow, id, response(200), text(10));
    }
    ask(flow, 41, asked, "asked for");
    flow.data(1, headers(41, response(404, ["x-answer", "yes"], ["set-cookie", "c=3"])));
    flow.data(1, data(41, "the answer")).data(1, headers(41, [["grpc-status", "7"]], END_STREAM));
  },
};

for (const [way, run] of Object.entries(WAYS)) {
  Deno.test({
    name: `Suricata's rules find what the peers saw, ${way}`,
    ...skipIf(judgeMissing()),
    fn: () =>
      judged([run], async (capture) => {
        const { alerts } = await judge(capture, { rules });
        const found = new Set(alerts.map(({ signature }) => signature));
        assert.deepEqual([...found].sort(), Object.keys(SEEN).sort());
      }),
  });
}
