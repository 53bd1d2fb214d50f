// SPDX-License-Identifier: MIT
/** JSON as people read it, in time and memory that do not grow with how deep it nests. @module */

/** A string, a bracket, a comma, a colon, or another value. Blanks between them are left out. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},:]|[^[\]{},:"\s]+/g;
const STEP = "  ";
/** Nothing is indented any further: lines of what nests thousands deep would be blanks. */
const STEPS_MAX = 60;

/** The first lines of a text, and how many more it has. */
export interface FirstLines {
  readonly lines: readonly string[];
  readonly more: number;
}

/** A line for each value of `text`, which is JSON, up to `most`. Texts and numbers are as they stand there. */
export function jsonLines(text: string, most: number): FirstLines {
  const lines: string[] = [];
  let more = 0;
  let line = "";
  let depth = 0;
  let before = "";
  const end = () => {
    if (lines.length < most) lines.push(line);
    else more++;
    line = lines.length < most ? STEP.repeat(Math.min(depth, STEPS_MAX)) : "";
  };
  for (const [token] of text.matchAll(TOKEN)) {
    const opens = token === "[" || token === "{";
    const closes = token === "]" || token === "}";
    const isInside = before === "[" || before === "{";
    if (closes) depth--;
    if (closes !== isInside) end();
    line += token === ":" ? ": " : token;
    if (opens) depth++;
    if (token === ",") end();
    before = token;
  }
  end();
  return { lines, more };
}
