// SPDX-License-Identifier: MIT
/** Calls that send much at once, by a program with a copy of OpenSSL that nobody else maps. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { CaptureGap, CaptureOpen } from "../../../../net/capture/target.ts";
import { Child, runChild } from "../../../e2e/support/child.ts";
import { type Fixture, withFixture } from "../../../e2e/support/fixture.ts";
import { probesMissing } from "../../../e2e/support/probes.ts";
import { python, pythonLacks } from "../../../e2e/support/python.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import { copyLibrary, copyMissing, probesAt, toldWhile } from "../../../support/probed_copy.ts";
import { missing, runOk } from "../../../support/run.ts";
import { headerMissing, skipIf } from "../../../support/skip.ts";

/** Of the one call: more than the sockets hold, and the ring has room for both ways. */
const BYTES = Number(Deno.env.get("PROBED_HUGE_BYTES") ?? 20_000_000);
const RING_BYTES = 2 ** Math.ceil(Math.log2(2 * BYTES));
/** All: PROBED_HUGE_WAYS=blocking,again. */
const WAYS = (Deno.env.get("PROBED_HUGE_WAYS") ?? "again").split(",");
/** So much of it is read before anybody looks whether it was told. */
const READ_FIRST = 8 << 20;
/** Most that one record has. */
const PIECE_BYTES = 16 << 10;

/** The pattern that the client sends, and gets back. */
function pattern(count: number): Uint8Array {
  return Buffer.alloc(count, Uint8Array.from({ length: 251 }, (_, at) => at));
}

async function readInto(
  connection: Deno.TlsConn,
  buffer: Uint8Array,
  from: number,
  to: number,
): Promise<void> {
  for (let at = from; at < to;) {
    at += await connection.read(buffer.subarray(at, to)) ?? assert.fail("it ended");
  }
}

async function writeAll(connection: Deno.TlsConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

for (const how of WAYS) {
  Deno.test({
    name: `probes tell ${BYTES} bytes of one call (${how}) while they leave, and as many that come, whole`,
    ...skipIf(await probesMissing() ?? copyMissing() ?? pythonLacks("ssl")),
    fn: () =>
      withFixture(async (fixture) => {
        const log = new CaptureLog();
        const source = await probesAt(fixture, log, { ringBytes: RING_BYTES });
        const running = source.run();
        const [cert, key] = [fixture.certificate, fixture.key].map((path) => Deno.readTextFileSync(path));
        using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
        const [command, ...args] = python("tls_exchange.py", `${listener.addr.port}`, `${BYTES}`, how);
        await using client = new Child(command, { args, env: await copyLibrary(fixture) });
        using connection = await listener.accept();
        const got = new Uint8Array(BYTES + 1);
        await readInto(connection, got, 0, READ_FIRST);
        // The call is not over: nobody reads the rest.
        const toldOf = (direction: 0 | 1) =>
          log.of("data").filter(([, , , way]) => way === direction).map(([, , , , , bytes]) =>
            bytes as Uint8Array
          );
        const lengthOf = (direction: 0 | 1) => toldOf(direction).reduce((sum, { length }) => sum + length, 0);
        await log.until(() => log.of("data").length > READ_FIRST / 2 / PIECE_BYTES);
        await readInto(connection, got, READ_FIRST, got.length);
        await writeAll(connection, got.subarray(1));
        const { code, stdout } = await client.ended;
        assert.equal(code, 0);
        await source.close();
        await running;
        const sha256 = (parts: readonly Uint8Array[]) => {
          const hash = createHash("sha256");
          for (const part of parts) hash.update(part);
          return hash.digest("hex");
        };
        const sent = pattern(BYTES);
        assert.equal(new TextDecoder().decode(stdout).trim(), sha256([sent]));
        assert.deepEqual([lengthOf(0), lengthOf(1), log.of("gap")], [BYTES + 1, BYTES, []]);
        assert.equal(sha256(toldOf(0)), sha256([sent.subarray(0, 1), sent]));
        assert.equal(sha256(toldOf(1)), sha256([sent]));
      }),
  });
}

const OVERWRITTEN = fileURLToPath(new URL("programs/overwritten.c", import.meta.url));
/** Of its pattern. */
const PATTERN = 251;

/** What `overwritten` did as `how` says, and what was told of its client: bytes that are of the pattern, and gaps. */
async function overwritten(fixture: Fixture, bytes: number, how: string) {
  const program = fixture.path("overwritten");
  await runOk("cc", "-O1", "-o", program, OVERWRITTEN, "-lssl", "-lcrypto", "-lpthread");
  let stdout = "";
  const { log } = await toldWhile(fixture, async () => {
    const ended = await runChild(program, { args: [`${bytes}`, how], env: await copyLibrary(fixture) });
    stdout = new TextDecoder().decode(ended.stdout);
  }, { ringBytes: RING_BYTES });
  const client = log.of("open").find(([, , , open]) => !(open as CaptureOpen).isServer)?.[2];
  const callsOf = (method: "data" | "gap") => log.of(method).filter(([, , flow]) => flow === client);
  let told = 0;
  for (const [, , , , offset, bytes] of callsOf("data")) {
    const [begin, piece] = [offset as number, bytes as Uint8Array];
    assert.ok(piece.every((byte, at) => byte === (begin + at) % PATTERN), `piece at ${begin}`);
    told += piece.length;
  }
  const gaps = callsOf("gap").map(([, , , gap]) => gap as CaptureGap);
  return { told, gaps, stdout };
}

const unbuilt = await probesMissing() ?? copyMissing() ?? missing("cc") ??
  headerMissing("openssl/ssl.h", "libssl-dev");

/** Of small records it is not known so soon that they have left. */
for (const how of [...WAYS, "small"]) {
  Deno.test({
    name: `probes tell of one call (${how}) what left, or a gap, where a thread overwrites what the peer has`,
    ...skipIf(unbuilt),
    fn: () =>
      withFixture(async (fixture) => {
        const { told, gaps } = await overwritten(fixture, BYTES, how);
        const missing = gaps.reduce((sum, { length }) => sum + length, 0);
        assert.equal(told + missing, BYTES);
        if (how === "small") assert.notEqual(missing, 0);
        for (const { reason } of gaps) assert.equal(reason, "not-in-memory");
      }),
  });
}

/** More than the sockets hold. */
const GIVEN_UP_BYTES = 900_000;

Deno.test({
  name: "probes tell what a call has passed that fails in its middle and is not made again",
  ...skipIf(unbuilt),
  fn: () =>
    withFixture(async (fixture) => {
      const { told, gaps, stdout } = await overwritten(fixture, GIVEN_UP_BYTES, "given-up");
      assert.notEqual(told, 0);
      assert.deepEqual([told, gaps], [Number(stdout), []]);
    }),
});
