// SPDX-License-Identifier: MIT
/** The two ways of mirroring a test's programs, with what every use of them shares. @module */
import assert from "node:assert/strict";
import { checkMirror, type MirrorExpectation } from "./check_mirror.ts";
import type { Child, ChildOptions, Ended } from "./child.ts";
import { mirrorOptions, type Mode, startSslcollector, type Summary, summaryOf } from "./sslcollector.ts";
import { curlPeer, type Target, together } from "./curl.ts";
import type { Connection } from "./exchange.ts";
import type { Fixture } from "./fixture.ts";
import { peerClient } from "./peer_client.ts";
import { PeerServer } from "./peer_server.ts";

export interface ClientTest extends MirrorExpectation {
  readonly hostname: Target["hostname"];
  /** The client's command line. */
  readonly command: (target: Target) => readonly string[];
  /** More options of `run`. */
  readonly options?: readonly string[];
  /** The agent gets no processor for a fifth of a second, again and again. */
  readonly stalls?: boolean;
}

export interface Mirrored {
  readonly capture: string;
  readonly summary: Summary;
  readonly ended: Ended;
}

/** Runs a client under `run` against an unmirrored server and checks the capture against what that saw. */
export async function checkClient(mode: Mode, fixture: Fixture, test: ClientTest): Promise<Mirrored> {
  const capture = fixture.path(`client-${crypto.randomUUID()}.pcapng`);
  await using server = new PeerServer(fixture, test.hostname, capture);
  const target = { hostname: test.hostname, port: server.port };
  const command = test.command(target);
  const args = ["run", ...mirrorOptions(capture), ...test.options ?? [], "--", ...command];
  await using child = await startSslcollector(mode, fixture, args);
  if (test.stalls) stall(child);
  const ended = await child.ended;
  assert.equal(ended.code, 0, `${command[0]}: ${ended.stderr}`);
  const summary = summaryOf(ended);
  await checkMirror(capture, summary, await server.seen(), test);
  return { capture, summary, ended };
}

function stall(child: Child): void {
  let turns = 0;
  const timer = setInterval(() => {
    try {
      child.kill(turns++ % 2 === 0 ? "SIGSTOP" : "SIGCONT");
    } catch {
      clearInterval(timer); // it ended a moment ago
    }
  }, 200);
  child.ended.finally(() => clearInterval(timer)).catch(() => {});
}

export interface ServerTest extends MirrorExpectation {
  readonly hostname: Target["hostname"];
  /** The server's command line; it ends by itself when it has served all connections. */
  readonly command: readonly string[];
  readonly cwd?: string;
  /** Finds the port in what the server prints. */
  readonly listening: RegExp;
  /** One unmirrored client for each of these, all at a time. */
  readonly clients: readonly (readonly Connection[])[];
  /** Clients that go before these, one after the other. */
  readonly first?: readonly (readonly Connection[])[];
}

/** Runs a server under `run` with unmirrored clients and checks the capture against what they saw. */
export async function checkServer(mode: Mode, fixture: Fixture, test: ServerTest): Promise<Mirrored> {
  const capture = fixture.path(`server-${crypto.randomUUID()}.pcapng`);
  const args = ["run", ...mirrorOptions(capture), "--", ...test.command];
  const options: ChildOptions = { cwd: test.cwd };
  await using server = await startSslcollector(mode, fixture, args, options);
  const [, port] = await server.found("stdout", test.listening);
  const target = { hostname: test.hostname, port: Number(port) };
  const client = test.isLarge ? peerClient : curlPeer;
  const ask = (connections: readonly Connection[]) => client(connections, target, fixture, capture);
  const seen = [];
  for (const connections of test.first ?? []) seen.push(await ask(connections));
  seen.push(...await Promise.all(test.clients.map(ask)));
  const ended = await server.ended;
  assert.equal(ended.code, 0, ended.stderr);
  const summary = summaryOf(ended);
  await checkMirror(capture, summary, together(seen), test);
  return { capture, summary, ended };
}
