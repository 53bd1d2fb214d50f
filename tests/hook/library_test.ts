// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readDynamicSymbols } from "../../tools/elf.ts";
import { buildHook, checkSymbols } from "../../tools/hook.ts";

Deno.test("the library exports what it interposes, and wants dl_iterate_phdr alone", async () => {
  const symbols = readDynamicSymbols(await Deno.readFile(await buildHook()));
  checkSymbols(symbols);
  assert.deepEqual(symbols.undefined.sort(), [
    "SSL_ImportFD",
    "SSL_version",
    "dl_iterate_phdr",
    "gnutls_protocol_get_version",
    "mbedtls_ssl_get_version",
    "wolfSSL_version",
  ]);
  assert.deepEqual(symbols.versions, []);
});

Deno.test("callers that build at the same time get one whole library", async () => {
  const paths = await Promise.all([buildHook(), buildHook(), buildHook()]);
  assert.equal(new Set(paths).size, 1);
  checkSymbols(readDynamicSymbols(await Deno.readFile(paths[0])));
});

Deno.test("a symbol too many or too new is named", async () => {
  const symbols = readDynamicSymbols(await Deno.readFile(await buildHook()));
  const fails = (change: Partial<typeof symbols>, message: RegExp) =>
    assert.throws(() => checkSymbols({ ...symbols, ...change }), message);
  fails({ defined: [...symbols.defined, "main"] }, /exports "main"/);
  fails({ defined: symbols.defined.filter((name) => name !== "SSL_read") }, /does not export "SSL_read"/);
  fails({ undefined: ["dl_iterate_phdr", "malloc"] }, /wants "malloc"/);
  fails({ versions: ["GLIBC_2.2.5", "GLIBC_2.18"] }, /wants GLIBC_2.18, newer than GLIBC_2.17/);
  fails({ needed: 1 }, /linked to 1 libraries/);
});

Deno.test("the symbols of a library of the system's", () => {
  const libc = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6"];
  const path = libc.find((path) => existsSync(path));
  const symbols = readDynamicSymbols(Deno.readFileSync(path!));
  assert.ok(symbols.defined.includes("read"));
  assert.ok(symbols.defined.includes("dl_iterate_phdr"));
  assert.ok(symbols.versions.length > 0);
});
