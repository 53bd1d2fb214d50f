// SPDX-License-Identifier: MIT
/** Libraries with OpenSSL's functions that are not Debian's OpenSSL 3: known by these, whatever their files are called. */
import assert from "node:assert/strict";
import { missing, runOk } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { absent } from "./debian/program.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { checkPeers, peerRuns } from "./support/pattern_peers.ts";
import { PROGRAMS } from "./support/python.ts";
import { WOLFSSL_NAMES } from "./support/wolfssl.ts";

const SYSTEM = "/usr/lib/x86_64-linux-gnu";
const BORING = `${SYSTEM}/android`;

/** Compiles the peer with these libraries, which are in `folder`, and checks what is captured of it. */
async function checkLibrary(
  fixture: Fixture,
  folder: string,
  libraries: readonly string[],
  defined: readonly string[] = [],
): Promise<string[]> {
  const program = fixture.path("openssl_peer");
  const linked = [`-L${folder}`, ...libraries.map((name) => `-l:${name}`), `-Wl,-rpath,${folder}`];
  await runOk("cc", "-O1", ...defined, "-o", program, `${PROGRAMS}/openssl_peer.c`, ...linked);
  const peers = { program, server: [fixture.certificate, fixture.key] };
  const checked = await checkPeers(fixture, peers, peerRuns(["plain", "pieces"]));
  return checked.map(({ comment }) => comment);
}

Deno.test({
  name: "OpenSSL under a name of its own, either end hooked or both: each byte once",
  ...skipIf(missing("cc", "openssl"), absent([`${SYSTEM}/libssl.so.3`])),
  fn: () =>
    withFixture(async (fixture) => {
      // A name of the same length, in its place among the library's texts.
      const library = await Deno.readFile(`${SYSTEM}/libssl.so.3`);
      const at = new TextDecoder("latin1").decode(library).indexOf("\0libssl.so.3\0");
      assert(at > 0);
      library.set(new TextEncoder().encode("libtls.so.9"), at + 1);
      await Deno.writeFile(fixture.path("libtls.so.9"), library);
      for (const comment of await checkLibrary(fixture, fixture.folder, ["libtls.so.9"])) {
        assert.match(comment, /sni=peer.example alpn=pattern tls=1.3 .*attribution=hello /);
      }
    }),
});

Deno.test({
  name: "BoringSSL as a shared library, either end hooked or both: each byte once",
  ...skipIf(missing("cc", "openssl"), absent([`${BORING}/libssl.so.0`])),
  fn: () =>
    withFixture(async (fixture) => {
      for (const comment of await checkLibrary(fixture, BORING, ["libssl.so.0", "libcrypto.so.0"])) {
        assert.match(comment, /sni=peer.example alpn=pattern tls=1.[23] .*attribution=hello /);
      }
    }),
});

Deno.test({
  name: "wolfSSL as a shared library, either end hooked or both: each byte once",
  ...skipIf(missing("cc", "openssl"), absent([`${SYSTEM}/libwolfssl.so`])),
  fn: () =>
    withFixture(async (fixture) => {
      for (const comment of await checkLibrary(fixture, SYSTEM, ["libwolfssl.so"], WOLFSSL_NAMES)) {
        assert.match(comment, /sni=peer.example alpn=pattern tls=1.3 .*attribution=(hello|socket) /);
      }
    }),
});

Deno.test({
  name: "mbed TLS as a shared library, either end hooked or both: each byte once",
  ...skipIf(missing("cc", "openssl"), absent([`${SYSTEM}/libmbedtls.so`])),
  fn: () =>
    withFixture(async (fixture) => {
      const program = fixture.path("mbedtls_peer");
      const libraries = ["-lmbedtls", "-lmbedx509", "-lmbedcrypto"];
      await runOk("cc", "-O1", "-o", program, `${PROGRAMS}/mbedtls_peer.c`, ...libraries);
      const peers = { program, server: [fixture.certificate, fixture.key] };
      for (const { comment } of await checkPeers(fixture, peers, peerRuns(["plain", "again", "own"]))) {
        assert.match(comment, /sni=peer.example alpn=pattern tls=1.2 .*attribution=(hello|nested) /);
      }
    }),
});
