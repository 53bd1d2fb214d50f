// SPDX-License-Identifier: MIT
/** Which command has which options, read from the parsers: to name a command where an option is given to another. @module */
import type { Usage } from "@optique/core/usage";
import { agentParser, collectorParser, commandsParser } from "./options.ts";

/** Options of each command by its name in messages, in the order of the help. */
const OPTIONS = new Map<string, Set<string>>();
collect(agentParser.usage, "the agent");
collect(commandsParser.usage, "");
collect(collectorParser.usage, "the collector");

/** First words that name a command. */
export const COMMANDS: readonly string[] = [
  ...new Set(
    [...OPTIONS.keys()].filter((name) => !name.startsWith("the ")).map((name) => name.split(" ")[0]),
  ),
  "help",
  "completion",
];

function collect(terms: Usage, parent: string): void {
  let command = parent;
  for (const term of terms) {
    if (term.type === "command") {
      command = parent === "" ? term.name : `${parent} ${term.name}`;
    } else if (term.type === "exclusive") {
      for (const alternative of term.terms) collect(alternative, command);
      return;
    } else if (term.type === "optional" || term.type === "multiple") {
      collect(term.terms, command);
    } else if (term.type === "option") {
      for (const name of term.names) optionsOf(command).add(name);
    }
  }
  optionsOf(command);
}

function optionsOf(command: string): Set<string> {
  let options = OPTIONS.get(command);
  if (!options) OPTIONS.set(command, options = new Set());
  return options;
}

export function isCommand(name: string): boolean {
  return OPTIONS.has(name);
}

/** Commands that know `option`, none when nothing does. */
export function ownersOf(option: string): string[] {
  return [...OPTIONS].filter(([, options]) => options.has(option)).map(([command]) => command);
}

/** Options of `command`, none where there is no such command. */
export function optionsKnownTo(command: string): string[] {
  return [...OPTIONS.get(command) ?? []];
}

/** Second words that `command` may have: `init` of `pki`. */
export function subcommands(command: string): string[] {
  const start = `${command} `;
  return [...OPTIONS.keys()].filter((name) => name.startsWith(start)).map((name) => name.slice(start.length));
}
