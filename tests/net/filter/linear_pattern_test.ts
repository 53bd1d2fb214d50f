// SPDX-License-Identifier: MIT
/** What is found is what JavaScript finds, and no text takes long. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { LinearPattern } from "../../../net/filter/linear_pattern.ts";

const PIECES = [
  ...[
    "a",
    "b",
    "c",
    "-",
    "1",
    "é",
    ".",
    "\\w",
    "\\d",
    "\\s",
    "\\S",
    "\\x61",
    "\\u0062",
    "\\n",
    "\\.",
    "[ab]",
  ],
  ...["[^a]", "[^]", "[\\]a-b]", "(", ")", "(?:", "(?<n>", "|", "*", "+", "?", "*?", "{0}", "{2}", "{1,2}"],
  ...["{1,}", "{", "}", "]", "^", "$", "\\b", "\\B"],
];
const TEXTS = ["a", "b", "c", "-", "1", "é", " ", "\n", "."];

const source = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join(""))
  .filter((text) => {
    try {
      return new RegExp(text) !== undefined;
    } catch {
      return false;
    }
  });
const text = fc.array(fc.constantFrom(...TEXTS), { maxLength: 9 }).map((letters) => letters.join(""));

Deno.test("what is found is what JavaScript finds", () => {
  fc.assert(
    fc.property(source, fc.array(text, { minLength: 3, maxLength: 3 }), (source, texts) => {
      const [expected, pattern] = [new RegExp(source), new LinearPattern(source)];
      for (const each of texts) {
        assert.equal(pattern.test(each), expected.test(each), `/${source}/ in ${each}`);
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("no expression finds a text that makes it go back", () => {
  const long = "a".repeat(20_000);
  // Each would take JavaScript longer than this test may run.
  for (const source of ["^(a+)+$", "(a|a)*b", "^(.*)*x$", "a*a*a*a*b", "(a?){40}a{40}b"]) {
    assert.equal(new LinearPattern(source).test(`${long}!`), false, source);
  }
  assert.equal(new LinearPattern("^(a+)+$").test(long), true);
});

Deno.test("what would take room without end is refused", () => {
  for (const source of ["a{1001}", "(a{100}){100}", "((a{9}){9}){99}", "a{0,99999999}"]) {
    assert.throws(() => new LinearPattern(source), /too long/, source);
  }
  assert.equal(new LinearPattern("((){99999}){99999}").test(""), true);
});

Deno.test("an expression that is found in a text is told to be of its characters, and one that needs others is not", () => {
  fc.assert(
    fc.property(source, text, (source, text) => {
      const pattern = new LinearPattern(source);
      if (pattern.test(text)) assert.ok(pattern.mayBeIn(text));
    }),
    { numRuns: 2000 },
  );
  for (const source of ["/", "[^\\d.]", "a+", "1(?:2|3)x|y", "(?:1|2)*/"]) {
    assert.ok(!new LinearPattern(source).mayBeIn("0123456789."), source);
  }
});
