// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { SYSTEMS, withTable } from "../../tools/matrix.ts";

const PAGE = Deno.readTextFileSync("docs/requirements.md");

/** Cells of the rows below the head of a table. */
function rowsOf(name: string): string[][] {
  const [, table] = PAGE.split(`<!-- ${name}: written by deno task matrix -->\n`);
  return table.split("<!-- end -->")[0].trim().split("\n").slice(2)
    .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("matrix: docs/requirements.md has what the task saw on each system, and nothing went wrong there", () => {
  const systems = rowsOf("systems");
  assert.equal(systems.length, SYSTEMS.filter((name) => name !== "windows" && name !== "containers").length);
  for (const row of systems) {
    for (const result of row.slice(3)) assert.match(result, /^(yes|not looked at)$/, row[0]);
  }
  for (const name of ["windows", "containers"]) {
    const results = rowsOf(name).map((row) => row.at(-1));
    assert.ok(results.length > 0 && results.every((result) => /^(yes|not looked at)$/.test(result!)), name);
  }
});

Deno.test("matrix: a table is written into its place alone", () => {
  const page =
    "a\n<!-- x: written by deno task matrix -->\nold\n<!-- end -->\n<!-- y: written by deno task matrix -->\n<!-- end -->\n";
  assert.equal(
    withTable(page, "x", ["h", "i"], [["1", "a|b"]]),
    page.replace("old\n", "| h | i |\n| --- | --- |\n| 1 | a\\|b |\n"),
  );
  assert.throws(() => withTable(page, "z", [], []), /no place for z/);
});
