// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { openElf } from "../../../net/elf/elf_file.ts";
import { readerOf } from "../../../net/elf/reader.ts";
import { definedFunctions } from "../../../net/elf/symbols.ts";
import { missing, runOk, withTempDir } from "../../support/run.ts";
import { notLinux, skipIf } from "../../support/skip.ts";

/** `end_first` ends as `first` does: a linker gives both one text, of which a part has the second name. */
const SOURCE = `
  int first(int a) { return a + 1; }
  int end_first(int a) { return first(a) * 2; }
  int first_end = 3;
  extern int elsewhere(int);
  int caller(int a) { return elsewhere(a); }
`;
const NAMES = ["first", "end_first", "first_end", "elsewhere", "absent"];

/** What binutils says: address and size of each function. */
async function byReadelf(path: string, table: string): Promise<Map<string, [number, number]>> {
  const rows = await runOk("readelf", "-W", table, path);
  const found = rows.matchAll(/: ([0-9a-f]+) +(\d+) FUNC +\w+ +\w+ +\d+ (\w+)$/gm);
  return new Map([...found].map(([, address, size, name]) => [name, [parseInt(address, 16), Number(size)]]));
}

function functionsOf(path: string) {
  using file = Deno.openSync(path);
  const found = definedFunctions(openElf(readerOf(file))!, NAMES);
  return new Map([...found].map(([name, { address, size }]) => [name, [address, size]]));
}

Deno.test({
  name: "elf: functions of a shared library, stripped and not, are where binutils finds them",
  ...skipIf(notLinux("ELF files") ?? missing("cc", "readelf", "strip")),
  fn: () =>
    withTempDir(async (folder) => {
      const library = `${folder}/library.so`;
      await Deno.writeTextFile(`${folder}/library.c`, SOURCE);
      await runOk("cc", "-shared", "-fPIC", "-o", library, `${folder}/library.c`);
      for (const table of ["--syms", "--dyn-syms"]) {
        const said = await byReadelf(library, table);
        const expected = ["first", "end_first"].map((name) => [name, said.get(name)!] as const);
        assert.deepEqual(functionsOf(library), new Map(expected));
        await runOk("strip", library);
      }
    }),
});
