// SPDX-License-Identifier: MIT
/** Sessions behind STARTTLS, with and without a greeting that is made up. */
import assert from "node:assert/strict";
import { TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import { missingGreeting, type StarttlsMode } from "../../../net/mirror/starttls.ts";
import { pcapngHead } from "../../../net/wire/pcapng.ts";
import { judge, judgeMissing } from "../../ids/judge.ts";
import { concat } from "../../support/bytes.ts";
import { makeOpen, PipelineHarness, text } from "../../support/pipeline_harness.ts";
import { withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

type Write = readonly [direction: 0 | 1, text: string];

/** A message, from the first command behind STARTTLS on. */
const SMTP: readonly Write[] = [
  [TO_SERVER, "EHLO client.example\r\n"],
  [TO_CLIENT, "250-mail.example\r\n250 SIZE 1000000\r\n"],
  [TO_SERVER, "MAIL FROM:<a@client.example>\r\n"],
  [TO_CLIENT, "250 sender ok\r\n"],
  [TO_SERVER, "RCPT TO:<b@mail.example>\r\n"],
  [TO_CLIENT, "250 recipient ok\r\n"],
  [TO_SERVER, "DATA\r\n"],
  [TO_CLIENT, "354 go ahead\r\n"],
  [TO_SERVER, "From: a@client.example\r\nSubject: test\r\n\r\nhello\r\n.\r\n"],
  [TO_CLIENT, "250 queued\r\n"],
  [TO_SERVER, "QUIT\r\n"],
  [TO_CLIENT, "221 bye\r\n"],
];

const FTP: readonly Write[] = [
  [TO_SERVER, "USER anonymous\r\n"],
  [TO_CLIENT, "331 password, please\r\n"],
  [TO_SERVER, "PASS guest\r\n"],
  [TO_CLIENT, "230 logged in\r\n"],
  [TO_SERVER, "QUIT\r\n"],
  [TO_CLIENT, "221 bye\r\n"],
];

interface Begun {
  readonly port?: number;
  readonly starttls?: StarttlsMode;
  readonly late?: boolean;
  readonly offsets?: readonly [number, number];
}

function mirrored(writes: readonly Write[], { port = 587, starttls = "greet", ...open }: Begun = {}) {
  const harness = new PipelineHarness({ starttls });
  const { pipeline, program } = harness;
  const address = { ...makeOpen().address!, remotePort: port };
  pipeline.open(program, 1, makeOpen({ address, ...open }), 1e9);
  const offsets = [...open.offsets ?? [0, 0]];
  writes.forEach(([direction, bytes], at) => {
    harness.data(1, direction, offsets[direction], bytes, 1e9 + at * 1e6);
    offsets[direction] += bytes.length;
  });
  pipeline.close(program, 1, "orderly", 2e9);
  return harness;
}

const sent = (writes: readonly Write[], direction: 0 | 1) =>
  writes.filter(([of]) => of === direction).map(([, bytes]) => bytes).join("");

Deno.test("a greeting is marked on its own packet, counted apart, and in no book of clear text", () => {
  const harness = mirrored(SMTP);
  const [{ comments, streams, packets }] = harness.connections();
  const greeting = "220 starttls.invalid ESMTP sslcollector: this greeting is made up\r\n";
  assert.equal(text(streams[TO_SERVER]), sent(SMTP, TO_SERVER));
  assert.equal(text(streams[TO_CLIENT]), greeting + sent(SMTP, TO_CLIENT));
  assert.match(comments[0], /^program=curl .* attribution=socket /);
  assert.equal(
    comments[1],
    `made up: a greeting of ${greeting.length} bytes, since the session begins behind STARTTLS`,
  );
  const total = harness.total();
  const clear = [sent(SMTP, TO_SERVER).length, sent(SMTP, TO_CLIENT).length];
  assert.deepEqual([total.captured, total.decoded, total.written, total.forged], [
    clear,
    clear,
    clear,
    clear,
  ]);
  assert.equal(total.imbalance(), 0);
  assert.equal(total.packets, packets);
  assert.deepEqual([...total.events], [["starttls-greeted", 1], [
    "starttls-greeting-bytes",
    greeting.length,
  ]]);
});

Deno.test("nothing is made up unasked, where the server greets, nor of a session whose beginning is not known", () => {
  const greeted: Write[] = [[TO_CLIENT, "220 mail.example ESMTP\r\n"], ...SMTP];
  for (
    const harness of [
      mirrored(SMTP, { starttls: "none" }),
      mirrored(greeted),
      mirrored(SMTP, { port: 465 }),
      mirrored(SMTP, { late: true }),
      mirrored(SMTP, { offsets: [1, 0] }),
      mirrored([[TO_SERVER, "GET / HTTP/1.1\r\n\r\n"]]),
    ]
  ) {
    const [{ streams }] = harness.connections();
    assert.doesNotMatch(text(streams[TO_CLIENT]), /made up/);
    assert.equal(harness.total().events.size, 0);
  }
});

Deno.test("a session that rests and goes on is not greeted again", () => {
  const harness = new PipelineHarness({ starttls: "greet", idleNs: 1e9 });
  const address = { ...makeOpen().address!, remotePort: 25 };
  harness.pipeline.open(harness.program, 1, makeOpen({ address }), 1e9);
  harness.data(1, TO_SERVER, 0, "EHLO a\r\n", 1e9);
  harness.pipeline.tick(9e9);
  harness.data(1, TO_SERVER, 8, "NOOP\r\n", 10e9);
  const greetings = harness.connections().map(({ streams }) => /made up/.test(text(streams[TO_CLIENT])));
  assert.deepEqual(greetings, [true, false]);
});

Deno.test("greetings by port and first bytes", () => {
  const greeting = (port: number, first: string) => {
    const bytes = missingGreeting(port, TO_SERVER, new TextEncoder().encode(first));
    return bytes && text(bytes).split(" ", 1)[0];
  };
  for (
    const [port, first, begins] of [
      [25, "EHLO a\r\n", "220"],
      [587, "ehlo a\r\n", "220"],
      [25, "E", "220"],
      [25, "EHLOX", undefined],
      [25, "EH ", undefined],
      [25, "", undefined],
      [25, "\x16\x03\x01", undefined],
      [143, "a001 CAPABILITY\r\n", "*"],
      [143, "A.1 login u p\r\n", "*"],
      [143, "a001", "*"],
      [143, "a001 ", "*"],
      [143, "a001 GET", undefined],
      [143, "{} LOGIN", undefined],
      [143, "GET / HTTP/1.1\r\n", undefined],
      [110, "CAPA\r\n", "+OK"],
      [110, "EHLO a\r\n", undefined],
      [21, "USER a\r\n", "220"],
      [21, "PBSZ 0\r\n", "220"],
      [443, "EHLO a\r\n", undefined],
      [993, "a001 LOGIN u p\r\n", undefined],
    ] as const
  ) assert.equal(greeting(port, first), begins, `${port} ${JSON.stringify(first)}`);
  assert.equal(missingGreeting(25, TO_CLIENT, new TextEncoder().encode("EHLO a\r\n")), undefined);
});

/** What any session has for it that the server begins. */
const ALLOW = ["only one direction", "only_one_direction"];

async function judged(writes: readonly Write[], begun: Begun) {
  return await withTempDir(async (folder) => {
    const head = pcapngHead({ application: "test", interfaceName: "test" });
    await Deno.writeFile(`${folder}/capture.pcapng`, concat([head, mirrored(writes, begun).bytes()]));
    return await judge(`${folder}/capture.pcapng`, { allow: ALLOW });
  });
}

for (const [name, port, writes] of [["smtp", 25, SMTP], ["smtp", 587, SMTP], ["ftp", 21, FTP]] as const) {
  Deno.test({
    name: `${name} behind STARTTLS on ${port}: with a greeting Suricata finds no fault`,
    ...skipIf(judgeMissing()),
    async fn() {
      const without = await judged(writes, { port, starttls: "none" });
      const greeted = await judged(writes, { port });
      const missing = without.events["anomaly applayer NO_SERVER_WELCOME_MESSAGE"] ?? 0;
      assert.equal(missing > 0, name === "smtp");
      assert.deepEqual(greeted.events, {});
      assert.ok(greeted.kinds[name] >= without.kinds[name]);
    },
  });
}
