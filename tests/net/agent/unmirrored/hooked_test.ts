// SPDX-License-Identifier: MIT
/** Real programs with the real hook, each in another of the situations in which it keeps silent. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { hookLibraryPath } from "../../../../net/agent/hook_library.ts";
import { Lookout } from "../../../../net/agent/unmirrored/lookout.ts";
import type { Reason } from "../../../../net/agent/unmirrored/reasons.ts";
import { servedBy } from "../../../../net/agent/unmirrored/served.ts";
import { missing, runOk, withTempDir } from "../../../support/run.ts";
import { notLinux, notRoot, skipIf } from "../../../support/skip.ts";
import { Waiting } from "./waiting.ts";

const lacking = notLinux("/proc") ?? missing("cc");
const CALLER = fileURLToPath(new URL("programs/caller.c", import.meta.url));
const CONFINED = fileURLToPath(new URL("../../../e2e/programs/confined.c", import.meta.url));

interface Place {
  readonly folder: string;
  /** With OpenSSL as a shared library. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

async function withProgram(use: (place: Place) => Promise<void>): Promise<void> {
  await withTempDir(async (folder) => {
    await Deno.chmod(folder, 0o755);
    const program = `${folder}/caller`;
    await runOk("cc", "-o", program, CALLER, "-lssl", "-lcrypto");
    const env = { LD_PRELOAD: await hookLibraryPath(), SSLCOLLECTOR_RUNTIME: folder };
    await use({ folder, program, env });
  });
}

/** Why a program that runs now is not mirrored, the agent being that of `folder`. */
async function reasonOf(
  folder: string,
  env: Place["env"],
  ...command: readonly string[]
): Promise<Reason | undefined> {
  await using program = await Waiting.start({ command, env });
  return new Lookout(program.pid, undefined, servedBy(folder)).stop(new Set()).first?.reason;
}

Deno.test({
  name:
    "hooked: under a seccomp filter from its start, told to keep still, of another agent, without the hook",
  ...skipIf(lacking),
  fn: () =>
    withProgram(async ({ folder, program, env }) => {
      const confined = `${folder}/confined`;
      await runOk("cc", "-o", confined, CONFINED);
      assert.equal(await reasonOf(folder, env, confined, program), "seccomp");
      assert.equal(await reasonOf(folder, { ...env, SSLCOLLECTOR_HOOK: "0" }, program), "switched-off");
      assert.equal(await reasonOf("/run/another", env, program), "other-agent");
      assert.equal(await reasonOf(folder, env, "env", "-i", program), "environment");
    }),
});

Deno.test({
  name:
    "hooked: a region for the agent that the program has put nothing into, and one for an agent that it does not trust",
  ...skipIf(lacking, notRoot("running as another user"), missing("setpriv")),
  fn: () =>
    withProgram(async ({ folder, program, env }) => {
      assert.equal(await reasonOf(folder, env, program), "no-clear-text");
      const as = (uid: number) => ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
      await Deno.chown(folder, 65533, 65533);
      assert.equal(await reasonOf(folder, env, ...as(65533), program), "no-clear-text");
      assert.equal(await reasonOf(folder, env, ...as(65534), program), "other-user");
    }),
});

Deno.test({
  name: "hooked: a set-user-id program has no hook",
  ...skipIf(lacking, notRoot("running as another user"), missing("setpriv")),
  fn: () =>
    withProgram(async ({ folder, program, env }) => {
      await Deno.chmod(program, 0o4755);
      const other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
      assert.equal(await reasonOf(folder, env, ...other, program), "set-user-id");
    }),
});

Deno.test({
  name: "hooked: a root directory without the hook, and one without /proc",
  ...skipIf(lacking, notRoot("changing the root directory"), missing("chroot", "ldd")),
  fn: () =>
    withProgram(async ({ folder, program, env }) => {
      const root = `${folder}/root`;
      const libraries = (await runOk("ldd", program)).matchAll(/(\/\S+) \(0x/g).map(([, path]) => path);
      const put = async (path: string) => {
        await Deno.mkdir(dirname(root + path), { recursive: true });
        await Deno.copyFile(path, root + path);
      };
      for (const path of [program, ...libraries]) await put(path);
      assert.equal(await reasonOf(folder, env, "chroot", root, program), "not-loaded");
      await put(env.LD_PRELOAD);
      assert.equal(await reasonOf(folder, env, "chroot", root, program), "chroot-without-proc");
    }),
});
