// SPDX-License-Identifier: MIT
/** Hostile programs beside a good one: the agent goes on, and only what is theirs is lost. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { forgedConnections } from "../support/forged.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { sha256 } from "../support/tshark.ts";
import { Child } from "./support/child.ts";
import { Agent, type Summary } from "./support/sslcollector.ts";
import { Download } from "./support/fault_curl.ts";
import { ATTACKS, HONEST_BYTES } from "./support/fault_hostile.ts";
import { StepServer } from "./support/fault_server.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";

const lacking = missing("curl", "openssl", "tshark");
const HOSTILE = fileURLToPath(new URL("./support/fault_hostile.ts", import.meta.url));
type Attack = keyof typeof ATTACKS;

const BODY_BYTES = 150_000;

/** Downloads through the hook; answers the client's port, by which its connection is found. */
async function goodFlow(fixture: Fixture, server: StepServer, agent: Agent): Promise<number> {
  const { sha256: expected, name } = fixture.body(BODY_BYTES);
  await using download = new Download(fixture, [server.url("/good")], agent.hookEnvironment);
  const connection = await server.accept();
  await connection.request();
  await connection.respond(BODY_BYTES);
  await connection.write(await Deno.readFile(`${fixture.bodies}/${name}`));
  const { clientPort } = connection;
  await connection.close();
  const { code, stderr, sha256 } = await download.ended;
  assert.deepEqual({ code, stderr, sha256 }, { code: 0, stderr: "", sha256: expected });
  return clientPort;
}

/** Fails unless these connections are in the capture as they were, and no other but those of hostile programs. */
async function checkGood(
  fixture: Fixture,
  capture: string,
  summary: Summary,
  ports: readonly number[],
): Promise<void> {
  const connections = forgedConnections(await Deno.readFile(capture));
  for (const port of ports) {
    const found = connections.filter(({ name }) => name.startsWith(`127.0.0.1:${port}>`));
    assert.equal(found.length, 1, `connections from port ${port}`);
    const [{ streams, gaps, end }] = found;
    assert.deepEqual([gaps, end], [[[], []], "fin"]);
    assert.equal(sha256(streams[1].subarray(-BODY_BYTES)), fixture.body(BODY_BYTES).sha256);
  }
  const good = summary.programs.filter(({ program }) => program === "curl");
  assert.equal(good.length, ports.length);
  for (const { captured, forged, lost, unforged, imbalance } of good) {
    assert.deepEqual([forged, lost, unforged, imbalance], [captured, {}, {}, 0]);
  }
  assert.equal(summary.total.imbalance, 0);
}

/** One attack, or several at a time, with a good flow before, during and after. */
async function withstand(
  attacks: readonly Attack[],
  check: (summary: Summary, stderr: string) => void,
): Promise<void> {
  await withFixture(async (fixture) => {
    const capture = fixture.path("hostile.pcapng");
    await using server = new StepServer(fixture);
    await using agent = await Agent.start("source", fixture, capture);
    await using programs = new AsyncDisposableStack();
    const ports = [await goodFlow(fixture, server, agent)];
    const hostile = attacks.map((attack) =>
      programs.use(
        new Child(Deno.execPath(), {
          args: ["run", "--quiet", "-A", HOSTILE, attack, fixture.path("runtime")],
        }),
      )
    );
    let attacking = true;
    const attacked = Promise.all(hostile.map((program) => program.found("stdout", /^done$/m)))
      .finally(() => attacking = false);
    do ports.push(await goodFlow(fixture, server, agent)); while (attacking && ports.length < 40);
    await attacked;
    ports.push(await goodFlow(fixture, server, agent));
    const summary = await agent.stop();
    await checkGood(fixture, capture, summary, ports);
    for (const program of hostile) program.kill("SIGKILL");
    check(summary, (await agent.child.ended).stderr);
  });
}

/** Sums of the rows of hostile programs. */
function theirs({ programs }: Summary) {
  const rows = programs.filter(({ program }) => program !== "curl");
  const captured = rows.reduce((sum, row) => sum + row.captured.toServer + row.captured.toClient, 0);
  const count = (event: string) => rows.reduce((sum, row) => sum + (row.events[event] ?? 0), 0);
  return {
    rows: rows.length,
    captured,
    retired: count("source-stopped"),
    unfinished: count("unfinished-records"),
  };
}

Deno.test({
  name: "hostile: rubbish in rings",
  ...skipIf(lacking),
  fn: () =>
    withstand(["rubbish"], (summary) => {
      const { rows, captured, retired } = theirs(summary);
      assert(rows >= 20 && retired > 0, `${rows} rows, ${retired} retired`);
      assert(captured >= rows * HONEST_BYTES);
    }),
});

Deno.test({
  name: "hostile: records that no hook writes end their ring, each with a reason",
  ...skipIf(lacking),
  fn: () =>
    withstand(["records"], (summary, stderr) => {
      assert.deepEqual(theirs(summary), { rows: 8, captured: 8 * HONEST_BYTES, retired: 8, unfinished: 0 });
      assert.equal(stderr.match(/is no longer mirrored: /g)?.length, 8, stderr);
    }),
});

Deno.test({
  name: "hostile: memory that could be cut off is refused, sealed memory holds",
  ...skipIf(lacking),
  fn: () =>
    withstand(["truncate"], (summary) => {
      assert.deepEqual(summary.programEvents, { "bad-region": 4 });
      assert.equal(theirs(summary).rows, 1);
      assert(theirs(summary).captured >= HONEST_BYTES);
    }),
});

Deno.test({
  name: "hostile: rings in the name of others are booked on the program itself",
  ...skipIf(lacking),
  fn: () =>
    withstand(["impersonate"], (summary) => {
      const rows = summary.programs.filter(({ program }) => program !== "curl");
      assert.deepEqual([...new Set(rows.map(({ program }) => program))], ["deno"]);
      assert.equal(new Set(rows.map(({ pid }) => pid)).size, 1);
    }),
});

Deno.test({
  name: "hostile: a program that ends in the middle of a record loses that record",
  ...skipIf(lacking),
  fn: () =>
    withstand(["die"], (summary) => {
      const { rows, captured, unfinished } = theirs(summary);
      assert.deepEqual([rows, unfinished], [1, 1]);
      // The third record's offset tells how much was in the second.
      assert.equal(captured, 3 * HONEST_BYTES + 500);
    }),
});

Deno.test({
  name: "hostile: a program that stops in the middle of a record keeps what is behind it",
  ...skipIf(lacking),
  fn: () =>
    withstand(["stop"], (summary) => {
      const { rows, captured } = theirs(summary);
      assert.deepEqual([rows, captured], [1, 2 * HONEST_BYTES]);
    }),
});

Deno.test({
  name: "hostile: all at a time",
  ...skipIf(lacking),
  fn: () =>
    withstand(Object.keys(ATTACKS) as Attack[], (summary) => {
      assert.equal(summary.programEvents["bad-region"], 4);
      assert(theirs(summary).retired >= 8);
    }),
});
