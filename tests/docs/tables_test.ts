// SPDX-License-Identifier: MIT
/** Tables of the pages say what is declared. */
import assert from "node:assert/strict";
import { pages, withTables } from "../../tools/docs_tables.ts";

Deno.test("docs: tables are those of the declarations, else: deno run -A tools/docs_tables.ts", () => {
  let tables = 0;
  for (const path of pages()) {
    const page = Deno.readTextFileSync(path);
    tables += page.split("<!-- table: ").length - 1;
    assert.equal(page, withTables(page), path);
  }
  assert.equal(tables, 2);
});

Deno.test("docs: a table that was changed, or is of nothing, is seen", () => {
  const page = "a\n<!-- table: sinks -->\n| stale |\n<!-- end of table -->\nb\n";
  const filled = withTables(page);
  assert.match(filled, /^a\n<!-- table: sinks -->\n\| `-o` takes .*\n<!-- end of table -->\nb\n$/s);
  assert.equal(withTables(filled), filled);
  assert.throws(() => withTables(page.replace("sinks", "drains")), /there is no table "drains"/);
});
