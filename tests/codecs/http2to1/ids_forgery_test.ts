// SPDX-License-Identifier: MIT
/**
 * What peers send to make an IDS see what neither of them said: requests inside bodies, other protocols, promises that nobody took.
 * Through the codec, forging and Suricata; behind each case comes a good exchange that must be seen as well.
 */
import assert from "node:assert/strict";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { Recorder } from "../../support/capture.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import {
  clientStart,
  data,
  END_STREAM,
  type Fields,
  goAway,
  headers,
  join,
  pushPromise,
  request,
  response,
  serverStart,
  settings,
} from "../../support/http2_frames.ts";
import { answer, ask, good, judged, one, text } from "../../support/ids_flows.ts";
import { type Exchange, judge, judgeMissing, judgeStrict } from "../../ids/judge.ts";
import { withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

const lacking = judgeMissing();
type Run = (flow: CodecHarness) => void;
const EVIL = "GET /evil HTTP/1.1\r\nHost: evil.test\r\n\r\n";
const LENGTH = ["content-length", `${EVIL.length}`] as const;

Deno.test({
  name: "a body behind an early final response is no request, whatever the client expects",
  ...skipIf(lacking),
  fn: () => {
    const early = (status: number, ...fields: Fields): Run => (flow) => {
      flow.data(0, headers(1, request("POST", "/early", ...fields))).tick(2e9);
      flow.data(1, headers(1, response(status, ["content-length", "0"]), END_STREAM)).tick(1e9);
      flow.data(0, data(1, EVIL, END_STREAM));
    };
    const flows = [100, 413, 417].flatMap((status) =>
      [["expect", "100-continue"], ["Expect", "100-Continue"], ["expect", " 100-continue"], ["x", "y"]].map((
        [name, value],
      ) => early(status === 100 ? 200 : status, LENGTH, [name, value]))
    );
    return judged(flows, async (capture) => {
      const expect = flows.flatMap((_, i): Exchange[] => [
        ["POST", "/early", [200, 413, 417][Math.floor(i / 4)], null],
        good(i),
      ]);
      await judgeStrict(capture, { expect });
    });
  },
});

/** Commands and banners of other protocols, and words in their spelling. */
const METHODS =
  "SSH-2.0-x RFB EHLO HELO USER PASS QUIT PORT FEAT NICK MAIL STAT LIST SMB PRI PING INFO MSN BitTorrent get foo"
    .split(" ");

Deno.test({
  name: "a method that begins another protocol hides nothing, not even its own exchange",
  ...skipIf(lacking),
  fn: () =>
    judged(METHODS.map((method) => one(request(method, "/first"), response(405))), async (capture) => {
      const expect = METHODS.flatMap((method, i): Exchange[] => [[method, "/first", 405, null], good(i)]);
      const { kinds } = await judgeStrict(capture, {
        expect,
        allow: ["DETECT_PROTOCOL_ONLY_ONE", "Detect protocol only one"],
      });
      assert.deepEqual(Object.keys(kinds).filter((kind) => /ssh|smtp|ftp|rfb/.test(kind)), []);
    }),
});

Deno.test({
  name: "every registered method may be the first on a connection",
  ...skipIf(lacking),
  fn: () => {
    const methods =
      "ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PROPFIND PROPPATCH PUT QUERY REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL"
        .split(" ");
    return judged(methods.map((method) => one(request(method, "/first"), response(405))), async (capture) => {
      const expect = methods.flatMap((method, i): Exchange[] => [[method, "/first", 405, null], good(i)]);
      const { tcp_sessions } = await judgeStrict(capture, {
        expect,
        allow: ["DETECT_PROTOCOL_ONLY_ONE", "Detect protocol only one"],
      });
      assert.equal(tcp_sessions, methods.length);
    });
  },
});

Deno.test({
  name: "promises that the client does not take are no requests",
  ...skipIf(lacking),
  fn: () => {
    const promised = (fields: Fields): Run => (flow) => {
      ask(flow, 1, request("GET", "/page"));
      flow.data(1, pushPromise(1, 2, fields));
      answer(flow, 2, response(200), "pushed");
      answer(flow, 1, response(200), text(50));
    };
    const flows = [
      promised(request("POST", "/evil")),
      promised(request("DELETE", "/evil")),
      promised(request("GET", "/evil", ["content-length", "5"])),
      promised([[":method", "CONNECT"], [":authority", "evil.test:80"]]),
      promised([...request("CONNECT", "/evil"), [":protocol", "websocket"]]),
      ((flow) => {
        flow.data(0, settings([2, 0]));
        promised(request("GET", "/evil"))(flow);
      }) as Run,
      ((flow) => {
        ask(flow, 1, request("GET", "/page"));
        answer(flow, 1, response(200), text(50));
        flow.data(1, pushPromise(1, 2, request("GET", "/evil")));
        answer(flow, 2, response(200), "pushed");
      }) as Run,
    ];
    return judged(flows, async (capture) => {
      const expect = flows.flatMap((_, i): Exchange[] => [["GET", "/page", 200, 50], good(i)]);
      await judgeStrict(capture, { expect });
    });
  },
});

Deno.test({
  name: "a raw lane is no session of SSH or TLS",
  ...skipIf(lacking),
  fn: async () => {
    const tls = (type: number, random: string, rest: string) => {
      const body = `\x03\x03${random.repeat(32)}\0${rest}`;
      return `\x16\x03\x01\0${String.fromCharCode(body.length + 4, type, 0, 0, body.length)}${body}`;
    };
    const raws = [
      ["SSH-2.0-Forged_1\r\n", "SSH-2.0-Forged_2\r\n"],
      [tls(1, "r", "\0\x02\x13\x01\x01\0\0\0"), tls(2, "s", "\x13\x01\0")],
      ["EHLO x\r\n", "220 x ESMTP\r\n250 ok\r\n"],
      ["USER x\r\nPASS y\r\n", "220 (x)\r\n331 p\r\n"],
      ["\0\0\0\x40\xfeSMB\x40\0".padEnd(68, "\0"), "\0\0\0\x40\xfeSMB\x40\0".padEnd(68, "\0")],
      [
        "\x05\0\x0b\x03\x10\0\0\0\x48\0\0\0\x01\0\0\0".padEnd(72, "\0"),
        "\x05\0\x0c\x03\x10\0\0\0\x44\0\0\0\x01\0\0\0".padEnd(68, "\0"),
      ],
    ];
    // Bodies whose heads came before the flow was joined.
    const recorder = new Recorder();
    raws.forEach(([asked, answered], i) => {
      const key = {
        client: { ip: Uint8Array.of(10, 1, 0, 1 + i), port: 40_000 },
        server: { ip: Uint8Array.of(10, 0, 0, 2), port: 443 },
      };
      const flow = new CodecHarness(http2to1(), { recorder, key, flow: { joinedLate: true } });
      flow.data(0, data(1, asked)).data(1, data(1, answered)).end();
      assert.ok(flow.counts.get("raw-bytes")! >= answered.length);
    });
    await withTempDir(async (folder) => {
      await Deno.writeFile(`${folder}/capture.pcapng`, recorder.bytes());
      const { kinds, faults } = await judge(`${folder}/capture.pcapng`);
      assert.deepEqual([kinds, faults.parser_gave_up], [{ flow: raws.length }, 0]);
    });
  },
});

Deno.test({
  name: "an extended CONNECT makes Suricata switch to no other parser",
  ...skipIf(lacking),
  fn: () => {
    const extended = (protocol: string): Run => (flow) => {
      flow.data(0, headers(1, [...request("CONNECT", "/tunnel"), [":protocol", protocol]]));
      flow.data(1, headers(1, response(200)));
      flow.data(0, data(1, join(clientStart(), headers(1, request("GET", "/evil"), END_STREAM)), END_STREAM));
      flow.data(1, data(1, join(serverStart(), headers(1, response(200), END_STREAM)), END_STREAM));
    };
    const protocols = [
      "websocket",
      "connect-udp",
      "connect-ip",
      "webtransport",
      "h2c",
      "H2C",
      "TLS/1.0",
      "h2c, websocket",
    ];
    return judged(protocols.map(extended), async (capture) => {
      const expect = protocols.flatMap((
        _,
        i,
      ): Exchange[] => [["GET", "/tunnel", i < 4 ? 101 : 200, null], good(i)]);
      const { kinds } = await judgeStrict(capture, { expect });
      assert.equal(kinds.http2, undefined);
    });
  },
});

Deno.test({
  name: "a request behind GOAWAY is marked",
  ...skipIf(lacking),
  fn: () =>
    judged([(flow) => {
      ask(flow, 1, request("GET", "/before"));
      flow.data(1, goAway(1));
      ask(flow, 3, request("GET", "/behind"));
      answer(flow, 1, response(200), text(51));
      // The server keeps to what it said but for the exchange that comes behind every case.
    }], async (capture) => {
      const rules =
        `alert http any any -> any any (msg:"marked"; flow:established,to_server; http.uri; content:"/behind"; http.header; content:"x-sslcollector-partial|3a| goaway"; sid:9000001;)\n` +
        `alert http any any -> any any (msg:"not"; flow:established,to_server; http.uri; content:"/before"; http.header; content:"x-sslcollector-partial"; sid:9000002;)\n`;
      const { alerts, http } = await judge(capture, { rules });
      assert.deepEqual(alerts.map(({ signature }) => signature), ["marked"]);
      assert.deepEqual(http.map(({ url, status }) => `${url} ${status}`).sort(), [
        "/before 200",
        "/behind null",
        "/good/0 404",
      ]);
    }),
});

Deno.test({
  name: "fields that trailers and interim responses repeat stay under the bound of warnings",
  ...skipIf(lacking),
  fn: () => {
    const names: Fields = Array.from({ length: 100 }, (_, i) => [`x-${i}`, "1"]);
    const links: Fields = Array.from({ length: 100 }, () => ["link", "</a>"]);
    const trailers: Run = (flow) => {
      for (let id = 1; id < 21; id += 2) {
        ask(flow, id, request("GET", `/repeated/${id}`));
        flow.data(1, headers(id, response(200, ...names))).data(1, data(id, "x")).data(
          1,
          headers(id, names, END_STREAM),
        );
      }
    };
    const interim: Run = (flow) => {
      for (let id = 1; id < 21; id += 2) {
        ask(flow, id, request("GET", `/repeated/${id}`));
        flow.data(1, headers(id, response(103, ...links)));
        answer(flow, id, response(200), "x");
      }
    };
    return judged([trailers, interim], async (capture) => {
      const all = Array.from({ length: 10 }, (_, i): Exchange => ["GET", `/repeated/${1 + 2 * i}`, 200, 1]);
      await judgeStrict(capture, { expect: [...all, ...all, good(0), good(1)] });
    });
  },
});

/** What a frame inside a body forges is marked by. */
const RULES =
  `alert http any any -> any any (msg:"marked request"; flow:established,to_server; http.uri; content:"/forged"; http.header; content:"x-sslcollector-partial|3a| resync"; sid:9000001;)\n` +
  `alert http any any -> any any (msg:"forged request"; flow:established,to_server; http.uri; content:"/forged"; sid:9000002;)\n`;

Deno.test({
  name: "one frame in a body behind a gap is no request; a chain of them is one that is marked",
  ...skipIf(lacking),
  fn: () => {
    const upload = (...forged: Uint8Array[]): Run => (flow) => {
      flow.data(0, headers(1, request("POST", "/upload"))).gap(0, 500);
      for (const piece of forged) flow.data(0, piece);
      answer(flow, 1, response(200));
    };
    const fake = (id: number) => headers(id, request("GET", `/forged/${id}`), END_STREAM);
    const push: Run = (flow) => {
      ask(flow, 1, request("GET", "/download"));
      flow.data(1, headers(1, response(200))).gap(1, 500);
      flow.data(
        1,
        join(
          pushPromise(1, 2, request("GET", "/forged")),
          headers(2, response(200)),
          data(2, "x", END_STREAM),
        ),
      );
    };
    return judged([
      upload(fake(77)),
      push,
      // With the good request behind them they are a chain.
      upload(fake(77), fake(79)),
      upload(join(fake(77), fake(79), fake(81))),
    ], async (capture) => {
      const { http, alerts } = await judge(capture, { rules: RULES });
      const forged = http.filter(({ url }) => url?.startsWith("/forged"));
      assert.deepEqual(forged.map(({ url, status }) => `${url} ${status}`).sort(), [
        "/forged/77 null",
        "/forged/77 null",
        "/forged/79 null",
        "/forged/79 null",
        "/forged/81 null",
      ]);
      const count = (name: string) => alerts.filter(({ signature }) => signature === name).length;
      assert.deepEqual([count("forged request"), count("marked request")], [5, 5]);
      for (let i = 0; i < 4; i++) {
        assert.ok(http.some(({ url, status }) => url === `/good/${i}` && status === 404), `flow ${i}`);
      }
    });
  },
});
