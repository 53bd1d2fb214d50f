// SPDX-License-Identifier: MIT
/** Which files are probed, and for how long; the files are these tests' own. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { libraryOf } from "../../../../net/capture/uprobes/libraries.ts";
import { LoadedProbes } from "../../../../net/capture/uprobes/loader.ts";
import { ProbedFiles, type ProbedState } from "../../../../net/capture/uprobes/probed_files.ts";
import { buildProbes } from "../../../../tools/probes.ts";
import { probesMissing } from "../../../e2e/support/probes.ts";
import { mountMissing } from "../../../support/mount.ts";
import { missing, runOk, withTempDir } from "../../../support/run.ts";
import { type Reason, skipIf } from "../../../support/skip.ts";

const LIBRARY = "libssl.so.3";
const INSTALLED = `/usr/lib/${Deno.build.arch}-linux-gnu/${LIBRARY}`;
const OPENSSL = libraryOf(LIBRARY)!;
const lacking = await probesMissing() ?? missing("openssl", "mkfifo");

/** Why overlays cannot be mounted, or not be told from each other: Linux 6.6. */
function overlaysMissing(): Reason {
  if (mountMissing() !== undefined) return mountMissing();
  const [major, minor] = Deno.osRelease().split(".").map(Number);
  if (major < 6 || (major === 6 && minor < 6)) return "files behind overlays are known from Linux 6.6 on";
  const { success } = new Deno.Command("grep", { args: ["-q", "overlay", "/proc/filesystems"] }).outputSync();
  return success ? undefined : "this kernel has no overlays";
}

async function withFiles(use: (files: ProbedFiles, folder: string) => Promise<void>): Promise<void> {
  const probes = new LoadedProbes(await Deno.readFile(await buildProbes()), 1 << 20);
  const files = new ProbedFiles(probes);
  try {
    await withTempDir((folder) => use(files, folder));
  } finally {
    await files.close();
    probes.close();
  }
}

function add(files: ProbedFiles, path: string): ProbedState {
  return files.add({ path, name: path, libraries: [OPENSSL] })[0];
}

Deno.test({
  name: "a probed file that is written to loses its probes, one that is replaced or linked keeps them",
  ...skipIf(lacking),
  fn: () =>
    withFiles(async (files, folder) => {
      const path = `${folder}/${LIBRARY}`;
      await Deno.copyFile(INSTALLED, path);
      assert.equal(add(files, path), "probed");
      await Deno.link(path, `${path}.old`);
      assert.equal(add(files, `${path}.old`), "known");
      await Deno.remove(path);
      assert.equal(files.detachChanged(), 0);
      await Deno.copyFile(INSTALLED, path);
      assert.equal(add(files, path), "probed");
      assert.equal(files.size, 2);
      await Deno.writeFile(path, new Uint8Array(1), { append: true });
      assert.equal(files.detachChanged(), 1);
      assert.equal(files.size, 1);
      assert.equal(add(files, path), "probed", "as it is now");
    }),
});

Deno.test({
  name: "what is no regular file is not waited for, and what is no library is looked at once",
  ...skipIf(lacking),
  fn: () =>
    withFiles(async (files, folder) => {
      await runOk("mkfifo", `${folder}/pipe`);
      const isOther = (state: unknown) => assert.equal((state as { isOther: boolean }).isOther, true);
      isOther(add(files, `${folder}/pipe`));
      isOther(add(files, folder));
      await Deno.writeTextFile(`${folder}/text`, "no library");
      isOther(add(files, `${folder}/text`));
      assert.equal(add(files, `${folder}/text`), "known");
      assert.equal(add(files, `${folder}/nothing`), "gone");
      await Deno.copyFile(INSTALLED, `${folder}/text`);
      assert.equal(add(files, `${folder}/text`), "probed", "it has become one");
      assert.equal(files.size, 1);
    }),
});

Deno.test({
  name: "a file that no path leads to loses its probes once all processes were looked at since it was met",
  ...skipIf(lacking),
  fn: () =>
    withFiles(async (files, folder) => {
      const [kept, replaced] = [`${folder}/kept.so`, `${folder}/replaced.so`];
      for (const path of [kept, replaced]) {
        await Deno.copyFile(INSTALLED, path);
        assert.equal(add(files, path), "probed");
      }
      await Deno.remove(replaced);
      await Deno.copyFile(INSTALLED, replaced);
      const metMs = performance.now();
      files.detachForgotten(metMs - 60_000);
      assert.equal(files.size, 2, "a process may have it that was not looked at");
      files.detachForgotten(performance.now() + 1);
      assert.equal(files.size, 1);
      assert.equal(add(files, kept), "known");
    }),
});

const CROWDED = fileURLToPath(new URL("programs/crowded.ts", import.meta.url));

Deno.test({
  name: "as many files are probed as can be open with room left, and another one when a probed one is left",
  ...skipIf(lacking),
  fn: () =>
    withTempDir(async (folder) => {
      const command = 'ulimit -n 160 && exec "$@"';
      const program = [Deno.execPath(), "run", "--quiet", "-A", "--no-check", CROWDED];
      const said = await runOk("sh", "-c", command, "sh", ...program, INSTALLED, "40", folder);
      const [first, known, again] = JSON.parse(said);
      assert.ok(first.size > 0 && first.size < 20, `${first.size} files`);
      assert.equal(first.refused, "no more files can be open (RLIMIT_NOFILE)");
      assert.deepEqual(known, { size: first.size });
      assert.equal(again.size, first.size);
    }),
});

/** Mounts a folder below another one, twice, as the containers of an image have it. */
async function withOverlays(folder: string, use: (paths: string[]) => void): Promise<void> {
  const names = ["one", "two"];
  for (const name of ["image", "empty", ...names]) await Deno.mkdir(`${folder}/${name}`);
  await Deno.copyFile(INSTALLED, `${folder}/image/${LIBRARY}`);
  const mounted: string[] = [];
  try {
    for (const name of names) {
      const options = `lowerdir=${folder}/empty:${folder}/image`;
      await runOk("mount", "-t", "overlay", "none", "-o", options, `${folder}/${name}`);
      mounted.push(`${folder}/${name}`);
    }
    use(mounted.map((path) => `${path}/${LIBRARY}`));
  } finally {
    for (const path of mounted) await runOk("umount", "--lazy", path);
  }
}

Deno.test({
  name: "a library that the containers of an image share is probed once",
  ...skipIf(lacking, overlaysMissing()),
  fn: () =>
    withFiles((files, folder) =>
      withOverlays(folder, (paths) => {
        assert.notEqual(Deno.statSync(paths[0]).dev, Deno.statSync(paths[1]).dev);
        assert.deepEqual(paths.map((path) => add(files, path)), ["probed", "known"]);
      })
    ),
});
