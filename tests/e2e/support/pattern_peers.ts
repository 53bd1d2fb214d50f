// SPDX-License-Identifier: MIT
/** Programs of the tests that are either end of a connection, and check what they get: the client sends 300,000 bytes, then the server 200,000. @module */
import assert from "node:assert/strict";
import { forgedConnections } from "../../support/forged.ts";
import { sha256 } from "../../support/tshark.ts";
import { Child, runChild } from "./child.ts";
import type { Fixture } from "./fixture.ts";
import { ProbeAgent } from "./probes.ts";
import { Agent } from "./sslcollector.ts";

/** One connection. */
export interface PeerRun {
  readonly how: string;
  /** The ends that have the hook. */
  readonly hooked: readonly ("client" | "server")[];
}

/** Every way, with either end hooked and with both. */
export function peerRuns(ways: readonly string[]): PeerRun[] {
  const ends = [["client"], ["server"], ["client", "server"]] as const;
  return ways.flatMap((how) => ends.map((hooked) => ({ how, hooked })));
}

const lengths = [300_000, 200_000] as const;

/** Hashes of what each end sends, by direction. */
const WANTED = lengths.map((length, direction) =>
  sha256(Uint8Array.from({ length }, (_, at) => at * 7 + Math.floor(at / 251) + (direction === 1 ? 99 : 0)))
);

export interface Peers {
  /** Of {@linkcode probedPeers} at {@linkcode peerPath}. */
  readonly program: string;
  /** What stands between the role and how: that of a client before the port. */
  readonly server: readonly string[];
  readonly client?: readonly string[];
}

/** Where a program is made that no other on this machine has the name of: kernel probes also tell the pairs of another run of the tests. */
export function peerPath(fixture: Fixture): string {
  return fixture.path(`peer${Deno.pid}`);
}

async function runPair(peers: Peers, { how, hooked }: PeerRun, hook: Readonly<Record<string, string>>) {
  const env = (end: "client" | "server") => hooked.includes(end) ? hook : {};
  await using server = new Child(peers.program, {
    args: ["server", ...peers.server, how],
    env: env("server"),
  });
  const [, port] = await server.found("stdout", /^(\d+)$/m);
  const args = ["client", ...peers.client ?? [], port, how];
  const client = await runChild(peers.program, { args, env: env("client") });
  assert.deepEqual([client.code, client.stderr], [0, ""], how);
  const ended = await server.ended;
  assert.deepEqual([ended.code, ended.stderr], [0, ""], how);
  return Number(port);
}

/** Runs them beside an agent: of each connection every byte is captured once, by role and address; answers the comments. */
export async function checkPeers(
  fixture: Fixture,
  peers: Peers,
  runs: readonly PeerRun[],
): Promise<{ run: PeerRun; comment: string }[]> {
  const capture = fixture.path("out.pcapng");
  await using agent = await Agent.start("source", fixture, capture);
  const ports: number[] = [];
  for (const run of runs) ports.push(await runPair(peers, run, agent.hookEnvironment));
  const { total } = await agent.stop();
  assert.deepEqual([total.flows, total.imbalance], [runs.length, 0]);
  assert.deepEqual(Object.keys(total.lost).filter((reason) => reason !== "other-end-mirrored"), []);
  const connections = forgedConnections(await Deno.readFile(capture));
  assert.equal(connections.length, runs.length);
  return runs.map((run, index) => {
    const name = `${run.how}, ${run.hooked.join(" and ")}`;
    // The agent may meet a program later than one that was started after it.
    const at = connections.findIndex((connection) => connection.name.endsWith(`:${ports[index]}`));
    assert(at >= 0, name);
    const [{ streams, gaps, end, comments }] = connections.splice(at, 1);
    assert.deepEqual([streams.map(sha256), gaps, end], [WANTED, [[], []], "fin"], name);
    if (run.hooked.length === 1) assert.match(comments[0], new RegExp(`role=${run.hooked[0]} `), name);
    return { run, comment: comments[0] };
  });
}

/**
 * Runs them without the hook beside an agent with kernel probes, which finds another of them waiting: every byte is captured once, by `role`;
 * answers the comment, undefined: nothing is captured.
 */
export async function probedPeers(
  fixture: Fixture,
  peers: Peers,
  role: "client" | "server",
  how = "plain",
): Promise<string | undefined> {
  const capture = fixture.path("probed.pcapng");
  const other = role === "client" ? "server" : "client";
  const name = peers.program.slice(peers.program.lastIndexOf("/") + 1);
  await using waiting = new Child(peers.program, { args: ["server", ...peers.server, how] });
  await waiting.found("stdout", /^\d+$/m);
  await using agent = await ProbeAgent.start({
    fixture,
    capture,
    only: `program == "${name}"`,
    options: ["--skip", `role == "${other}"`],
  });
  const port = await runPair(peers, { how, hooked: [] }, {});
  agent.child.kill("SIGTERM");
  const { code, stderr } = await agent.child.ended;
  assert.equal(code, 0, stderr);
  const connections = forgedConnections(await Deno.readFile(capture));
  if (connections.length === 0) return undefined;
  const [{ name: ends, streams, gaps, comments }, ...others] = connections;
  const more = others.map((other) => other.name);
  assert.deepEqual([streams.map(sha256), gaps, more], [WANTED, [[], []], []]);
  assert.ok(ends.endsWith(`:${port}`), ends);
  assert.match(comments[0], new RegExp(`role=${role} `));
  return comments[0];
}
