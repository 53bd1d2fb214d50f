// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readExecutable } from "../../../../net/agent/unmirrored/executable.ts";
import { ExecutableCache } from "../../../../net/agent/unmirrored/executable_cache.ts";
import { withTempDir } from "../../../support/run.ts";

Deno.test("executables: what is kept is what the file says, until the file changes", () =>
  withTempDir((folder) => {
    const path = `${folder}/cache/executables.json`;
    const program = `${folder}/program`;
    Deno.copyFileSync(Deno.execPath(), program);
    const first = ExecutableCache.open(path);
    assert.deepEqual(first.read(program), readExecutable(program));
    assert.equal(first.read(program)?.builtIn, "rustls");
    assert.equal(first.read(`${folder}/nothing`), undefined);
    first.save();
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);

    // What it would find now cannot come from the file.
    const { mtime, size } = Deno.statSync(program);
    Deno.writeFileSync(program, new Uint8Array(size));
    Deno.utimeSync(program, mtime!, mtime!);
    assert.equal(ExecutableCache.open(path).read(program)?.builtIn, "rustls");
    Deno.utimeSync(program, mtime!, new Date(mtime!.getTime() + 1000));
    assert.equal(ExecutableCache.open(path).read(program), undefined);
  }));

Deno.test("executables: a file of no use is empty, and one that cannot be written is no harm", () =>
  withTempDir((folder) => {
    const path = `${folder}/executables.json`;
    for (const text of ["", "{", '{"version":0,"files":{}}', '{"version":1,"files":{"a":{}}}']) {
      Deno.writeTextFileSync(path, text);
      assert.equal(ExecutableCache.open(path).read(Deno.execPath())?.builtIn, "rustls");
    }
    const nowhere = ExecutableCache.open("/proc/no/executables.json");
    nowhere.read(Deno.execPath());
    nowhere.save();
  }));
