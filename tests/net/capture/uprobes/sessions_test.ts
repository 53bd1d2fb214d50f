// SPDX-License-Identifier: MIT
/** Sessions of programs that fork, run themselves again, are confined, or have very many of them, as probes tell them. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { CaptureGap, CaptureOpen, CaptureProgram } from "../../../../net/capture/target.ts";
import { SESSION_KEY } from "../../../../net/capture/uprobes/layout.ts";
import { buildProbes } from "../../../../tools/probes.ts";
import { type Fixture, withFixture } from "../../../e2e/support/fixture.ts";
import { probesMissing } from "../../../e2e/support/probes.ts";
import type { CaptureLog } from "../../../support/capture_log.ts";
import { copyLibrary, copyMissing, toldWhile } from "../../../support/probed_copy.ts";
import { headerMissing, skipIf } from "../../../support/skip.ts";
import { missing, runOk } from "../../../support/run.ts";
import { awaited, until } from "../../../support/until.ts";

const SOURCE = fileURLToPath(new URL("programs/sessions.c", import.meta.url));
/** Of a message, and how often one passes in a row. */
const MESSAGE = 1000;
const ROUNDS = 20;

/** Of the map `sessions`. */
const MAP_HASH = 1;
const PLACES = 131_072;

const lacking = await probesMissing() ?? missing("cc", "openssl") ??
  headerMissing("openssl/ssl.h", "libssl-dev") ??
  copyMissing();

/** The program with its own copy of the library; it waits at each of its steps. */
class Sessions {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(program: string, args: readonly string[], env: Record<string, string>) {
    this.#child = new Deno.Command(program, { args: [...args], env, stdin: "piped", stdout: "piped" })
      .spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  static async start(fixture: Fixture, ...args: string[]): Promise<Sessions> {
    return new Sessions(await built(fixture), args, await copyLibrary(fixture));
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when it waits behind this word. */
  async at(word: string): Promise<void> {
    while (!this.#text.endsWith(`${word}\n`)) {
      const { value, done } = await awaited(`"${word}" of the program`, this.#output.read());
      assert.ok(!done, `it ended without "${word}"`);
      this.#text += value;
    }
  }

  async goOn(): Promise<void> {
    this.#text = "";
    await this.#input.write(Uint8Array.of(1));
  }

  /** Lets it go on from its last step; fails unless it ends well. */
  async end(): Promise<void> {
    await this.goOn();
    await this.#input.close();
    const { code, signal } = await awaited("the end of the program", this.#child.status);
    await this.#output.cancel();
    assert.deepEqual({ code, signal }, { code: 0, signal: null });
  }
}

/** The program's path; it is compiled once. */
async function built(fixture: Fixture): Promise<string> {
  const program = fixture.path("sessions");
  const isThere = await Deno.stat(program).then(() => true, () => false);
  if (!isThere) await runOk("cc", "-O1", "-o", program, SOURCE, "-lssl", "-lcrypto");
  return program;
}

/** What was told of a flow. */
interface ToldFlow {
  readonly open: CaptureOpen;
  readonly program: CaptureProgram;
  /** Bytes told and bytes missing, both ways together. */
  told: number;
  missing: number;
  end: string | undefined;
}

function flowsOf(log: CaptureLog): ToldFlow[] {
  const flows = new Map<unknown, ToldFlow>();
  for (const [method, program, flow, ...rest] of log.calls) {
    if (method === "open") {
      const open = rest[0] as CaptureOpen;
      flows.set(flow, { open, program: program as CaptureProgram, told: 0, missing: 0, end: undefined });
    } else if (method === "data") flows.get(flow)!.told += (rest[2] as Uint8Array).length;
    else if (method === "gap" && flow !== 0) flows.get(flow)!.missing += (rest[0] as CaptureGap).length;
    else if (method === "close") flows.get(flow)!.end = rest[0] as string;
  }
  return [...flows.values()];
}

for (const way of ["strict", "filter"]) {
  Deno.test({
    name:
      `probes come to a program under a seccomp filter that leaves it next to nothing (${way}), tell it, and go`,
    ...skipIf(lacking),
    fn: () =>
      withFixture(async (fixture) => {
        const program = await Sessions.start(fixture, "confined", way);
        await program.at("begun");
        await program.goOn();
        await program.at("confined");
        const { log } = await toldWhile(fixture, async () => {
          await program.goOn();
          await program.at("probed");
        });
        await program.goOn();
        await program.at("left");
        await program.end();
        const flows = flowsOf(log);
        // Both ends of the session that goes on, and of the one that was made under the filter.
        assert.deepEqual(
          flows.map(({ open }) => open.late).sort(),
          way === "strict" ? [true, true] : [false, false, true, true],
        );
        for (const { told, missing } of flows) assert.deepEqual([told, missing], [2 * ROUNDS * MESSAGE, 0]);
      }),
  });
}

/** Sessions at a time. The full number: PROBE_SESSIONS=10000. */
const SESSIONS = Number(Deno.env.get("PROBE_SESSIONS") ?? 200);

Deno.test({
  name: `probes tell both ends of ${SESSIONS} sessions that are open at a time, each byte and each end`,
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const { log, counters } = await toldWhile(fixture, async () => {
        const program = await Sessions.start(fixture, "many", String(SESSIONS));
        await program.at("begun");
        await program.goOn();
        await program.at("open");
        await program.end();
      }, { ringBytes: 64 << 20 });
      const flows = flowsOf(log);
      assert.equal(flows.length, 2 * SESSIONS);
      assert.equal(new Set(flows.map(({ open }) => open.clientRandom)).size, SESSIONS);
      for (const { open, told, missing, end } of flows) {
        assert.deepEqual([open.late, told, missing, end], [false, 4 * MESSAGE, 0, "orderly"]);
      }
      const { passed, told, lost } = counters;
      assert.deepEqual([passed, told, lost], [8 * SESSIONS * MESSAGE, 8 * SESSIONS * MESSAGE, 0]);
    }),
});

/** The probes with so many places for sessions. */
async function withPlaces(places: number): Promise<Uint8Array<ArrayBuffer>> {
  const object = await Deno.readFile(await buildProbes());
  const words = new DataView(object.buffer);
  const word = (at: number) => words.getUint32(at, true);
  let found = 0;
  // struct map_definition: type, key, value, entries, flags.
  for (let at = 0; at + 20 <= object.length; at += 4) {
    if (word(at) !== MAP_HASH || word(at + 4) !== SESSION_KEY.size || word(at + 12) !== PLACES) continue;
    words.setUint32(at + 12, places, true);
    found++;
  }
  assert.equal(found, 1);
  return object;
}

Deno.test({
  name: "probes count what sessions pass that no place is left for, and tell the others to the end",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const warnings: string[] = [];
      const warn = (message: string) => warnings.push(message);
      const [sessions, places] = [100, 64];
      const { log, counters } = await toldWhile(fixture, async () => {
        const program = await Sessions.start(fixture, "many", String(sessions));
        await program.at("begun");
        await program.goOn();
        await program.at("open");
        await program.end();
      }, { object: await withPlaces(places), warn });
      const { passed, told, lost, missing } = counters;
      assert.deepEqual([passed, lost, missing], [8 * sessions * MESSAGE, passed - told, lost]);
      assert.ok(lost > 0 && told >= places * 4 * MESSAGE, `${told} told, ${lost} lost`);
      assert.equal(flowsOf(log).reduce((sum, flow) => sum + flow.told, 0), told);
      const gaps = log.of("gap").map(([, , flow, gap]) => [flow, gap as CaptureGap] as const);
      assert.equal(gaps.reduce((sum, [, { length }]) => sum + length, 0), lost);
      assert.ok(gaps.every(([flow, { reason }]) => flow === 0 && reason === "no-place"));
      assert.deepEqual(warnings, [
        `${lost / MESSAGE} calls of TLS libraries were not followed: no place was left for them`,
      ]);
    }),
});

Deno.test({
  name:
    "probes tell a child and a grandchild as going on with a session, also when who forked them has freed it",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const { log } = await toldWhile(fixture, async () => {
        const program = await Sessions.start(fixture, "forked");
        await program.at("begun");
        await program.end();
      });
      const flows = flowsOf(log);
      assert.equal(new Set(flows.map(({ open }) => open.clientRandom)).size, 1);
      assert.deepEqual(
        flows.map(({ open: { inherited, late, offsets, isServer }, told }) => [
          isServer ? "server" : "client",
          ...[inherited, late, ...offsets, told],
        ]),
        [0, 1, 2].flatMap((generation) =>
          ["client", "server"].map((role) => [
            role,
            ...[generation > 0, false, generation * MESSAGE, generation * MESSAGE, 2 * MESSAGE],
          ])
        ),
      );
    }),
});

Deno.test({
  name:
    "probes end the sessions of a program that another one takes the place of, and tell that as a program of its own",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const { log } = await toldWhile(fixture, async (log) => {
        const program = await Sessions.start(fixture, "again");
        await program.at("begun");
        await program.goOn();
        await program.at("begun");
        await log.until(() => log.of("programEnd").length === 1);
        await program.end();
      });
      const flows = flowsOf(log);
      assert.equal(new Set(flows.map(({ program }) => program.id)).size, 2);
      assert.equal(new Set(flows.map(({ open }) => open.clientRandom)).size, 2);
      assert.deepEqual(
        flows.map(({ open, told }) => [open.late, open.inherited, told]),
        Array(4).fill([false, false, 2 * MESSAGE]),
      );
    }),
});

/** Processes one after the other; an even number. PROBE_PROCESSES=2000 for the whole. */
const PROCESSES = Number(Deno.env.get("PROBE_PROCESSES") ?? 10);

Deno.test({
  name: `probes keep nothing of ${PROCESSES} processes that ended and left their sessions behind`,
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      // Each of the processes has two sessions: there are places for half of them.
      const { log } = await toldWhile(fixture, async (log) => {
        const runHalf = async () => {
          const ended = log.of("programEnd").length + PROCESSES / 2;
          for (let left = PROCESSES / 2; left > 0; left--) {
            const program = await Sessions.start(fixture, "again", "last");
            await program.at("begun");
            await program.end();
          }
          await log.until(() => log.of("programEnd").length === ended);
        };
        const descriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;
        await runHalf();
        const before = descriptors();
        await runHalf();
        // Those of the programs' pipes may take a moment.
        await until("no more descriptors than before", () => descriptors() <= before);
      }, { object: await withPlaces(PROCESSES) });
      const flows = flowsOf(log);
      assert.equal(flows.length, 2 * PROCESSES);
      for (const { told, missing } of flows) assert.deepEqual([told, missing], [2 * MESSAGE, 0]);
    }),
});
