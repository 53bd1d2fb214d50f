// SPDX-License-Identifier: MIT
/** The units, as systemd itself judges them. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { UNITS } from "../../../tools/package/content.ts";
import { missing, run, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

const FILES = fileURLToPath(new URL("../../../tools/package/files", import.meta.url));
const UNIT_FOLDER = "usr/lib/systemd/system";
/** What any service depends on. */
const TARGETS = ["sysinit", "basic", "shutdown", "network-online", "multi-user"];
/** Of 10; above it systemd calls a service not OK. */
const EXPOSURE_MAX = 3;
const reason = missing("systemd-analyze");

/** Makes a root that has nothing but the units and what they name. */
async function makeRoot(root: string): Promise<void> {
  for (const folder of ["bin", "usr/bin", UNIT_FOLDER]) {
    await Deno.mkdir(`${root}/${folder}`, { recursive: true });
  }
  for (const program of ["bin/sh", "bin/kill", "usr/bin/sslcollector"]) {
    await Deno.writeTextFile(`${root}/${program}`, "#!/bin/sh\n", { mode: 0o755 });
  }
  for (const name of TARGETS) await Deno.writeTextFile(`${root}/${UNIT_FOLDER}/${name}.target`, "[Unit]\n");
  for (const name of UNITS) await Deno.copyFile(`${FILES}/${name}`, `${root}/${UNIT_FOLDER}/${name}`);
}

const verify = (root: string) => run("systemd-analyze", ["verify", "--man=no", `--root=${root}`, ...UNITS]);

Deno.test({
  name: "units: systemd has nothing to say of them, and would of a setting that it does not know",
  ...skipIf(reason),
  fn: () =>
    withTempDir(async (root) => {
      await makeRoot(root);
      assert.deepEqual(await verify(root), { code: 0, stdout: "", stderr: "" });
      await Deno.writeTextFile(`${root}/${UNIT_FOLDER}/${UNITS[0]}`, "Colour=red\n", { append: true });
      assert.match((await verify(root)).stderr, /Unknown key.*Colour/);
    }),
});

for (const name of UNITS) {
  Deno.test({
    name: `units: ${name} is exposed by less than ${EXPOSURE_MAX} of 10`,
    ...skipIf(reason),
    fn: async () => {
      const { stdout } = await run("systemd-analyze", ["security", "--offline=true", `${FILES}/${name}`]);
      const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout) ?? [];
      assert(Number(exposure) < EXPOSURE_MAX, stdout);
    },
  });
}
