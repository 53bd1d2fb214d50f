// SPDX-License-Identifier: MIT
/** Text that came from a program or its peer, made fit for a line of a log or a terminal. @module */

/** Names come from the program or its peer: what could break a line or mislead a terminal is replaced. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, "_");
}

/** The same for a text whose words may have blanks between them. */
export function printableLine(text: string): string {
  return text.split(" ").map(printable).join(" ");
}

/**
 * Text of a peer as it is shown to people: what moves a cursor, gives a terminal orders, ends a line or turns the direction of what
 * follows is a dot.
 */
export function visible(text: string): string {
  return text.replace(UNSHOWABLE, "·");
}

const UNSHOWABLE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu;

/** Characters of a peer's text that are shown. */
const SHOWN_NAME_LENGTH = 64;
const SHOWN_TEXT_LENGTH = 300;

/** A name that a peer has or gives itself, cut, in quotes, with what may not be shown escaped. */
export function quoted(name: string): string {
  return oneLine(JSON.stringify(cutTo(name, SHOWN_NAME_LENGTH)));
}

/** A name as it is when nobody can be misled by it, else {@linkcode quoted}. */
export function shown(name: string): string {
  return /^[\w.:@/*+-][\w.:@/*+ -]*$/.test(name) && name.length <= SHOWN_NAME_LENGTH ? name : quoted(name);
}

/** A line in which a peer has its words, such as an error: cut, with what may not be shown escaped. */
export function shownText(text: string): string {
  return oneLine(cutTo(text, SHOWN_TEXT_LENGTH));
}

/** A text of any length in which what may not be shown is escaped. */
export function oneLine(text: string): string {
  return text.replace(UNSHOWABLE, escaped);
}

function cutTo(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}

function escaped(character: string): string {
  return Array.from(character, (one) => `\\u{${one.codePointAt(0)!.toString(16)}}`).join("");
}
