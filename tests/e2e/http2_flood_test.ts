// SPDX-License-Identifier: MIT
/**
 * Floods of HTTP/2: what a server, or what is behind it, acted on is in the capture, and the agent's time and memory are bounded.
 * `HTTP2_FLOOD` in the environment sets how many units there are of each kind.
 */
import assert from "node:assert/strict";
import { forgedConnections } from "../support/forged.ts";
import { fieldOf, readHttp1 } from "../support/http1_reader.ts";
import { type Cost, costOfFamily, CostWatch } from "../support/process_cost.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { runChild } from "./support/child.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { FLOODED } from "./support/http2_flooded.ts";
import { python } from "./support/python.ts";
import { Agent, type Summary } from "./support/sslcollector.ts";

const COUNT = Number(Deno.env.get("HTTP2_FLOOD") ?? 400);
/** From so many on each kind has a server, an agent and a capture of its own. */
const LARGE_COUNT = 5000;

const KINDS = ["burst", "reset", "open", "continuation", "settings", "ping", "data", "padding", "trailers"];
/** What only one server does. */
const KINDS_OF: Readonly<Record<string, readonly string[]>> = {
  nginx: KINDS,
  apache: KINDS,
  nghttpd: [...KINDS, "push"],
  node: [...KINDS, "hints"],
};
/** What a server need not act on: nginx waits for all of a request and takes no trailers, Apache begins none that was reset meanwhile. */
const IDLE_KINDS: Readonly<Record<string, readonly string[]>> = {
  nginx: ["open", "trailers"],
  apache: ["burst", "reset"],
  nghttpd: [],
  node: [],
};
/** TLS is inside it, where no hook sees it: the flood is mirrored at its client. */
const UNSEEN = "node";

/** An agent that has begun takes so much, whatever it reads. */
const START_MS = 4000;
/** The agent's time, times the server's own. */
const TIMES = 8;
/** A runtime, rings for all that one program may have, and what the codec may hold. */
const PEAK_BYTES_MAX = 700 << 20;

/** How often each path is told, and how often each was acted on. */
function countOf(paths: readonly (readonly [path: string, times: number])[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [path, times] of paths) counts.set(path, (counts.get(path) ?? 0) + times);
  return counts;
}

const toldOf = (capture: Uint8Array) =>
  countOf(
    forgedConnections(capture).flatMap(({ streams }) =>
      readHttp1(...streams).exchanges.map(({ target, request }) =>
        [target, Number(fieldOf(request, "x-sslcollector-folded") ?? 1)] as const
      )
    ),
  );

function checkTold(capture: Uint8Array, acted: readonly string[], busyKinds: readonly string[]): void {
  const told = toldOf(capture);
  const expected = countOf(acted.map((path) => [path, 1]));
  const missing = [...expected].filter(([path, times]) => (told.get(path) ?? 0) < times);
  assert.deepEqual(missing.slice(0, 10), [], `${missing.length} of ${expected.size} paths`);
  for (const kind of busyKinds) {
    assert.ok(acted.some((path) => path.startsWith(`/${kind}`)), `nothing of ${kind} was acted on`);
  }
}

function checkBooks({ total }: Summary): void {
  const { lost, unforged, imbalance } = total;
  assert.deepEqual({ lost, unforged, imbalance }, { lost: {}, unforged: {}, imbalance: 0 });
}

function checkCost(agent: Cost, server: Cost, what: string): void {
  const seconds = ({ cpuMs }: Cost) => (cpuMs / 1000).toFixed(1);
  const mebibytes = ({ peakBytes }: Cost) => Math.round(peakBytes / 2 ** 20);
  console.log(
    `${what}: agent ${seconds(agent)} s, ${mebibytes(agent)} MiB; server ${seconds(server)} s, ${
      mebibytes(server)
    } MiB`,
  );
  assert.ok(agent.cpuMs <= START_MS + TIMES * server.cpuMs, "the agent's processor time");
  assert.ok(agent.peakBytes <= PEAK_BYTES_MAX, "the agent's memory");
}

async function checkFlood(fixture: Fixture, name: string, kinds: readonly string[]): Promise<void> {
  const capture = fixture.path("flood.pcapng");
  await using agent = await Agent.start("source", fixture, capture, "--codec", "http2to1");
  using watch = new CostWatch(agent.child.pid);
  const isUnseen = name === UNSEEN;
  await using server = await FLOODED[name](fixture, isUnseen ? {} : agent.hookEnvironment);
  const [command, ...args] = python("http2_flood.py", `${server.port}`, `${COUNT}`, ...kinds);
  await runChild(command, { args, env: isUnseen ? agent.hookEnvironment : {} });
  const cost = costOfFamily(server.pid);
  const acted = await server.acted();
  const summary = await agent.stop();
  checkBooks(summary);
  checkTold(await Deno.readFile(capture), acted, kinds.filter((kind) => !IDLE_KINDS[name].includes(kind)));
  checkCost(watch.cost, cost, `${acted.length} requests of ${kinds} at ${name}`);
}

for (const [name, kinds] of Object.entries(KINDS_OF)) {
  const parts = COUNT < LARGE_COUNT ? [kinds] : kinds.map((kind) => [kind]);
  for (const part of parts) {
    Deno.test({
      name: `http2to1: ${COUNT} each of ${part.join(", ")} at ${name}: nothing that it acted on is missing`,
      ...skipIf(missing("python3", "openssl", "node", name === "apache" ? "apache2" : name)),
      timeout: 300_000 + 20 * COUNT,
      fn: () => withFixture((fixture) => checkFlood(fixture, name, part)),
    });
  }
}
