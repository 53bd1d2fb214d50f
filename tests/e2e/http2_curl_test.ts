// SPDX-License-Identifier: MIT
/** curl mirrored with `--codec http2to1`, against the HTTP/2 servers of Node and Deno, which no hook sees. */
import assert from "node:assert/strict";
import { fieldOf } from "../support/http1_reader.ts";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import {
  mirrorOptions,
  type Mode,
  modeMissing,
  MODES,
  runSslcollector,
  type Summary,
  summaryOf,
} from "./support/sslcollector.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { checkHttp2, hash, NodeServer, type Served } from "./support/http2.ts";
import { BY_SIZE } from "./support/http2_mirrored.ts";

const lacking = missing("curl", "openssl", "node") ?? judgeMissing();

const CODEC = ["--codec", BY_SIZE];

/** Runs one curl mirrored; `{url}` stands for the server. */
async function mirroredCurl(
  mode: Mode,
  fixture: Fixture,
  port: number,
  args: readonly string[],
  options: readonly string[] = CODEC,
): Promise<{ capture: string; summary: Summary }> {
  const capture = fixture.path("curl.pcapng");
  const curl = ["curl", ...args.map((word) => word.replace("{url}", `https://localhost:${port}`))];
  const ended = await runSslcollector(mode, fixture, [
    "run",
    ...mirrorOptions(capture),
    ...options,
    "--",
    ...curl,
  ]);
  assert.equal(ended.code, 0, ended.stderr);
  return { capture, summary: summaryOf(ended) };
}

/** Options of every transfer. */
const transfer = (fixture: Fixture, ...args: string[]) => [
  ...["--silent", "--show-error", "--http2", "--cacert", fixture.certificate, "--output", "/dev/null"],
  ...args,
];

/** Transfers one after the other, on one connection as far as curl keeps it. */
const inTurn = (...transfers: readonly string[][]) =>
  transfers.flatMap((one, index) => index > 0 ? ["--next", ...one] : one);

for (const mode of MODES) {
  Deno.test({
    name: `http2to1 (${mode}): curl with bodies both ways, HEAD, empty responses, hints and fields`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        await using server = await NodeServer.start(fixture);
        const upload = `${fixture.bodies}/${fixture.body(200_000).name}`;
        const one = (...args: string[]) => transfer(fixture, ...args);
        const args = inTurn(
          one("{url}/plain?size=5"),
          one("{url}/big?size=300000&length", "-H", "x-thing: a b ü", "-H", "Cookie: a=1; b=2"),
          one("--head", "{url}/head?size=10&length"),
          one("-T", upload, "{url}/put?size=1"),
          one("-d", "a=b", "{url}/post?status=404&size=9&hint"),
          one("{url}/none?status=204"),
          one("{url}/empty?status=200"),
          one("{url}/much?size=900000"),
        );
        const { capture, summary } = await mirroredCurl(mode, fixture, server.port, args);
        const served = await server.served();
        assert.equal(served.length, 8);
        const { connections, exchanges } = await checkHttp2(capture, summary, served);
        // What is longer than an IDS inspects of one connection opens the same 5-tuple again.
        assert(connections.length > 1);
        assert.equal(new Set(connections.map(({ name }) => name)).size, 1);
        const hinted = exchanges.find(({ target }) => target.endsWith("&hint"))!;
        assert.equal(fieldOf(hinted.response!, "x-sslcollector-103-link"), "</a>");
      }),
  });
}

Deno.test({
  name:
    "http2to1: bodies in br, gzip and deflate are shown as they were, or as they are where encodings are kept",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const codings = ["br", "gzip", "deflate"];
      const sizes = [1, 70_000, 900_000];
      const paths = codings.flatMap((coding) =>
        sizes.map((size) => `/a?encoding=${coding}&size=${size}&length`)
      );
      const args = inTurn(...paths.map((path) => transfer(fixture, `{url}${path}`)));
      await using server = await NodeServer.start(fixture);
      const { capture, summary } = await mirroredCurl("source", fixture, server.port, args);
      const { exchanges } = await checkHttp2(capture, summary, await server.served());
      assert.deepEqual(
        exchanges.map(({ response }) => fieldOf(response!, "x-sslcollector-decoded")),
        paths.map((path) => /encoding=(\w+)/.exec(path)![1]),
      );

      await using second = await NodeServer.start(fixture);
      const kept = ["--codec", "http2to1:encodings=keep"];
      const mirrored = await mirroredCurl("source", fixture, second.port, args, kept);
      const events = Object.keys(mirrored.summary.total.events);
      assert.deepEqual(events.filter((name) => /decoded/.test(name)), []);
    }),
});

Deno.test({
  name: "http2to1: a gRPC-shaped exchange keeps its trailers",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = await NodeServer.start(fixture);
      const message = fixture.path("message");
      await Deno.writeFile(message, Uint8Array.of(0, 0, 0, 0, 3, 10, 1, 7));
      const fields = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
      const call = (path: string) => transfer(fixture, ...fields, "--data-binary", `@${message}`, path);
      const { capture, summary } = await mirroredCurl(
        "source",
        fixture,
        server.port,
        inTurn(
          call("{url}/pkg.Service/One?size=70&trailers&type=application/grpc"),
          call("{url}/x?size=0&trailers"),
        ),
      );
      const { exchanges } = await checkHttp2(capture, summary, await server.served());
      for (const [index, size] of [70, 0].entries()) {
        assert.deepEqual(exchanges[index].response!.trailers, [["Grpc-Status", "0"], ["X-Sum", `${size}`]]);
      }
    }),
});

Deno.test({
  name: "http2to1: server-sent events have a lane of their own beside ordinary requests",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = await NodeServer.start(fixture);
      const urls = [
        "{url}/events?events=8",
        ...Array.from({ length: 20 }, (_, i) => `{url}/n${i}?size=${i * 99}`),
      ];
      const args = ["--parallel", "--silent", "--show-error", "--http2", "--cacert", fixture.certificate];
      const transfers = [...args, ...urls.flatMap((url) => ["--output", "/dev/null", url])];
      const byTime = ["--codec", "http2to1"];
      const { capture, summary } = await mirroredCurl("source", fixture, server.port, transfers, byTime);
      const { connections, exchanges } = await checkHttp2(capture, summary, await server.served());
      const events = exchanges.find(({ target }) => target.startsWith("/events"))!;
      assert.match(connections[events.connection].comments[0], /^http2to1: stream \d+, long exchange lane=/);
      assert.equal(exchanges.filter(({ connection }) => connection === events.connection).length, 1);
    }),
});

Deno.test({
  name: "http2to1: curl against Deno's HTTP/2 server",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const served: Served[] = [];
      const { promise: listening, resolve } = Promise.withResolvers<number>();
      await using _server = Deno.serve({
        hostname: "127.0.0.1",
        port: 0,
        cert: await Deno.readTextFile(fixture.certificate),
        key: await Deno.readTextFile(fixture.key),
        onListen: ({ port }) => resolve(port),
      }, async (request) => {
        const { pathname, search } = new URL(request.url);
        const received = await request.bytes();
        const body = new Uint8Array(Number(search.slice(1))).fill(0x61);
        served.push({
          method: request.method,
          path: pathname + search,
          status: 201,
          requestBody: hash(received),
          responseBody: hash(body),
          requestBytes: received.length,
          responseBytes: body.length,
          requestFields: [...request.headers],
          responseFields: [["x-path", pathname]],
        });
        return new Response(body, { status: 201, headers: { "x-path": pathname } });
      });
      const upload = `${fixture.bodies}/${fixture.body(50_000).name}`;
      const { capture, summary } = await mirroredCurl(
        "source",
        fixture,
        await listening,
        inTurn(transfer(fixture, "{url}/a?70000"), transfer(fixture, "-T", upload, "{url}/b?3")),
      );
      await checkHttp2(capture, summary, served);
    }),
});
