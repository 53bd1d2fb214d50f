// SPDX-License-Identifier: MIT
/** Python's HTTP/2 with `--codec http2to1`: httpx and hypercorn, both on h2 and asyncio, mirrored on either side. */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { runChild } from "./support/child.ts";
import { modeMissing, MODES } from "./support/sslcollector.ts";
import { withFixture } from "./support/fixture.ts";
import { type Captured, checkHttp2, factsOf, NodeServer, type Served } from "./support/http2.ts";
import { jsonLines, mirrorClient, MirroredServer } from "./support/http2_mirrored.ts";
import { hypercorn, PROGRAMS, python, pythonLacks } from "./support/python.ts";

const lacking = missing("node", "curl", "openssl") ?? pythonLacks("httpx", "h2", "hypercorn") ??
  judgeMissing();

const SIZES = [1, 999, 16_384, 70_000];
/** What stays open for longer goes to a lane of its own; the events take more than twice as long. */
const CODEC = "http2to1:stream-after=500ms";
const EVENTS = "/events?events=6";

/** The events have a lane to themselves. */
function checkEvents({ connections, exchanges }: Captured): void {
  const [events, ...others] = exchanges.filter(({ target }) => target === EVENTS);
  assert.equal(others.length, 0);
  assert.match(
    connections[events.connection].comments[0],
    /^http2to1: stream \d+, long exchange lane=/,
  );
  assert.equal(exchanges.filter(({ connection }) => connection === events.connection).length, 1);
}

for (const mode of MODES) {
  Deno.test({
    name: `http2to1 (${mode}): httpx, mirrored, with events beside 40 requests at a time`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        await using server = await NodeServer.start(fixture);
        const paths = Array.from({ length: 10 }, (_, time) =>
          SIZES.map((size) =>
            time % 2 ? `/had/${time}?size=${size}&length` : `/put/${time}?bytes=${size}&size=9`
          )).flat();
        const url = `https://localhost:${server.port}`;
        const client = python("http2_client.py", url, fixture.certificate, EVENTS, ...paths);
        const { capture, summary, stdout } = await mirrorClient(mode, fixture, client, CODEC);
        const served = await server.served();
        const told = jsonLines<Served>(stdout);
        assert.equal(served.length, 41);
        assert.deepEqual(factsOf(told), factsOf(served), "client and server");
        checkEvents(await checkHttp2(capture, summary, served));
        // The client's list has more fields of the requests.
        await checkHttp2(capture, summary, told);
      }),
  });

  Deno.test({
    name: `http2to1 (${mode}): hypercorn, mirrored, with events of curl beside Node's 60 requests at a time`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        const paths = SIZES.map((size) => `/${fixture.body(size).name}`);
        await using server = await MirroredServer.start(fixture, hypercorn(mode, fixture, CODEC));
        const url = `https://localhost:${server.port}`;
        const node = runChild("node", {
          args: [`${PROGRAMS}/http2_client.mjs`, url, fixture.certificate, "14", ...paths],
        });
        const curl = ["--silent", "--show-error", "--http2", "--cacert", fixture.certificate, "--parallel"];
        const urls = [EVENTS, ...paths, "/none"].flatMap((path) => ["--output", "/dev/null", url + path]);
        const [told] = await Promise.all([node, runChild("curl", { args: [...curl, ...urls] })]);
        const { summary, stdout } = await server.stop();
        const served = jsonLines<Served>(stdout).filter((line) => "method" in line);
        assert.equal(served.length, 60 + 6);
        const asked = jsonLines<Served>(new TextDecoder().decode(told.stdout));
        const answered = new Set(factsOf(served));
        for (const line of factsOf(asked)) assert(answered.has(line), line);
        checkEvents(await checkHttp2(server.capture, summary, served, { flows: 2 }));
      }),
  });
}
