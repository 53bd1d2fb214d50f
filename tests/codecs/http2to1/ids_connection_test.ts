// SPDX-License-Identifier: MIT
/**
 * What peers and losses make of a connection, as an IDS sees it: silence, many connections on one 5-tuple, gaps, a flow joined
 * in the middle. Through the codec, forging and Suricata.
 */
import assert from "node:assert/strict";
import type { Codec } from "../../../codecs/codec.ts";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { raw } from "../../../codecs/raw.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { newNpmHpack } from "../../support/hpack_stories.ts";
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
import { answer, ask, good, judged, text } from "../../support/ids_flows.ts";
import { judge, judgeMissing, judgeStrict } from "../../ids/judge.ts";
import { withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

const lacking = judgeMissing();

/** Time passes as the pipeline has it pass. */
function wait(flow: CodecHarness, seconds: number): void {
  for (let quarter = 0; quarter < 4 * seconds; quarter++) flow.tick(0.25e9);
}

Deno.test({
  name: "Suricata forgets no flow that was silent for 700 s, between exchanges or within one",
  ...skipIf(lacking),
  fn: async () => {
    const between = (flow: CodecHarness) => {
      ask(flow, 1, request("GET", "/before"));
      answer(flow, 1, response(200), text(40));
      wait(flow, 700);
    };
    const within = (flow: CodecHarness) => {
      ask(flow, 1, request("GET", "/poll"));
      wait(flow, 700);
      answer(flow, 1, response(200), text(41));
    };
    const inBody = (flow: CodecHarness) => {
      ask(flow, 1, request("GET", "/events"));
      flow.data(1, headers(1, response(200))).data(1, data(1, text(20)));
      wait(flow, 700);
      flow.data(1, data(1, text(22), END_STREAM));
    };
    // A capture each: Suricata takes its time from the packets.
    const each = [
      [between, ["GET", "/before", 200, 40]],
      [within, ["GET", "/poll", 200, 41]],
      [inBody, ["GET", "/events", 200, 42]],
    ] as const;
    for (const [run, exchange] of each) {
      await judged([run], async (capture) => {
        await judgeStrict(capture, { expect: [exchange, good(0)] });
      });
    }
  },
});

Deno.test({
  name: "Suricata sees 60 connections in a row on one 5-tuple, each reset",
  ...skipIf(lacking),
  fn: () =>
    judged([(flow) => {
      for (let i = 0; i < 60; i++) {
        flow.data(0, join(headers(1 + 2 * i, request("GET", `/reset/${i}`), END_STREAM), reset(1 + 2 * i)));
      }
      flow.tick(1e9);
    }], async (capture) => {
      const { http, tcp_sessions } = await judge(capture);
      const seen = http.map(({ url }) => url).sort();
      assert.deepEqual(seen, [...Array.from({ length: 60 }, (_, i) => `/reset/${i}`), "/good/0"].sort());
      assert.equal(tcp_sessions, 61);
    }),
});

Deno.test({
  name: "gaps cost no other exchange",
  ...skipIf(lacking),
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
    const inHead = (flow: CodecHarness) => {
      ask(flow, 1, request("GET", "/gap"));
      const head = headers(1, response(200, ["x-long", text(900)]));
      flow.data(1, head.subarray(0, 100)).gap(1, 500).data(1, head.subarray(600)).data(1, data(1, text(50)));
    };
    /** More than Suricata's window and depth. */
    const huge = (flow: CodecHarness) => {
      ask(flow, 1, request("GET", "/gap"));
      flow.data(1, headers(1, response(200, ["content-length", "3000000"]))).tick(2e9);
      flow.data(1, data(1, text(9000))).gap(1, 2_000_000);
    };
    const flows = [
      inHead,
      huge,
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
      // The one in a head costs that head.
      const statuses = http.filter(({ url }) => url === "/gap").map(({ status }) => status).sort();
      assert.deepEqual(statuses, [200, 200, 200, 200, 200, 200, null]);
    });
  },
});

Deno.test({
  name: "a flow joined in the middle: paths and statuses, where its bytes as they are give nothing",
  ...skipIf(lacking),
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
      assert.deepEqual((await seen("http2to1.pcapng", http2to1())).sort(), late.sort());
      assert.deepEqual(await seen("raw.pcapng", raw), []);
    });
  },
});

Deno.test({
  name:
    "Suricata shows every request of 1,000 that were reset at once, and pairs what is answered behind them",
  ...skipIf(lacking),
  fn: () => {
    const flood = (flow: CodecHarness) => {
      for (let i = 0; i < 1000; i++) {
        const path = i % 4 === 0 ? "/same" : `/${i}`;
        flow.data(0, join(headers(1 + 2 * i, request("GET", path), END_STREAM), reset(1 + 2 * i)));
      }
      flow.tick(1e9).tick(1e9);
    };
    return judged([flood], async (capture) => {
      const { http } = await judge(capture);
      const urls = new Set(http.map(({ url }) => url));
      assert.equal(urls.size, 1 + 750 + 1);
      assert.deepEqual(http.filter(({ status }) => status !== null).map(({ url }) => url), ["/good/0"]);
    });
  },
});
