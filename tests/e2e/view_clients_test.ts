// SPDX-License-Identifier: MIT
/** What clients say of their requests, and what is told of them: curl, nghttp, Node's three and Python, with an nginx that is mirrored. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { runChild } from "./support/child.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";
import { PageOfProgram } from "./support/page.ts";
import { Agent } from "./support/sslcollector.ts";
import {
  exchangesOfArchive,
  exchangesOfEvents,
  exchangesOfLines,
  exchangesOfPage,
  sorted,
  type ToldExchange,
} from "./support/told_exchanges.ts";

/** How long a slow response takes. */
const SLOW_MS = 500;
/** Timers and clocks of the programs differ by no more. */
const CLOCK_MS = 2;
const LARGE = "/body-70000";
const PATHS = ["/body-999", LARGE, "/missing", Nginx.SLOW];

const program = (name: string) => fileURLToPath(new URL(`programs/${name}`, import.meta.url));

async function said(command: string, args: readonly string[], env = {}): Promise<string> {
  const { code, stdout, stderr } = await runChild(command, { args, env });
  assert.equal(code, 0, `${command}: ${stderr}`);
  return new TextDecoder().decode(stdout).trimEnd();
}

async function linesSaid(command: string, args: readonly string[], env = {}): Promise<ToldExchange[]> {
  return (await said(command, args, env)).split("\n").map((line) => JSON.parse(line));
}

async function byCurl(origin: string, version: string): Promise<ToldExchange[]> {
  const asked = PATHS.flatMap((path) => ["--output", "/dev/null", `${origin}${path}?curl${version}`]);
  const text = await said("curl", ["--silent", "--insecure", version, "--write-out", "%{json}\n", ...asked]);
  return text.split("\n").map((line) => {
    const { method, url, http_code, size_download, time_total, time_appconnect } = JSON.parse(line);
    const { pathname, search } = new URL(url);
    // From the handshake's end, 0 where there was none: by its `time_pretransfer` curl has sent the request.
    const ms = 1000 * (time_total - time_appconnect);
    return { method, path: pathname + search, status: http_code, size: size_download, ms };
  });
}

const MS_OF_UNIT: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

/** Its statistics have a line for each: number, end, start, time between, status, size, path. Sizes from 1 KiB on are rounded. */
async function byNghttp(origin: string): Promise<ToldExchange[]> {
  const asked = PATHS.filter((path) => path !== LARGE).map((path) => `${origin}${path}?nghttp`);
  const text = await said("nghttp", ["--null-out", "--stat", "--no-verify-peer", ...asked]);
  const line = /^ *\d+ +\S+ +\S+ +([\d.]+)(us|ms|s) +(\d+) +(\d+) +(\/\S+)$/gm;
  return [...text.matchAll(line)].map(([, time, unit, status, size, path]) => ({
    ...{ method: "GET", path, status: Number(status), size: Number(size) },
    ms: Number(time) * MS_OF_UNIT[unit],
  }));
}

async function byAll(port: number): Promise<ToldExchange[]> {
  const origin = `https://localhost:${port}`;
  return (await Promise.all([
    byCurl(origin, "--http1.1"),
    byCurl(origin, "--http2"),
    byNghttp(origin),
    linesSaid("node", [program("report_requests.mjs"), origin, ...PATHS], {
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
      NODE_NO_WARNINGS: "1",
    }),
    linesSaid("python3", [program("report_requests.py"), `${port}`, ...PATHS]),
  ])).flat();
}

/** nginx passes on what is slow. */
function slowServer(path: string): Deno.HttpServer {
  const server = Deno.serve({ path, onListen() {} }, async () => {
    await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    return new Response("slow");
  });
  Deno.chmodSync(path, 0o666);
  return server;
}

/** As long as the server took, and no longer than its client says: however long that has no processor, both have it. */
function checkDurations(told: readonly ToldExchange[], known: readonly ToldExchange[]): void {
  for (const { path, ms } of known.filter(({ path }) => path.startsWith(Nginx.SLOW))) {
    const toldMs = told.find((exchange) => exchange.path === path)!.ms;
    const isBetween = toldMs >= SLOW_MS - CLOCK_MS && toldMs <= ms + CLOCK_MS;
    assert.ok(isBetween, `${path}: ${toldMs} ms, its client ${ms} ms`);
  }
}

async function askAndCompare(fixture: Fixture): Promise<void> {
  for (const size of [999, 70_000]) fixture.body(size);
  const [eve, har] = ["eve.json", "x.har"].map((name) => fixture.path(name));
  const options = ["--events", eve, "--har", har, "--print", "requests", "--ui", "0"];
  await using agent = await Agent.startWith({ fixture, capture: fixture.path("out.pcapng"), options });
  await using nginx = await Nginx.start(fixture, agent.hookEnvironment, true);
  await using _slow = slowServer(nginx.slowSocket);
  const known = await byAll(nginx.port);
  assert.equal(known.length, 7 * PATHS.length - 1);
  await nginx.stop();
  const page = exchangesOfPage(await (await PageOfProgram.of(agent.child)).rows(known.length));
  agent.child.kill("SIGTERM");
  const { stdout } = await agent.child.ended;
  for (const told of [page, exchangesOfEvents(eve), exchangesOfArchive(har)]) {
    assert.deepEqual(sorted(told), sorted(known));
    checkDurations(told, known);
  }
  const withoutSizes = known.map(({ method, path, status }) => ({ method, path, status }));
  assert.deepEqual(sorted(exchangesOfLines(stdout, "nginx")), sorted(withoutSizes));
}

Deno.test({
  name:
    "view: what curl, nghttp, Node and Python say of their requests is in events, archive, page and lines",
  ...skipIf(nginxMissing() ?? missing("curl", "nghttp", "node", "python3")),
  fn: () => withFixture(askAndCompare),
});
