// SPDX-License-Identifier: MIT
/** Tables of text. @module */

/** Columns as wide as what is in them; the last is as it is. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  return rows.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd());
}
