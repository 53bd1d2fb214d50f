// SPDX-License-Identifier: MIT
/** The example codecs of docs/codecs.md: as they are shown there, by hand, and end to end from a folder of their own. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import gzipBodies from "../../docs/examples/gzip_bodies.ts";
import upperCase from "../../docs/examples/upper_case.ts";
import { configureCodec } from "../../codecs/registry.ts";
import { splitWords } from "../../codecs/settings.ts";
import { CodecHarness } from "../support/codec_harness.ts";
import { forgedConnections } from "../support/forged.ts";
import { fieldOf, readHttp1 } from "../support/http1_reader.ts";
import { bytesOf, join, textOf } from "../support/http2_frames.ts";
import { judgeMissing, judgeStrict } from "../ids/judge.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import {
  mirrorOptions,
  type Mode,
  modeMissing,
  MODES,
  runSslcollector,
  summaryOf,
} from "../e2e/support/sslcollector.ts";
import { type Fixture, withFixture } from "../e2e/support/fixture.ts";
import { hash, NodeServer } from "../e2e/support/http2.ts";

const DOCS = fileURLToPath(new URL("../../docs", import.meta.url));
const lacking = missing("curl", "openssl", "node") ?? judgeMissing();

Deno.test("docs/codecs.md shows the example as it is", () => {
  const page = Deno.readTextFileSync(`${DOCS}/codecs.md`);
  assert.ok(page.includes("```ts\n" + Deno.readTextFileSync(`${DOCS}/examples/upper_case.ts`) + "```\n"));
});

const gzip = (settings = "") => configureCodec(gzipBodies, splitWords(`gzip_bodies${settings}`));
const text = (harness: CodecHarness) => harness.connections().map(({ streams }) => streams.map(textOf));

Deno.test("upper_case: letters of both directions, gaps in their place", () => {
  const harness = new CodecHarness(upperCase).data(0, bytesOf("Get {a}é")).gap(0, 2).data(1, bytesOf("ok 1"))
    .end();
  assert.deepEqual(text(harness), [["GET {A}é\0\0", "OK 1"]]);
  assert.deepEqual(harness.connections()[0].gaps, [{ direction: 0, at: 8, lengthBytes: 2 }]);
});

const REQUEST = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const BODY = "to be or not to be, ".repeat(50);
const GZIP = new Uint8Array(gzipSync(BODY));
const head = (...fields: string[]) =>
  `HTTP/1.1 200 OK\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`;
const withLength = (body: Uint8Array, coding = "gzip") =>
  join(bytesOf(head("A: b", `content-encoding: ${coding}`, `Content-Length: ${body.length}`)), body);
const PLAIN = `${head("A: b", `Content-Length: ${BODY.length}`)}${BODY}`;
const chunked = (trailer: string) =>
  join(
    bytesOf(`${head("Transfer-Encoding: chunked", "Content-Encoding: gzip")}5;x\r\n`),
    GZIP.subarray(0, 5),
    bytesOf(`\r\n${(GZIP.length - 5).toString(16)}\r\n`),
    GZIP.subarray(5),
    bytesOf(`\r\n0\r\n${trailer}\r\n`),
  );

/** What becomes of a response, whole and one byte at a time. */
function decoded(response: Uint8Array, request = REQUEST): string {
  const whole = new CodecHarness(gzip()).data(0, bytesOf(request)).data(1, response).end();
  const slowly = new CodecHarness(gzip());
  for (const byte of bytesOf(request)) slowly.data(0, Uint8Array.of(byte));
  for (const byte of response) slowly.data(1, Uint8Array.of(byte));
  slowly.end();
  assert.deepEqual(text(slowly), text(whole));
  const [[toServer, toClient]] = text(whole);
  assert.equal(toServer, request);
  return toClient;
}

Deno.test("gzip_bodies: decodes bodies of known length and chunked ones, one message after the other", () => {
  assert.equal(decoded(withLength(GZIP)), PLAIN);
  assert.equal(decoded(join(withLength(GZIP), withLength(GZIP)), REQUEST + REQUEST), PLAIN + PLAIN);
  assert.equal(decoded(chunked("")), `${head(`Content-Length: ${BODY.length}`)}${BODY}`);
  assert.equal(
    decoded(chunked("X-Sum: 1\r\n")),
    `${head("Transfer-Encoding: chunked")}${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\nX-Sum: 1\r\n\r\n`,
  );
});

Deno.test("gzip_bodies: what it cannot decode passes as it came", () => {
  const zeros = new Uint8Array(gzipSync(new Uint8Array(17 * 1024 * 1024)));
  const broken = GZIP.map((byte, at) => at === 30 ? byte ^ 1 : byte);
  const passing = [
    withLength(broken),
    withLength(GZIP.subarray(0, 20)),
    withLength(GZIP, "br"),
    withLength(zeros),
    withLength(GZIP).subarray(0, 80),
    bytesOf(`${head("Transfer-Encoding: chunked")}3\r\nabc\r\n0\r\n\r\n`),
    bytesOf("SSH-2.0-x\r\n\r\n and more"),
  ];
  for (const response of passing) assert.equal(decoded(response), textOf(response));
  const answerToHead = bytesOf(head("Content-Encoding: gzip", "Content-Length: 9"));
  assert.equal(
    decoded(join(answerToHead, withLength(GZIP)), REQUEST.replace("GET", "HEAD") + REQUEST),
    textOf(answerToHead) + PLAIN,
  );
});

Deno.test("gzip_bodies: a gap inside a body lets it pass, and the next message is decoded", () => {
  const response = withLength(GZIP);
  const harness = new CodecHarness(gzip()).data(0, bytesOf(REQUEST + REQUEST));
  const at = response.length - 10;
  harness.data(1, response.subarray(0, at)).gap(1, 10).data(1, withLength(GZIP)).end();
  const [connection] = harness.connections();
  assert.deepEqual(connection.gaps, [{ direction: 1, at, lengthBytes: 10 }]);
  assert.equal(textOf(connection.streams[1]).slice(response.length), PLAIN);
});

Deno.test("gzip_bodies: long answers do not share a connection longer than an IDS inspects", () => {
  const large = withLength(new Uint8Array(gzipSync("x".repeat(600_000))));
  const harness = new CodecHarness(gzip());
  for (let time = 0; time < 3; time++) harness.data(0, bytesOf(REQUEST)).data(1, large);
  harness.end();
  assert.deepEqual(harness.connections().map(({ end }) => end), ["fin", "fin", "open"]);
});

Deno.test("gzip_bodies: settings bound what is kept and decoded", () => {
  const answer = (settings: string) => {
    const harness = new CodecHarness(gzip(settings)).data(0, bytesOf(REQUEST)).data(1, withLength(GZIP))
      .end();
    return text(harness)[0][1];
  };
  assert.equal(answer(`:decoded=${BODY.length}`), PLAIN);
  assert.equal(answer(`:decoded=${BODY.length - 1}`), textOf(withLength(GZIP)));
  assert.equal(answer(":encoded=20"), textOf(withLength(GZIP)));
  const often = new CodecHarness(gzip(":reopen-after=100"));
  for (let time = 0; time < 3; time++) often.data(0, bytesOf(REQUEST)).data(1, withLength(GZIP));
  assert.deepEqual(often.end().connections().map(({ end }) => end), ["fin", "fin", "open"]);
});

/** The bodies of Node's server: `i * 31 + (i >> 8)`. */
const nodeBody = (size: number) => new Uint8Array(size).map((_, i) => (i * 31 + (i >> 8)) & 255);

/** curl, mirrored with a chain of codecs, asks Node's HTTP/2 server for these paths. */
async function mirrored(mode: Mode, fixture: Fixture, codecs: string, paths: readonly string[]) {
  // Nothing of the project is beside them.
  for (const name of ["upper_case.ts", "gzip_bodies.ts"]) {
    await Deno.copyFile(`${DOCS}/examples/${name}`, fixture.path(name));
  }
  await using server = await NodeServer.start(fixture);
  const capture = fixture.path("out.pcapng");
  const urls = paths.flatMap((path) => ["-o", "/dev/null", `https://localhost:${server.port}${path}`]);
  const curl = ["curl", "--silent", "--show-error", "--http2", "--cacert", fixture.certificate, ...urls];
  const args = ["run", ...mirrorOptions(capture), "--codec", codecs, "--", ...curl];
  const ended = await runSslcollector(mode, fixture, args, { cwd: fixture.folder });
  assert.equal(ended.code, 0, ended.stderr);
  const { total } = summaryOf(ended);
  assert.equal(total.imbalance, 0);
  const connections = forgedConnections(await Deno.readFile(capture));
  return { capture, total, connections };
}

for (const mode of MODES) {
  Deno.test({
    name: `--codec http2to1,./upper_case.ts (${mode})`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        const { capture, connections } = await mirrored(mode, fixture, "http2to1,./upper_case.ts", [
          "/index?size=70",
        ]);
        const [toServer, toClient] = connections[0].streams.map(textOf);
        assert.match(toServer, /^GET \/INDEX\?SIZE=70 HTTP\/1\.1\r\nHOST: LOCALHOST:/);
        assert.match(toClient, /^HTTP\/1\.1 200 OK\r\n[^a-z]*$/);
        await judgeStrict(capture, { expect: [["GET", "/INDEX?SIZE=70", 200, 70]] });
      }),
  });

  Deno.test({
    name: `--codec http2to1:encodings=keep,./gzip_bodies.ts (${mode})`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        const sizes = [70_000, 900_000, 20];
        const paths = [...sizes.map((size) => `/a?gzip&length&size=${size}`), "/b?size=90"];
        const run = await mirrored(mode, fixture, "http2to1:encodings=keep,./gzip_bodies.ts", paths);
        assert.equal(run.total.events["gzip-decoded"], sizes.length);
        const exchanges = run.connections.flatMap(({ streams }) => readHttp1(...streams).exchanges);
        assert.deepEqual(
          exchanges.map(({ target, response }) => [target, hash(response!.body)]),
          paths.map((path, index) => [path, hash(nodeBody([...sizes, 90][index]))]),
        );
        for (const { response } of exchanges) assert.equal(fieldOf(response!, "content-encoding"), undefined);
        const bodies = [...sizes, 90];
        const verdict = await judgeStrict(run.capture, {
          expect: paths.map((path, index) => ["GET", path, 200, bodies[index]] as const),
        });
        assert.equal(verdict.depth_reached, 0);
      }),
  });

  Deno.test({
    name: `--codec http2to1:lanes=3:encodings=keep,./gzip_bodies.ts:decoded=100KiB (${mode})`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        const chain = "http2to1:lanes=3:encodings=keep,./gzip_bodies.ts:decoded=100KiB";
        const paths = [70_000, 200_000].map((size) => `/a?gzip&length&size=${size}`);
        const { total, connections } = await mirrored(mode, fixture, chain, paths);
        assert.deepEqual([total.events["gzip-decoded"], total.events["gzip-not-decoded"]], [1, 1]);
        const exchanges = connections.flatMap(({ streams }) => readHttp1(...streams).exchanges);
        assert.deepEqual(exchanges.map(({ response }) => fieldOf(response!, "content-encoding")), [
          undefined,
          "gzip",
        ]);
      }),
  });
}
