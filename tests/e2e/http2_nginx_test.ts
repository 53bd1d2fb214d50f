// SPDX-License-Identifier: MIT
/**
 * nginx's HTTP/2 mirrored with `--codec http2to1`, with the clients of curl, Node and Deno. Node and Deno have their TLS
 * inside themselves (OpenSSL and rustls, linked statically), where no hook sees it: they can only be the peer.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { runChild } from "./support/child.ts";
import { Agent, type Mode, modeMissing, MODES } from "./support/sslcollector.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { checkHttp2, got, type Served } from "./support/http2.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";

const lacking = nginxMissing() ?? missing("curl", "node", "openssl", "h2load") ?? judgeMissing();

const NODE_CLIENT = fileURLToPath(new URL("programs/http2_client.mjs", import.meta.url));
const SIZES = [1, 999, 16_384, 70_000];
/** Times that Node asks for each size, all at a time. */
const TIMES = 15;

async function nodeClient(fixture: Fixture, port: number): Promise<Served[]> {
  const paths = SIZES.map((size) => `/${fixture.body(size).name}`);
  const args = [NODE_CLIENT, `https://localhost:${port}`, fixture.certificate, `${TIMES}`, ...paths];
  const { stdout } = await runChild("node", { args });
  return new TextDecoder().decode(stdout).trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Deno's fetch over HTTP/2, in the test's own process. */
async function denoClient(fixture: Fixture, port: number): Promise<Served[]> {
  using client = Deno.createHttpClient({
    caCerts: [await Deno.readTextFile(fixture.certificate)],
    http1: false,
  });
  const served: Served[] = [];
  await Promise.all([...SIZES, 0].map(async (size) => {
    const path = size === 0 ? "/missing?a=b%20c" : `/${fixture.body(size).name}`;
    const response = await fetch(`https://localhost:${port}${path}`, { client });
    served.push(got(path, response.status, await response.bytes()));
  }));
  return served;
}

async function curlClient(fixture: Fixture, port: number): Promise<Served[]> {
  const body = fixture.body(300_000);
  const output = fixture.path("download");
  const url = `https://localhost:${port}/${body.name}`;
  const args = [
    "--silent",
    "--show-error",
    "--http2",
    "--cacert",
    fixture.certificate,
    "--output",
    output,
    url,
  ];
  await runChild("curl", { args });
  return [got(`/${body.name}`, 200, await Deno.readFile(output))];
}

async function checkNginx(mode: Mode, fixture: Fixture): Promise<void> {
  for (const size of [...SIZES, 300_000]) fixture.body(size);
  const capture = fixture.path("nginx.pcapng");
  await using agent = await Agent.start(mode, fixture, capture, "--codec", "http2to1");
  await using nginx = await Nginx.start(fixture, agent.hookEnvironment, true);
  const clients = [nodeClient, denoClient, curlClient].map((client) => client(fixture, nginx.port));
  const served = (await Promise.all(clients)).flat();
  await nginx.stop();
  const summary = await agent.stop();
  await checkHttp2(capture, summary, served, { flows: 3 });
  const told = served.map(({ method, path, status, responseBytes }) =>
    `${method} ${path} ${status} ${responseBytes}`
  );
  assert.deepEqual(nginx.exchanges().sort(), told.sort(), "nginx's own list of exchanges");
}

for (const mode of MODES) {
  Deno.test({
    name: `http2to1 (${mode}): nginx, mirrored, with the clients of Node, Deno and curl at a time`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () => withFixture((fixture) => checkNginx(mode, fixture)),
  });
}

Deno.test({
  name: "http2to1: nginx, mirrored, serves h2load with 100 streams at a time",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const body = fixture.body(1000);
      const capture = fixture.path("nginx.pcapng");
      await using agent = await Agent.start("source", fixture, capture, "--codec", "http2to1");
      await using nginx = await Nginx.start(fixture, agent.hookEnvironment, true);
      // They must fit into a ring: on the loopback h2load outruns any reader.
      await runChild("h2load", {
        args: ["-c1", "-m100", "-n1000", `https://127.0.0.1:${nginx.port}/${body.name}`],
      });
      await nginx.stop();
      const bytes = await Deno.readFile(`${fixture.bodies}/${body.name}`);
      const served = nginx.exchanges().map((line) => {
        assert.equal(line, `GET /${body.name} 200 1000`);
        return got(`/${body.name}`, 200, bytes);
      });
      assert.equal(served.length, 1000);
      await checkHttp2(capture, await agent.stop(), served);
    }),
});
