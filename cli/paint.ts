// SPDX-License-Identifier: MIT
/** Colours on a terminal, and how wide a text is there. @module */

/** Wraps a text in a colour, or leaves it as it is. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  blue(text: string): string;
  reverse(text: string): string;
}

/** When to use colours: `auto` asks `isTerminal` and NO_COLOR. */
export type ColorMode = "auto" | "always" | "never";

export function paintFor(mode: ColorMode, isTerminal: boolean): Paint {
  const isColored = mode === "always" ||
    mode === "auto" && isTerminal && !Deno.env.get("NO_COLOR") && Deno.env.get("TERM") !== "dumb";
  const code = (number: number) => (text: string) => isColored ? `\x1b[${number}m${text}\x1b[0m` : text;
  return {
    bold: code(1),
    dim: code(2),
    red: code(31),
    green: code(32),
    yellow: code(33),
    blue: code(34),
    reverse: code(7),
  };
}

/** Letters of East Asia and pictures take two columns. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{Mark}/u;

/** Columns that a text takes, of one that `visible` has made showable. */
export function widthOf(text: string): number {
  if (IS_ASCII.test(text)) return text.length;
  let width = 0;
  for (const letter of text) width += COMBINING.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1;
  return width;
}

/** The text with blanks behind it up to so many columns. */
export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}

/** Marks on one letter that are shown: more reach into the lines around it. */
const MARKS_MAX = 3;
const IS_ASCII = /^[\x20-\x7e]*$/;

/** The part of a text that stands in so many columns behind the first `from`; half of a wide letter is a blank. */
export function columnsOf(text: string, from: number, columns: number): string {
  const end = from + Math.max(0, columns);
  if (IS_ASCII.test(text)) return text.slice(from, end);
  let part = "";
  let at = 0;
  let marks = 0;
  for (const letter of text) {
    const width = widthOf(letter);
    marks = width === 0 ? marks + 1 : 0;
    const isIn = width === 0 ? at > from && marks <= MARKS_MAX : at >= from && at + width <= end;
    if (isIn) part += letter;
    else if (width > 1 && at < end && at + width > from) part += " ";
    at += width;
    if (at > end || at === end && marks >= MARKS_MAX) break;
  }
  return part;
}
