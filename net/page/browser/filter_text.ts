// SPDX-License-Identifier: MIT
/** Conditions that a click adds to a filter. @module */

/** A field that may be asked for, and a value of it as it is shown. */
export interface Condition {
  readonly field: string;
  readonly value: string | number;
}

/** What the page shows in place of letters that nobody sees, or may see. */
const UNSHOWN = /·|‹hidden›|…$/g;

/** `filter` with the condition, or with its opposite; one that is there already is not added again. */
export function withCondition(filter: string, { field, value }: Condition, isOpposite = false): string {
  const literal = typeof value === "number"
    ? String(value)
    : JSON.stringify(value.replace(UNSHOWN, (one) => one === "·" ? "?" : "*"));
  const condition = `${field} ${isOpposite ? "!=" : "=="} ${literal}`;
  if (filter.trim() === "") return condition;
  if (filter === condition || filter.endsWith(` and ${condition}`)) return filter;
  return `${/\bor\b|\|\|/.test(filter) ? `(${filter})` : filter} and ${condition}`;
}
