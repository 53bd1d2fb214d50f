// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { columnsOf, paintFor, widthOf } from "../../../cli/paint.ts";
import { clipped, MARKS, painted, spansOf, textOf } from "../../../cli/top/line.ts";

Deno.test("a part of a text has the columns that were asked for, half of a wide letter is a blank", () => {
  for (
    const [from, columns, part] of [
      [0, 4, "a世b"],
      [0, 2, "a "],
      [2, 3, " b "],
      [2, 4, " b界"],
      [1, 2, "世"],
      [9, 3, ""],
      [
        3,
        0,
        "",
      ],
    ] as const
  ) {
    assert.equal(columnsOf("a世b界c", from, columns), part, `${columns} from ${from}`);
  }
  assert.equal(columnsOf("abcdef", 2, 3), "cde");
});

Deno.test("a letter has its marks, but not without end", () => {
  assert.equal(columnsOf("e\u0301x", 0, 1), "e\u0301");
  assert.equal(columnsOf("xe\u0301", 1, 1), "e\u0301");
  assert.equal(columnsOf(`e${"\u0301".repeat(50)}x`, 0, 2), `e${"\u0301".repeat(3)}x`);
  assert.equal(widthOf(`e${"\u0301".repeat(50)}x`), 2);
});

Deno.test("lines are cut and filled in columns, over pieces of several styles", () => {
  const line = [{ text: "ab", style: "bold" }, { text: "世界" }, { text: "cd", style: "red" }] as const;
  assert.equal(textOf(clipped(line, 0, 5)), "ab世 ");
  assert.equal(textOf(clipped(line, 1, 6)), "b世界c");
  assert.equal(textOf(clipped(line, 6, 9)), "cd");
  assert.equal(textOf(clipped(line, 8, 9)), "");
  assert.equal(painted(line, 3, paintFor("always", true)), "\x1b[1mab\x1b[0m ");
  assert.equal(painted(line, 10, paintFor("never", true), "reverse"), "ab世界cd  ");
});

Deno.test("texts that others have painted come back as pieces", () => {
  assert.deepEqual(spansOf(`a ${MARKS.red("b: c")}${MARKS.bold("d")} e`), [
    { text: "a " },
    { style: "red", text: "b: c" },
    { style: "bold", text: "d" },
    { text: " e" },
  ]);
});
