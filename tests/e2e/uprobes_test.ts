// SPDX-License-Identifier: MIT
/** Programs without the hook are mirrored by kernel probes: those that run already, and those that come. */
import assert from "node:assert/strict";
import { forgedConnections } from "../support/forged.ts";
import { missing } from "../support/run.ts";
import { judgeMissing, judgeStrict } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { sha256 } from "../support/tshark.ts";
import { checkMirror, exchangesOf } from "./support/check_mirror.ts";
import { Child, runChild } from "./support/child.ts";
import { seenByCurl } from "./support/curl.ts";
import { get, put, smallAndMedium } from "./support/exchange.ts";
import { withFixture } from "./support/fixture.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";
import { peerClient } from "./support/peer_client.ts";
import { PeerServer } from "./support/peer_server.ts";
import { openElf } from "../../net/elf/elf_file.ts";
import { readerOf } from "../../net/elf/reader.ts";
import { definedFunctions } from "../../net/elf/symbols.ts";
import { until } from "../support/until.ts";
import { python, pythonLacks } from "./support/python.ts";
import { ProbeAgent, probesMissing } from "./support/probes.ts";
import { Agent } from "./support/sslcollector.ts";

const lacking = await probesMissing() ?? missing("openssl", "tshark") ?? judgeMissing();

Deno.test({
  name: "agent with kernel probes mirrors an nginx that runs already: 1 B to 1.5 MB both ways",
  ...skipIf(lacking, nginxMissing()),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("nginx.pcapng");
      const connections = smallAndMedium(fixture);
      await using nginx = await Nginx.start(fixture, {});
      await using agent = await ProbeAgent.start({ fixture, capture, ports: [nginx.port] });
      const seen = await peerClient(connections, { hostname: "::1", port: nginx.port }, fixture, capture);
      await nginx.stop();
      for (const { method, body } of connections.flat()) {
        if (method === "PUT") assert.equal(nginx.received(body.name), body.sha256, body.name);
      }
      const summary = await agent.stop("nginx");
      await checkMirror(capture, summary, seen, { program: "nginx", role: "server", attribution: "nested" });
    }),
});

/** Bodies that go down and up, each on a connection of its own. All: PROBED_BODIES=1,1000,1000000,50000000. */
const BODIES = (Deno.env.get("PROBED_BODIES") ?? "1,1000,1000000").split(",").map(Number);

Deno.test({
  name:
    `agent with kernel probes mirrors both ends of an nginx that runs already and a curl: ${BODIES} bytes`,
  ...skipIf(lacking, nginxMissing(), missing("curl")),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("both_ends.pcapng");
      const bodies = BODIES.map((size) => fixture.body(size));
      const connections = bodies.flatMap((body) => [[get(body)], [put(body)]]);
      await using nginx = await Nginx.start(fixture, {});
      await using agent = await ProbeAgent.start({ fixture, capture, ports: [nginx.port] });
      // As fast as it can: the ring has room for all.
      const seen = await seenByCurl(connections, { hostname: "127.0.0.1", port: nginx.port }, fixture, []);
      await nginx.stop();
      for (const body of bodies) assert.equal(nginx.received(body.name), body.sha256, body.name);
      const { total } = await agent.stop("nginx", "curl");
      assert.deepEqual([total.forged.toServer, total.forged.toClient], seen.bytes);
      // What one end tells first, the other one's telling leaves out.
      assert.deepEqual([Object.keys(total.lost), total.imbalance], [["other-end-mirrored"], 0]);
      const forged = forgedConnections(await Deno.readFile(capture));
      assert.deepEqual(
        forged.map(({ name, end, gaps }) => [name, end, ...gaps]),
        seen.connections.map(({ client, server }) => [`${client}>${server}`, "fin", [], []]),
      );
      forged.forEach(({ streams }, index) => {
        const { method, body } = connections[index][0];
        const stream = streams[method === "PUT" ? 0 : 1];
        assert.equal(sha256(stream.subarray(-body.length)), body.sha256, `${method} ${body.name}`);
      });
      await judgeStrict(capture, { expect: exchangesOf(seen) });
    }),
});

Deno.test({
  name:
    "agent with hook and kernel probes tells a curl that carries the hook, and a curl and a wget that do not, each once",
  ...skipIf(lacking, missing("curl", "wget")),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("both.pcapng");
      const body = fixture.body(200_000);
      await using server = new PeerServer(fixture);
      const port = `port == ${server.port}`;
      await using agent = await Agent.start(
        "source",
        fixture,
        capture,
        "--capture",
        "auto",
        "--memory",
        "256MiB",
        "--only",
        port,
      );
      const url = `https://localhost:${server.port}/${body.name}`;
      const curl = ["--silent", "--insecure", "-o", "/dev/null", url];
      await runChild("curl", { args: curl, env: agent.hookEnvironment });
      await runChild("curl", { args: curl });
      await runChild("wget", { args: ["-q", "--no-check-certificate", "-O", "/dev/null", url] });
      const { programs } = await agent.stop();
      const { bytes, connections } = await server.seen();
      const told = programs.filter(({ packets }) => packets > 0);
      assert.deepEqual(told.map(({ program, flows, lost }) => [program, flows, lost]).sort(), [
        ["curl", 1, {}],
        ["curl", 1, {}],
        ["wget", 1, {}],
      ]);
      const sum = (way: "toServer" | "toClient") =>
        told.reduce((sum, { captured }) => sum + captured[way], 0);
      assert.deepEqual([sum("toServer"), sum("toClient")], bytes);
      const forged = forgedConnections(await Deno.readFile(capture));
      assert.deepEqual(
        forged.map(({ name }) => name).sort(),
        connections.map(({ client, server }) => `${client}>${server}`).sort(),
      );
      for (const { streams } of forged) assert.equal(sha256(streams[1].slice(-body.length)), body.sha256);
      const grades = forged.map(({ comments }) => /attribution=(\S+)/.exec(comments[0])?.[1]);
      assert.deepEqual(grades.sort(), ["hello", "nested", "nested"]);
      for (const { comments } of forged) assert.match(comments[0], / sni=localhost /);
      const sources = forged.map(({ comments }) => /source=(\S+)/.exec(comments[0])?.[1]);
      assert.deepEqual(sources.sort(), ["probes", "probes", undefined]);
    }),
});

/** Ways in which Python serves: asyncio works on memory. All: PROBED_STYLES=blocking,threaded,prefork,asyncio. */
const STYLES = (Deno.env.get("PROBED_STYLES") ?? "asyncio").split(",");

for (const style of STYLES) {
  Deno.test({
    name: `agent with kernel probes mirrors a Python server that runs already, ${style}`,
    ...skipIf(lacking, pythonLacks("ssl")),
    fn: () =>
      withFixture(async (fixture) => {
        const capture = fixture.path("python.pcapng");
        const connections = Array(4).fill([get(fixture.body(1)), put(fixture.body(200_000))]);
        const { certificate, key, bodies } = fixture;
        const [command, ...args] = python(
          "https_server.py",
          style,
          "127.0.0.1",
          certificate,
          key,
          bodies,
          "4",
        );
        await using server = new Child(command, { args });
        const port = Number((await server.found("stdout", /^listening (\d+)$/m))[1]);
        await using agent = await ProbeAgent.start({ fixture, capture, ports: [port] });
        const seen = await peerClient(connections, { hostname: "127.0.0.1", port }, fixture, capture);
        await server.ended;
        await checkMirror(capture, await agent.stop("python3"), seen, {
          program: "python3",
          role: "server",
          attribution: style === "asyncio" ? "hello" : "nested",
        });
      }),
  });
}

Deno.test({
  name:
    "agent with kernel probes mirrors a connection to its end that a child goes on with, whose parent has ended",
  ...skipIf(lacking, pythonLacks("ssl")),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("left.pcapng");
      const { name } = fixture.body(20_000);
      await using server = new PeerServer(fixture);
      await using agent = await ProbeAgent.start({ fixture, capture, ports: [server.port] });
      const [command, ...args] = python("leaving_client.py", String(server.port), `/${name}`);
      // Its output ends with the child's.
      await runChild(command, { args });
      const seen = await server.seen();
      assert.equal(seen.exchanges.length, 2);
      await checkMirror(capture, await agent.stop("python3"), seen, {
        program: "python3",
        role: "client",
        attribution: "nested",
      });
    }),
});

/** What stands at the beginning of a function of a library that a process maps. */
function codeOf(pid: number, library: string, name: string): { inFile: number; inMemory: number } {
  using file = Deno.openSync(library);
  const elf = openElf(readerOf(file))!;
  const { address } = definedFunctions(elf, [name]).get(name)!;
  const segment = elf.segments.find(({ isExecutable }) => isExecutable)!;
  const offset = address - segment.address + segment.offset;
  const maps = Deno.readTextFileSync(`/proc/${pid}/maps`);
  const [, start, from] = new RegExp(
    `^([0-9a-f]+)-\\S+ r-x\\S ([0-9a-f]+) .*${library.split("/").at(-1)}`,
    "m",
  )
    .exec(maps)!;
  using memory = Deno.openSync(`/proc/${pid}/mem`);
  const place = parseInt(start, 16) + offset - parseInt(from, 16);
  return {
    inFile: elf.read(offset, 1).getUint8(0),
    inMemory: readerOf(memory)(place, 1).getUint8(0),
  };
}

Deno.test({
  name: "probes of an agent that is killed are gone with it, and nginx serves on",
  ...skipIf(lacking, nginxMissing()),
  fn: () =>
    withFixture(async (fixture) => {
      const body = fixture.body(200_000);
      const capture = fixture.path("nginx.pcapng");
      // Its own copy of the library, which no other agent on this machine knows.
      const library = fixture.path("lib/libssl.so.3");
      await Deno.mkdir(fixture.path("lib"));
      await Deno.copyFile(`/usr/lib/${Deno.build.arch}-linux-gnu/libssl.so.3`, library);
      await using nginx = await Nginx.start(fixture, { LD_LIBRARY_PATH: fixture.path("lib") });
      const target = { hostname: "127.0.0.1", port: nginx.port } as const;
      const serves = async () => {
        const seen = await peerClient([[get(body)]], target, fixture, capture);
        assert.equal(seen.exchanges[0].sha256, body.sha256);
      };
      {
        await using agent = await ProbeAgent.start({ fixture, capture, ports: [nginx.port] });
        const { inFile, inMemory } = codeOf(nginx.masterPid, library, "SSL_free");
        assert.notEqual(inMemory, inFile);
        await serves();
        agent.child.kill("SIGKILL");
        await agent.child.ended;
      }
      await until("the probes are gone", () => {
        const { inFile, inMemory } = codeOf(nginx.masterPid, library, "SSL_free");
        return inMemory === inFile;
      });
      await serves();
    }),
});
