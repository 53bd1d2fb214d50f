// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Kept } from "../../tools/matrix/kept.ts";
import { failed, isWell, rowsOf, SYSTEMS, withSeen } from "../../tools/matrix/tables.ts";
import { withTempDir } from "../support/run.ts";

const PAGE = Deno.readTextFileSync("docs/requirements.md");
const BY_SYSTEM = SYSTEMS.filter((name) => name !== "windows" && name !== "containers");

Deno.test("matrix: docs/requirements.md has what the task saw on each system, and nothing went wrong there", () => {
  assert.equal(rowsOf(PAGE, "systems").length, BY_SYSTEM.length);
  assert(isWell("sid", rowsOf(PAGE, "systems")));
  for (const name of ["windows", "containers"] as const) assert(isWell(name, rowsOf(PAGE, name)), name);
});

Deno.test("matrix: what was seen of a system takes the place of what the page said of it, and of nothing else", () => {
  const before = rowsOf(PAGE, "systems");
  const row = ["Debian GNU/Linux 13 (trixie)", "2.41", "a|b", "yes", "yes", "yes", "no", "yes"];
  const page = withSeen(PAGE, "trixie", [row]);
  assert.deepEqual(rowsOf(page, "systems"), before.map((was) => was[0] === row[0] ? row : was));
  assert.deepEqual([rowsOf(page, "windows"), rowsOf(page, "containers")], [
    rowsOf(PAGE, "windows"),
    rowsOf(PAGE, "containers"),
  ]);
  assert.equal(withSeen(page, "trixie", before.filter(([name]) => name === row[0])), PAGE);
  assert.throws(() => withSeen("", "windows", []), /no place for windows/);
});

Deno.test("matrix: a system that could not be looked at says so in its row, until it was seen", () => {
  for (const system of SYSTEMS) {
    const rows = failed(system, new Error("debootstrap failed: no network\nat x"));
    assert.equal(isWell(system, rows), false);
    const page = withSeen(PAGE, system, rows);
    assert.match(page, new RegExp(`^\\| ${system} \\|.* debootstrap failed: no network \\|$`, "m"));
    if (system === "windows" || system === "containers") continue;
    const seen = rowsOf(PAGE, "systems")[BY_SYSTEM.indexOf(system)];
    assert.equal(withSeen(page, system, [seen]), PAGE);
  }
});

Deno.test("matrix: what was seen is kept for the same executable, and forgotten with another", () =>
  withTempDir((folder) => {
    const rows = [["Debian", "yes"]];
    new Kept(folder, "first").keep("sid", rows);
    assert.deepEqual(new Kept(folder, "first").of("sid"), rows);
    assert.equal(new Kept(folder, "first").of("trixie"), undefined);
    assert.equal(new Kept(folder, "second").of("sid"), undefined);
  }));
