// SPDX-License-Identifier: MIT
/** Sessions whose ClientHello an interface sees again, under other addresses. */
import assert from "node:assert/strict";
import { type ForgedConnection, forgedConnections } from "../support/forged.ts";
import { netnsMissing } from "../support/netns.ts";
import { missing, runOk } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { Child, runChild } from "./support/child.ts";
import { Collector } from "./support/collector.ts";
import { serveAddresses } from "./support/echo_server.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { Networks } from "./support/networks.ts";
import { PROGRAMS, python } from "./support/python.ts";
import { Agent } from "./support/sslcollector.ts";

const SERVER = "10.8.0.9";
const HOSTS = [
  { name: "one", other: "two", address: "10.8.0.2" },
  { name: "two", other: "one", address: "10.8.0.3" },
] as const;
/** The port of both hosts' clients. */
const PORT = 40_001;

/** Two hosts on the bridge of a third, which serves and collects. */
async function lay(networks: Networks): Promise<void> {
  await networks.add("middle", ...HOSTS.map(({ name }) => name));
  await networks.in("middle", "ip", "link", "add", "br0", "type", "bridge");
  for (const { name, address } of HOSTS) {
    await networks.link(["middle", `to-${name}`], [name, "eth0", `${address}/24`]);
    await networks.in("middle", "ip", "link", "set", `to-${name}`, "master", "br0");
  }
  await networks.up("middle", "br0", `${SERVER}/24`);
}

/** Runs a program in a namespace to its good end. */
async function runIn(networks: Networks, name: string, command: readonly string[]): Promise<void> {
  await runChild("ip", { args: networks.command(name, ...command) });
}

/** A client whose hello is always the same. */
async function compileClient(fixture: Fixture): Promise<string> {
  const program = fixture.path("same_hello");
  await runOk("cc", "-O1", "-o", program, `${PROGRAMS}/same_hello.c`, "-lssl", "-lcrypto");
  return program;
}

/** Keeps the frame of the hello that a host's client sends, in a session that nobody mirrors. */
async function record(networks: Networks, name: string, client: readonly string[], file: string) {
  await using recorder = new Child("ip", {
    args: networks.command(name, ...python("copy_hello.py", "record", "eth0", file)),
  });
  await recorder.found("stdout", /ready/);
  await runIn(networks, name, client);
  const { code, stderr } = await recorder.ended;
  assert.equal(code, 0, stderr);
}

/** An agent on a host, which mirrors into a capture of its own and to the collector. */
function agentOn(networks: Networks, name: string, fixture: Fixture, collector: Collector): Promise<Agent> {
  return Agent.startWith({
    fixture,
    capture: fixture.path(`${name}.pcapng`),
    under: ["ip", ...networks.command(name)],
    runtime: `runtime-${name}`,
    options: ["-I", "eth0", "-t", `tcp://${SERVER}:${collector.port}`],
  });
}

/** Flows of a capture with what each says itself: its 5-tuple, how that is known, and the client that the server saw. */
async function told(capture: string): Promise<string[]> {
  const connections = forgedConnections(await Deno.readFile(capture));
  return connections.map(tell).sort();
}

function tell({ name, comments, streams }: ForgedConnection): string {
  const grade = /attribution=(\S+)/.exec(comments[0])?.[1];
  const answer = new TextDecoder().decode(streams[1]).split("\r\n\r\n")[1];
  return `${name} ${grade} ${answer}`;
}

const lacking = [missing("cc", "openssl", "python3"), netnsMissing()];

Deno.test({
  name:
    "wire: two agents' sessions with one hello, of which both interfaces see copies before and after, are told apart, also by a collector",
  ...skipIf(...lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const client = [await compileClient(fixture), SERVER, "8443", `${PORT}`];
      await using networks = new Networks();
      await lay(networks);
      await using _server = await serveAddresses(networks, "middle", fixture);
      const frame = (name: string) => fixture.path(`${name}.frame`);
      await Promise.all(HOSTS.map(({ name }) => record(networks, name, client, frame(name))));
      const collected = fixture.path("collected.pcapng");
      await using collector = await Collector.startUnder(
        ["ip", ...networks.command("middle")],
        "source",
        fixture,
        collected,
        ...["--insecure-plaintext", "-L", `${SERVER}:0`],
      );
      await using agents = new AsyncDisposableStack();
      const started = await Promise.all(
        HOSTS.map(({ name }) => agentOn(networks, name, fixture, collector)),
      );
      for (const agent of started) agents.use(agent);

      /** The host receives the other's hello, and somebody on it sends it. */
      const copy = async ({ name, other }: typeof HOSTS[number]) => {
        await runIn(networks, "middle", python("copy_hello.py", "send", `to-${name}`, frame(other)));
        await runIn(networks, name, python("copy_hello.py", "send", "eth0", frame(other)));
      };
      await Promise.all(HOSTS.map(copy));
      await Promise.all(
        HOSTS.map(async ({ name }, at) => {
          const gate = fixture.path(`${name}.gate`);
          await runOk("mkfifo", gate);
          await using visitor = new Child("ip", {
            args: networks.command(name, ...client, gate),
            env: started[at].hookEnvironment,
          });
          await visitor.found("stdout", /sent/);
          await copy(HOSTS[at]);
          await Deno.writeTextFile(gate, "");
          const { code, stderr } = await visitor.ended;
          assert.equal(code, 0, stderr);
        }),
      );

      const flows = HOSTS.map(({ address }) => `${address}:${PORT}>${SERVER}:8443 wire ${address}:${PORT}`);
      for (const [at, { name }] of HOSTS.entries()) {
        const { total } = await started[at].stop();
        assert.deepEqual([total.flows, total.imbalance, total.lost], [1, 0, {}]);
        assert.deepEqual(await told(fixture.path(`${name}.pcapng`)), [flows[at]]);
      }
      const { summary } = await collector.stop();
      assert.equal(summary.agents.length, HOSTS.length);
      assert.deepEqual(await told(collected), flows);
    }),
});

/** More than are kept of one random. */
const COPIES = 20;

/** A server that OpenSSL brings, of a host. */
async function serve(
  networks: Networks,
  { certificate, key }: Fixture,
  env?: Agent["hookEnvironment"],
): Promise<Child> {
  const command = ["openssl", "s_server", "-accept", "8443", "-www", "-cert", certificate, "-key", key];
  const server = new Child("ip", { args: networks.command("host", ...command), env });
  await server.found("stdout", /ACCEPT/);
  return server;
}

Deno.test({
  name:
    "wire: a client that sends its hello under many other addresses before its own gives the server's session none of them",
  ...skipIf(...lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const client = [await compileClient(fixture), "10.8.1.9", "8443", `${PORT}`];
      await using networks = new Networks();
      await networks.add("client", "host");
      await networks.link(["client", "eth0", "10.8.1.2/24"], ["host", "eth0", "10.8.1.9/24"]);
      const frame = fixture.path("frame");
      {
        await using _server = await serve(networks, fixture);
        await record(networks, "client", client, frame);
      }
      const capture = fixture.path("out.pcapng");
      const under = ["ip", ...networks.command("host")];
      await using agent = await Agent.startWith({ fixture, capture, under, options: ["-I", "eth0"] });
      await using _server = await serve(networks, fixture, agent.hookEnvironment);
      await runIn(networks, "client", python("copy_hello.py", "spread", "eth0", frame, `${COPIES}`));
      await runIn(networks, "client", client);
      const { total } = await agent.stop();
      const [{ name, comments }] = forgedConnections(await Deno.readFile(capture));
      assert.equal(name, `10.8.1.2:${PORT}>10.8.1.9:8443`);
      assert.match(comments[0], /attribution=(hello|socket) /);
      assert.deepEqual([total.flows, total.lost, total.events["hello-in-doubt"]], [1, {}, 1]);
    }),
});
