// SPDX-License-Identifier: MIT
/** nghttp2's programs with `--codec http2to1`: nghttp, h2load and nghttpd, mirrored on either side. */
import assert from "node:assert/strict";
import { fieldOf } from "../support/http1_reader.ts";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { runChild } from "./support/child.ts";
import { modeMissing, MODES, type Summary } from "./support/sslcollector.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { type Captured, checkHttp2, got, hash, type Served } from "./support/http2.ts";
import { mirrorClient } from "./support/http2_mirrored.ts";
import { Nghttpd } from "./support/nghttpd.ts";

const lacking = missing("nghttp", "nghttpd", "h2load", "openssl") ?? judgeMissing();

/** Larger than an exchange may wait. */
const LARGE = 1_500_000;
/** On the loopback h2load outruns any reader: what it makes must fit into a ring, or what is lost would be chance. */
const STREAMED = 1000;
const STREAMS = ["-c1", "-m100", `-n${STREAMED}`];

const bytesOf = (fixture: Fixture, size: number) =>
  Deno.readFileSync(`${fixture.bodies}/${fixture.body(size).name}`);
const served = (fixture: Fixture, ...sizes: number[]): Served[] =>
  sizes.map((size) => got(`/${fixture.body(size).name}`, 200, bytesOf(fixture, size)));

/** nghttpd pushes the body of 300 bytes with that of 1,000, and ends every response with a trailer. */
const pushing = (fixture: Fixture) => [
  ...["-p", `/${fixture.body(1000).name}=/${fixture.body(300).name}`, "--trailer", "x-checksum: 42"],
];
/** nghttp asks for these; what is pushed comes on top. */
const asked = (fixture: Fixture, port: number) => [
  ...["nghttp", "-n", "--no-verify-peer"],
  ...[1000, 50_000, LARGE].map((size) => `https://127.0.0.1:${port}/${fixture.body(size).name}`),
];

/** All have their trailer but the one that is streamed by the length it declares, where HTTP/1.1 has no place for any. */
function checkTrailers({ exchanges }: Captured, summary: Summary): void {
  for (const { response } of exchanges) {
    const hasPlace = response!.body.length < LARGE;
    assert.deepEqual(response!.trailers, hasPlace ? [["X-Checksum", "42"]] : []);
  }
  assert.deepEqual({ lanes: 1, left: 1 }, {
    lanes: summary.total.events.lanes,
    left: summary.total.events["trailers-left-out"],
  });
}

for (const mode of MODES) {
  Deno.test({
    name: `http2to1 (${mode}): nghttp, mirrored, gets bodies, a push and trailers`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        await using server = await Nghttpd.start(fixture, pushing(fixture));
        const { capture, summary } = await mirrorClient(mode, fixture, asked(fixture, server.port));
        const all = served(fixture, 1000, 300, 50_000, LARGE);
        const captured = await checkHttp2(capture, summary, all);
        checkTrailers(captured, summary);
      }),
  });

  Deno.test({
    name: `http2to1 (${mode}): nghttpd, mirrored, serves bodies, a push, trailers and an upload`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        const capture = fixture.path("nghttpd.pcapng");
        const body = fixture.body(200_000);
        const all = served(fixture, 1000, 300, 50_000, LARGE);
        await using server = await Nghttpd.start(fixture, pushing(fixture), { mode, capture });
        const [command, ...args] = asked(fixture, server.port);
        await runChild(command, { args });
        const upload = `https://127.0.0.1:${server.port}/${fixture.body(50_000).name}`;
        await runChild("nghttp", {
          args: [
            "-n",
            "--no-verify-peer",
            "-d",
            `${fixture.bodies}/${body.name}`,
            "--trailer",
            "x-sent: yes",
            upload,
          ],
        });
        const [, , ordinary] = all;
        all.push({
          ...ordinary,
          method: "POST",
          requestBody: hash(bytesOf(fixture, 200_000)),
          requestBytes: 200_000,
        });
        const summary = await server.stop();
        const captured = await checkHttp2(capture, summary, all, { flows: 2 });
        checkTrailers(captured, summary);
        const post = captured.exchanges.find(({ method }) => method === "POST")!;
        assert.deepEqual(post.request.trailers, [["X-Sent", "yes"]]);
        assert.match(fieldOf(post.request, "user-agent")!, /^nghttp2\//);
      }),
  });
}

/** What h2load has made. */
const streamed = (fixture: Fixture) => Array.from({ length: STREAMED }, () => served(fixture, 1000)[0]);

Deno.test({
  name: "http2to1: h2load, mirrored, with 100 streams at a time",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      fixture.body(1000);
      await using server = await Nghttpd.start(fixture, []);
      const url = `https://127.0.0.1:${server.port}/${fixture.body(1000).name}`;
      const { capture, summary, stdout } = await mirrorClient("source", fixture, ["h2load", ...STREAMS, url]);
      assert.match(stdout, /\b1000 succeeded, 0 failed, 0 errored, 0 timeout/);
      await checkHttp2(capture, summary, streamed(fixture));
    }),
});

Deno.test({
  name: "http2to1: nghttpd, mirrored, serves h2load with 100 streams at a time",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("nghttpd.pcapng");
      fixture.body(1000);
      await using server = await Nghttpd.start(fixture, [], { mode: "source", capture });
      const url = `https://127.0.0.1:${server.port}/${fixture.body(1000).name}`;
      const { stdout } = await runChild("h2load", { args: [...STREAMS, url] });
      assert.match(new TextDecoder().decode(stdout), /\b1000 succeeded, 0 failed, 0 errored, 0 timeout/);
      await checkHttp2(capture, await server.stop(), streamed(fixture));
    }),
});
