// SPDX-License-Identifier: MIT
/** The words of a command line, and what the environment and the configuration file add to them, as one command. @module */
import { CONFIG_PATH } from "../net/pki/places.ts";
import { type RunOptions, runParser } from "@optique/core/facade";
import { message } from "@optique/core/message";
import { VERSION } from "../net/settings/version.ts";
import { BadInput } from "./bad_input.ts";
import { findSettings, type FoundSetting } from "./config.ts";
import { describeMistake } from "./mistake.ts";
import {
  bareCommandLine,
  collectorParser,
  type CommandLine,
  commandLine,
  isCollector,
  usage,
} from "./options.ts";
import { print, printError } from "./output.ts";
import { printable } from "../net/wire/printable.ts";
import { checkNeeds, isGiven } from "./needs.ts";
import { allSettings, variableOf } from "./settings.ts";
import { nearest } from "./short_words.ts";

const PKI_COMMANDS = ["pki init", "pki issue", "pki renew", "pki csr", "pki revoke", "pki show"];
/** Commands that take settings from the environment and the configuration file. */
const CONFIGURABLE = ["agent", "run", "replay", "collector", ...PKI_COMMANDS];

/** A command with all that it takes. */
export interface ReadCommand {
  readonly command: CommandLine;
  /** What did not come from the command line. */
  readonly settings: readonly FoundSetting[];
  /** Of what the environment says in vain. */
  readonly warnings: readonly string[];
}

/** Ends the process at a mistake of the parser, or when help is asked for. Throws {@linkcode BadInput}. */
export function readCommand(args: readonly string[]): ReadCommand {
  const given = parseCommandLine(args);
  const settings = settingsBeside(given);
  const command = withSettings(args, given, settings);
  checkNeeds(given, command);
  const warnings = CONFIGURABLE.includes(given.command) ? unknownVariables(Deno.env.toObject()) : [];
  return { command, settings, warnings };
}

/** Variables that are no setting: the program's, the hook's, the configuration's. */
const VARIABLES: readonly string[] = ["CONFIG", "RUNTIME", "SECCOMP", "HOOK"];
const PREFIX = "SSLCOLLECTOR_";
const withoutPrefix = (name: string): string => name.slice(PREFIX.length);

/** A variable that nobody reads is a misspelt setting. */
function unknownVariables(environment: Readonly<Record<string, string>>): string[] {
  const known = [...VARIABLES, ...[...allSettings().keys()].map(variableOf).map(withoutPrefix)];
  const unknown = Object.entries(environment).filter(([name, value]) =>
    value !== "" && name.startsWith(PREFIX) && !known.includes(withoutPrefix(name))
  );
  return unknown.map(([name]) => {
    const meant = nearest(withoutPrefix(name), known);
    const similar = meant === undefined ? "" : `; similar is ${PREFIX}${meant}`;
    return `${printable(name)} (environment) is no setting${similar}`;
  });
}

/** `settings` are the words that did not come from the user's line. */
function parseCommandLine(args: readonly string[], settings: readonly FoundSetting[] = []): CommandLine {
  const complaints: string[] = [];
  const stop = (status: number): never => {
    if (status !== 0) {
      printError(`sslcollector: ${nameSource(describeMistake(complaints, args), settings)}`);
    }
    Deno.exit(status);
  };
  const options: RunOptions<never, never> = {
    brief:
      message`A passive TLS mirror: clear text out of running programs, as the packets an IDS would have seen.`,
    help: { command: true, option: true, onShow: () => stop(0) },
    usageLine: usage,
    commandList: "top-level",
    maxWidth: helpWidth(),
    version: { value: VERSION, option: true, onShow: () => stop(0) },
    completion: { command: true, onShow: () => stop(0) },
    aboveError: "none",
    onError: () => stop(2),
    colors: false,
    stdout: print,
    stderr: (text) => complaints.push(text),
  };
  if (isCollector(args)) return runParser(collectorParser, "sslcollector", args, options);
  // Options of the program would be taken for ours.
  if (args[0] === "run" && !args.includes("--") && !args.includes("--help")) {
    throw new BadInput(
      "run: expected -- and a command, for example: sslcollector run -- curl https://localhost",
    );
  }
  const parser = args.length === 0 || completesOption(args) ? bareCommandLine : commandLine;
  return runParser(parser, "sslcollector", args, options);
}

/** Whether a shell asks about the agent's options, behind which no command may stand. */
function completesOption([command, _shell, first, ...others]: readonly string[]): boolean {
  return command === "completion" && others.length > 0 && first.startsWith("-");
}

/** A mistake outside the command line is one of the variable or the file. */
export function nameSource(mistake: string, settings: readonly FoundSetting[]): string {
  const setting = settings.find(({ words }) => words.length > 0 && mistake.startsWith(`${words[0]}: `));
  return setting ? setting.source + mistake.slice(setting.words[0].length) : mistake;
}

/** Help is broken to the terminal, and readable without one. */
function helpWidth(): number {
  try {
    return Math.max(60, Deno.consoleSize().columns);
  } catch {
    return 100;
  }
}

/** What the environment and the configuration file say of options that are not given. */
function settingsBeside(parsed: CommandLine): FoundSetting[] {
  if (!CONFIGURABLE.includes(parsed.command)) return [];
  return findSettings(
    parsed.command,
    Deno.env.toObject(),
    CONFIG_PATH,
    (option) => isGiven(parsed, option),
  );
}

function withSettings(
  args: readonly string[],
  parsed: CommandLine,
  found: readonly FoundSetting[],
): CommandLine {
  if (found.length === 0) return parsed;
  // Behind the command's name, before anything that may end the options.
  const at = parsed.command === "agent" || parsed.command === "collector"
    ? 0
    : parsed.command.split(" ").length;
  return parseCommandLine(
    [...args.slice(0, at), ...found.flatMap(({ words }) => words), ...args.slice(at)],
    found,
  );
}
