// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Coverage, coverageTable, withCoverage } from "./table.ts";

const CURL: Coverage = {
  program: "curl",
  role: "client",
  library: "OpenSSL",
  seen: {
    state: "captured",
    isComplete: true,
    isAddressed: false,
    hasRole: true,
    grades: ["socket", "hello"],
  },
};
const NODE: Coverage = {
  program: "node | npm's",
  role: "client",
  library: "OpenSSL, built in",
  seen: { state: "not captured", reason: "built in" },
};

Deno.test("coverage: what is captured comes first, and what is not has its reason", () => {
  assert.deepEqual(coverageTable([NODE, CURL]).slice(2), [
    "| curl | client | OpenSSL | yes | yes | **no** | yes | hello, socket |",
    "| node \\| npm's | client | OpenSSL, built in | no: built in | | | | |",
  ]);
});

Deno.test("coverage: what could not be held against the peer's own is told apart", () => {
  const seen = { ...CURL.seen, isComplete: "said", isAddressed: "server" } as Coverage["seen"];
  const [line] = coverageTable([{ ...CURL, seen }]).slice(2);
  assert.equal(
    line,
    "| curl | client | OpenSSL | yes | what was said | server's end | yes | hello, socket |",
  );
});

Deno.test("coverage: the table takes the place of the last one in the page", () => {
  const page = "a\n<!-- coverage matrix -->\nold\n<!-- end of coverage matrix -->\nb\n";
  const filled = withCoverage(page, ["| $& |"]);
  assert.equal(filled, "a\n<!-- coverage matrix -->\n| $& |\n<!-- end of coverage matrix -->\nb\n");
  assert.equal(withCoverage(filled, ["| $& |"]), filled);
  assert.throws(() => withCoverage("a\n", []), /no place for the coverage matrix/);
});

Deno.test("coverage: docs/coverage.md has a table that this writes", () => {
  const page = Deno.readTextFileSync(new URL("../../docs/coverage.md", import.meta.url));
  const [, table] = /<!-- coverage matrix -->\n([^]*?)<!-- end of coverage matrix -->/.exec(page)!;
  const lines = table.trimEnd().split("\n");
  assert.deepEqual(lines.slice(0, 2), coverageTable([]));
  for (const line of lines) assert.equal(line.replaceAll("\\|", "").split("|").length, 10, line);
});
