// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Coverage, coverageTable, type Outcome, withCoverage } from "./table.ts";

const SEEN: Outcome = {
  state: "captured",
  isComplete: true,
  isAddressed: true,
  hasRole: true,
  grades: ["socket", "hello"],
};
const CURL: Coverage = { program: "curl", role: "client", library: "OpenSSL", hook: SEEN, probes: SEEN };
const NODE: Coverage = {
  program: "node | npm's",
  role: "client",
  library: "OpenSSL, built in",
  hook: { state: "not captured", reason: "built in" },
};

Deno.test("coverage: what is captured comes first, and what is not has its reason", () => {
  assert.deepEqual(coverageTable([NODE, CURL]).slice(2), [
    "| curl | client | OpenSSL | yes, hello and socket | yes, hello and socket |",
    "| node \\| npm's | client | OpenSSL, built in | no: built in | not tried |",
  ]);
});

Deno.test("coverage: what is less than whole is named", () => {
  const later = { ...SEEN, isSecondRun: true };
  const wrong = { ...SEEN, isComplete: false, isAddressed: false, hasRole: false };
  assert.deepEqual(coverageTable([{ ...CURL, hook: later, probes: wrong }]).slice(2), [
    "| curl | client | OpenSSL | yes, hello and socket, from its second run on | " +
    "yes, hello and socket, **other bytes**, **other 5-tuple**, **other role** |",
  ]);
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
  for (const line of lines) assert.equal(line.replaceAll("\\|", "").split("|").length, 7, line);
});
