// SPDX-License-Identifier: MIT
/** What a shell may complete values of the command line with. @module */
import { resolve } from "node:path";
import type { Suggestion } from "@optique/core/parser";
import type { ValueParser } from "@optique/core/valueparser";
import { text } from "./value_parser.ts";

/** What may stand for a word of which `prefix` is there already. */
type Suggest = (prefix: string) => Iterable<Suggestion>;

export function withSuggestions<T>(
  parser: ValueParser<"sync", T>,
  suggest: Suggest,
): ValueParser<"sync", T> {
  return { ...parser, suggest };
}

/** Those of `words` that begin with `prefix`. */
export function suggestWords(prefix: string, words: readonly string[]): Suggestion[] {
  return words.filter((word) => word.startsWith(prefix)).map((text) => ({ kind: "literal", text }));
}

/** Names of files, which the shell knows. */
export function suggestFiles(prefix: string): Suggestion[] {
  return [{ kind: "file", type: "any", pattern: prefix, includeHidden: prefix.startsWith(".") }];
}

function suggestFolders(prefix: string): Suggestion[] {
  return [{ kind: "file", type: "directory", pattern: prefix, includeHidden: prefix.startsWith(".") }];
}

/** Interfaces of this host; none where there are none to be read. */
export function suggestInterfaces(prefix: string): Suggestion[] {
  try {
    const entries = [...Deno.readDirSync("/sys/class/net")];
    return suggestWords(prefix, entries.filter(({ isFile }) => !isFile).map(({ name }) => name).sort());
  } catch {
    return [];
  }
}

/** Any text but none, for which names of files are offered. */
export function file(metavar: string): ValueParser<"sync", string> {
  return withSuggestions(text(metavar), suggestFiles);
}

/** Any text but none, for which names of folders are offered. */
export function folder(metavar: string): ValueParser<"sync", string> {
  return withSuggestions(text(metavar), suggestFolders);
}

/** The same, as a path from the root: programs that are told of the folder may work in another one. */
export function folderFromRoot(metavar: string): ValueParser<"sync", string> {
  const parser = folder(metavar);
  return {
    ...parser,
    parse(word) {
      const parsed = parser.parse(word);
      return parsed.success ? { ...parsed, value: resolve(parsed.value) } : parsed;
    },
  };
}
