// SPDX-License-Identifier: MIT
/** A connection that was there before the agent: `http2to1` reads on from the middle, where the bytes as they are say nothing. */
import assert from "node:assert/strict";
import { forgedConnections } from "../support/forged.ts";
import { fieldOf, readHttp1 } from "../support/http1_reader.ts";
import { judge, judgeMissing, judgeStrict } from "../ids/judge.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { ProbeAgent, probesMissing } from "./support/probes.ts";
import { Agent, mirrorOptions, runSslcollector } from "./support/sslcollector.ts";
import { withFixture } from "./support/fixture.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";

/** A capture without packets is smaller. */
const HEAD_BYTES = 4096;

const lacking = nginxMissing() || missing("openssl") || judgeMissing();

Deno.test({
  name: "http2to1: a flow joined in the middle shows its paths, statuses and bodies",
  ...skipIf(lacking),
  fn: () => joinedLate("hook"),
});

Deno.test({
  name: "http2to1: a flow that kernel probes join in the middle shows its paths, statuses and bodies",
  ...skipIf(lacking, await probesMissing()),
  fn: () => joinedLate("probes"),
});

function joinedLate(source: "hook" | "probes"): Promise<void> {
  return withFixture(async (fixture) => {
    const { name, length } = fixture.body(3000);
    const bytes = await Deno.readFile(`${fixture.bodies}/${name}`);
    const first = source === "hook"
      ? await Agent.start("source", fixture, fixture.path("none.pcapng"))
      : undefined;
    await using nginx = await Nginx.start(fixture, first?.hookEnvironment ?? {}, true);
    using client = Deno.createHttpClient({
      caCerts: [await Deno.readTextFile(fixture.certificate)],
      http1: false,
      poolMaxIdlePerHost: 1,
    });
    const visit = async (path: string) => {
      const headers = { "x-asked": path };
      const response = await fetch(`https://localhost:${nginx.port}${path}`, { client, headers });
      return { path, status: response.status, length: (await response.bytes()).length };
    };
    // Fills the table of both sides with what a late reader never sees.
    for (let time = 0; time < 3; time++) await visit(`/${name}`);
    await first?.stop();

    const capture = fixture.path("late.pcapng");
    const recording = fixture.path("late.sslc");
    const options = ["--codec", "http2to1", "--record", recording];
    await using agent = source === "hook"
      ? await Agent.start("source", fixture, capture, ...options)
      : await ProbeAgent.start({ fixture, capture, ports: [nginx.port], options });
    // Its agent is found by nginx's shared memory, and the flow is told again with the next record.
    await until("packets of the flow in the capture", async () => {
      await visit(`/${name}?unseen`);
      return Deno.statSync(capture).size > HEAD_BYTES;
    });
    const asked = [`/${name}?seen=1`, "/missing/2", `/${name}?seen=3`];
    const told = [];
    for (const path of asked) told.push(await visit(path));
    await nginx.stop();
    const summary = await agent.stop("nginx");
    assert.deepEqual([summary.total.flows, summary.total.imbalance, summary.total.lost], [1, 0, {}]);

    const connections = forgedConnections(await Deno.readFile(capture));
    // Kernel probes do not know what was agreed on.
    assert.match(connections[0].comments[0], source === "hook" ? / alpn=h2 / : / source=probes /);
    assert.match(connections[0].comments[0], / codec=http2to1 .* joined=late$/);
    const exchanges = connections.flatMap(({ streams }) => readHttp1(...streams).exchanges);
    const last = exchanges.slice(-asked.length);
    assert.deepEqual(
      last.map(({ target, status, response }) => ({ path: target, status, length: response!.body.length })),
      told,
    );
    assert.deepEqual(last[0].response!.body, bytes);
    for (const { request, target } of last) {
      // The name is one of the table's, which is lost; the value came with the request.
      assert.equal(request.fields.filter(([, value]) => value === target).length, 1);
      assert.ok(fieldOf(request, "x-sslcollector-partial"), "it is not marked");
    }
    // The authority is lost with the table, and none is invented; nor is the request of a response in flight at the join.
    const allow = ["missing host", "missing_host", "unable to match response", "unable_to_match_response"];
    const verdict = await judgeStrict(capture, { allow });
    assert.deepEqual(
      verdict.http.slice(-asked.length).map(({ url, status }) => [url, status]),
      told.map(({ path, status }) => [path, status]),
    );
    assert.equal(verdict.http.at(-1)!.length, length);

    // The bytes as they are give Suricata nothing. Probes record whatever else runs here, too.
    const raw = fixture.path("raw.pcapng");
    const ended = await runSslcollector("source", fixture, [
      "replay",
      recording,
      "--only",
      `port == ${nginx.port}`,
      ...mirrorOptions(raw),
    ]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual((await judge(raw)).http, []);
  });
}
