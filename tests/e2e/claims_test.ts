// SPDX-License-Identifier: MIT
/** What a program of uid 65534 claims of addresses and sessions that are root's, held against the kernel by a real agent. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type ForgedConnection, forgedConnections } from "../support/forged.ts";
import { TextLineStream } from "../support/lines.ts";
import { notRoot, skipIf } from "../support/skip.ts";
import { awaited } from "../support/until.ts";
import type { Opened, Telling } from "./programs/teller.ts";
import { withFixture } from "./support/fixture.ts";
import { Agent, type Summary } from "./support/sslcollector.ts";

const NOBODY = 65_534;
const RANDOM = "ab".repeat(32);
const OTHER_RANDOM = "cd".repeat(32);
const TELLER = fileURLToPath(new URL("programs/teller.ts", import.meta.url));
const lacking = notRoot("programs of two users");

/** A program that tells the agent what it is told to. */
class Teller implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: ReadableStreamDefaultReader<string>;

  constructor(directory: string, uid: number) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", TELLER, directory, `${uid}`],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    const text = this.#child.stdout.pipeThrough(new TextDecoderStream());
    this.#answers = text.pipeThrough(new TextLineStream()).getReader();
  }

  /** Answers when the agent has read it. */
  async tell(telling: Telling): Promise<string> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(telling)}\n`));
    const { value } = await awaited("an answer of the teller", this.#answers.read());
    assert.ok(value !== undefined, "the teller has ended");
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#child.status;
  }
}

/** Root tells of a real connection; in the middle of it nobody makes `claim`, of that connection. */
async function scene(
  claim: (client: number, server: number) => Opened,
  check: (own: string, connections: ForgedConnection[], claimant: Summary["programs"][number]) => void,
): Promise<void> {
  await withFixture(async (fixture) => {
    const capture = fixture.path("claims.pcapng");
    await using agent = await Agent.start("source", fixture, capture);
    const directory = fixture.path("runtime");
    {
      await using root = new Teller(directory, 0);
      await using nobody = new Teller(directory, NOBODY);
      const [client, server] = (await root.tell("connect")).split(" ").map(Number);
      const open = {
        local: ["127.0.0.1", client],
        remote: ["127.0.0.1", server],
        clientRandom: RANDOM,
      } as const;
      await root.tell({ flow: 1, open, offset: 0, words: "GET /own " });
      const claimed = claim(client, server);
      await nobody.tell({ flow: 7, open: claimed, offset: claimed.offset ?? 0, words: "GET /planted " });
      await root.tell({ flow: 1, offset: 9, words: "HTTP/1.1" });
      const summary = await agent.stop();
      const claimant = summary.programs.find(({ uid }) => uid === NOBODY)!;
      assert.equal(summary.total.imbalance, 0);
      check(
        `127.0.0.1:${client}>127.0.0.1:${server}`,
        forgedConnections(await Deno.readFile(capture)),
        claimant,
      );
    }
  });
}

const words = ({ streams }: ForgedConnection) => new TextDecoder().decode(streams[0]);

const CLAIMS: [string, (client: number, server: number) => Opened, Record<string, number>][] = [
  [
    "the 5-tuple of root's connection, for a session of its own",
    (client, server) => ({
      local: ["127.0.0.1", client],
      remote: ["127.0.0.1", server],
      clientRandom: OTHER_RANDOM,
    }),
    { "flow-another-users-address": 1 },
  ],
  [
    "root's session, as inherited",
    (client, server) => ({
      local: ["127.0.0.1", client],
      remote: ["127.0.0.1", server],
      clientRandom: RANDOM,
      inherited: true,
      offset: 9,
    }),
    { "another-users-session": 1, "flow-another-users-address": 1 },
  ],
  [
    "root's session, as its other end",
    (client, server) => ({
      local: ["127.0.0.1", server],
      remote: ["127.0.0.1", client],
      clientRandom: RANDOM,
      isServer: true,
    }),
    { "another-users-session": 1, "flow-another-users-address": 1 },
  ],
];

for (const [what, claim, events] of CLAIMS) {
  Deno.test({
    name: `nobody claims ${what}: refused and counted, root's flow is whole`,
    ...skipIf(lacking),
    fn: () =>
      scene(claim, (own, connections, claimant) => {
        assert.deepEqual(connections.map(({ name }) => name), [own]);
        assert.equal(words(connections[0]), "GET /own HTTP/1.1");
        assert.match(connections[0].comments[0], /uid=0 /);
        assert.doesNotMatch(connections[0].comments[0], /address=/);
        assert.deepEqual(claimant.events, events);
        assert.deepEqual(claimant.lost, { "another-users-address": { toServer: 13, toClient: 0 } });
      }),
  });
}

Deno.test({
  name: "nobody claims an address that this host has not: marked and counted",
  ...skipIf(lacking),
  fn: () =>
    scene(
      () => ({ local: ["203.0.113.77", 40_000], remote: ["127.0.0.1", 443], clientRandom: OTHER_RANDOM }),
      (own, connections, claimant) => {
        const [invented] = connections.filter(({ name }) => name === "203.0.113.77:40000>127.0.0.1:443");
        assert.match(invented.comments[0], /uid=65534 .*address=claimed/);
        assert.equal(claimant.claimed, 1);
        assert.deepEqual(connections.filter(({ name }) => name === own).map(words), ["GET /own HTTP/1.1"]);
      },
    ),
});
