// SPDX-License-Identifier: MIT
/**
 * Clients and servers of HTTP/2 in every pair: what a server says that it served is in the capture, whole, and only what is large
 * has a lane. Where a hook sees neither end, a relay between them is mirrored. `HTTP2_REQUESTS` in the environment sets how many
 * requests a pair makes.
 */
import assert from "node:assert/strict";
import { judgeMissing } from "../ids/judge.ts";
import { missing } from "../support/run.ts";
import { type Reason, skipIf } from "../support/skip.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { checkHttp2, type Served } from "./support/http2.ts";
import { ask, type Asked } from "./support/http2_clients.ts";
import { BY_SIZE } from "./support/http2_mirrored.ts";
import { type Http2Server, Relay, SERVERS, SESSIONS_OF_RELAY } from "./support/http2_servers.ts";
import { nginxMissing } from "./support/nginx.ts";
import { pythonLacks } from "./support/python.ts";
import { Agent } from "./support/sslcollector.ts";

const REQUESTS = Number(Deno.env.get("HTTP2_REQUESTS") ?? 10);
/** Larger than an exchange may wait. */
const LARGE = 1_100_000;
/** On the loopback a client may outrun any reader: what a pair moves must fit into a ring, or what is lost would be chance. */
const SIZES = [1, 999, 4000, 9000];
/** TLS is inside them, where no hook sees it: they can only be the peer. */
const UNSEEN = ["node", "go"];
const isUnseen = (pair: Pair): boolean => pair.every((end) => UNSEEN.includes(end));

const lacking = nginxMissing() ?? missing("curl", "node", "openssl", "nghttp", "nghttpd", "apache2") ??
  pythonLacks("httpx", "h2") ?? judgeMissing();

type Pair = readonly [client: string, server: string];

/** Requests of a client: bodies either way and none, one of them large. */
function requestsOf(client: string, fixture: Fixture): Asked[] {
  return Array.from({ length: REQUESTS }, (_, i) => {
    const size = i === 1 ? LARGE : SIZES[i % SIZES.length];
    const { name } = fixture.body(size);
    const method = i % 10 === 8 ? "HEAD" : i % 10 === 9 ? "POST" : "GET";
    // Node's server makes a body of the query, and says its length for half of them.
    return { method, path: `/${name}?size=${size}&${i % 2 ? "length&" : ""}${client}=${i}` };
  });
}

/** Every client with every server. */
const pairsOf = (clients: readonly string[], servers: readonly string[]): Pair[] =>
  servers.flatMap((server) => clients.map((client): Pair => [client, server]));

async function checkPairs(fixture: Fixture, pairs: readonly Pair[]): Promise<void> {
  const capture = fixture.path("pairs.pcapng");
  await using agent = await Agent.start("source", fixture, capture, "--codec", BY_SIZE);
  await using running = new AsyncDisposableStack();
  let flows = 0, lanes = 0;
  const serve = async ([name, its]: [string, Pair[]]) => {
    const server: Http2Server = running.use(await SERVERS[name](fixture, agent.hookEnvironment));
    const env = UNSEEN.includes(name) ? agent.hookEnvironment : {};
    const hidden = its.filter(isUnseen).map(([client]) => client);
    const relay = hidden.length > 0 ? running.use(await Relay.start(fixture, server.port, env)) : undefined;
    for (const [client] of its) {
      const isHidden = hidden.includes(client);
      const url = `https://localhost:${isHidden ? relay!.port : server.port}`;
      const sessions = isHidden ? SESSIONS_OF_RELAY : 1;
      const connections = await ask(client, fixture, url, requestsOf(client, fixture), isHidden ? {} : env);
      flows += sessions * connections;
      lanes += sessions;
    }
    const served = await server.served();
    assert.equal(served.length, its.length * REQUESTS, `requests that ${name} served`);
    const isRelayed = ({ path }: Served) => hidden.some((client) => path.includes(`&${client}=`));
    return [...served, ...served.filter(isRelayed)];
  };
  const byServer = [...Map.groupBy(pairs, ([, server]) => server)];
  const served = (await Promise.all(byServer.map(serve))).flat();
  const summary = await agent.stop();
  await checkHttp2(capture, summary, served, { flows });
  // httpx ends a body by an empty frame of its own, behind the answer of a server that knows the length.
  const { lanes: opened, "data-on-closed-stream": _ended, ...others } = summary.total.events;
  assert.deepEqual({ opened, others }, { opened: lanes, others: {} });
}

function testPairs(what: string, pairs: readonly Pair[], reason?: Reason): void {
  Deno.test({
    name: `http2to1: ${what}, ${REQUESTS} requests a pair`,
    ...skipIf(lacking, reason),
    timeout: 300_000 + 2_000 * REQUESTS,
    fn: () => withFixture((fixture) => checkPairs(fixture, pairs)),
  });
}

testPairs(
  "curl, nghttp, Node and Python with Node, nginx, Apache and nghttpd",
  pairsOf(["curl", "nghttp", "node", "python"], ["node", "nginx", "apache", "nghttpd"]),
);
testPairs(
  "Go with all of these; curl, nghttp, Node, Python and Go with Go",
  [
    ...pairsOf(["go"], ["node", "nginx", "apache", "nghttpd"]),
    ...pairsOf(["curl", "nghttp", "node", "python", "go"], ["go"]),
  ],
  missing("go"),
);
