// SPDX-License-Identifier: MIT
/** Commands and options as their parsers declare them: for the configuration file and the man page. @module */
import { formatMessage, type Message } from "@optique/core/message";
import { getDocPage, type Parser } from "@optique/core/parser";
import type { Usage } from "@optique/core/usage";
import { agentParser, collectorParser, commandsParser } from "./options.ts";

export interface DeclaredOption {
  /** As on the command line, the long one last. */
  readonly names: readonly string[];
  /** What its value is called; none for a flag. */
  readonly metavar?: string;
  readonly isMany: boolean;
  readonly description: string;
}

/** A word that is no option. */
interface DeclaredWord {
  readonly metavar: string;
  readonly description: string;
}

export interface DeclaredCommand {
  /** `agent` and `collector` have no word of their own on the command line. */
  readonly name: string;
  readonly brief: string;
  readonly description: string;
  readonly options: readonly DeclaredOption[];
  readonly words: readonly DeclaredWord[];
}

const plain = (message: Message | undefined) =>
  message === undefined ? "" : formatMessage(message, { quotes: false });

let commands: readonly DeclaredCommand[] | undefined;

/** All of them, in the order of the help. */
export function declaredCommands(): readonly DeclaredCommand[] {
  return commands ??= [
    declared("agent", agentParser, agentParser.usage),
    declared("collector", collectorParser, collectorParser.usage),
    ...namedCommands(commandsParser.usage, []),
  ];
}

/** The options of one command. */
export function declaredOptions(command: string): readonly DeclaredOption[] {
  return declaredCommands().find(({ name }) => name === command)?.options ?? [];
}

/** Each command that words lead to, such as `hook install`. */
function namedCommands(terms: Usage, words: readonly string[]): DeclaredCommand[] {
  const [first, ...rest] = terms;
  if (first?.type === "exclusive") return first.terms.flatMap((terms) => namedCommands(terms, words));
  if (first?.type === "command") return namedCommands(rest, [...words, first.name]);
  return [declared(words.join(" "), commandsParser, terms, words)];
}

/** `usage` are the terms behind the words that lead to the command. */
function declared(
  name: string,
  parser: Parser<"sync", unknown, unknown>,
  usage: Usage,
  words: readonly string[] = [],
): DeclaredCommand {
  const page = getDocPage(parser, words)!;
  const many = new Set(namesOfMany(usage, false));
  const entries = page.sections.flatMap(({ entries }) => entries);
  return {
    name,
    brief: plain(page.brief),
    description: plain(page.description),
    options: entries.flatMap(({ term, description }) =>
      term.type !== "option" ? [] : [{
        names: [...term.names].sort((one, other) => one.length - other.length),
        metavar: term.metavar,
        isMany: term.names.some((name) => many.has(name)),
        description: plain(description),
      }]
    ),
    words: entries.flatMap(({ term, description }) =>
      term.type === "argument" ? [{ metavar: term.metavar, description: plain(description) }] : []
    ),
  };
}

/** Names of options that may be given more than once. */
function* namesOfMany(terms: Usage, isMany: boolean): Generator<string> {
  for (const term of terms) {
    if (term.type === "multiple") yield* namesOfMany(term.terms, true);
    else if (term.type === "optional") yield* namesOfMany(term.terms, isMany);
    else if (term.type === "option" && isMany) yield* term.names;
  }
}
