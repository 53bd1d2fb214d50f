// SPDX-License-Identifier: MIT
/** A mistake in an expression is told with its place, whatever else of the expression looks like it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BadFilter, parseExpression } from "../../../net/filter/expression.ts";

const FIELDS = {
  text: { type: "text", get: () => "" },
  count: { type: "number", get: () => 0 },
  word: { type: "text", words: ["yes", "no"], get: () => "" },
} as const;

/** Conditions that are wrong at the word between the brackets. */
const WRONG = [
  "‹cont›",
  "‹cont› == 3",
  "‹cont› contains 'text'",
  "(‹cont›) == 3",
  "not ‹cont›",
  "not ‹cont› >= 3",
  "‹-›count == 3",
  "count ‹&› 3",
  "(count) ‹&› 3",
  "not (count ) ‹&› (3)",
  "count == ‹text›",
  "count == ( ‹text› )",
  "count == -‹'3'›",
  "text == ‹count›",
  "text == ‹3›",
  "text =~ ‹'('›",
  "word == ‹'no '›",
  "‹(›count + 1) == 3",
  "‹count›.text == 3",
  "‹count›('text')",
  "‹[›count]",
  "‹3›",
  "count == 3 ‹text›",
];
/** Conditions that are right, and have the words that others have wrong. */
const RIGHT = [
  "count",
  "text",
  "count == 3",
  "count  ==  .5e1",
  "(count == 3)",
  "not count > -3",
  "text == 'cont & 3 ( no '",
  "text contains 'count'",
  "not (text == 'cont == 3' and count)",
];

const right = fc.constantFrom(...RIGHT);
const wrong = fc.constantFrom(...WRONG);
const joint = fc.constantFrom(" and ", " or ", " && ", "||", " and\tnot ");
const spaces = fc.constantFrom("", " ", "  ");

/** A wrong condition among right ones, in brackets of its own here and there. */
const expression = fc.letrec<{ part: string }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 4 },
    wrong,
    fc.tuple(right, joint, tie("part")).map((parts) => parts.join("")),
    fc.tuple(tie("part"), joint, right).map((parts) => parts.join("")),
    fc.tuple(spaces, tie("part"), spaces).map(([before, part, behind]) => `(${before}${part}${behind})`),
    tie("part").map((part) => `not (${part})`),
  ),
})).part;

Deno.test("the caret is below the part that is wrong, also where others read like it", () => {
  fc.assert(
    fc.property(spaces, expression, (before, marked) => {
      const position = before.length + marked.indexOf("‹");
      const written = before + marked.replace(/[‹›]/g, "");
      assert.throws(() => parseExpression(written, FIELDS), (error) => {
        assert.ok(error instanceof BadFilter);
        const [line, caret] = error.caret.split("\n");
        assert.equal(`${line}\n${caret}`, `${written}\n${" ".repeat(position)}^`, error.message);
        return true;
      });
    }),
    { numRuns: 500 },
  );
});
