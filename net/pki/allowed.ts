// SPDX-License-Identifier: MIT
/** Names of agents that a collector takes. @module */

/** Whether a name fits one of the patterns: `*` stands for any characters but dots and slashes. */
export function isAllowed(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
    return new RegExp(`^${parts.join("[^./]*")}$`).test(name);
  });
}

/** Patterns of a file, one a line; what follows `#` is a comment. */
export function parseAllowList(text: string): string[] {
  return text.split("\n").map((line) => line.replace(/#.*/, "").trim()).filter((line) => line !== "");
}
