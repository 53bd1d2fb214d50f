// SPDX-License-Identifier: MIT
/** What cannot be started is told before anything is made. */
import assert from "node:assert/strict";
import { runCommand } from "../support/command.ts";
import { withTempDir } from "../support/run.ts";
import { notLinux, skipIf } from "../support/skip.ts";

Deno.test({
  name: "run: a program that cannot be started leaves no capture",
  ...skipIf(notLinux("programs that are mirrored")),
  fn: () =>
    withTempDir(async (cwd) => {
      await Deno.writeTextFile(`${cwd}/plain.txt`, "no program", { mode: 0o644 });
      const cases: [name: string, code: number, reason: string][] = [
        ["./absent", 127, "command not found"],
        ["sslcollector-absent", 127, "command not found"],
        ["./plain.txt", 126, "not an executable file"],
        [".//", 126, "not an executable file"],
      ];
      for (const [name, code, reason] of cases) {
        const ended = await runCommand(["run", "--", name], { cwd });
        assert.deepEqual([ended.code, ended.stderr], [code, `sslcollector: run: ${name}: ${reason}\n`]);
      }
      assert.deepEqual([...Deno.readDirSync(cwd)].map(({ name }) => name), ["plain.txt"]);
    }),
});
