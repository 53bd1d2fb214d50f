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
