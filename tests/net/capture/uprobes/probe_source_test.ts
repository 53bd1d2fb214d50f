// SPDX-License-Identifier: MIT
/** Probes in the kernel, at a copy of OpenSSL that nobody but the programs of these tests maps. */
import assert from "node:assert/strict";
import { libraryOf } from "../../../../net/capture/uprobes/libraries.ts";
import { ProbeSource } from "../../../../net/capture/uprobes/probe_source.ts";
import { buildHook } from "../../../../tools/hook.ts";
import { buildProbes } from "../../../../tools/probes.ts";
import { probesMissing } from "../../../e2e/support/probes.ts";
import { Child, runChild } from "../../../e2e/support/child.ts";
import { type Fixture, withFixture } from "../../../e2e/support/fixture.ts";
import { PROGRAMS } from "../../../e2e/support/python.ts";
import { PeerServer } from "../../../e2e/support/peer_server.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import {
  copyLibrary,
  copyMissing,
  INSTALLED,
  LIBRARY,
  probesAt,
  toldWhile,
} from "../../../support/probed_copy.ts";
import { missing, runOk } from "../../../support/run.ts";
import { skipIf } from "../../../support/skip.ts";
import type { CaptureGap, CaptureOpen } from "../../../../net/capture/target.ts";

const RING_BYTES = 1 << 20;
/** Eight times what the ring holds. */
const BODY_BYTES = 8 << 20;

const lacking = await probesMissing() ?? missing("curl", "openssl") ?? copyMissing();

/** A curl with that copy; answers how many bytes of body it got. */
async function download(fixture: Fixture, url: string, env: Record<string, string> = {}): Promise<number> {
  const args = [
    "--silent",
    "--show-error",
    "--http1.1",
    "--insecure",
    "-o",
    "/dev/null",
    "-w",
    "%{size_download}",
    url,
  ];
  const { stdout } = await runChild("curl", { args, env: { ...env, ...await copyLibrary(fixture) } });
  return Number(new TextDecoder().decode(stdout));
}

Deno.test({
  name:
    "probes: what finds no room in a ring that nobody reads is a gap of exactly its length, both ways to the byte",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const log = new CaptureLog();
      const source = await probesAt(fixture, log);
      await using server = new PeerServer(fixture);
      const { name } = fixture.body(BODY_BYTES);
      // The loop of the source does not run yet.
      assert.equal(await download(fixture, `https://localhost:${server.port}/${name}`), BODY_BYTES);
      const running = source.run();
      await log.until(() => log.of("close").length === 1);
      assert.equal(await download(fixture, `https://localhost:${server.port}/${name}`), BODY_BYTES);
      await log.until(() => log.of("close").length === 2);
      await source.close();
      await running;
      const { bytes } = await server.seen();
      const told = [0, 0];
      const lost = [0, 0];
      const passed = new Map<unknown, [number, number]>();
      for (const [method, , flow, ...rest] of log.calls) {
        const offsets = passed.get(flow) ?? [0, 0];
        if (method === "data") {
          const [direction, offset, data] = rest as [0 | 1, number, Uint8Array];
          assert.equal(offset, offsets[direction]);
          offsets[direction] += data.length;
          told[direction] += data.length;
        } else if (method === "gap") {
          const { direction, offset, length, reason } = rest[0] as CaptureGap;
          assert.deepEqual([offset, reason], [offsets[direction], "ring-full"]);
          offsets[direction] += length;
          lost[direction] += length;
        } else continue;
        passed.set(flow, offsets);
      }
      assert.deepEqual([told[0] + lost[0], told[1] + lost[1]], bytes);
      assert.ok(lost[1] > BODY_BYTES - 2 * RING_BYTES, `${lost[1]} bytes lost`);
      const counters = source.counters;
      assert.equal(counters.passed, counters.told + counters.lost);
      assert.deepEqual([counters.delivered, counters.missing], [told[0] + told[1], lost[0] + lost[1]]);
    }),
});

/** Of an ELF header: where the number of the machine is, and that of arm64. */
const MACHINE_AT = 18;
const ARM64 = 183;

Deno.test({
  name: "probes leave a library of another machine alone, which an emulator may run",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const path = fixture.path(LIBRARY);
      const file = await Deno.readFile(INSTALLED);
      new DataView(file.buffer).setUint16(MACHINE_AT, ARM64, true);
      await Deno.writeFile(path, file);
      const warnings: string[] = [];
      const source = new ProbeSource({
        object: await Deno.readFile(await buildProbes()),
        ringBytes: RING_BYTES,
        target: new CaptureLog(),
        nextProgram: () => 1,
        timeBaseNs: 0n,
        libraries: { find: () => [{ path, name: path, libraries: [libraryOf(LIBRARY)!], isGuess: false }] },
        warn: (message) => warnings.push(message),
      });
      assert.equal(source.counters.files, 0);
      assert.deepEqual(warnings, [`${path} is not probed: it is no ELF file of this machine's kind`]);
      await source.close();
    }),
});

Deno.test({
  name: "probes tell nothing of a program that carries the hook, and count what they skip",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = new PeerServer(fixture);
      const { name } = fixture.body(200_000);
      const { log, counters } = await toldWhile(fixture, async () => {
        const hook = { LD_PRELOAD: await buildHook(), SSLCOLLECTOR_RUNTIME: fixture.path("nobody") };
        await download(fixture, `https://localhost:${server.port}/${name}`, hook);
      });
      const { bytes } = await server.seen();
      assert.deepEqual(log.of("programStart"), []);
      assert.equal(counters.skipped, bytes[0] + bytes[1]);
    }),
});

/** Sessions of one program; the kernel cannot say whose code is where while another thread changes the program's mappings. */
const SESSIONS = Number(Deno.env.get("PROBE_REMAPPED_SESSIONS") ?? 8);

Deno.test({
  name:
    `probes tell ${SESSIONS} sessions of a program whose threads change its mappings all the time, and none of them where it carries the hook`,
  ...skipIf(lacking, missing("cc")),
  fn: () =>
    withFixture(async (fixture) => {
      const [remap, gate] = [fixture.path("remap.so"), fixture.path("gate")];
      await runOk("cc", "-shared", "-fPIC", "-O1", "-o", remap, `${PROGRAMS}/remap.c`, "-lpthread");
      await runOk("mkfifo", gate);
      const { log } = await toldWhile(fixture, async (log) => {
        await using server = new PeerServer(fixture);
        const { name } = fixture.body(1);
        const urls = Array(SESSIONS).fill(`https://localhost:${server.port}/${name}`);
        const curl = async (preload: string) => {
          await using _child = new Child("curl", {
            // When it reads the last one, it has had the others, and it runs until it gets that.
            args: ["--silent", "--insecure", "--header", "Connection: close", ...urls, `file://${gate}`],
            env: {
              LD_LIBRARY_PATH: fixture.path("lib"),
              LD_PRELOAD: preload,
              SSLCOLLECTOR_RUNTIME: fixture.path("nobody"),
            },
          });
          using _end = await Deno.open(gate, { write: true });
          const ticks = log.of("tick").length;
          await log.until(() => log.of("tick").length >= ticks + 2);
        };
        await curl(`${await buildHook()}:${remap}`);
        assert.deepEqual(log.of("programStart"), []);
        await curl(remap);
      });
      assert.equal(log.of("open").length, SESSIONS);
    }),
});

Deno.test({
  name: "probes tell what a session has agreed on: server name, protocol, cipher suite, TLS 1.2 and 1.3",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const { log } = await toldWhile(fixture, async () => {
        const { certificate, key } = fixture;
        for (const version of ["-tls1_2", "-tls1_3"]) {
          await using server = new Child("openssl", {
            args: ["s_server", "-www", version, "-alpn", "h2,http/1.1", "-accept", "127.0.0.1:0"]
              .concat("-cert", certificate, "-key", key),
          });
          const [, port] = await server.found("stdout", /^ACCEPT 127\.0\.0\.1:(\d+)$/m);
          assert.ok(await download(fixture, `https://localhost:${port}/`) > 0);
        }
      });
      const opens = log.of("open").map(([, , , open]) => open as CaptureOpen);
      assert.deepEqual(
        opens.map(({ alpn, sni, tlsVersion, cipherSuite }) => [alpn, sni, tlsVersion, cipherSuite !== 0]),
        [["http/1.1", "localhost", 0x0303, true], ["http/1.1", "localhost", 0x0304, true]],
      );
    }),
});

/** Attaches and detaches while programs run. */
const ROUNDS = Number(Deno.env.get("PROBE_ROUNDS") ?? 4);

Deno.test({
  name:
    `probes come and go ${ROUNDS} times under load: every program gets what it should, and is told as far as it was met`,
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = new PeerServer(fixture);
      const { name } = fixture.body(200_000);
      const url = `https://localhost:${server.port}/${name}`;
      let isOver = false;
      const load = async () => {
        let downloads = 0;
        for (; !isOver; downloads++) assert.equal(await download(fixture, url), 200_000);
        return downloads;
      };
      const log = new CaptureLog();
      await (await probesAt(fixture, log)).close();
      const loads = [load(), load()];
      for (let round = 0; round < ROUNDS; round++) {
        const source = await probesAt(fixture, log);
        const running = source.run();
        const before = log.of("close").length;
        await log.until(() => log.of("close").length > before);
        await source.close();
        await running;
      }
      isOver = true;
      const downloads = await Promise.all(loads);
      assert.ok(downloads[0] + downloads[1] >= ROUNDS);
    }),
});
