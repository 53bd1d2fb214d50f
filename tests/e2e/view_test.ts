// SPDX-License-Identifier: MIT
/** Every exchange that clients and server know of is in events, archive and lines, with what they know of it. */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { runChild } from "./support/child.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";
import { PageOfProgram } from "./support/page.ts";
import { Agent, MAIN_ARGS, mirrorOptions, runSslcollector } from "./support/sslcollector.ts";
import {
  exchangesOfArchive,
  exchangesOfEvents,
  exchangesOfLines,
  exchangesOfPage,
  sorted,
} from "./support/told_exchanges.ts";

const lacking = nginxMissing() ?? missing("curl", "nghttp", "h2load", "node", "python3");
/** Requests of the load, in HTTP/1.1 and HTTP/2 each; more by this variable. */
const LOAD = Number(Deno.env.get("VIEW_LOAD") ?? 3000);

const PYTHON = `
import http.client, ssl, sys
connection = http.client.HTTPSConnection("localhost", int(sys.argv[1]), context=ssl._create_unverified_context())
for method, path, body in [("GET", "/body-999", None), ("HEAD", "/body-999", None), ("GET", "/none?x=%20", None), ("PUT", "/put/p", b"x" * 5000)]:
    connection.request(method, path, body)
    connection.getresponse().read()
`;
const NODE = `
const https = require("node:https");
const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
const get = (path) => new Promise((resolve) =>
  https.get({ host: "localhost", port: process.argv[1], path, agent }, (response) => response.resume().on("end", resolve)));
(async () => { for (let turn = 0; turn < 20; turn++) await get("/body-16384?turn=" + turn); agent.destroy(); })();
`;

/** One client after the other; what they asked for is in nginx's log. */
async function ask(fixture: Fixture, port: number): Promise<void> {
  const url = (path: string) => `https://localhost:${port}${path}`;
  const curl = (...args: string[]) =>
    runChild("curl", { args: ["--silent", "--insecure", "--output", "/dev/null", ...args] });
  await curl("--http1.1", url("/body-16384"), url("/missing"));
  await curl("--http2", url("/body-70000"), url("/body-1"));
  // nginx counts what it answers to Expect as bytes of the body.
  await curl(
    "--http1.1",
    "--header",
    "Expect:",
    "--upload-file",
    `${fixture.bodies}/body-70000`,
    url("/put/c"),
  );
  await runChild("nghttp", { args: ["-n", "-m", "5", url("/body-999")] });
  await runChild("python3", { args: ["-c", PYTHON, `${port}`] });
  await runChild("node", { args: ["-e", NODE, `${port}`] });
  const load = ["-n", `${LOAD}`, "-c", "4", "-m", "10", url("/body-1")];
  await runChild("h2load", { args: load });
  await runChild("h2load", { args: ["--h1", ...load] });
}

interface HttpEvent {
  readonly event_type: string;
  readonly http: Record<string, string | number>;
  readonly sslcollector: Record<string, string | number>;
}

const events = (path: string): HttpEvent[] =>
  Deno.readTextFileSync(path).trimEnd().split("\n").map((line) => JSON.parse(line));
const httpEvents = (path: string) => events(path).filter(({ event_type }) => event_type === "http");

Deno.test({
  name: "view: events, archive, page and lines have every exchange of nginx's log, under load too",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      for (const size of [1, 999, 16_384, 70_000]) fixture.body(size);
      const [eve, har, capture] = ["eve.json", "x.har", "out.pcapng"].map((name) => fixture.path(name));
      await using agent = await Agent.startWith({
        fixture,
        capture,
        options: ["--events", eve, "--har", har, "--print", "requests", "--ui", "0"],
      });
      await using nginx = await Nginx.start(fixture, agent.hookEnvironment, true);
      await ask(fixture, nginx.port);
      await nginx.stop();
      const known = nginx.exchanges().sort();
      const listed = await (await PageOfProgram.of(agent.child)).rows(known.length);
      assert.deepEqual(sorted(exchangesOfPage(listed)), known);
      agent.child.kill("SIGTERM");
      const { stdout } = await agent.child.ended;
      assert.ok(known.length >= 2 * LOAD);
      assert.deepEqual(sorted(exchangesOfEvents(eve)), known);
      assert.deepEqual(sorted(exchangesOfArchive(har)), known);
      const shown = sorted(exchangesOfLines(stdout, "nginx"));
      assert.deepEqual(shown, known.map((line) => line.replace(/ \d+$/, "")).sort());
      const stats = events(eve).at(-1) as unknown as Record<string, Record<string, Record<string, unknown>>>;
      assert.equal(stats.stats.sslcollector.exchanges_lost, 0);
    }),
});

/** A response that takes so long. */
const SLOW_MS = 500;
/** Timers and clocks of three programs differ by no more. */
const CLOCK_MS = 2;

function slowBody(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async start(controller) {
      controller.enqueue(new Uint8Array(1000));
      await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
      controller.enqueue(new Uint8Array(1000));
      controller.close();
    },
  });
}

Deno.test({
  name: "view: an exchange takes as long as its server does, and no longer than curl says",
  ...skipIf(missing("curl")),
  fn: () =>
    withFixture(async (fixture) => {
      const [cert, key] = [fixture.certificate, fixture.key].map((path) => Deno.readTextFileSync(path));
      await using server = Deno.serve({ port: 0, cert, key, onListen() {} }, () => new Response(slowBody()));
      for (const version of ["--http1.1", "--http2"]) {
        const eve = fixture.path(`eve${version}.json`);
        const options = [...mirrorOptions(fixture.path("out.pcapng")), "--events", eve];
        const curl = ["curl", "--silent", "--insecure", version, "--output", "/dev/null"];
        const url = `https://localhost:${server.addr.port}/slow`;
        const args = ["run", ...options, "--", ...curl, "--write-out", "%{json}", url];
        const ended = await runSslcollector("source", fixture, args);
        const said = JSON.parse(new TextDecoder().decode(ended.stdout));
        const [{ http, sslcollector }] = httpEvents(eve);
        // From before the request is written to behind the last byte: however long curl has no processor, both have it.
        const curlMs = 1000 * (said.time_total - said.time_appconnect);
        const tookMs = Number(sslcollector.duration_ms);
        const isBetween = tookMs >= SLOW_MS - CLOCK_MS && tookMs <= curlMs + CLOCK_MS;
        assert.ok(isBetween, `${version}: ${tookMs} ms, curl ${curlMs} ms`);
        assert.deepEqual([http.http_method, http.status, http.length], ["GET", 200, said.size_download]);
        assert.equal(sslcollector.program, "curl");
      }
    }),
});

/** What `run` shows on a terminal of its own, with curl asking for one page. */
async function onTerminal(fixture: Fixture, url: string, ...options: string[]): Promise<string> {
  const capture = fixture.path("terminal.pcapng");
  const words = [Deno.execPath(), ...MAIN_ARGS, "run", "--summary", "none", "-o", capture, ...options];
  const command = [...words, "--", "curl", "--silent", "--insecure", "--output", "/dev/null", url].join(" ");
  const env = { SSLCOLLECTOR_CONFIG: "/dev/null", TERM: "xterm", NO_COLOR: "" };
  const { stdout } = await runChild("script", {
    args: ["--quiet", "--return", "--command", command, "/dev/null"],
    env,
  });
  return new TextDecoder().decode(stdout);
}

Deno.test({
  name: "view: run prints a line for each request on a terminal, and none with --quiet",
  ...skipIf(missing("curl", "script")),
  fn: () =>
    withFixture(async (fixture) => {
      const [cert, key] = [fixture.certificate, fixture.key].map((path) => Deno.readTextFileSync(path));
      await using server = Deno.serve({ port: 0, cert, key, onListen() {} }, () => new Response("hello"));
      const url = `https://localhost:${server.addr.port}/page`;
      const shown = await onTerminal(fixture, url);
      assert.match(shown, /^sslcollector: mirroring curl to \S+terminal\.pcapng\r$/m);
      // deno-lint-ignore no-control-regex -- colours
      assert.match(shown, /\x1b\[32m200\x1b\[0m +5 B .* \/page/);
      assert.doesNotMatch(await onTerminal(fixture, url, "--quiet"), /\/page/);
      assert.match(await onTerminal(fixture, url, "--color", "never"), /GET +200 +5 B/);
    }),
});
