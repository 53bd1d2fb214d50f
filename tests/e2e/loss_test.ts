// SPDX-License-Identifier: MIT
/** Loss is honest: what a full ring could not take is counted to the byte and shows as a gap of its length. @module */
import assert from "node:assert/strict";
import { DATA_MAX } from "../../net/capture/record/layout.ts";
import { slotsFor } from "../../net/capture/preload/program_ring.ts";
import { FIRST_DATA } from "../../net/capture/record/layout.ts";
import { type ForgedConnection, forgedConnections } from "../support/forged.ts";
import { judgeMissing, judgeStrict } from "../ids/judge.ts";
import { missing, runOk } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { Agent, type Summary } from "./support/sslcollector.ts";
import { checkGaps } from "./support/check_gaps.ts";
import { Download } from "./support/fault_curl.ts";
import { type StepConnection, StepServer } from "./support/fault_server.ts";
import { fileExceeds } from "./support/fault_wait.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";

const lacking = missing("curl", "openssl", "tshark") ?? judgeMissing();

/** More than any ring holds, by less than a MiB, and by much. */
const LITTLE_OVER_BYTES = DATA_MAX + 900_000;
const FAR_OVER_BYTES = 2 * DATA_MAX;
/** Sent while the agent reads. */
const QUIET_BYTES = 100_000;

async function bytesOf(fixture: Fixture, length: number): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(`${fixture.bodies}/${fixture.body(length).name}`);
}

/** All bytes of a flow to its client, as the server sent them. */
class Sent {
  readonly #parts: Uint8Array[] = [];
  readonly #connection: StepConnection;

  constructor(connection: StepConnection) {
    this.#connection = connection;
  }

  async respond(bodyBytes: number): Promise<void> {
    const before = this.#connection.sent;
    await this.#connection.respond(bodyBytes);
    const head =
      `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bodyBytes}\r\n\r\n`;
    assert.equal(this.#connection.sent - before, head.length);
    this.#parts.push(new TextEncoder().encode(head));
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#connection.write(bytes);
    this.#parts.push(bytes);
  }

  async all(): Promise<Uint8Array> {
    return new Uint8Array(await new Blob(this.#parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  }
}

function ringFull(total: Summary["total"]): { toServer: number; toClient: number } {
  assert.deepEqual(Object.keys(total.lost), ["ring-full"]);
  return total.lost["ring-full"] as { toServer: number; toClient: number };
}

/**
 * One flow: some bytes, then `burst` bytes while the agent is stopped, then some again; `rounds` times. Afterwards a flow that
 * nothing disturbs.
 */
async function checkLoss(fixture: Fixture, burstBytes: number, rounds: number): Promise<void> {
  const capture = fixture.path("loss.pcapng");
  const quiet = await bytesOf(fixture, QUIET_BYTES);
  const burst = await bytesOf(fixture, burstBytes);
  await using server = new StepServer(fixture);
  await using agent = await Agent.start("source", fixture, capture);
  try {
    await using download = new Download(fixture, [server.url("/lossy")], agent.hookEnvironment);
    const connection = await server.accept();
    await connection.request();
    const { clientPort } = connection;
    const sent = new Sent(connection);
    await sent.respond(rounds * (burstBytes + QUIET_BYTES) + QUIET_BYTES);
    await sent.write(quiet);
    let forged = await fileExceeds(capture, QUIET_BYTES);
    for (let round = 1; round <= rounds; round++) {
      agent.child.kill("SIGSTOP");
      await sent.write(burst);
      await download.reached(round * (burstBytes + QUIET_BYTES));
      agent.child.kill("SIGCONT");
      // The ring held more than its first grant: once that is in the capture, there is room again.
      await fileExceeds(capture, forged + 200_000);
      await sent.write(quiet);
      await download.reached(round * (burstBytes + QUIET_BYTES) + QUIET_BYTES);
      forged = Deno.statSync(capture).size;
    }
    await connection.close();
    assert.equal((await download.ended).code, 0);
    const undisturbed = await checkUndisturbed(fixture, server, agent);
    const { total } = await agent.stop();
    const lost = ringFull(total);
    const context = JSON.stringify(total);
    assert.equal(total.imbalance, 0);
    assert.deepEqual(total.captured, server.bytes, context);
    assert.equal(lost.toServer, 0);
    assert(lost.toClient > 0 && lost.toClient < rounds * burstBytes, context);
    assert.equal(total.forged.toClient, server.bytes.toClient - lost.toClient);
    checkGaps(await connectionOf(capture, clientPort), await sent.all(), lost.toClient);
    await checkWhole(capture, undisturbed);
  } finally {
    agent.child.kill("SIGCONT");
  }
}

/** The connection of the client with this port: the agent may meet programs in another order than they came. */
async function connectionOf(capture: string, port: number): Promise<ForgedConnection> {
  const all = forgedConnections(await Deno.readFile(capture));
  const found = all.filter(({ name }) => name.startsWith(`127.0.0.1:${port}>`));
  assert.equal(found.length, 1, `connections from port ${port}`);
  return found[0];
}

/** A flow while nobody disturbs the agent; answers the client's port. */
async function checkUndisturbed(fixture: Fixture, server: StepServer, agent: Agent): Promise<number> {
  const body = fixture.body(QUIET_BYTES);
  await using download = new Download(fixture, [server.url("/whole")], agent.hookEnvironment);
  const connection = await server.accept();
  await connection.request();
  await connection.respond(QUIET_BYTES);
  await connection.write(await bytesOf(fixture, QUIET_BYTES));
  const { clientPort } = connection;
  await connection.close();
  assert.equal((await download.ended).sha256, body.sha256);
  return clientPort;
}

/** The flow of the client with this port is whole and faultless. */
async function checkWhole(capture: string, port: number): Promise<void> {
  assert.deepEqual((await connectionOf(capture, port)).gaps, [[], []]);
  const alone = `${capture}.whole.pcapng`;
  // The lossy connection would take the HTTP dissector half a minute.
  await runOk(
    "tshark",
    "-r",
    capture,
    "--disable-protocol",
    "http",
    "-Y",
    `tcp.port == ${port}`,
    "-w",
    alone,
  );
  await judgeStrict(alone, { expect: [["GET", "/whole", 200, QUIET_BYTES]] });
}

Deno.test({
  name: "loss: a little more than the largest ring passes while the agent is stopped",
  ...skipIf(lacking),
  fn: () => withFixture((fixture) => checkLoss(fixture, LITTLE_OVER_BYTES, 1)),
});

Deno.test({
  name: "loss: the agent is stopped twice, and twice the largest ring passes each time",
  ...skipIf(lacking),
  fn: () => withFixture((fixture) => checkLoss(fixture, FAR_OVER_BYTES, 2)),
});

/**
 * A program that begins and ends while the agent is stopped: nobody makes room in its ring. The agent's summary and the
 * program's connection in the capture.
 */
async function unattended(fixture: Fixture, bodyBytes: number, recordBytes: number, ...options: string[]) {
  const capture = fixture.path("unattended.pcapng");
  const body = fixture.body(bodyBytes);
  const bytes = await bytesOf(fixture, bodyBytes);
  await using server = new StepServer(fixture);
  await using agent = await Agent.start("source", fixture, capture, ...options);
  try {
    agent.child.kill("SIGSTOP");
    await using download = new Download(fixture, [server.url("/ends")], agent.hookEnvironment);
    const connection = await server.accept();
    const { clientPort } = connection;
    await connection.request();
    await connection.respond(bodyBytes);
    for (let at = 0; at < bodyBytes; at += recordBytes) {
      await connection.write(bytes.subarray(at, at + recordBytes));
    }
    await connection.close();
    assert.equal((await download.ended).sha256, body.sha256);
    agent.child.kill("SIGCONT");
    const undisturbed = await checkUndisturbed(fixture, server, agent);
    const { total } = await agent.stop();
    assert.equal(total.imbalance, 0);
    await checkWhole(capture, undisturbed);
    const cut = await connectionOf(capture, clientPort);
    return { total, lost: ringFull(total), cut, passed: server.bytes };
  } finally {
    agent.child.kill("SIGCONT");
  }
}

Deno.test({
  name: "loss: the gap of a program that has ended meanwhile is told too",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const { total, lost, cut, passed } = await unattended(fixture, LITTLE_OVER_BYTES, 1 << 16);
      assert.deepEqual(total.captured, passed);
      assert.equal(lost.toServer, 0);
      assert.deepEqual(cut.gaps[1].map(({ length }) => length), [lost.toClient]);
      assert.equal(cut.end, "fin");
    }),
});

Deno.test({
  name: "loss: without room even for the gap the bytes are counted, and the connection is cut off",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const records = slotsFor(FIRST_DATA, Infinity) + 1000;
      const { total, lost, cut, passed } = await unattended(fixture, records, 1, "--memory", "16MiB");
      const { toServer, toClient } = total.captured;
      // In which direction they went is not known.
      assert.equal(toServer + toClient, passed.toServer + passed.toClient);
      assert(lost.toServer + lost.toClient > 0);
      assert.deepEqual([cut.end, cut.gaps], ["reset", [[], []]]);
    }),
});
