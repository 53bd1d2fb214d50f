// SPDX-License-Identifier: MIT
/**
 * Programs that nobody served for a while: none is lost, and none of their bytes is that a ring could hold. `AGENT_STOPPED_S` in the
 * environment sets for how long an agent is stopped.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { HookSource } from "../../../../net/capture/preload/hook_source.ts";
import type { CaptureProgram } from "../../../../net/capture/target.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import type { RingBooks } from "../../../support/ring_agent.ts";
import { type Answering, startAgent, startProgram, startRefused } from "../../../support/ringing.ts";
import { notRoot, skipIf } from "../../../support/skip.ts";
import { until } from "../../../support/until.ts";

/** By default a little more than the 5 seconds for which an agent waits for a record that was begun, and reads at its end. */
const STOPPED_MS = Number(Deno.env.get("AGENT_STOPPED_S") ?? 5.5) * 1000;

const adopting = skipIf(notRoot("opening memory of other processes"));

const booksOf = async (agent: Answering): Promise<RingBooks> => JSON.parse(await agent.do("books"));

/** Waits until an agent has told a flow up to `offset`. */
function toldUpTo(agent: Answering, offset: number): Promise<RingBooks> {
  return until(`what lies before ${offset}`, async () => {
    const books = await booksOf(agent);
    return books.to >= offset && books;
  }, 20);
}

async function withDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test({
  name: "an agent that starts late finds the program and all that its ring holds, and tells what it does not",
  ...adopting,
  fn: () =>
    withDirectory(async (directory) => {
      await using program = await startProgram(directory);
      const written = Number(await program.do("write", 3000, 1000));
      await using agent = await startAgent(directory);
      await until("room in the ring", async () => await program.do("flush") === "true", 20);
      const books = await toldUpTo(agent, written);
      assert.deepEqual([books.programs, books.adopted, books.from, books.unknown], [1, 1, 0, 0]);
      assert(books.data > 500_000, "what the ring could hold");
      assert.equal(books.data + books.gaps, written);
      // From now on it has more.
      const more = Number(await program.do("write", 3000, 1000));
      assert.equal((await toldUpTo(agent, more)).gaps, books.gaps);
    }),
});

Deno.test({
  name: "an agent that is stopped for longer than anything waits loses nothing that the ring holds",
  timeout: 60_000 + 2 * STOPPED_MS,
  fn: () =>
    withDirectory(async (directory) => {
      await using agent = await startAgent(directory);
      await using program = await startProgram(directory);
      await program.do("join");
      await toldUpTo(agent, Number(await program.do("write", 10, 1000)));
      agent.child.kill("SIGSTOP");
      const startMs = performance.now();
      let written = 0;
      await until("a while without the agent", async () => {
        written = Number(await program.do("write", 10, 1000));
        return performance.now() - startMs > STOPPED_MS;
      }, 100);
      agent.child.kill("SIGCONT");
      const { data, gaps } = await toldUpTo(agent, written);
      assert.deepEqual([data, gaps], [written, 0]);
    }),
});

Deno.test({
  name: "an agent that is killed 20 times while a program goes on: each byte is told by one of them",
  ...adopting,
  fn: () =>
    withDirectory(async (directory) => {
      await using program = await startProgram(directory);
      let from = 0;
      for (let life = 0; life < 20; life++) {
        await using agent = await startAgent(directory);
        if (life === 0) await program.do("join");
        // The flow is opened again with the first record behind the adoption.
        await until("the program to be served", async () => (await booksOf(agent)).programs === 1, 20);
        const written = Number(await program.do("write", 50, 1000));
        const books = await toldUpTo(agent, written);
        assert.deepEqual([books.from, books.data, books.gaps, books.unknown], [from, written - from, 0, 0]);
        from = books.to;
        await agent.kill();
        // Nobody reads this until the next is there; its opening was read by the one that is dead.
        await program.do("write", 20, 1000);
      }
    }),
});

Deno.test({
  name: "two agents of one host do not read the same ring; the second has it when the first is gone",
  ...adopting,
  fn: () =>
    withDirectory(async (directory) => {
      await using program = await startProgram(directory);
      await using first = await startAgent(directory);
      await program.do("join");
      await toldUpTo(first, Number(await program.do("write", 10, 1000)));
      await first.do("close");
      await program.do("write", 5, 1000);
      await using second = await startAgent(directory);
      await until("the program to be served", async () => (await booksOf(second)).programs === 1, 20);
      const written = Number(await program.do("write", 5, 1000));
      const books = await toldUpTo(second, written);
      assert.deepEqual([books.from, books.data], [10_000, 10_000]);
    }),
});

Deno.test({
  name: "what is handed over or found and cannot be mirrored is looked at again, and counted once",
  ...adopting,
  fn: () =>
    withDirectory(async (directory) => {
      await using agent = await startAgent(directory);
      await using _program = await startRefused(directory);
      await until(
        "both regions to be refused",
        async () => (await booksOf(agent)).refused["bad-region"] === 2,
      );
      // Time for three more looks.
      await delay(3500);
      const { programs, adopted, refused } = await booksOf(agent);
      assert.deepEqual([programs, adopted, refused], [0, 0, { "bad-region": 2 }]);
    }),
});

Deno.test({
  name: "a program of another runtime directory is left alone",
  ...adopting,
  fn: () =>
    withDirectory((directory) =>
      withDirectory(async (other) => {
        await using program = await startProgram(other);
        await program.do("write", 1, 10);
        await using mine = await startProgram(directory);
        await mine.do("write", 1, 10);
        const log = new CaptureLog();
        const source = new HookSource({ runtimeDir: directory, target: log, timeBaseNs: 0n });
        const running = source.run();
        await log.until(() => log.of("data").length === 1);
        const [, { pid }] = log.of("programStart")[0] as [string, CaptureProgram];
        assert.deepEqual([pid, source.regions], [mine.child.pid, 1]);
        await source.close();
        await running;
      })
    ),
});
