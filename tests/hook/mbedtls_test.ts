// SPDX-License-Identifier: MIT
/** Programs with mbed TLS go on as they do without the hook, and what is told of their sessions is so of each. @module */
import assert from "node:assert/strict";
import { FLAG } from "../../net/capture/record/layout.ts";
import { missing } from "../support/run.ts";
import { headerMissing, skipIf } from "../support/skip.ts";
import { certificateFiles, Collector, compile, type Flow, hooked, type Output, run, WORK } from "./native.ts";

const lacking = skipIf(missing("cc"), headerMissing("mbedtls/ssl.h", "libmbedtls-dev"));
/** As many sessions as surely have a place for their hellos. */
const PAIRS = 8;
/** Hellos that are kept, and pairs of sessions that are more. */
const PLACES = 64;
const MANY_PAIRS = 40;

async function pairs(args: string[], env: Record<string, string> = {}): Promise<Output> {
  const program = await compile("mbedtls_pairs", ["mbedtls_pairs.c"], [
    "-lmbedtls",
    "-lmbedx509",
    "-lmbedcrypto",
  ]);
  const { cert, key } = await certificateFiles();
  return await run(program, args, { CERT: cert, KEY: key, ...env });
}

const fine: Output = { code: 0, signal: null, stdout: "ok\n", stderr: "" };

/** What is told of pairs that do as they do without the hook. */
async function flowsOf(...args: string[]): Promise<Flow[]> {
  const collector = await Collector.start();
  assert.deepEqual(await pairs(args, await hooked(collector.runtime)), fine);
  await collector.stop();
  return collector.flows;
}

Deno.test(
  "mbed TLS: functions of the program's that send read nothing that the kernel would not",
  lacking,
  async () => {
    const expected = await pairs(["unreadable"]);
    assert.match(expected.stdout, /Bad address\n.*ok\n$/s);
    assert.deepEqual(await pairs(["unreadable"], await hooked(`${WORK}/none`)), expected);
  },
);

Deno.test(
  "mbed TLS: a session that ends without room for it asks for no names, which are gone",
  lacking,
  async () => {
    assert.deepEqual(await pairs(["ended", "1000"], await hooked(`${WORK}/none`)), fine);
  },
);

Deno.test(
  "mbed TLS: handshakes at the same time have randoms, names and addresses of their own",
  lacking,
  async () => {
    const opens = (await flowsOf("together", `${PAIRS}`)).map(({ open }) => open);
    assert.equal(opens.length, 2 * PAIRS);
    for (const server of [0, 1]) {
      const told = opens.filter((open) => open.server === server);
      assert.deepEqual(told.filter(({ sni, random }) => sni !== "pair.example" || /^0*$/.test(random)), []);
      assert.equal(new Set(told.map(({ random }) => random)).size, PAIRS);
      assert.equal(
        new Set(told.map(({ localPort, remotePort }) => `${localPort} ${remotePort}`)).size,
        PAIRS,
      );
    }
  },
);

Deno.test(
  "mbed TLS: of more handshakes at the same time than are kept, each that is not says so",
  lacking,
  async () => {
    const opens = (await flowsOf("together", `${MANY_PAIRS}`)).map(({ open }) => open);
    assert.equal(opens.length, 2 * MANY_PAIRS);
    const isGone = ({ flags }: { flags: number }) => (flags & FLAG.helloGone) !== 0;
    const isUnknown = ({ sni, random }: { sni: string; random: string }) => sni === "" && /^0*$/.test(random);
    assert.deepEqual(opens.filter((open) => isGone(open) !== isUnknown(open)), []);
    const gone = opens.filter(isGone).length;
    assert.ok(gone >= 2 * MANY_PAIRS - PLACES && gone < 2 * MANY_PAIRS, `${gone} are gone`);
  },
);

Deno.test(
  "mbed TLS: a server's configuration says so still when many others have come and gone",
  lacking,
  async () => {
    const flows = await flowsOf("configured", "1000");
    assert.deepEqual(flows.map(({ open, bytes }) => [open.server, bytes]), [[0, [22, 0]], [1, [
      22,
      0,
    ]]]);
  },
);

Deno.test("mbed TLS: a session within another has its own random and name", lacking, async () => {
  const inner = (await flowsOf("carried")).filter(({ bytes }) => bytes[0] === 22).map(({ open }) => open);
  assert.deepEqual(inner.map(({ server, sni }) => [server, sni]).sort(), [[0, "pair.example"], [
    1,
    "pair.example",
  ]]);
  assert.equal(inner[0].random, inner[1].random);
  assert.doesNotMatch(inner[0].random, /^0*$/);
});
