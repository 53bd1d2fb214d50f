// SPDX-License-Identifier: MIT
/** Lines of a screen as pieces of text, each in one style. @module */
import { columnsOf, type Paint, widthOf } from "../paint.ts";

/** A piece of a line; its text has no escape sequences. */
export interface Span {
  readonly text: string;
  readonly style?: keyof Paint;
}

/** A line of a screen, as long as it may be. */
export type Line = readonly Span[];

/** A line in one style. */
export function lineOf(text: string, style?: keyof Paint): Line {
  return [style === undefined ? { text } : { text, style }];
}

/** What is seen of a line in so many columns behind the first `from`. */
export function clipped(line: Line, from: number, columns: number): Line {
  const spans: Span[] = [];
  let left = from;
  let room = columns;
  for (const span of line) {
    if (room <= 0) break;
    // A text that is hidden whole is measured, one that is seen only as far as it is.
    const text = columnsOf(span.text, left, room);
    left -= text === "" && left > 0 ? Math.min(left, widthOf(span.text)) : left;
    room -= widthOf(text);
    if (text !== "") spans.push({ ...span, text });
  }
  return spans;
}

/** The line in the columns that there are, as it is written; `fills` up to the last of them, all in one style. */
export function painted(line: Line, columns: number, paint: Paint, fills?: keyof Paint): string {
  const spans = clipped(line, 0, columns);
  if (fills === undefined) {
    return spans.map(({ text, style }) => style === undefined ? text : paint[style](text)).join("");
  }
  const text = textOf(spans);
  return paint[fills](text + " ".repeat(Math.max(0, columns - widthOf(text))));
}

/** Without styles. */
export function textOf(line: Line): string {
  return line.map(({ text }) => text).join("");
}

/** Says in which style a text is, for those who paint texts; {@linkcode spansOf} reads it. */
export const MARKS: Paint = {
  bold: (text) => marked("bold", text),
  dim: (text) => marked("dim", text),
  red: (text) => marked("red", text),
  green: (text) => marked("green", text),
  yellow: (text) => marked("yellow", text),
  blue: (text) => marked("blue", text),
  reverse: (text) => marked("reverse", text),
};

/** No text that may be shown has this character. */
const MARK = "\x1b";

const marked = (style: keyof Paint, text: string): string => `${MARK}${style}:${text}${MARK}`;

/** The pieces of a text whose styles are marked. */
export function spansOf(text: string): Line {
  return text.split(MARK).flatMap((part, at): Span[] => {
    if (part === "") return [];
    if (at % 2 === 0) return [{ text: part }];
    const colon = part.indexOf(":");
    return [{ style: part.slice(0, colon) as keyof Paint, text: part.slice(colon + 1) }];
  });
}
