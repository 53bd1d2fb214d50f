// SPDX-License-Identifier: MIT
/** `top` on real terminals: what it shows of real traffic, and the terminal as it was before, whatever ends it. */
import assert from "node:assert/strict";
import type { RemoteAgentReport } from "../../net/status/report.ts";
import { StatusServer } from "../../net/status/server.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { runChild } from "./support/child.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { Agent, MAIN_ARGS, runSslcollector } from "./support/sslcollector.ts";
import { Tmux } from "./support/tmux.ts";

/** Orders to a terminal: a title, a cleared screen, the alternate one left. */
const ORDERS = "\x1b]0;owned\x07\x1b[2J\x1b[?1049l";

/** A server whose every word gives orders. */
class HostileServer implements AsyncDisposable {
  readonly #listener: Deno.TlsListener;
  readonly #serving: Promise<void>;

  constructor(fixture: Fixture) {
    const [cert, key] = [fixture.certificate, fixture.key].map((path) => Deno.readTextFileSync(path));
    this.#listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
    this.#serving = this.#serve();
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      const request = new Uint8Array(4096);
      const length = await connection.read(request) ?? 0;
      const status = new TextDecoder().decode(request.subarray(0, length)).includes("/missing") ? 404 : 200;
      const body = `body ${ORDERS}\n`;
      const head = `HTTP/1.1 ${status} ${ORDERS}\r\nContent-Type: text/plain\r\nX: ${ORDERS}\r\n` +
        `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
      await connection.write(new TextEncoder().encode(head + body));
      connection.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }
}

async function curl(agent: Agent, port: number, ...args: string[]): Promise<void> {
  const { code, stderr } = await runChild("curl", {
    args: [
      ...["--silent", "--show-error", "--insecure", "--http1.1", "--output", "/dev/null"],
      ...args,
      `https://localhost:${port}/missing`,
    ],
    env: agent.hookEnvironment,
  });
  assert.equal(code, 0, stderr);
}

const top = (fixture: Fixture) => [
  Deno.execPath(),
  ...MAIN_ARGS,
  ...["top", "--runtime-dir", fixture.path("runtime")],
];

Deno.test({
  name: "top: list, filter, detail and a terminal that is whole again, on 80 by 24 and 200 by 60",
  ...skipIf(missing("tmux", "curl", "openssl")),
  fn: () =>
    withFixture(async (fixture) => {
      await using agent = await Agent.startWith({ fixture, capture: "/dev/null", options: [] });
      await using server = new HostileServer(fixture);
      await using small = await Tmux.start(fixture, "small", [80, 24], top(fixture));
      await small.shows(/nothing has ended yet/);
      const { port } = server;
      await curl(agent, port);
      await curl(agent, port, "--request-target", `/found${ORDERS}`, "--header", `Host: ${ORDERS}`);
      await lookAround(small);
      // What the first has the agent keep, the second finds.
      await using large = await Tmux.start(fixture, "large", [200, 60], top(fixture));
      await lookAround(large);
      await small.resize(100, 30);
      await small.type("q", "q", "Tab", "Tab");
      await small.shows(/^agent {2}pid \d+.*\n(?:.*\n){5,}.*\n\? keys {2}Tab next page {2}q quit\n/m);

      Deno.kill(small.pid, "SIGTERM");
      assert.deepEqual(await wholeAfter(small), 143);
      await agent.stop();
      const { status, isWhole, screen } = await large.ended();
      assert.deepEqual([status, isWhole], [3, true]);
      assert.match(screen, /sslcollector: the agent has ended/);
      for (const { raw } of [small, large]) {
        assert(!raw.includes("\x1b]0;"), "a peer's order reached the terminal");
        assert.equal(raw.split("\x1b[?1049l").length, 2);
      }
    }),
});

/** The list, a filter that is none, one that is, what it leaves, and that as a command. */
async function lookAround(terminal: Tmux): Promise<void> {
  await terminal.shows(/curl\[\d+\] +GET +404 .* localhost:\d+\/missing/);
  await terminal.shows(/curl\[\d+\] +GET +200 .* ·\]0;owned·\S*\/found·\]0;own/);
  await terminal.type("f", "stat >= 404", "Enter");
  await terminal.shows(/no field stat; there are .*stat >= 404\n\^\nfilter: stat >= 404/s);
  await terminal.type(...Array<string>("stat >= 404".length).fill("BSpace"), "status == 200", "Enter");
  await terminal.shows(/filter: status == 200 /);
  await terminal.shows(/GET +200 .*\n(?!.*\/missing)/);
  await terminal.type("Enter");
  await terminal.shows(/^> GET \/found·\]0;owned··\[2J·\[\?1049l HTTP\/1\.1$/m);
  await terminal.shows(/^< body ·\]0;owned·/m);
  await terminal.type("e");
  await terminal.shows(/^curl https:\/\/localhost:\d+\/ \\$/m);
}

/** The exit status of a command that leaves its terminal as it was. */
async function wholeAfter(terminal: Tmux): Promise<number> {
  const { status, isWhole } = await terminal.ended();
  assert(isWhole, "the terminal is not as it was");
  return status;
}

/** A collector with two agents, as its socket answers. */
async function collectorSocket(folder: string): Promise<StatusServer> {
  const agent: Omit<RemoteAgentReport, "name" | "connections"> = {
    ...{ address: "10.0.0.11:4711", forMs: 3.6e6, packets: 8_211_004, bytes: 5e9, duplicates: 0 },
    ...{ lost: {}, dropped: {}, elsewhere: 0, lagPackets: 1204, lagMs: 18 },
  };
  const agents = [
    { ...agent, name: "web1", connections: 1 },
    { ...agent, name: "web2", connections: 0, lost: { "queue-full": { amount: 412 } } },
  ];
  const health = { state: "degraded", reasons: ["agent web2 is away for 14 s"] } as const;
  const times = { startedMs: Date.now(), nowMs: Date.now() };
  const server = new StatusServer();
  await server.serveSocket(`${folder}/status/collector-3005.sock`);
  server.begin({
    report: () => ({
      ...{ role: "collector", version: "0.1.0", pid: 40, place: "0.0.0.0:3005", sinks: [], health, agents },
      ...times,
    }),
    metrics: () => [],
  });
  return server;
}

Deno.test({
  name: "top: the agents of a collector; q, Ctrl-C, SIGHUP and its end leave the terminal whole",
  ...skipIf(missing("tmux", "openssl")),
  fn: () =>
    withFixture(async (fixture) => {
      const server = await collectorSocket(fixture.path("runtime"));
      await using terminals = new AsyncDisposableStack();
      const [quit, stopped, hung, left] = await Promise.all(
        ["quit", "stopped", "hung", "left"].map(async (name) =>
          terminals.use(await Tmux.start(fixture, name, [120, 24], top(fixture)))
        ),
      );
      try {
        for (const terminal of [quit, stopped, hung, left]) {
          const screen = await terminal.shows(/^web2 .* away 1 h .* 412 queue-full /m);
          assert.match(screen, /^collector pid 40, .* degraded {2}2 agents$/m);
          assert.match(screen, /^web1 +10\.0\.0\.11:4711 +1 h +8,211,004 +4\.7 GiB +1,204 \(18 ms\)/m);
        }
        await quit.type("q");
        await stopped.type("C-c");
        Deno.kill(hung.pid, "SIGHUP");
        assert.deepEqual(await Promise.all([quit, stopped, hung].map(wholeAfter)), [0, 0, 129]);
      } finally {
        await server.close();
      }
      assert.equal(await wholeAfter(left), 3);
      assert.match(await left.screen(), /sslcollector: the collector has ended/);
    }),
});

Deno.test({
  name: "top: without a terminal, or with a filter that is none, it says so in a line and ends with 2",
  fn: () =>
    withFixture(async (fixture) => {
      const { code, stderr } = await runSslcollector("source", fixture, ["top"]);
      assert.deepEqual([code, stderr], [
        2,
        "sslcollector: top: expected a terminal; sslcollector status and --print do without one\n",
      ]);
      const other = await runSslcollector("source", fixture, ["top", "--filter", "status >="]);
      assert.deepEqual([other.code, other.stderr], [
        2,
        "sslcollector: --filter: expected a value after >= at character 9\nstatus >=\n         ^\n",
      ]);
    }),
});
