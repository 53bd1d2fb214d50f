// SPDX-License-Identifier: MIT
/** `sslcollector`: reads the command line and runs one command. @module */
import { run, type RunOptions } from "@optique/run";
import { message } from "@optique/core/message";
import { surviveFileSizeLimit } from "../net/ffi/file_size_limit.ts";
import { BadSetting } from "../net/settings/bad_setting.ts";
import { BadInput, inOptions } from "./bad_input.ts";
import { CONFIG_PATH, findSettings, type FoundSetting } from "./config.ts";
import { print, printError } from "./log.ts";
import { describeMistake } from "./mistake.ts";
import {
  bareCommandLine,
  collectorParser,
  type CommandLine,
  commandLine,
  isCollector,
  usage,
} from "./options.ts";
import { VERSION } from "../net/settings/version.ts";

/** Commands that take settings from the environment and the configuration file. */
const CONFIGURABLE = ["agent", "run", "replay", "collector", "pki init", "pki issue", "pki show"];

/** Ends the process at a mistake, or when help is asked for; `settings` are the words that did not come from the user's line. */
function parseCommandLine(args: readonly string[], settings: readonly FoundSetting[] = []): CommandLine {
  const complaints: string[] = [];
  const options: RunOptions = {
    args,
    programName: "sslcollector",
    brief:
      message`A passive TLS mirror: clear text out of running programs, as the packets an IDS would have seen.`,
    help: "both",
    usageLine: usage,
    commandList: "top-level",
    maxWidth: helpWidth(),
    version: VERSION,
    completion: "command",
    aboveError: "none",
    errorExitCode: 2,
    colors: false,
    stdout: print,
    stderr: (text) => complaints.push(text),
    onExit: (status) => {
      if (status !== 0) {
        printError(`sslcollector: ${nameSource(describeMistake(complaints, args), settings)}`);
      }
      Deno.exit(status);
    },
  };
  if (isCollector(args)) return run(collectorParser, options);
  // Options of the program would be taken for ours.
  if (args[0] === "run" && !args.includes("--") && !args.includes("--help")) {
    throw new BadInput(
      "run: expected -- and a command, for example: sslcollector run -- curl https://localhost",
    );
  }
  return run(args.length === 0 ? bareCommandLine : commandLine, options);
}

/** A mistake outside the command line is one of the variable or the file. */
function nameSource(mistake: string, settings: readonly FoundSetting[]): string {
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
  const options = parsed as unknown as Record<string, unknown>;
  const isGivenOrForeign = (option: string) => {
    const name = option.replace(/-./g, (pair) => pair[1].toUpperCase());
    const value = options[name];
    return !(name in options) ||
      (Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false);
  };
  return findSettings(Deno.env.toObject(), CONFIG_PATH, isGivenOrForeign);
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

async function execute(command: CommandLine): Promise<number> {
  // Imported on demand: `hook path` need not load the pipeline.
  switch (command.command) {
    case "agent":
      return await (await import("./agent.ts")).runAgent(command);
    case "run":
      return await (await import("./run.ts")).runProgram(command);
    case "replay":
      return await (await import("./replay.ts")).runReplay(command);
    case "codecs":
      return await (await import("./codecs_command.ts")).runCodecs(command);
    case "demo":
      return await (await import("./demo.ts")).runDemo(command);
    case "collector":
      return await (await import("./collector.ts")).runCollector(command);
    case "pki init":
    case "pki issue":
    case "pki show":
      return await (await import("./pki.ts")).runPki(command);
    default:
      return await (await import("./hook.ts")).runHookCommand(command);
  }
}

if (import.meta.main) {
  surviveFileSizeLimit();
  let settings: readonly FoundSetting[] = [];
  try {
    const given = parseCommandLine(Deno.args);
    settings = settingsBeside(given);
    Deno.exit(await execute(withSettings(Deno.args, given, settings)));
  } catch (error) {
    if (!(error instanceof BadInput || error instanceof BadSetting)) throw error;
    const mistake = error instanceof BadSetting ? inOptions(error) : error.message;
    printError(`sslcollector: ${nameSource(mistake, settings)}`);
    Deno.exit(2);
  }
}
