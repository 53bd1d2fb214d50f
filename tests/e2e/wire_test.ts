// SPDX-License-Identifier: MIT
/**
 * Addresses as an interface sees them. The server's answer is the address that it sees: each flow of the capture has to be that of
 * its own payload. `WIRE_CONNECTIONS`, `WIRE_RATE` (a second) and `WIRE_HELLOS` in the environment set how many there are under a flood, and
 * `WIRE_CUTS=all` has hellos cut at every byte.
 */
import assert from "node:assert/strict";
import { type ForgedConnection, forgedConnections } from "../support/forged.ts";
import { netnsMissing } from "../support/netns.ts";
import { missing, runOk } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { runChild } from "./support/child.ts";
import { serveAddresses } from "./support/echo_server.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { Networks } from "./support/networks.ts";
import { PROGRAMS, python } from "./support/python.ts";
import { Agent, type Summary } from "./support/sslcollector.ts";

const CONNECTIONS = Number(Deno.env.get("WIRE_CONNECTIONS") ?? 150);
const RATE = Number(Deno.env.get("WIRE_RATE") ?? 500);
const HELLOS = Number(Deno.env.get("WIRE_HELLOS") ?? 10_000);
const lacking = [missing("curl", "nft", "python3"), netnsMissing()];

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** One request of curl in a namespace, with the hook; answers the address that the server saw. */
async function ask(
  networks: Networks,
  name: string,
  agent: Agent,
  url: string,
  ...more: string[]
): Promise<string> {
  const command = ["curl", "-sSfk", "--http1.1", ...more, url];
  const { code, stdout, stderr } = await runChild("ip", {
    args: networks.command(name, ...command),
    env: agent.hookEnvironment,
  });
  assert.equal(code, 0, stderr);
  return new TextDecoder().decode(stdout);
}

/** Fails unless each flow is that of its own payload, and there is one for each answer. */
async function check(
  capture: string,
  answers: readonly string[],
  server: string,
): Promise<ForgedConnection[]> {
  const connections = forgedConnections(await Deno.readFile(capture));
  const told = connections.map(({ streams }) => new TextDecoder().decode(streams[1]).split("\r\n\r\n")[1]);
  assert.deepEqual(connections.map(({ name }) => name), told.map((client) => `${client}>${server}`));
  assert.deepEqual(told.toSorted(), answers.toSorted());
  for (const { comments } of connections) assert.match(comments[0], /attribution=wire /);
  return connections;
}

/** Fails unless all clear text was mirrored but that of `elsewhere` flows, which are counted. */
function checkBooks({ total }: Summary, flows: number, elsewhere = 0): void {
  assert.deepEqual([total.flows, total.imbalance], [flows + elsewhere, 0]);
  assert.deepEqual(Object.keys(total.lost), elsewhere > 0 ? ["not-on-interface"] : []);
  assert.deepEqual(total.events["flow-not-on-interface"] ?? 0, elsewhere);
}

/** An agent in a namespace, which starts with the hook whatever runs in any. */
function agentIn(
  networks: Networks,
  name: string,
  fixture: Fixture,
  ...interfaces: string[]
): Promise<Agent> {
  const options = interfaces.flatMap((device) => ["-I", device]);
  return Agent.startWith({
    fixture,
    capture: fixture.path("out.pcapng"),
    under: ["ip", ...networks.command(name)],
    options,
  });
}

Deno.test({
  name: "wire: behind NAT a flow has the address that is seen outside, also of two clients with one port",
  ...skipIf(...lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using networks = new Networks();
      await networks.add("one", "two", "router", "outside");
      await networks.link(["router", "in1", "10.1.0.1/24"], ["one", "eth0", "10.1.0.2/24"]);
      await networks.link(["router", "in2", "10.2.0.1/24"], ["two", "eth0", "10.2.0.2/24"]);
      await networks.link(["router", "out", "203.0.113.1/24"], ["outside", "eth0", "203.0.113.9/24"]);
      await networks.in("one", "ip", "route", "add", "default", "via", "10.1.0.1");
      await networks.in("two", "ip", "route", "add", "default", "via", "10.2.0.1");
      await networks.masquerade("router", "out");
      await using _server = await serveAddresses(networks, "outside", fixture);
      await using _inner = await serveAddresses(networks, "router", fixture);
      await using agent = await agentIn(networks, "router", fixture, "out");
      const answers: string[] = [];
      for (const client of ["one", "two", "one"]) {
        const port = ["--local-port", client === "one" && answers.length > 0 ? "40002" : "40001"];
        answers.push(await ask(networks, client, agent, "https://203.0.113.9:8443/", ...port));
      }
      assert.equal(
        await ask(networks, "one", agent, "https://10.1.0.1:8443/", "--local-port", "40003"),
        "10.1.0.2:40003",
      );
      checkBooks(await agent.stop(), 3, 1);
      const connections = await check(fixture.path("out.pcapng"), answers, "203.0.113.9:8443");
      // In any order: the agent may meet a program later than one that was started after it.
      const own = connections.map(({ comments }) => /program-flow=(\S+)>/.exec(comments[0])?.[1]).sort();
      assert.deepEqual(own, ["10.1.0.2:40001", "10.1.0.2:40002", "10.2.0.2:40001"]);
    }),
});

Deno.test({
  name:
    "wire: on the port of a bridge and under a macvlan, over IPv4 and IPv6, with the MAC addresses of the link",
  ...skipIf(...lacking, missing("tshark")),
  fn: () =>
    withFixture(async (fixture) => {
      await using networks = new Networks();
      await networks.add("client", "inner", "host", "server");
      await networks.in("host", "ip", "link", "add", "br0", "type", "bridge");
      await networks.link(["host", "port1"], ["client", "eth0", "10.3.0.2/24", "2001:db8:3::2/64"]);
      await networks.link(["host", "port2"], ["server", "eth0", "10.3.0.9/24", "2001:db8:3::9/64"]);
      for (const port of ["port1", "port2"]) {
        await networks.in("host", "ip", "link", "set", port, "master", "br0");
      }
      await networks.up("host", "br0");
      const macvlan = [
        "link",
        "eth0",
        "name",
        "mv0",
        "netns",
        networks.of("inner"),
        "type",
        "macvlan",
        "mode",
        "bridge",
      ];
      await networks.in("client", "ip", "link", "add", ...macvlan);
      await networks.up("inner", "mv0", "10.3.0.3/24");
      await using _server = await serveAddresses(networks, "server", fixture);
      await using agent = await agentIn(networks, "host", fixture, "port2");
      const answers = [
        await ask(networks, "client", agent, "https://10.3.0.9:8443/"),
        await ask(networks, "inner", agent, "https://10.3.0.9:8443/"),
      ];
      const overIpv6 = await ask(networks, "client", agent, "https://[2001:db8:3::9]:8443/");
      checkBooks(await agent.stop(), 3);
      const capture = fixture.path("out.pcapng");
      const names = forgedConnections(await Deno.readFile(capture)).map(({ name }) => name);
      const told = [
        ...answers.map((client) => `${client}>10.3.0.9:8443`),
        `${overIpv6}>[2001:db8:3::9]:8443`,
      ];
      // In any order: the agent may meet a program later than one that was started after it.
      assert.deepEqual(names.toSorted(), told.toSorted());
      const fields = ["-T", "fields", "-e", "eth.src", "-e", "eth.dst"];
      const { stdout } = await runChild("tshark", {
        args: ["-r", capture, "-Y", "tcp.flags == 2", ...fields],
      });
      const macs = new TextDecoder().decode(stdout).trim().split("\n");
      const [client, inner, server] = [
        await networks.mac("client", "eth0"),
        await networks.mac("inner", "mv0"),
        await networks.mac("server", "eth0"),
      ];
      assert.deepEqual(
        macs.map((pair, at) => `${names[at]} ${pair}`).sort(),
        [client, inner, client].map((source, at) => `${told[at]} ${source}\t${server}`).sort(),
      );
    }),
});

const AT_EVERY_BYTE = Deno.env.get("WIRE_CUTS") === "all";
const bytes = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);
/** Connections from one port. */
const TIMES = 5;
/** A client that cuts its hello there leaves eight bytes of its random in one packet, or all of it. */
const KNOWN_CUTS = AT_EVERY_BYTE ? [...bytes(1, 5), ...bytes(19, 60)] : [1, 5, 19, 42, 43];
/** And there not, or with each byte (0) in a packet of its own. */
const UNKNOWN_CUTS = AT_EVERY_BYTE ? [...bytes(6, 18), 0] : [6, 18, 0];

Deno.test({
  name:
    "wire: a hello that is cut at any byte keeps no session from the mirror, and most have the address that is seen behind NAT",
  ...skipIf(...lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using networks = new Networks();
      await networks.add("client", "router", "server");
      await networks.link(["router", "in", "10.6.1.1/24"], ["client", "eth0", "10.6.1.2/24"]);
      await networks.link(["router", "out", "10.6.0.2/24"], ["server", "eth0", "10.6.0.9/24"]);
      await networks.in("client", "ip", "route", "add", "default", "via", "10.6.1.1");
      await networks.masquerade("router", "out", "fully-random");
      await using _server = await serveAddresses(networks, "server", fixture);
      await using agent = await agentIn(networks, "router", fixture, "out");
      const cuts = [...KNOWN_CUTS, ...UNKNOWN_CUTS];
      const [command, ...args] = python("cut_hellos.py", "10.6.0.9", "8443", ...cuts.map(String));
      const { code, stdout, stderr } = await runChild("ip", {
        args: networks.command("client", command, ...args),
        env: agent.hookEnvironment,
      });
      assert.equal(code, 0, stderr);
      checkBooks(await agent.stop(), cuts.length);
      const connections = forgedConnections(await Deno.readFile(fixture.path("out.pcapng")));
      const answers = text(stdout).trim().split("\n");
      const told = answers.map((answer) => {
        const own = connections.find(({ streams }) => text(streams[1]).endsWith(`\r\n\r\n${answer}`));
        const isOutside = own?.name === `${answer}>10.6.0.9:8443`;
        const isInside = own?.name.startsWith("10.6.1.2:") &&
          /attribution=(hello|socket) /.test(own.comments[0]);
        return isOutside ? "outside" : isInside ? "inside" : own?.name;
      });
      const expected = [...KNOWN_CUTS.map(() => "outside"), ...UNKNOWN_CUTS.map(() => "inside")];
      assert.deepEqual(
        told.map((where, at) => [cuts[at], where]),
        expected.map((where, at) => [cuts[at], where]),
      );
    }),
});

Deno.test({
  name:
    `wire: ${CONNECTIONS} short connections behind NAT, ${RATE} a second, beside a flood of ${HELLOS} hellos: each has its own address, none is missing`,
  ...skipIf(...lacking, missing("cc", "openssl")),
  timeout: 300_000 + 100 * CONNECTIONS,
  fn: () =>
    withFixture(async (fixture) => {
      const client = fixture.path("connections");
      await runOk("cc", "-O1", "-o", client, `${PROGRAMS}/connections.c`, "-lssl", "-lcrypto", "-lpthread");
      await using networks = new Networks();
      await networks.add("client", "router", "server");
      await networks.link(["router", "in", "10.4.1.1/24"], ["client", "eth0", "10.4.1.2/24"]);
      await networks.link(["router", "out", "10.4.0.2/24"], ["server", "eth0", "10.4.0.9/24"]);
      await networks.in("client", "ip", "route", "add", "default", "via", "10.4.1.1");
      await networks.masquerade("router", "out", "fully-random");
      await using _server = await serveAddresses(networks, "server", fixture);
      await using agent = await agentIn(networks, "router", fixture, "out");
      const flood = runChild("ip", {
        args: networks.command("server", "python3", `${PROGRAMS}/flood_hellos.py`, "eth0", `${HELLOS}`),
      });
      const { code, stdout, stderr } = await runChild("ip", {
        args: networks.command("client", client, "10.4.0.9", "8443", `${CONNECTIONS}`, `${RATE}`),
        env: agent.hookEnvironment,
      });
      assert.equal(code, 0, stderr);
      console.log(`      ${stderr.trim()}`);
      assert.equal((await flood).code, 0, (await flood).stderr);
      const answers = new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.split(" "));
      checkBooks(await agent.stop(), CONNECTIONS);
      const connections = forgedConnections(await Deno.readFile(fixture.path("out.pcapng")));
      // What a flow is called, what its own request and response say, and what its comment says of the program's socket.
      const told = connections.map(({ name, streams, comments }) => [
        name,
        /^GET \/(\d+) /.exec(text(streams[0]))?.[1],
        text(streams[1]).split("\r\n\r\n")[1],
        /program-flow=(\S+)>/.exec(comments[0])?.[1],
      ]);
      const seen = answers.map(([port, seen]) => [`${seen}>10.4.0.9:8443`, port, seen, `10.4.1.2:${port}`]);
      const [all, expected] = [told, seen].map((rows) => new Set(rows.map((row) => row.join(" "))));
      // Only what differs: of thousands nobody finds it.
      assert.deepEqual([[...all.difference(expected)], [...expected.difference(all)]], [[], []]);
      assert.equal(told.length, seen.length);
    }),
});

Deno.test({
  name:
    "wire: one port again and again within a second, and the same addresses in two namespaces: each flow has its own clear text",
  ...skipIf(...lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using networks = new Networks();
      const pairs = [["client1", "server1"], ["client2", "server2"]] as const;
      await using agent = await Agent.start("source", fixture, fixture.path("out.pcapng"));
      await using servers = new AsyncDisposableStack();
      for (const [client, server] of pairs) {
        await networks.add(client, server);
        await networks.link([client, "eth0", "10.7.0.2/24"], [server, "eth0", "10.7.0.9/24"]);
        servers.use(await serveAddresses(networks, server, fixture));
      }
      await Promise.all(pairs.map(([client]) => {
        const [command, ...args] = python(
          "same_port.py",
          "10.7.0.9",
          "8443",
          "40001",
          `${client}-`,
          `${TIMES}`,
        );
        return runChild("ip", {
          args: networks.command(client, command, ...args),
          env: agent.hookEnvironment,
        });
      }));
      checkBooks(await agent.stop(), 2 * TIMES);
      const connections = forgedConnections(await Deno.readFile(fixture.path("out.pcapng")));
      const paths = connections.map(({ streams }) => text(streams[0]).match(/^GET (\S+) HTTP/gm)?.join());
      const expected = pairs.flatMap(([client]) =>
        Array.from({ length: TIMES }, (_, number) => `GET /${client}-${number} HTTP`)
      );
      assert.deepEqual(paths.toSorted(), expected.toSorted());
      for (const { name, comments, streams } of connections) {
        // One of two that lived at a time has another port when it is forged, and says its own.
        const own = /own-flow=(\S+)/.exec(comments[0])?.[1] ?? name;
        assert.equal(own, "10.7.0.2:40001>10.7.0.9:8443");
        assert.match(text(streams[1]), /10\.7\.0\.2:40001$/);
      }
    }),
});

Deno.test({
  name:
    "wire: an interface that goes away is waited for, and one that cannot be looked at is told by its addresses",
  ...skipIf(...lacking, missing("setpriv", "cc")),
  fn: () =>
    withFixture(async (fixture) => {
      await using networks = new Networks();
      await networks.add("client", "server");
      await networks.link(["client", "eth0", "10.5.0.2/24"], ["server", "eth0", "10.5.0.9/24"]);
      await using _server = await serveAddresses(networks, "server", fixture);
      {
        await using agent = await agentIn(networks, "client", fixture, "eth0");
        await networks.in("client", "ip", "link", "del", "eth0");
        await agent.child.found("stderr", /eth0 is down or gone/);
        await networks.link(["client", "eth0", "10.5.0.2/24"], ["server", "eth0", "10.5.0.9/24"]);
        await agent.child.found("stderr", /eth0 is looked at again/);
        const answer = await ask(networks, "client", agent, "https://10.5.0.9:8443/");
        checkBooks(await agent.stop(), 1);
        await check(fixture.path("out.pcapng"), [answer], "10.5.0.9:8443");
      }
      const packetless = fixture.path("packetless");
      await runOk("cc", "-o", packetless, `${PROGRAMS}/packetless.c`);
      const kept = [
        [
          ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"],
          /cannot observe eth0 without the capability CAP_NET_RAW: /,
        ],
        [[packetless], /cannot observe eth0: the kernel has no AF_PACKET, or a sandbox forbids it: /],
      ] as const;
      for (const [command, said] of kept) {
        const under = ["ip", ...networks.command("client", ...command)];
        const capture = fixture.path("kept.pcapng");
        await using agent = await Agent.startWith({ fixture, capture, under, options: ["-I", "eth0"] });
        await agent.child.found("stderr", said);
        const answer = await ask(networks, "client", agent, "https://10.5.0.9:8443/");
        await ask(networks, "server", agent, "https://127.0.0.1:8443/");
        checkBooks(await agent.stop(), 1, 1);
        const [{ name, comments }] = forgedConnections(await Deno.readFile(capture));
        assert.equal(name, `${answer}>10.5.0.9:8443`);
        assert.match(comments[0], /attribution=(socket|hello) /);
      }
    }),
});
