// SPDX-License-Identifier: MIT
/** The line that is typed into at the bottom of the screen, and why it cannot be taken. @module */
import { visible } from "../../net/wire/printable.ts";
import { columnsOf, type Paint, widthOf } from "../paint.ts";
import { type Line, lineOf, painted } from "./line.ts";
import type { Prompt } from "./state.ts";

/** The prompt itself. */
export function promptLine({ asks, text }: Prompt, columns: number, paint: Paint): string {
  const name = `${asks}: `;
  const shown = visible(text);
  // What is typed stands at the end: the beginning goes out of sight.
  const hidden = Math.max(0, widthOf(shown) - (columns - name.length - 1));
  const seen = columnsOf(shown, hidden, columns);
  return painted(
    [{ text: name, style: "bold" }, { text: seen }, { text: " ", style: "reverse" }],
    columns,
    paint,
  );
}

/** What is wrong, and below the expression a caret at the place; none where nothing is. */
export function mistakeLines({ mistake }: Prompt, columns: number): Line[] {
  if (mistake === undefined) return [];
  const { message, expression, position } = mistake;
  const before = widthOf(visible(expression.slice(0, position)));
  const hidden = Math.max(0, before - (columns - 1));
  return [
    ...wrapped(visible(message), columns).map((text) => lineOf(text, "red")),
    lineOf(columnsOf(visible(expression), hidden, columns)),
    lineOf(`${" ".repeat(before - hidden)}^`, "red"),
  ];
}

/** A text broken at blanks. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && widthOf(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}
