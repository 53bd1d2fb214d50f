// SPDX-License-Identifier: MIT
/** Tunnels over HTTP/2 with `--codec http2to1`: WebSockets by extended CONNECT (RFC 8441), and plain CONNECT. */
import assert from "node:assert/strict";
import { readHttp1 } from "../support/http1_reader.ts";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { Child, runChild } from "./support/child.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { type Captured, checkHttp2, hash, type Served } from "./support/http2.ts";
import { jsonLines, mirrorClient, MirroredServer } from "./support/http2_mirrored.ts";
import { hypercorn, PROGRAMS, python, pythonLacks } from "./support/python.ts";

const lacking = missing("node", "openssl", "tshark") ?? pythonLacks("h2", "wsproto", "hypercorn") ??
  judgeMissing();

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** An exchange, and what its tunnel carried by direction: bytes and hash. */
interface Told extends Served {
  readonly tunnel: readonly [string, string];
}

/** What is behind the CONNECT: a server of HTTP/1.1 in the test's own process. */
function startOrigin(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("inside ".repeat(3000)),
  );
}
/** What the clients say through a WebSocket. */
const MESSAGES = ["hello over HTTP/2", "x".repeat(20_000), "bye"];
const INSIDE = ["GET", "/inside", 200, 21_000] as const;

const tunnelsOf = (list: readonly Told[]) =>
  list.map(({ method, path, status, tunnel }) => [method, path, status, ...tunnel].join(" ")).sort();

/** Both ends and the capture agree about what the tunnels carried. */
function checkTunnels({ connections }: Captured, ...lists: readonly (readonly Told[])[]): void {
  const seen = connections.map(({ streams }): Told => {
    const { exchanges: [exchange], tunnel } = readHttp1(...streams);
    const [toServer, toClient] = (tunnel ?? [new Uint8Array(), new Uint8Array()]).map((bytes) =>
      `${bytes.length} ${hash(bytes)}`
    );
    return { ...exchange, path: exchange.target, tunnel: [toServer, toClient] } as unknown as Told;
  });
  for (const list of lists) assert.deepEqual(tunnelsOf(seen), tunnelsOf(list));
}

/** tshark reads the messages of the WebSockets: each text once from the client and once back, whatever the lane. */
async function checkMessages(capture: string, webSockets: number): Promise<void> {
  const { stdout } = await runChild("tshark", {
    args: [
      ...["-n", "-r", capture, "-d", "tcp.port==1-65535,http", "-Y", "websocket.opcode == 1"],
      ...["-T", "fields", "-e", "tcp.stream", "-e", "websocket.payload.text"],
    ],
  });
  const byStream = Map.groupBy(textOf(stdout).trimEnd().split("\n"), (line) => line.split("\t")[0]);
  const texts = [...byStream.values()].map((lines) =>
    lines.flatMap((line) => line.split("\t")[1].split(","))
  );
  assert.deepEqual(texts, Array(webSockets).fill(MESSAGES.flatMap((text) => [text, text])));
}

Deno.test({
  name: "http2to1: a client in Python, mirrored, with two WebSockets, a CONNECT and a refused one at a time",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using origin = startOrigin();
      const args = [`${PROGRAMS}/http2_tunnel_server.mjs`, fixture.certificate, fixture.key];
      await using server = new Child("node", { args });
      const [, port] = await server.found("stdout", /"port":(\d+)/);
      const words = ["/chat/1", "/chat/2", `127.0.0.1:${origin.addr.port}`, "127.0.0.1:1"];
      const client = python("http2_tunnels.py", "client", port, fixture.certificate, ...words);
      const { capture, summary, stdout } = await mirrorClient("source", fixture, client);
      await server.found("stdout", new RegExp(`^(.*\\n){${1 + words.length}}`));
      server.kill("SIGTERM");
      const served = jsonLines<Told>(textOf((await server.ended).stdout)).slice(1);
      const told = jsonLines<Told>(stdout);
      const captured = await checkHttp2(capture, summary, served, { inside: [INSIDE] });
      checkTunnels(captured, served, told);
      await checkMessages(capture, 2);
    }),
});

/** Node's client, unmirrored, with these tunnels at a time; what it tells of them. */
async function nodeTunnels(fixture: Fixture, port: number, ...words: string[]): Promise<Told[]> {
  const program = `${PROGRAMS}/http2_tunnel_client.mjs`;
  const args = [program, `https://localhost:${port}`, fixture.certificate, ...words];
  const { stdout } = await runChild("node", { args });
  return jsonLines<Told>(textOf(stdout));
}

Deno.test({
  name: "http2to1: a proxy in Python, mirrored, with three CONNECTs and a refused one at a time",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using origin = startOrigin();
      await using server = await MirroredServer.start(fixture, {
        mode: "source",
        command: python("http2_tunnels.py", "server", fixture.certificate, fixture.key),
        listening: /^listening (\d+)$/m,
      });
      const authority = `127.0.0.1:${origin.addr.port}`;
      const words = [authority, "127.0.0.1:1", authority, authority];
      const told = await nodeTunnels(fixture, server.port, ...words);
      const { summary, stdout } = await server.ended();
      const served = jsonLines<Told>(stdout);
      const captured = await checkHttp2(server.capture, summary, served, {
        inside: [INSIDE, INSIDE, INSIDE],
      });
      checkTunnels(captured, served, told);
    }),
});

Deno.test({
  name: "http2to1: hypercorn, mirrored, with a WebSocket",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = await MirroredServer.start(fixture, hypercorn("source", fixture));
      const told = await nodeTunnels(fixture, server.port, "/chat");
      const { summary, stdout } = await server.stop();
      const captured = await checkHttp2(server.capture, summary, jsonLines<Served>(stdout));
      checkTunnels(captured, told);
      await checkMessages(server.capture, 1);
    }),
});
