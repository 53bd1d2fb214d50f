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
