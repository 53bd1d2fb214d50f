// SPDX-License-Identifier: MIT
/** Mistakes on the command line, in one line that names the option, the value and what would be right. @module */
import { BUILT_IN_NAMES } from "../codecs/names.ts";
import { COMMANDS, isCommand, optionsKnownTo, ownersOf, subcommands } from "./command_options.ts";
import { endOfOptions, isCollector } from "./options.ts";
import { habitHint, nearest } from "./short_words.ts";

/** `texts` are what the parser had to say about `args`, in its own layout. */
export function describeMistake(texts: readonly string[], args: readonly string[]): string {
  const text = texts.find((text) => text.startsWith("Error: ")) ?? texts[0] ?? "";
  const said = text.replace(/^Error: /, "").split("\n").map((line) => line.trim()).join(" ").trim();
  const { command, position } = findCommand(args);
  const unexpected = /^Unexpected option or (?:subcommand|argument): [`"]([^`"]+)[`"]/.exec(said);
  if (unexpected || / cannot be used together\.$/.test(said)) {
    const foreign = args.slice(0, endOfOptions(args)).map((word) => word.replace(/=.*/, ""))
      .find((word) => ownersOf(word).length > 0 && !ownersOf(word).includes(command));
    if (foreign) {
      return `${foreign}: not an option of ${command}; it belongs to ${inWords(ownersOf(foreign))}`;
    }
    if (!unexpected) {
      return position > 0 ? `${command}: expected before its options, not after ${args[0]}` : said;
    }
    const helped = command === "help" && args[1] !== unexpected[1] ? args[1] : command;
    return unexpectedWord(unexpected[1], helped);
  }
  if (/^No matching command(?: or argument)? found\.$/.test(said)) {
    return `${command}: expected ${inWords(subcommands(command), "or")}`;
  }
  const missing = /^Expected a `([^`]+)`, but too few arguments/.exec(said);
  if (missing) return `${command}: expected ${missing[1]}`;
  const withoutValue = /^`([^`]+)` requires `([^`]+)`/.exec(said);
  if (withoutValue) return `${withoutValue[1]}: expected ${withoutValue[2]} after it`;
  return said.replace(/^(?:`-\w`\/)?`([\w|-]+)`: /, "$1: ");
}

/** The command that the words are for, and where it stands; without one they are for the agent. */
function findCommand(args: readonly string[]): { command: string; position: number } {
  const position = args.slice(0, endOfOptions(args)).findIndex((word) => COMMANDS.includes(word));
  if (position < 0) return { command: isCollector(args) ? "the collector" : "the agent", position };
  const pair = `${args[position]} ${args[position + 1]}`;
  return { command: isCommand(pair) ? pair : args[position], position };
}

function unexpectedWord(word: string, command: string): string {
  const habit = habitHint(word);
  if (habit !== undefined) return `${word}: not an option of ${command}; ${habit}`;
  const codec = BUILT_IN_NAMES.find((name) => word.replace(/=.*/, "") === `--${name}`);
  if (codec !== undefined && ownersOf("--codec").includes(command)) {
    return `${word}: not an option of ${command}; a codec is chosen with --codec ${codec}`;
  }
  if (word.startsWith("-")) {
    const similar = similarTo(word.replace(/=.*/, ""), optionsKnownTo(command));
    return `${word}: not an option of ${command}${similar}; see sslcollector --help`;
  }
  const known = subcommands(command);
  if (known.length > 0) return `${command}: expected ${inWords(known, "or")}, got ${JSON.stringify(word)}`;
  const isHelp = command === "help";
  if (!isHelp && !command.startsWith("the ")) {
    return `${command}: ${JSON.stringify(word)} is one argument too many`;
  }
  const similar = similarTo(word, COMMANDS);
  const expected = `: expected ${inWords(COMMANDS, "or")}` +
    (isHelp ? "" : `; to mirror a program: sslcollector run -- ${word}`);
  return `there is no command ${JSON.stringify(word)}${similar || expected}`;
}

/** Names the one word that may be meant; empty where none is near. */
function similarTo(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return meant === undefined ? "" : `; similar is ${meant}`;
}

function inWords(words: readonly string[], conjunction = "and"): string {
  return words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} ${conjunction} ${words[words.length - 1]}`;
}
