// SPDX-License-Identifier: MIT
/** Clients of HTTP/2 that are given the same list of requests. @module */
import { runOk } from "../../support/run.ts";
import { runChild } from "./child.ts";
import type { Fixture } from "./fixture.ts";
import { PROGRAMS, python } from "./python.ts";

export interface Asked {
  readonly method: "GET" | "HEAD" | "POST";
  readonly path: string;
}

/** What every POST sends. */
export const SENT_BYTES = 1000;

/** A client with its list. */
interface Errand {
  readonly url: string;
  readonly certificate: string;
  /** The file that every POST sends. */
  readonly body: string;
  readonly requests: readonly Asked[];
  /** The requests, `METHOD PATH` in a line. */
  readonly list: string;
}

/** The command lines, each a connection, that make the requests of an errand. */
type Client = (errand: Errand, fixture: Fixture) => string[][] | Promise<string[][]>;

const listed = ({ url, certificate, body, list }: Errand) => [url, certificate, body, list];

/** By method, in the order in which methods are first there. */
const byMethod = ({ requests }: Errand) => Map.groupBy(requests, ({ method }) => method);

function curl(errand: Errand): string[][] {
  const options: Record<Asked["method"], string[]> = {
    GET: [],
    HEAD: ["--head"],
    POST: ["--data-binary", `@${errand.body}`],
  };
  const groups = [...byMethod(errand)].map(([method, requests]) => [
    ...["--silent", "--show-error", "--http2", "--cacert", errand.certificate, ...options[method]],
    ...requests.flatMap(({ path }) => ["--output", "/dev/null", errand.url + path]),
  ]);
  return [[
    ...["curl", "--parallel", "--parallel-max", "100"],
    ...groups.flatMap((group, index) => index > 0 ? ["--next", ...group] : group),
  ]];
}

/** nghttp gives up those that Node refuses, of more than this at a time. */
const PART = 100;

const partsOf = (requests: readonly Asked[]) =>
  Array.from(
    { length: Math.ceil(requests.length / PART) },
    (_, i) => requests.slice(i * PART, (i + 1) * PART),
  );

function nghttp(errand: Errand): string[][] {
  const options: Record<Asked["method"], string[]> = {
    GET: [],
    HEAD: ["-H", ":method: HEAD"],
    POST: ["-d", errand.body],
  };
  const command = (method: Asked["method"], requests: readonly Asked[]) => [
    ...["nghttp", "-n", "--no-verify-peer", ...options[method]],
    ...requests.map(({ path }) => errand.url + path),
  ];
  return [...byMethod(errand)].flatMap(([method, requests]) =>
    partsOf(requests).map((part) => command(method, part))
  );
}

export const CLIENTS: Readonly<Record<string, Client>> = {
  curl,
  nghttp,
  node: (errand) => [["node", `${PROGRAMS}/http2_requests.mjs`, ...listed(errand)]],
  python: (errand) => [python("http2_requests.py", ...listed(errand))],
  go: async (errand, fixture) => [[await goPeer(fixture), "ask", ...listed(errand)]],
};

/** Runs a client by its name; returns how many connections it made. */
export async function ask(
  name: string,
  fixture: Fixture,
  url: string,
  requests: readonly Asked[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const list = fixture.path(`list-${crypto.randomUUID()}`);
  await Deno.writeTextFile(list, requests.map(({ method, path }) => `${method} ${path}\n`).join(""));
  const body = `${fixture.bodies}/${fixture.body(SENT_BYTES).name}`;
  const commands = await CLIENTS[name](
    { url, certificate: fixture.certificate, body, requests, list },
    fixture,
  );
  await Promise.all(commands.map(([command, ...args]) => runChild(command, { args, env })));
  return commands.length;
}

const builds = new WeakMap<Fixture, Promise<string>>();

/** The program of the tests that is written in Go, built once for each fixture. */
export function goPeer(fixture: Fixture): Promise<string> {
  let build = builds.get(fixture);
  if (!build) builds.set(fixture, build = buildGo(fixture));
  return build;
}

async function buildGo(fixture: Fixture): Promise<string> {
  const path = fixture.path("http2_peer");
  const env = [`GOCACHE=${fixture.path("go-cache")}`, "GO111MODULE=off", "CGO_ENABLED=0"];
  await runOk("env", ...env, "go", "build", "-o", path, `${PROGRAMS}/http2_peer.go`);
  return path;
}
