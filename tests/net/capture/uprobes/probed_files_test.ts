// SPDX-License-Identifier: MIT
/** Which files are probed, and for how long; the files are these tests' own. */
import assert from "node:assert/strict";
import { libraryOf } from "../../../../net/capture/uprobes/libraries.ts";
import { LoadedProbes } from "../../../../net/capture/uprobes/loader.ts";
import { ProbedFiles } from "../../../../net/capture/uprobes/probed_files.ts";
import { buildProbes } from "../../../../tools/probes.ts";
import { probesMissing } from "../../../e2e/support/probes.ts";
import { missing, runOk, withTempDir } from "../../../support/run.ts";
import { skipIf } from "../../../support/skip.ts";

const LIBRARY = "libssl.so.3";
const INSTALLED = `/usr/lib/${Deno.build.arch}-linux-gnu/${LIBRARY}`;
const OPENSSL = libraryOf(LIBRARY)!;
const lacking = await probesMissing() ?? missing("openssl", "mkfifo");

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

Deno.test({
  name: "a probed file that is written to loses its probes, one that is replaced or linked keeps them",
  ...skipIf(lacking),
  fn: () =>
    withFiles(async (files, folder) => {
      const path = `${folder}/${LIBRARY}`;
      await Deno.copyFile(INSTALLED, path);
      assert.equal(files.add(path, OPENSSL), "probed");
      await Deno.link(path, `${path}.old`);
      assert.equal(files.add(`${path}.old`, OPENSSL), "known");
      await Deno.remove(path);
      assert.equal(files.detachChanged(), 0);
      await Deno.copyFile(INSTALLED, path);
      assert.equal(files.add(path, OPENSSL), "probed");
      assert.equal(files.size, 2);
      await Deno.writeFile(path, new Uint8Array(1), { append: true });
      assert.equal(files.detachChanged(), 1);
      assert.equal(files.size, 1);
      assert.equal(files.add(path, OPENSSL), "probed", "as it is now");
    }),
});

Deno.test({
  name: "what is no regular file is not waited for, and what is no library is looked at once",
  ...skipIf(lacking),
  fn: () =>
    withFiles(async (files, folder) => {
      await runOk("mkfifo", `${folder}/pipe`);
      const isOther = (state: unknown) => assert.equal((state as { isOther: boolean }).isOther, true);
      isOther(files.add(`${folder}/pipe`, OPENSSL));
      isOther(files.add(folder, OPENSSL));
      await Deno.writeTextFile(`${folder}/text`, "no library");
      isOther(files.add(`${folder}/text`, OPENSSL));
      assert.equal(files.add(`${folder}/text`, OPENSSL), "known");
      assert.equal(files.add(`${folder}/nothing`, OPENSSL), "gone");
      await Deno.copyFile(INSTALLED, `${folder}/text`);
      assert.equal(files.add(`${folder}/text`, OPENSSL), "probed", "it has become one");
      assert.equal(files.size, 1);
    }),
});
