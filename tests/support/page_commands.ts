// SPDX-License-Identifier: MIT
/** The commands that pages show: lines that are set in, and code within a sentence that begins with the name of a program which they have run. @module */

/** Commands as they stand there, without comments, each once. Blocks between fences are left out: they are programs and manifests, or scripts that have a test of their own. */
export function commandsOn(page: string): string[] {
  const prose = page.replace(/^```.*?^```$/gms, "");
  const lines = prose.replaceAll(/ \\\n {4,}/g, " ").split("\n");
  const setIn = lines.filter((line) => /^ {4}\S/.test(line)).map(withoutComment);
  // An upper-case word stands for something that the reader knows.
  const within = [...prose.matchAll(/`((?:sslcollector|deno|deno\.exe|npx|curl) [^`]+)`/g)].map(([, code]) =>
    code
  )
    .filter((code) => !/\b[A-Z]{3,}\b/.test(code));
  return [...new Set([...setIn, ...within])];
}

const withoutComment = (line: string) => line.trim().replace(/\s+#\s.*$/, "");
