// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { certificateFiles, Collector, compile, type Flow, hooked, run, sumOf, WORK } from "./native.ts";

const PROGRAMS = new URL("./programs/", import.meta.url).pathname;
const ORDERLY = 8, ALERT_SENT = 16, INHERITED = 2;
const TO_SERVER = 0, TO_CLIENT = 1;

/** Runs a Python program with the hook and answers what was collected of it. */
async function python(
  program: string,
  args: string[],
  preloaded = true,
): Promise<{ collector: Collector; stdout: string[] }> {
  const { cert, key } = await certificateFiles();
  const collector = await Collector.start();
  const env = preloaded ? await hooked(collector.runtime) : {};
  const output = await run("python3", [PROGRAMS + program, cert, key, ...args], env);
  await collector.stop();
  assert.deepEqual([output.code, output.stderr], [0, ""], output.stderr);
  return { collector, stdout: output.stdout.trim().split(/\s+/) };
}

const ofRole = (flows: Flow[], server: 0 | 1) => flows.filter((flow) => flow.open.server === server);

/** Both ends of one connection in one process: same bytes, same random, opposite addresses. */
function assertTwoEnds(collector: Collector, size: number, stdout: string[]): void {
  const [client, ...moreClients] = ofRole(collector.flows, 0);
  const [server, ...moreServers] = ofRole(collector.flows, 1);
  assert.deepEqual([moreClients.length, moreServers.length], [0, 0]);
  assert.equal(Number(stdout.at(-1)), size);
  assert.equal(client.bytes[TO_CLIENT] + client.gaps[TO_CLIENT], size);
  assert.equal(server.bytes[TO_CLIENT] + server.gaps[TO_CLIENT], size);
  assert.deepEqual(client.gaps, [0, 0], "the ring was full");
  assert.deepEqual(server.gaps, [0, 0], "the ring was full");
  assert.deepEqual(client.hash, server.hash);
  assert.equal(client.open.random, server.open.random);
  const { local, localPort, remote, remotePort } = client.open;
  assert.deepEqual([local, String(localPort), remote, String(remotePort)], stdout.slice(0, 4));
  const [received, ...moreHellos] = collector.hellos.filter((hello) => hello.random === client.open.random);
  assert.equal(moreHellos.length, 0);
  for (const end of [received, server.open]) {
    assert.deepEqual([end.remote, end.remotePort], [local, localPort]);
    assert.deepEqual([end.local, end.localPort], [remote, remotePort]);
  }
}

Deno.test("Python, blocking: both ends, whole and orderly", async () => {
  const { collector, stdout } = await python("blocking.py", ["200001"]);
  assertTwoEnds(collector, 200001, stdout);
  for (const flow of collector.flows) {
    assert.equal(flow.open.grade, "hello");
    assert.equal(flow.open.version, 0x0304);
    assert.equal(flow.close!.flags & ORDERLY, ORDERLY);
    assert.deepEqual(flow.updates, []);
  }
  assert.equal(ofRole(collector.flows, 0)[0].open.sni, "localhost");
  assert.equal(ofRole(collector.flows, 1)[0].close!.flags & ALERT_SENT, ALERT_SENT);
  assert.equal(ofRole(collector.flows, 0)[0].close!.flags & ALERT_SENT, 0);
  assert.equal(ofRole(collector.flows, 0)[0].hash[TO_SERVER], sumOf(new TextEncoder().encode("a request")));
});

for (const [name, args] of [["TLS 1.3", []], ["TLS 1.2", ["tls12"]]] as [string, string[]][]) {
  Deno.test(`Python: one write of 8 MB leaves in slices, ${name}`, async () => {
    const size = 8_000_003;
    const { collector, stdout } = await python("blocking.py", [String(size), ...args]);
    assertTwoEnds(collector, size, stdout);
    assert.ok(collector.flows[0].largest <= 16384 * 2, "a slice is not published as its record leaves");
  });
}

Deno.test("Python: a large write that is tried again on a non-blocking socket is told of once", async () => {
  const size = 6_000_001;
  const { collector, stdout } = await python("blocking.py", [String(size), "nonblocking"]);
  assertTwoEnds(collector, size, stdout);
});

Deno.test("Python that closes all descriptors at its start, over IPv6", async () => {
  const { collector, stdout } = await python("blocking.py", ["20000", "closes", "ipv6"]);
  assertTwoEnds(collector, 20000, stdout);
  assert.equal(collector.flows[0].open.local, "::1");
});

Deno.test("Python, asyncio: TLS over memory gets its addresses from the hello", async () => {
  const { collector, stdout } = await python("streams.py", ["1500000"]);
  assertTwoEnds(collector, 1500000, stdout);
  assert.deepEqual(collector.flows.map((flow) => flow.open.grade), ["hello", "hello"]);
});

Deno.test("a session that a fork hands on goes on in the child's ring, at its offsets", async () => {
  const children = 10; // more than there are spare rings
  const { collector, stdout } = await python("prefork.py", [String(children)]);
  const pids = stdout.map(Number);
  const servers = ofRole(collector.flows, 1);
  const began = servers.filter((flow) => (flow.open.flags & INHERITED) === 0);
  const inherited = servers.filter((flow) => (flow.open.flags & INHERITED) !== 0);
  assert.equal(began.length, children);
  assert.deepEqual(inherited.map((flow) => flow.open.pid).sort(), pids.sort());
  for (const flow of inherited) {
    const origin = began.find((other) => other.open.random === flow.open.random)!;
    assert.deepEqual(flow.open.offsets, origin.bytes);
    assert.deepEqual(flow.bytes, [3, 10]);
    assert.equal(flow.hash[TO_CLIENT].length, 16);
    assert.ok(
      collector.hellos.some((hello) => hello.pid === flow.open.pid && hello.random === flow.open.random),
    );
  }
  assert.equal(ofRole(collector.flows, 0).length, children);
});

Deno.test("openssl s_server, which reads and writes through BIO_f_ssl, and s_client", async () => {
  const { cert, key } = await certificateFiles();
  const collector = await Collector.start();
  const env = await hooked(collector.runtime);
  const server = new Deno.Command("openssl", {
    args: ["s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-key", key, "-www", "-naccept", "1"],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const port = await acceptPort(server);
  const client = await run(
    "sh",
    [
      "-c",
      `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -connect 127.0.0.1:${port} -quiet -ign_eof`,
    ],
    env,
  );
  await server.stdout.cancel();
  await server.status;
  await collector.stop();
  const page = new TextEncoder().encode(client.stdout);
  const [one] = ofRole(collector.flows, 0), [other] = ofRole(collector.flows, 1);
  assert.equal(one.bytes[TO_CLIENT], page.length);
  assert.equal(one.hash[TO_CLIENT], sumOf(page));
  assert.deepEqual(one.hash, other.hash);
  assert.equal(other.bytes[TO_SERVER], 18);
});

/** The port that `openssl s_server -accept 127.0.0.1:0` says that it has got. */
async function acceptPort(server: Deno.ChildProcess): Promise<number> {
  const reader = server.stdout.getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    text += new TextDecoder().decode(value);
    const match = /ACCEPT \S+:(\d+)\n/.exec(text);
    if (match) {
      reader.releaseLock();
      return Number(match[1]);
    }
    if (done) throw new Error(`s_server does not listen: ${text}`);
  }
}

Deno.test({
  name: "the sessions of a program of musl's are seen",
  ...skipIf(missing("musl-gcc")),
  fn: async () => {
    await compile("libfake.so", ["fake_tls.c"], ["-shared", "-fPIC"], "musl-gcc");
    const linked = [`-L${WORK}`, "-lfake", `-Wl,-rpath,${WORK}`];
    const program = await compile("small", ["small.c"], linked, "musl-gcc");
    const collector = await Collector.start();
    const output = await run(program, [], await hooked(collector.runtime));
    await collector.stop();
    assert.deepEqual([output.code, output.stderr], [0, ""]);
    assert.deepEqual(collector.flows.map((flow) => flow.bytes), [[100, 60]]);
  },
});
