// SPDX-License-Identifier: MIT
/** Sessions of OpenSSL that a program uses through a BIO, as probes tell them. */
import assert from "node:assert/strict";
import { bioCalls } from "../../../../net/capture/uprobes/bio_calls.ts";
import { Code } from "../../../../net/elf/code.ts";
import { openElf } from "../../../../net/elf/elf_file.ts";
import { readerOf } from "../../../../net/elf/reader.ts";
import { definedFunctions } from "../../../../net/elf/symbols.ts";
import { Child } from "../../../e2e/support/child.ts";
import { withFixture } from "../../../e2e/support/fixture.ts";
import { probesMissing } from "../../../e2e/support/probes.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import { freePort } from "../../../support/free_port.ts";
import { copyLibrary, copyMissing, INSTALLED, probesAt } from "../../../support/probed_copy.ts";
import { missing } from "../../../support/run.ts";
import { type Reason, skipIf } from "../../../support/skip.ts";

const FUNCTIONS = ["BIO_f_ssl", "SSL_read", "SSL_read_ex", "SSL_write", "SSL_write_ex"];

/** What the library that is installed shows without these. */
function callsWithout(left: readonly string[]) {
  using file = Deno.openSync(INSTALLED);
  const elf = openElf(readerOf(file))!;
  const symbols = definedFunctions(elf, FUNCTIONS.filter((name) => !left.includes(name)));
  return bioCalls(elf, new Code(elf), symbols);
}

function callsMissing(): Reason {
  const lacking = copyMissing();
  if (lacking !== undefined) return lacking;
  return callsWithout([]) ? undefined : "the BIO of this OpenSSL's sessions has no calls that are known";
}

Deno.test({
  name: "where a BIO calls for its session is known by functions that call the same, and not by one alone",
  ...skipIf(callsMissing()),
  fn: () => {
    for (const name of FUNCTIONS) assert.equal(callsWithout([name]), undefined, name);
    const { reads, writes } = callsWithout([])!;
    assert.notEqual(reads.address, writes.address);
    // CALL with an address of four bytes.
    for (const { address, behind } of [reads, writes]) assert.equal(behind - address, 5);
  },
});

Deno.test({
  name: "probes tell openssl s_server, which uses its sessions through a BIO",
  ...skipIf(await probesMissing() ?? missing("openssl") ?? callsMissing()),
  fn: () =>
    withFixture(async (fixture) => {
      const log = new CaptureLog();
      const source = await probesAt(fixture, log);
      const running = source.run();
      const port = freePort();
      const { certificate, key } = fixture;
      const listen = ["-accept", `127.0.0.1:${port}`, "-naccept", "1", "-cert", certificate, "-key", key];
      const env = await copyLibrary(fixture);
      await using server = new Child("openssl", { args: ["s_server", ...listen, "-rev"], env });
      await server.found("stdout", /ACCEPT/);
      {
        const caCerts = [await Deno.readTextFile(certificate)];
        using client = await Deno.connectTls({ hostname: "localhost", port, caCerts });
        await client.write(new TextEncoder().encode("hello\n"));
        await client.read(new Uint8Array(16));
      }
      await server.ended;
      await source.close();
      await running;
      const told = log.of("data").map(([, , , direction, offset, bytes]) => [
        direction,
        offset,
        new TextDecoder().decode(bytes as Uint8Array),
      ]);
      assert.deepEqual(told, [[0, 0, "hello\n"], [1, 0, "olleh\n"]]);
      assert.equal(log.of("gap").length, 0);
    }),
});
