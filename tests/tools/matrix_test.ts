// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { SYSTEMS, withTable } from "../../tools/matrix.ts";

const PAGE = Deno.readTextFileSync("docs/requirements.md");

Deno.test("matrix: docs/requirements.md has what the task saw on each system, and nothing went wrong there", () => {
  const rows = [...PAGE.matchAll(/<!-- \w+: written by deno task matrix -->\n([^]*?)<!-- end -->/g)]
    .flatMap(([, table]) => table.trim().split("\n").slice(2))
    .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
  const systems = rows.filter((row) => row.length > 2);
  assert.equal(systems.length, SYSTEMS.length - 1);
  for (const row of systems) {
    for (const result of row.slice(3)) assert.match(result, /^(yes|not looked at)$/, row[0]);
  }
  const there = rows.filter((row) => row.length === 2);
  assert.ok(there.length > 0 && there.every(([, result]) => result === "yes"));
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
