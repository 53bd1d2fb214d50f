// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Lookout } from "../../../../net/agent/unmirrored/lookout.ts";
import { servedBy } from "../../../../net/agent/unmirrored/served.ts";
import { surveyPrograms } from "../../../../net/agent/unmirrored/survey.ts";
import { missing, runOk, withTempDir } from "../../../support/run.ts";
import { notLinux, skipIf } from "../../../support/skip.ts";
import { Waiting } from "./waiting.ts";

const lacking = notLinux("/proc") ?? missing("cc");
const CALLER = fileURLToPath(new URL("programs/caller.c", import.meta.url));
const SERVED = servedBy("/run/elsewhere");

/** Programs with these libraries: OpenSSL's own, and one that only has the name of s2n's. */
async function compile(folder: string): Promise<{ openssl: string; other: string; plain: string }> {
  await Deno.writeTextFile(
    `${folder}/empty.c`,
    "int SSL_read(void *a, void *b, int c) { return a == b ? c : 0; }\n",
  );
  const library = `${folder}/libs2n.so.1`;
  await runOk("cc", "-shared", "-fPIC", "-Wl,-soname,libs2n.so.1", "-o", library, `${folder}/empty.c`);
  const [openssl, other, plain] = ["openssl", "other", "plain"].map((name) => `${folder}/with-${name}`);
  await runOk("cc", "-o", openssl, CALLER, "-lssl", "-lcrypto");
  await runOk("cc", "-o", other, CALLER, library, `-Wl,-rpath,${folder}`);
  await runOk("cc", "-DPLAIN", "-o", plain, CALLER);
  return { openssl, other, plain };
}

Deno.test({
  name: "lookout: a program and what it started, each with its own reason",
  ...skipIf(lacking),
  fn: () =>
    withTempDir(async (folder) => {
      const { openssl, other, plain } = await compile(folder);
      const script = `exec 3<&0; ${openssl} <&3 & ${other} <&3 & ${other} <&3 & ${plain} <&3 & wait`;
      await using shell = await Waiting.start({ command: ["sh", "-c", script], times: 4 });
      const lookout = new Lookout(shell.pid, undefined, SERVED);
      const { first, others, ended } = lookout.stop(new Set());
      assert.deepEqual([first?.comm, first?.reason, ended], ["sh", "no-tls-library", 0]);
      const told = others.map(({ comm, reason, pids }) => [comm, reason, pids.length]).sort();
      assert.deepEqual(told, [["with-openssl", "environment", 1], ["with-other", "other-tls-library", 2]]);
    }),
});

Deno.test({
  name: "lookout: what was mirrored is not told",
  ...skipIf(lacking),
  fn: () =>
    withTempDir(async (folder) => {
      const { openssl } = await compile(folder);
      await using program = await Waiting.start({ command: [openssl] });
      const report = new Lookout(program.pid, openssl, SERVED).stop(new Set([program.pid]));
      assert.deepEqual(report, { first: undefined, others: [], ended: 0 });
    }),
});

Deno.test({
  name: "lookout: a program that has ended is told by its file",
  ...skipIf(lacking),
  fn: () =>
    withTempDir(async (folder) => {
      const { other, plain } = await compile(folder);
      for (const [path, reason] of [[other, "other-tls-library"], [plain, "ended"]]) {
        const ended = new Deno.Command(path, { stdin: "null", stdout: "null" }).spawn();
        await ended.status;
        assert.equal(new Lookout(ended.pid, path, SERVED).stop(new Set()).first?.reason, reason);
      }
    }),
});

Deno.test({
  name: "survey: running programs with TLS, by library; those without are left out",
  ...skipIf(lacking),
  fn: () =>
    withTempDir(async (folder) => {
      const { openssl, other, plain } = await compile(folder);
      await using one = await Waiting.start({ command: [openssl] });
      await using two = await Waiting.start({ command: [other] });
      await using three = await Waiting.start({ command: [plain] });
      const told = new Map(surveyPrograms(SERVED).programs.map((program) => [program.pid, program]));
      assert.deepEqual([...told.get(one.pid)?.libraries ?? []], ["openssl"]);
      assert.equal(told.get(one.pid)?.reason, "environment");
      assert.equal(told.get(two.pid)?.reason, "other-tls-library");
      assert.equal(told.has(three.pid), false);
    }),
});

Deno.test({
  name: "survey: a program that AddressSanitizer is built into as a library",
  ...skipIf(lacking, missing("gcc")),
  fn: () =>
    withTempDir(async (folder) => {
      const program = `${folder}/sanitized`;
      await runOk("gcc", "-fsanitize=address", "-DPLAIN", "-o", program, CALLER);
      await using running = await Waiting.start({ command: [program] });
      const told = surveyPrograms(SERVED).programs.find(({ pid }) => pid === running.pid);
      assert.equal(told?.hasSanitizer, true);
    }),
});
