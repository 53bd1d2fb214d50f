// SPDX-License-Identifier: MIT
/** Sessions of GnuTLS, both ends in one process: what the client sent is what the server got, each byte once. @module */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { headerMissing, skipIf } from "../support/skip.ts";
import { Collector, compile, hooked, run, WORK } from "./native.ts";

const lacking = skipIf(missing("cc"), headerMissing("gnutls/gnutls.h", "libgnutls28-dev"));
const TOTAL = 60_000;

const ways = {
  "a send that is called again with more": ["more", 1],
  "records that are smaller than what is sent": ["short", 1],
  "a file that GnuTLS sends": ["file", 1],
  "records that are received with their numbers": ["sequence", 1],
  "a session whose functions carry another": ["carrier", 2],
} as const;

for (const [name, [way, sessions]] of Object.entries(ways)) {
  Deno.test(`GnuTLS: ${name}`, lacking, async () => {
    const program = await compilePair();
    const collector = await Collector.start();
    const output = await run(program, [way], await hooked(collector.runtime));
    await collector.stop();
    assert.deepEqual(output, { code: 0, signal: null, stdout: "", stderr: "" });
    const [clients, servers] = ([0, 1] as const).map((role) =>
      collector.flows.filter((flow) => flow.open.server === role)
        .map(({ bytes, hash, gaps }) => ({ bytes, hash, gaps }))
    );
    assert.equal(clients.length, sessions);
    assert.deepEqual(clients, servers);
    assert.deepEqual([clients.at(-1)!.bytes, clients.at(-1)!.gaps], [[TOTAL, 0], [0, 0]]);
  });
}

/** Its sessions begin before the hook is ready. */
async function compileEarly(): Promise<string> {
  await compile("libearly.so", ["gnutls_early.c"], ["-shared", "-fPIC", "-lgnutls"]);
  const linked = [`-L${WORK}`, "-learly", "-lgnutls", `-Wl,-rpath,${WORK}`];
  return await compile("gnutls_pair_early", ["gnutls_pair.c"], ["-DEARLY", ...linked]);
}

const compilePair = () => compile("gnutls_pair", ["gnutls_pair.c"], ["-lgnutls"]);

for (const [name, build] of [["of its own", compilePair], ["from before the hook", compileEarly]] as const) {
  Deno.test(`GnuTLS: its log is what it is without the hook, with sessions ${name}`, lacking, async () => {
    const program = await build();
    const collector = await Collector.start();
    // The lines of level 3; those of 2 name addresses.
    const level = { GNUTLS_DEBUG_LEVEL: "3" };
    const log = (text: string) => text.split("\n").filter((line) => line.includes("[3]"));
    const [mirrored, plain] = [
      await run(program, ["more"], { ...level, ...await hooked(collector.runtime) }),
      await run(program, ["more"], level),
    ];
    await collector.stop();
    assert.deepEqual(collector.flows.map(({ open }) => open.server).toSorted(), [0, 1]);
    assert.match(mirrored.stderr, /ASSERT/);
    assert.deepEqual([mirrored.code, log(mirrored.stderr)], [plain.code, log(plain.stderr)]);
  });
}

Deno.test("GnuTLS: ends and names of sessions from before the hook", lacking, async () => {
  const program = await compileEarly();
  const collector = await Collector.start();
  const output = await run(program, ["more"], await hooked(collector.runtime));
  await collector.stop();
  assert.deepEqual(output, { code: 0, signal: null, stdout: "", stderr: "" });
  const ends = collector.flows.map(({ open }) => [open.server, open.sni]).toSorted();
  assert.deepEqual(ends, [[0, "early.example"], [1, "early.example"]]);
});

Deno.test("GnuTLS: a file that the kernel encrypts is a gap", skipIf(missing("cc")), async () => {
  await compile("libkernel.so", ["tiny_gnutls.c"], ["-shared", "-fPIC", "-DNUMBER=1"]);
  const linked = [`-L${WORK}`, "-lkernel", `-Wl,-rpath,${WORK}`];
  const program = await compile("gnutls_kernel", ["gnutls_kernel.c"], linked);
  const collector = await Collector.start();
  const { code } = await run(program, [], await hooked(collector.runtime));
  await collector.stop();
  assert.equal(code, 0);
  assert.deepEqual(collector.flows.map(({ bytes, gaps }) => [bytes, gaps]), [[[5, 0], [7000, 0]]]);
});
