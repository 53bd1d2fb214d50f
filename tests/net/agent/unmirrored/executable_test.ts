// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readExecutable } from "../../../../net/agent/unmirrored/executable.ts";
import { missing, run, runOk, withTempDir } from "../../../support/run.ts";
import { noFile, notLinux, skipIf } from "../../../support/skip.ts";

const lacking = notLinux("ELF files") ?? missing("cc");
const CALLER = fileURLToPath(new URL("programs/caller.c", import.meta.url));

/** Compiles the program that calls SSL_read. */
async function compile(folder: string, ...flags: string[]): Promise<string> {
  const program = `${folder}/caller`;
  await runOk("cc", "-o", program, CALLER, ...flags);
  return program;
}

Deno.test({
  name: "executable: linked with a library of its own, which is not built in",
  ...skipIf(lacking),
  fn: () =>
    withTempDir(async (folder) => {
      const found = readExecutable(await compile(folder, "-lssl", "-lcrypto"));
      assert.deepEqual(found, { isStatic: false, libraries: new Set(["openssl"]), builtIn: undefined });
    }),
});

Deno.test({
  name: "executable: OpenSSL built in, with its symbols and stripped of them",
  ...skipIf(lacking, noFile("/usr/lib/x86_64-linux-gnu/libssl.a"), missing("strip")),
  fn: () =>
    withTempDir(async (folder) => {
      const program = await compile(folder, "-l:libssl.a", "-l:libcrypto.a");
      const builtIn = { isStatic: false, libraries: new Set(), builtIn: "built-in-openssl" };
      assert.deepEqual(readExecutable(program), builtIn);
      await runOk("strip", program);
      assert.deepEqual(readExecutable(program), builtIn);
    }),
});

Deno.test({
  name: "executable: without TLS, linked dynamically and statically",
  ...skipIf(lacking),
  fn: () =>
    withTempDir(async (folder) => {
      const none = { libraries: new Set(), builtIn: undefined };
      assert.deepEqual(readExecutable(await compile(folder, "-DPLAIN")), { ...none, isStatic: false });
      assert.deepEqual(readExecutable(await compile(folder, "-DPLAIN", "-static")), {
        ...none,
        isStatic: true,
      });
    }),
});

Deno.test({
  name: "executable: a Go program by a section that every one has",
  ...skipIf(lacking, missing("objcopy")),
  fn: () =>
    withTempDir(async (folder) => {
      const program = await compile(folder, "-DPLAIN", "-static");
      await Deno.writeTextFile(`${folder}/info`, "\xff Go buildinf:");
      await runOk("objcopy", "--add-section", `.go.buildinfo=${folder}/info`, program);
      assert.equal(readExecutable(program)?.builtIn, "go");
    }),
});

Deno.test({
  name: "executable: rustls in the program that runs this",
  ...skipIf(notLinux("ELF files")),
  fn: () => assert.equal(readExecutable(Deno.execPath())?.builtIn, "rustls"),
});

for (const [name, library] of [["wget", "gnutls"], ["nginx", "openssl"]] as const) {
  Deno.test({
    name: `executable: ${name} of this system is linked with ${library}`,
    ...skipIf(notLinux("ELF files"), missing(name)),
    fn: async () => {
      const path = (await run("sh", ["-c", `command -v ${name}`])).stdout.trim();
      assert(readExecutable(path)?.libraries.has(library));
    },
  });
}

Deno.test("executable: what is none, is cut off or lies about its tables is not read", async () => {
  await withTempDir((folder) => {
    const path = `${folder}/file`;
    const written = (bytes: Uint8Array) => {
      Deno.writeFileSync(path, bytes);
      return readExecutable(path);
    };
    assert.equal(readExecutable(`${folder}/absent`), undefined);
    assert.equal(written(new TextEncoder().encode("#!/bin/sh\n")), undefined);
    const header = new Uint8Array(64).fill(0xff);
    header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    for (let length = 0; length < 64; length++) assert.equal(written(header.subarray(0, length)), undefined);
    // Tables far beyond the file's end: nothing is found, and nothing is thrown.
    written(header);
  });
});
