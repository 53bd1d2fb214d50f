// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isSameFile } from "../../../net/sinks/same_file.ts";
import { withTempDir } from "../../support/run.ts";

Deno.test("same file: other spellings, links to folders and files, files that are not there yet", () =>
  withTempDir((folder) => {
    Deno.mkdirSync(`${folder}/real`);
    Deno.symlinkSync("real", `${folder}/link`);
    Deno.writeTextFileSync(`${folder}/real/a`, "");
    Deno.symlinkSync("real/a", `${folder}/b`);
    Deno.linkSync(`${folder}/real/a`, `${folder}/hard`);
    const same = (one: string, other: string) => isSameFile(`${folder}/${one}`, `${folder}/${other}`);
    for (const other of ["real/a", "./real/../real/a", "link/a", "b", "hard"]) {
      assert(same("real/a", other), other);
    }
    assert(same("real/new", "link/new"));
    assert(same("none/new", "none/./new"));
    Deno.symlinkSync("link/later", `${folder}/ahead`);
    assert(same("ahead", "real/later"));
    for (const other of ["a", "real/b", "link/new", "none/a"]) assert(!same("real/a", other), other);
  }));
