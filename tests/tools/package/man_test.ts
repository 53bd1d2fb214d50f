// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { declaredCommands } from "../../../cli/declared.ts";
import { manualPage } from "../../../tools/package/man.ts";
import { missing, run, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

Deno.test({
  name: "man page: man has no warning for it, and shows every command and every option",
  ...skipIf(missing("man")),
  fn: () =>
    withTempDir(async (folder) => {
      await Deno.writeTextFile(`${folder}/sslcollector.1`, manualPage("0.1.0", "2026-11-26"));
      const { code, stdout, stderr } = await run("man", ["--warnings", "-l", `${folder}/sslcollector.1`]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      const shown = stdout.replaceAll(/\s+/g, " ");
      for (const { name, options } of declaredCommands()) {
        assert(shown.includes(` ${name}`), name);
        for (const { names, metavar } of options) {
          const written = names.join(", ") + (metavar === undefined ? "" : ` ${metavar}`);
          assert(shown.includes(` ${written} `), written);
        }
      }
    }),
});
