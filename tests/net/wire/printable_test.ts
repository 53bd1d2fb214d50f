// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { quoted, shown, shownText } from "../../../net/wire/printable.ts";

Deno.test("names of peers are shown as they are, or in quotes and cut; none ends a line or turns it round", () => {
  for (const name of ["web1", "web-1.example.org", "spiffe://a/b", "plaintext 127.0.0.1"]) {
    assert.equal(shown(name), name);
  }
  const forged = "web1\nsslcollector: error: disk on fire";
  assert.equal(shown(forged), '"web1\\nsslcollector: error: disk on fire"');
  assert.equal(shown("a\u001b[31m\u202eb"), '"a\\u001b[31m\\u{202e}b"');
  assert.equal(shown('a"b'), '"a\\"b"');
  assert.equal(shown(""), '""');
  assert.equal(quoted("x".repeat(100)), `"${"x".repeat(64)}…"`);
  assert.equal(
    shownText(`bad data: ${forged}\u2028`),
    `bad data: ${forged.replace("\n", "\\u{a}")}\\u{2028}`,
  );
  assert.equal(shownText("y".repeat(1000)).length, 301);
});
