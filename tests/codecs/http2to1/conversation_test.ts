// SPDX-License-Identifier: MIT
/** Real clients and servers in clear text, recorded between them: what comes out is what both of them report. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http2 from "node:http2";
import { fileURLToPath } from "node:url";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { freePort } from "../../support/free_port.ts";
import { fieldOf } from "../../support/http1_reader.ts";
import { judgeMissing, judgeStrict } from "../../ids/judge.ts";
import { bytesOf } from "../../support/http2_frames.ts";
import { type Recorded, recordingProxy, replay } from "../../support/recording_proxy.ts";
import { missing, runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { awaited } from "../../support/until.ts";

const codec = http2to1();
const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** What a server saw and answered. */
interface Served {
  method: string;
  path: string;
  status: number;
  requestBody: string;
  responseBody: string;
}

/** Runs Node's HTTP/2 server; `served` waits until it has told of so many requests. */
async function withServer(
  use: (port: number, served: (count: number) => Promise<Served[]>) => Promise<void>,
): Promise<void> {
  const script = fileURLToPath(new URL("../../support/http2_server.mjs", import.meta.url));
  const process = new Deno.Command("node", { args: [script], stdout: "piped" }).spawn();
  const told: Served[] = [];
  let enough = 0, reached = () => {};
  const served = (count: number) => {
    const { promise, resolve } = Promise.withResolvers<Served[]>();
    enough = count;
    reached = () => resolve(told);
    if (told.length >= count) reached();
    return awaited(`${count} exchanges told by the server`, promise);
  };
  const listening = Promise.withResolvers<number>();
  const reading = (async () => {
    let rest = "";
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const said = JSON.parse(line);
        if ("port" in said) listening.resolve(said.port);
        else if (told.push(said) >= enough) reached();
      }
    }
    listening.reject(new Error("the server ended"));
  })();
  try {
    await use(await awaited("the server to listen", listening.promise), served);
  } finally {
    process.kill("SIGKILL");
    await process.status;
    await reading;
  }
}

/** Feeds the recordings and compares them with the server's own list; Suricata judges too. */
async function check(
  conversations: readonly Recorded[][],
  served: readonly Served[],
): Promise<CodecHarness[]> {
  const harnesses = conversations.map((conversation) =>
    replay(new CodecHarness(codec, { forge: true }), conversation)
  );
  const got = harnesses.flatMap((harness) => harness.exchanges()).map((
    { method, target, status, request, response },
  ) => ({
    method,
    path: target,
    status,
    requestBody: hash(request.body),
    responseBody: hash(response!.body),
  }));
  const sorted = (list: readonly Served[]) =>
    list.map(({ method, path, status, requestBody, responseBody }) =>
      JSON.stringify({ method, path, status, requestBody, responseBody })
    ).sort();
  assert.deepEqual(sorted(got), sorted(served));
  for (const harness of harnesses) {
    for (const { target, response } of harness.exchanges()) {
      if (fieldOf(response!, "x-path") !== undefined) assert.equal(fieldOf(response!, "x-path"), target);
    }
    await withTempDir(async (folder) => {
      await Deno.writeFile(`${folder}/capture.pcapng`, harness.capture());
      const expect = harness.exchanges().map(({ method, target, status, response }) =>
        [method, target, status, response!.body.length] as const
      );
      const verdict = await judgeStrict(`${folder}/capture.pcapng`, { expect });
      assert.equal(verdict.http.length, expect.length);
    });
  }
  return harnesses;
}

Deno.test({
  name: "curl: bodies both ways, HEAD, empty responses",
  ...skipIf(missing("curl", "node"), judgeMissing()),
  fn: () =>
    withServer(async (port, served) => {
      const proxy = recordingProxy(port);
      const base = `http://127.0.0.1:${proxy.port}`;
      const curl = (...args: string[]) =>
        runOk("curl", "--http2-prior-knowledge", "-sS", "-o", "/dev/null", ...args);
      await withTempDir(async (folder) => {
        await Deno.writeFile(`${folder}/upload`, new Uint8Array(200_000).map((_, i) => i % 251));
        await curl(`${base}/plain?size=5`);
        await curl(`${base}/big?size=300000&length`);
        await curl("-I", `${base}/head?size=10&length`);
        await curl("-T", `${folder}/upload`, `${base}/put?size=1`);
        await curl("-d", "a=b", `${base}/post?status=404&size=9`);
        await curl(`${base}/none?status=204`);
        await curl(`${base}/empty?status=200`);
      });
      await proxy.close();
      await check(proxy.conversations, await served(7));
    }),
});

Deno.test({
  name: "60 requests at a time on one connection: hints, trailers, all kinds of bodies",
  ...skipIf(missing("node"), judgeMissing()),
  fn: () =>
    withServer(async (port, served) => {
      const proxy = recordingProxy(port);
      const client = http2.connect(`http://127.0.0.1:${proxy.port}`);
      await Promise.all(Array.from({ length: 60 }, (_, i) =>
        new Promise<void>((done, failed) => {
          const method = ["GET", "POST", "HEAD"][i % 3];
          const stream = client.request({
            ":method": method,
            ":path": `/n${i}?size=${(i * 977) % 40000}${["", "&length", "&hint", "&trailers"][i % 4]}`,
            "x-number": i,
            cookie: ["c=1", `d=${i}`],
          }, { endStream: method !== "POST" });
          stream.on("error", failed);
          stream.on("close", done);
          stream.resume();
          if (method === "POST") stream.end(`body ${i}`.repeat(i));
        })));
      await new Promise<void>((closed) => client.close(closed));
      await proxy.close();
      const all = await served(60);
      const [harness] = await check(proxy.conversations, all);
      for (const { target, request, response } of harness.exchanges()) {
        if (target.endsWith("&hint")) assert.equal(fieldOf(response!, "x-sslcollector-103-link"), "</a>");
        if (target.endsWith("&trailers") && request.start[0] !== "H") {
          assert.deepEqual(response!.trailers[0], ["Grpc-Status", "0"]);
        }
        const number = /^\/n(\d+)/.exec(target)![1];
        assert.equal(fieldOf(request, "X-Number"), number);
        assert.equal(fieldOf(request, "Cookie"), `c=1; d=${number}`);
      }
    }),
});

/** Runs nghttpd over a folder; `use` gets its port. */
async function withNghttpd(
  args: string[],
  use: (port: number, folder: string) => Promise<void>,
): Promise<void> {
  await withTempDir(async (folder) => {
    await Deno.writeTextFile(`${folder}/index.html`, "<html>index</html>");
    await Deno.writeTextFile(`${folder}/style.css`, "body {}");
    await Deno.writeFile(`${folder}/big`, new Uint8Array(500_000).map((_, i) => i % 253));
    const port = freePort();
    const server = new Deno.Command("nghttpd", {
      args: ["--no-tls", "-a", "127.0.0.1", "-v", "-d", folder, ...args, `${port}`],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    // It says so when it listens; the rest of what it says is thrown away.
    const [told, rest] = server.stdout.tee();
    const drained = rest.pipeTo(new WritableStream());
    const reader = told.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes("listen");) {
      const { value, done } = await reader.read();
      if (done) throw new Error("nghttpd ended");
      text += value;
    }
    await reader.cancel();
    try {
      await use(port, folder);
    } finally {
      server.kill("SIGKILL");
      await server.status;
      await drained.catch(() => {});
    }
  });
}

Deno.test({
  name: "nghttp with push, trailers and an upload",
  ...skipIf(missing("nghttp", "nghttpd"), judgeMissing()),
  fn: () =>
    withNghttpd(["-p", "/index.html=/style.css", "--trailer", "x-checksum: 42"], async (port, folder) => {
      const proxy = recordingProxy(port);
      const base = `http://127.0.0.1:${proxy.port}`;
      await runOk("nghttp", "-n", `${base}/index.html`, `${base}/big`, `${base}/missing`);
      await runOk("nghttp", "-n", "-d", `${folder}/big`, "--trailer", "x-sent: yes", `${base}/index.html`);
      await proxy.close();
      const pushed = "GET /style.css 200 7";
      const harness = replay(new CodecHarness(codec, { forge: true }), proxy.conversations[0]);
      const missingSize = harness.exchanges().find(({ status }) => status === 404)!.response!.body.length;
      assert.deepEqual(harness.summary().sort(), [
        "GET /big 200 500000",
        "GET /index.html 200 18",
        `GET /missing 404 ${missingSize}`,
        pushed,
      ]);
      const index = harness.exchanges().find(({ target }) => target === "/index.html")!.response!;
      assert.deepEqual(index.trailers, [["X-Checksum", "42"]]);
      const upload = replay(new CodecHarness(codec, { forge: true }), proxy.conversations[1]);
      const [post] = upload.exchanges().filter(({ method }) => method === "POST");
      assert.equal(post.request.body.length, 500_000);
      assert.deepEqual(post.request.trailers, [["X-Sent", "yes"]]);
      assert.ok(upload.summary().includes(pushed));
      for (const one of [harness, upload]) {
        await withTempDir(async (out) => {
          await Deno.writeFile(`${out}/capture.pcapng`, one.capture());
          await judgeStrict(`${out}/capture.pcapng`, {
            expect: one.exchanges().map(({ method, target, status, response }) =>
              [method, target, status, response!.body.length] as const
            ),
          });
        });
      }
    }),
});

Deno.test({
  name: "h2load: 100 streams at a time on one connection",
  ...skipIf(missing("h2load", "nghttpd"), judgeMissing()),
  fn: () =>
    withNghttpd([], async (port) => {
      const proxy = recordingProxy(port);
      await runOk("h2load", "-c1", "-m100", "-n1000", `http://127.0.0.1:${proxy.port}/index.html`);
      await proxy.close();
      const index = {
        requestBody: hash(new Uint8Array()),
        responseBody: hash(bytesOf("<html>index</html>")),
      };
      await check(
        proxy.conversations,
        Array.from({ length: 1000 }, () => ({ method: "GET", path: "/index.html", status: 200, ...index })),
      );
    }),
});
