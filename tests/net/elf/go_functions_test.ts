// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { openElf } from "../../../net/elf/elf_file.ts";
import { goFunctions } from "../../../net/elf/go_functions.ts";
import { readerOf } from "../../../net/elf/reader.ts";
import { definedFunctions } from "../../../net/elf/symbols.ts";
import { buildGo, goMissing } from "../../support/go.ts";
import { withTempDir } from "../../support/run.ts";
import { notLinux, skipIf } from "../../support/skip.ts";

const SOURCE = `package main

type Thing struct{ n int }

//go:noinline
func (t *Thing) Read(b []byte) (int, error) { t.n += len(b); return t.n, nil }

func main() { (&Thing{}).Read(make([]byte, 3)) }
`;
const READ = "main.(*Thing).Read";

/** Compiles and links the program. */
async function build(folder: string, name: string, flags: readonly string[]): Promise<string> {
  const program = `${folder}/${name}`;
  await Deno.writeTextFile(`${folder}/main.go`, SOURCE);
  await buildGo(`${folder}/main.go`, program, flags);
  return program;
}

/** What is found of `names`, and what the file's symbols say. */
function lookedUp(path: string, names: readonly string[]) {
  using file = Deno.openSync(path);
  const elf = openElf(readerOf(file))!;
  return { found: goFunctions(elf, names), symbols: definedFunctions(elf, names) };
}

Deno.test({
  name: "go: a function is found in a program with symbols where they have it, and without them",
  ...skipIf(notLinux("ELF files") ?? goMissing()),
  fn: () =>
    withTempDir(async (folder) => {
      for (const mode of ["exe", "pie"]) {
        const whole = await build(folder, mode, [`-buildmode=${mode}`]);
        const { found, symbols } = lookedUp(whole, [READ, "main.absent"]);
        const expected = symbols.get(READ)!;
        assert.deepEqual([...found!.keys()], [READ], mode);
        assert.equal(found!.get(READ)!.address, expected.address, mode);
        // The linker fills what is left up to the next function.
        assert.ok(found!.get(READ)!.size >= expected.size, mode);
        const stripped = await build(folder, `${mode}-stripped`, ["-s", "-w", `-buildmode=${mode}`]);
        const bare = lookedUp(stripped, [READ]);
        assert.equal(bare.symbols.size, 0, mode);
        assert.equal(bare.found!.size, 1, mode);
      }
    }),
});

Deno.test({
  name: "go: a program that is none has no such functions",
  ...skipIf(notLinux("ELF files")),
  fn: () => assert.equal(lookedUp(Deno.execPath(), [READ]).found, undefined),
});
