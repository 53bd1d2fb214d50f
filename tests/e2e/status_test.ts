// SPDX-License-Identifier: MIT
/** A running agent and a collector are asked how it goes, and watched by Prometheus. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { AgentReport, CollectorReport, StatusReport } from "../../net/status/report.ts";
import { netnsMissing, withVeth } from "../support/netns.ts";
import { missing, runOk } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { Child, runChild } from "./support/child.ts";
import { BodyServer, Collector, makePki } from "./support/collector.ts";
import { type Fixture, LARGE_SIZE, withFixture } from "./support/fixture.ts";
import { Agent, runSslcollector } from "./support/sslcollector.ts";

const ALERTS = fileURLToPath(new URL("../../docs/examples/alerts.yml", import.meta.url));
const VISITS = 12;

/** What `sslcollector status` prints and exits with. */
async function ask(fixture: Fixture, ...options: string[]): Promise<{ code: number; lines: string[] }> {
  const { code, stdout } = await runSslcollector("source", fixture, [
    ...["status", "--runtime-dir", fixture.path("runtime")],
    ...options,
  ]);
  return { code, lines: new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "") };
}

async function report<T extends StatusReport>(fixture: Fixture, role: T["role"]): Promise<T> {
  const reports: StatusReport[] = (await ask(fixture, "--json")).lines.map((line) => JSON.parse(line));
  const found = reports.find((report) => report.role === role);
  assert(found, `no ${role} answers`);
  return found as T;
}

async function metricsOf(port: string): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

/** Value of a metric without labels, or of the one with these. */
function valueOf(metrics: string, name: string): number {
  const line = metrics.split("\n").find((line) => line.startsWith(`sslcollector_${name} `));
  return Number(line?.split(" ").at(-1));
}

const metricsPort = async ({ child }: Agent | Collector) =>
  (await child.found("stderr", /metrics on 127\.0\.0\.1:(\d+)/))[1];

/** Visits to the server, each on a connection of its own. */
async function curlOk(server: BodyServer, agent: Agent, path: string, times: number): Promise<void> {
  const [command, ...args] = server.curl(path, times);
  const { code, stderr } = await runChild(command, { args, env: agent.hookEnvironment });
  assert.equal(code, 0, stderr);
}

Deno.test({
  name: "status: agent and collector, their metrics and their exit summaries say the same",
  ...skipIf(missing("curl", "openssl")),
  fn: () =>
    withFixture(async (fixture) => {
      const none = await ask(fixture);
      assert.deepEqual([none.code, none.lines], [3, []]);
      const pki = await makePki(fixture);
      await using collector = await Collector.start(
        "source",
        fixture,
        fixture.path("far.pcapng"),
        ...pki,
        ...["--metrics", "0"],
      );
      await using server = new BodyServer(fixture);
      const options = ["-t", `127.0.0.1:${collector.port}`, ...pki, "--metrics", "127.0.0.1:0"];
      await using agent = await Agent.start("source", fixture, fixture.path("near.pcapng"), ...options);
      await curlOk(server, agent, fixture.body(1000).name, VISITS);
      const isWritten = async () => {
        const { flows, sinks } = await report<AgentReport>(fixture, "agent");
        const written = sinks.every(({ packets, written }) => packets > 0 && written === packets);
        return flows.soFar === VISITS && flows.open === 0 && written;
      };
      await until("everything to be with the collector", isWritten);

      const [said, far] = [
        await report<AgentReport>(fixture, "agent"),
        await report<CollectorReport>(fixture, "collector"),
      ];
      assert.deepEqual([said.health, far.health], Array(2).fill({ state: "healthy", reasons: [] }));
      const { code, lines } = await ask(fixture);
      assert.equal(code, 0);
      const text = lines.join("\n");
      assert.match(text, /^agent {2}pid \d+, up .* healthy$/m);
      assert.match(text, new RegExp(`^flows {7}0 open, ${VISITS} so far`, "m"));
      assert.match(
        text,
        /^sink {8}127\.0\.0\.1:\d+ {2}connected .*, 0 packets behind, queue 0 B of 64 MiB, 0 dropped$/m,
      );
      assert.match(text, /^collector {2}pid \d+, .* healthy$/m);
      assert.match(text, /^web1 +127\.0\.0\.1:\d+ +\d+ m?s +\d+ +.* 0 +0 +\S+ \w+ +0 B +0\.1\.0$/m);
      assert.match(text, /^certificate web1, \d+ days left$/m);
      const [agentMetrics, collectorMetrics] = [
        await metricsOf(await metricsPort(agent)),
        await metricsOf(await metricsPort(collector)),
      ];

      const summary = await agent.stop();
      const { summary: collected } = await collector.stop();
      const { total, sinks } = summary;
      assert.deepEqual([said.captured, said.forged, said.packets], [
        total.captured,
        total.forged,
        total.packets,
      ]);
      assert.deepEqual(
        said.sinks.map(({ name, packets, written }) => ({ name, packets, written })),
        sinks.map(({ name, packets, written }) => ({ name, packets, written })),
      );
      assert.equal(
        valueOf(agentMetrics, 'captured_bytes_total{direction="to_client"}'),
        total.captured.toClient,
      );
      assert.equal(valueOf(agentMetrics, "forged_packets_total"), total.packets);
      assert.equal(valueOf(agentMetrics, "flows_total"), VISITS);
      const [{ name, packets, bytes }] = collected.agents;
      assert.deepEqual(
        far.agents.map(({ name, packets, bytes }) => ({ name, packets, bytes })),
        [{ name, packets, bytes }],
      );
      assert.equal(valueOf(collectorMetrics, 'agent_packets_total{agent="web1"}'), packets);
      assert.equal((await ask(fixture)).code, 3);
    }),
});

Deno.test({
  name: "status: it answers while bulk transfers keep the agent busy",
  ...skipIf(missing("curl", "openssl")),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = new BodyServer(fixture);
      await using agent = await Agent.start("source", fixture, "/dev/null", "--metrics", "0");
      const port = await metricsPort(agent);
      const { name } = fixture.body(LARGE_SIZE);
      let isDone = false;
      const transfers = curlOk(server, agent, name, 6).finally(() => isDone = true);
      let captured = 0;
      let answers = 0;
      while (!isDone) {
        const now = valueOf(await metricsOf(port), 'captured_bytes_total{direction="to_client"}');
        assert(now >= captured, `${now} after ${captured}`);
        if (now > captured) answers++;
        captured = now;
      }
      await transfers;
      const { total } = await agent.stop();
      assert(total.captured.toClient >= 6 * LARGE_SIZE);
      assert(answers >= 3, `${answers} answers while bytes passed`);
    }),
});

Deno.test({
  name:
    "status: a collector that is away and an interface that is down degrade an agent, and Prometheus raises the alarms of docs/examples",
  ...skipIf(missing("curl", "openssl", "prometheus", "promtool"), netnsMissing()),
  fn: () => withFixture((fixture) => withVeth(({ near }) => losesItsSinks(fixture, near))),
});

/** An agent that mirrors to a collector and into an interface, until both are gone. */
async function losesItsSinks(fixture: Fixture, device: string): Promise<void> {
  const pki = await makePki(fixture);
  const watched = ["--metrics", "0"];
  const far = fixture.path("far.pcapng");
  await using collector = await Collector.start("source", fixture, far, ...pki, ...watched);
  const options = ["-t", `127.0.0.1:${collector.port}`, ...pki, ...watched];
  await using agent = await Agent.start("source", fixture, device, ...options);
  await agent.child.found("stderr", /collector takes packets/);
  const ports = [await metricsPort(agent), await metricsPort(collector)];
  for (const port of ports) {
    const page = fixture.path("metrics.txt");
    await Deno.writeTextFile(page, await metricsOf(port));
    await runOk("sh", "-c", `promtool check metrics < ${page}`);
  }
  await using prometheus = await Prometheus.start(fixture, ports);
  await until(
    "values of agent and collector in Prometheus",
    async () => (await prometheus.value("sum(sslcollector_healthy)")) === 2,
  );
  assert.deepEqual(await prometheus.firing(), []);
  await runOk("ip", "link", "set", device, "down");
  await collector.stop();
  const [isAway, isDown] = [
    /^ {2}! 127\.0\.0\.1:\d+ is not connected: /m,
    new RegExp(`^  ! ${device} is down$`, "m"),
  ];
  const degraded = await until("the agent to be degraded", async () => {
    const { code, lines } = await ask(fixture);
    const text = lines.join("\n");
    return code === 1 && isAway.test(text) && isDown.test(text) && text;
  });
  assert.match(degraded, /^sink {8}127\.0\.0\.1:\d+ {2}DOWN /m);
  assert.match(degraded, new RegExp(`^sink {8}${device} {2}DOWN`, "m"));
  await until("the alarms", async () => {
    const firing = await prometheus.firing();
    return ["CollectorAway", "SinkDown", "Gone"].every((name) => firing.includes(`Sslcollector${name}`));
  });
}

/** Prometheus itself, which asks every second. */
class Prometheus implements AsyncDisposable {
  private constructor(readonly child: Child, readonly port: string) {}

  static async start(fixture: Fixture, ports: readonly string[]): Promise<Prometheus> {
    const rules = (await Deno.readTextFile(ALERTS)).replaceAll(/for: \S+/g, "for: 1s");
    await Deno.writeTextFile(fixture.path("alerts.yml"), rules);
    await runOk("promtool", "check", "rules", ALERTS);
    const targets = JSON.stringify(ports.map((port) => `127.0.0.1:${port}`));
    await Deno.writeTextFile(
      fixture.path("prometheus.yml"),
      `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [alerts.yml]
scrape_configs: [{ job_name: sslcollector, static_configs: [{ targets: ${targets} }] }]
`,
    );
    const child = new Child("prometheus", {
      args: [
        `--config.file=${fixture.path("prometheus.yml")}`,
        `--storage.tsdb.path=${fixture.path("tsdb")}`,
        "--web.listen-address=127.0.0.1:0",
      ],
    });
    const [, port] = await child.found("stderr", /Listening on.* address=127\.0\.0\.1:(\d+)/);
    return new Prometheus(child, port);
  }

  async value(query: string): Promise<number | undefined> {
    const { data } = await this.#get(`query?query=${encodeURIComponent(query)}`);
    return data.result.length === 0 ? undefined : Number(data.result[0].value[1]);
  }

  async firing(): Promise<string[]> {
    const { data } = await this.#get("alerts");
    return data.alerts.filter(({ state }: { state: string }) => state === "firing")
      .map(({ labels }: { labels: { alertname: string } }) => labels.alertname);
  }

  // deno-lint-ignore no-explicit-any -- of another program
  async #get(path: string): Promise<any> {
    const response = await until("an answer of Prometheus", async () => {
      const response = await fetch(`http://127.0.0.1:${this.port}/api/v1/${path}`);
      if (response.ok) return response;
      await response.body?.cancel(); // It is still starting.
    });
    return await response.json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}
