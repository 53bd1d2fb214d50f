// SPDX-License-Identifier: MIT
/** The hook reads the caller's memory only while the call owns it. @module */
import assert from "node:assert/strict";
import { certificateFiles, Collector, compile, hooked, type Output, run, sumOf, WORK } from "./native.ts";

const CALLS = ["write", "writev", "send", "sendto", "sendmsg", "sendmmsg"];
const LINKED = [`-L${WORK}`, "-lfake", `-Wl,-rpath,${WORK}`];

/** Ends of this test's programs that went as they should. */
const fine = (stdout: string): Output => ({ code: 0, signal: null, stdout, stderr: "" });

async function library(): Promise<void> {
  await compile("libfake.so", ["fake_tls.c"], ["-shared", "-fPIC"]);
}

/** The library's `fake_byte` of direction `toServer`. */
function fakeBytes(seed: bigint, length: number): Uint8Array {
  const first = Number(BigInt.asUintN(64, seed * 0x9e3779b97f4a7c15n) >> 56n);
  return Uint8Array.from({ length }, (_, offset) => first + offset * 7 + (offset >> 8) * 13);
}

Deno.test("a reader frees what an output call sends before the call returns", async (t) => {
  await library();
  const program = await compile("outputs", ["outputs.c"], LINKED);
  const release = await compile("librelease.so", ["release.c"], ["-shared", "-fPIC"]);
  for (const agent of [false, true]) {
    const collector = agent ? await Collector.start() : undefined;
    const env = await hooked(collector?.runtime ?? `${WORK}/none`);
    for (const call of CALLS) {
      for (const how of [[], ["expected"]]) {
        await t.step(`${call} ${how} ${agent ? "with" : "without"} an agent`, async () => {
          const preloaded = { ...env, LD_PRELOAD: `${env.LD_PRELOAD}:${release}` };
          const output = await run(program, [call, "released", ...how], preloaded);
          assert.deepEqual(output, fine(call === "sendmmsg" ? "1\n" : "200\n"));
        });
      }
    }
    await collector?.stop();
  }
});

Deno.test("what an output call cannot read ends in EFAULT, as without the hook", async (t) => {
  await library();
  const program = await compile("outputs", ["outputs.c"], LINKED);
  const env = await hooked(`${WORK}/none`);
  for (const call of CALLS) {
    for (const how of [[], ["expected"]]) {
      await t.step(`${call} ${how}`, async () => {
        const expected = await run(program, [call, "unreadable", ...how]);
        assert.match(expected.stdout, /Bad address/);
        assert.deepEqual(await run(program, [call, "unreadable", ...how], env), expected);
      });
    }
  }
});

Deno.test("a client in memory has the connection on which its server answered", async (t) => {
  const program = await compile("answers", ["answers.c"], ["-lssl", "-lcrypto", "-lpthread"]);
  const { cert, key } = await certificateFiles();
  for (
    const [call, step] of [["read", 4096], ["readv", 4096], ["recv", 7], ["recvfrom", 5], ["recvmsg", 43]]
  ) {
    await t.step(`${call}, ${step} bytes`, async () => {
      const collector = await Collector.start();
      const env = { ...await hooked(collector.runtime), CERT: cert, KEY: key };
      const output = await run(program, [String(call), String(step)], env);
      await collector.stop();
      assert.deepEqual([output.code, output.stderr], [0, ""]);
      const clients = collector.flows.map(({ open }) => open).filter(({ server }) => server === 0);
      const ports = clients.map(({ localPort, remotePort }) => `${localPort} ${remotePort}\n`);
      assert.equal(ports.join(""), output.stdout);
      assert.deepEqual(clients.map(({ grade }) => grade), ["hello", "hello"]);
    });
  }
});

Deno.test("a reader frees what a TLS library sends before the call returns; every byte is told", async () => {
  await library();
  const program = await compile("released", ["released.c"], LINKED);
  const sizes = [1, 100, 512, 513, 16384, 16385, 100_000, 262_144, 262_145, 1_000_000, 3];
  const collector = await Collector.start();
  const output = await run(program, sizes.map(String), await hooked(collector.runtime));
  await collector.stop();
  assert.deepEqual(output, fine(""));
  const total = sizes.reduce((sum, size) => sum + size);
  const [flow] = collector.flows;
  assert.deepEqual([flow.bytes, flow.gaps], [[total, 0], [0, 0]]);
  assert.equal(flow.hash[0], sumOf(fakeBytes(42n, total)));
});

Deno.test("a reader on another thread frees what OpenSSL's SSL_write sends", async () => {
  const program = await compile("tls_released", ["tls_released.c"], ["-lssl", "-lcrypto", "-lpthread"]);
  const { cert, key } = await certificateFiles();
  const collector = await Collector.start();
  const output = await run(program, [cert, key, "400"], await hooked(collector.runtime));
  await collector.stop();
  assert.deepEqual(output, fine("ok\n"));
  const bytes = collector.flows.flatMap((flow) => flow.bytes).filter((length) => length > 0);
  assert.deepEqual(bytes, [400 * 16_384, 400 * 16_384]);
});
