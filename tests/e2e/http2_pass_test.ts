// SPDX-License-Identifier: MIT
/** What is no HTTP/2 passes through `--codec http2to1` unchanged. */
import assert from "node:assert/strict";
import { forgedConnections } from "../support/forged.ts";
import { missing } from "../support/run.ts";
import { seededRandom } from "../support/random.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { mirrorOptions, runSslcollector, summaryOf } from "./support/sslcollector.ts";
import { curlArguments } from "./support/curl.ts";
import { smallAndMedium } from "./support/exchange.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { checkClient } from "./support/mirrored.ts";

const lacking = missing("curl", "openssl", "tshark") ?? judgeMissing();

const OPTIONS = ["--codec", "http2to1"];

Deno.test({
  name: "http2to1 leaves HTTP/1.1 as it is: 1 B to 1.5 MB both ways",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const { summary } = await checkClient("source", fixture, {
        program: "curl",
        role: "client",
        hostname: "127.0.0.1",
        options: OPTIONS,
        command: (target) => ["curl", ...curlArguments(smallAndMedium(fixture), target, fixture)],
      });
      assert.deepEqual(summary.total.events, {});
    }),
});

/** A conversation: what the client sends first, and what the server answers once it has it, or greets with. */
interface Talk {
  readonly greeting?: Uint8Array<ArrayBuffer>;
  readonly sent: Uint8Array<ArrayBuffer>;
  readonly answer: Uint8Array<ArrayBuffer>;
}

/** `openssl s_client`, mirrored, against a server in the test's own process. */
async function checkTalk(fixture: Fixture, { greeting, sent, answer }: Talk): Promise<void> {
  using listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: await Deno.readTextFile(fixture.certificate),
    key: await Deno.readTextFile(fixture.key),
  });
  const serve = async () => {
    using connection = await listener.accept();
    const writer = connection.writable.getWriter();
    if (greeting) await writer.write(greeting);
    const chunk = new Uint8Array(65_536);
    for (let received = 0; received < sent.length;) {
      received += (await connection.read(chunk)) ?? assert.fail("early end");
    }
    await writer.write(answer);
    await connection.closeWrite();
    while (await connection.read(chunk) !== null);
  };
  const serving = serve();
  const capture = fixture.path(`${crypto.randomUUID()}.pcapng`);
  const { port } = listener.addr as Deno.NetAddr;
  const client = ["openssl", "s_client", "-connect", `127.0.0.1:${port}`, "-quiet", "-nocommands"];
  const ended = await runSslcollector(
    "source",
    fixture,
    ["run", ...mirrorOptions(capture), ...OPTIONS, "--", ...client],
    { input: sent },
  );
  await serving;
  const { total } = summaryOf(ended);
  assert.deepEqual([total.lost, total.unforged, total.events, total.imbalance], [{}, {}, {}, 0]);
  const connections = forgedConnections(await Deno.readFile(capture));
  const expected = new Uint8Array([...greeting ?? [], ...answer]);
  assert.equal(connections.length, 1);
  assert.match(connections[0].comments[0], / codec=raw /);
  assert.deepEqual(connections[0].streams, [sent, expected]);
}

const ascii = (text: string) => new TextEncoder().encode(text);

/** PostgreSQL's start-up message and a query; authentication ok, a row and ready. */
const POSTGRES: Talk = {
  sent: ascii("\0\0\0\x21\0\x03\0\0user\0alice\0database\0shop\0\0Q\0\0\0\x0eSELECT 1;\0"),
  answer: ascii(
    "R\0\0\0\x08\0\0\0\0Z\0\0\0\x05IT\0\0\0\x0c\0\x01a\0D\0\0\0\x0b\0\x01\0\0\0\x011C\0\0\0\x0dSELECT 1\0",
  ),
};
const GREETED: Talk = {
  greeting: ascii("220 mail.example.test ESMTP\r\n"),
  sent: ascii("EHLO example.test\r\nQUIT\r\n"),
  answer: ascii("250 mail.example.test\r\n221 bye\r\n"),
};

Deno.test({
  name: "http2to1 leaves PostgreSQL, a server that speaks first and random bytes as they are",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await checkTalk(fixture, POSTGRES);
      await checkTalk(fixture, GREETED);
      const random = seededRandom("random bytes through http2to1");
      await checkTalk(fixture, { sent: random.bytes(300_000), answer: random.bytes(300_000) });
      // What begins as the preface does and is none.
      await checkTalk(fixture, { sent: ascii("PRI * HTTP/2.0\r\n\r\nSN no"), answer: random.bytes(99) });
    }),
});
