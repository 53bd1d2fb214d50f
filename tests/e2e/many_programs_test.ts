// SPDX-License-Identifier: MIT
/**
 * Short programs, one after the other in numbers: each is mirrored once, and the agent holds nothing of them. `MANY_PROGRAMS` and
 * `MANY_CURLS` in the environment set how many.
 */
import assert from "node:assert/strict";
import { forgedConnections } from "../support/forged.ts";
import { missing, runOk } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { runChild } from "./support/child.ts";
import { fileExceeds } from "./support/fault_wait.ts";
import { withFixture } from "./support/fixture.ts";
import { PeerServer } from "./support/peer_server.ts";
import { PROGRAMS } from "./support/python.ts";
import { Agent } from "./support/sslcollector.ts";

const VISITS = Number(Deno.env.get("MANY_PROGRAMS") ?? 300);
const CURLS = Number(Deno.env.get("MANY_CURLS") ?? 60);
const AT_A_TIME = 3;
const BODY_BYTES = 1000;
/** A runtime that grows its heap takes less; 300 regions that nobody gave back take more. */
const GROWTH_BYTES_MAX = 128 << 20;
/** The runtime opens, renews and deletes caches of its own at any time; one descriptor of each tenth program is more. */
const GROWTH_DESCRIPTORS_MAX = 30;
/** What the agent opens of a program, and no runtime does. */
const OF_PROGRAM = /^\/memfd:sslcollector:|^anon_inode:\[pidfd\]|^\/proc\//;

/** What a process holds. */
interface Held {
  readonly descriptors: number;
  /** Those of programs, and their memory. */
  readonly ofPrograms: readonly string[];
  readonly residentBytes: number;
}

/** What the descriptors of a process name; one that is closed meanwhile is left out. */
function openFiles(pid: number): string[] {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].flatMap(({ name }) => {
    try {
      return [Deno.readLinkSync(`/proc/${pid}/fd/${name}`)];
    } catch {
      return [];
    }
  });
}

function heldBy(pid: number): Held {
  const maps = Deno.readTextFileSync(`/proc/${pid}/maps`).split("\n");
  const files = openFiles(pid);
  const regions = maps.filter((line) => line.includes("/memfd:sslcollector:"));
  return {
    descriptors: files.length,
    ofPrograms: [...files.filter((name) => OF_PROGRAM.test(name)), ...regions],
    residentBytes: 1024 *
      Number(/^VmRSS:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]),
  };
}

/** Calls `run` so often, {@linkcode AT_A_TIME} at a time. */
async function repeat(times: number, run: () => Promise<unknown>): Promise<void> {
  let left = times;
  const one = async () => {
    while (left-- > 0) await run();
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
}

Deno.test({
  name:
    `${VISITS} short programs and ${CURLS} curls: none is missing, none comes twice, the agent holds nothing of them`,
  ...skipIf(missing("curl", "cc", "openssl")),
  timeout: 300_000 + 100 * (VISITS + CURLS),
  fn: () =>
    withFixture(async (fixture) => {
      const visit = fixture.path("visit");
      await runOk("cc", "-O1", "-o", visit, `${PROGRAMS}/visit.c`, "-lssl", "-lcrypto");
      await using server = new PeerServer(fixture);
      const { name } = fixture.body(BODY_BYTES);
      const capture = fixture.path("out.pcapng");
      await using agent = await Agent.start("source", fixture, capture);
      const env = agent.hookEnvironment;
      const visitOnce = () => runChild(visit, { args: [`${server.port}`, `/${name}`], env });
      const url = `https://127.0.0.1:${server.port}/${name}`;
      const curlOnce = () => runChild("curl", { args: ["-sSfk", "-o", "/dev/null", url], env });

      const { pid } = agent.child;
      const rest = () =>
        until("the agent to hold nothing of a program", () => {
          const held = heldBy(pid);
          return held.ofPrograms.length === 0 && held;
        }, 100);
      // What the agent opens once and keeps is open when the first is mirrored.
      const { size } = await Deno.stat(capture);
      await visitOnce();
      await fileExceeds(capture, size + BODY_BYTES);
      const before = await rest();
      await repeat(VISITS - 1, visitOnce);
      await repeat(CURLS, curlOnce);
      const after = await rest();
      const told = JSON.stringify({ before, after });
      assert(after.descriptors - before.descriptors < GROWTH_DESCRIPTORS_MAX, told);
      assert(after.residentBytes - before.residentBytes < GROWTH_BYTES_MAX, told);
      console.log(`      the agent: ${told}`);

      const { total, programs, programEvents } = await agent.stop();
      const { connections } = await server.seen();
      const mirrored = forgedConnections(await Deno.readFile(capture));
      assert.equal(connections.length, VISITS + CURLS);
      // A port may come again: names are compared with how often they came.
      assert.deepEqual(
        mirrored.map((connection) => connection.name).toSorted(),
        connections.map(({ client, server }) => `${client}>${server}`).toSorted(),
      );
      for (const { name, gaps, streams } of mirrored) {
        assert.deepEqual([gaps, streams[1].length > BODY_BYTES], [[[], []], true], name);
      }
      assert.deepEqual([total.flows, total.lost, total.imbalance], [VISITS + CURLS, {}, 0]);
      assert.deepEqual(programEvents, {});
      const named = programs.filter(({ pid }) => pid !== 0);
      assert.deepEqual(named.filter(({ flows }) => flows !== 1), []);
      const earlier = programs.find(({ pid }) => pid === 0)?.flows ?? 0;
      assert.equal(named.length + earlier, VISITS + CURLS);
    }),
});
