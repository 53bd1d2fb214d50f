// SPDX-License-Identifier: MIT
/**
 * `sslcollector`: runs one command. What a command needs is imported when it is run, since loading is most of what a short one
 * costs: `--version` needs no parser, `hook`, `status` and `ps` nothing that mirrors.
 *
 * @module
 */
import { surviveFileSizeLimit } from "../net/ffi/file_size_limit.ts";
import { BadSetting } from "../net/settings/bad_setting.ts";
import { VERSION } from "../net/settings/version.ts";
import { BadInput, inOptions } from "./bad_input.ts";
import { spelledOut } from "./short_words.ts";
import type { HookCommand } from "./hook_options.ts";
import type { CommandLine } from "./options.ts";
import type { Result } from "@optique/core/parser";
import { IS_LINUX } from "../net/ffi/platform.ts";
import type { PsCommand, StatusCommand, TopCommand } from "./status_options.ts";
import { print, printError } from "./output.ts";

/** The exit status. A mistake is one line on standard error. */
async function main(words: readonly string[]): Promise<number> {
  const args = spelledOut(words);
  if (args.length === 1 && args[0] === "--version") {
    print(VERSION);
    if (IS_LINUX) print(await (await import("../net/agent/probe_object.ts")).probesLine());
    return 0;
  }
  const alone = await readAlone(args);
  if (alone !== undefined) return await reportMistakes(() => execute(alone));
  const { nameSource, readCommand } = await import("./command_line.ts");
  let name = (mistake: string) => mistake;
  return await reportMistakes(async () => {
    const { command, settings, warnings } = readCommand(args);
    name = (mistake) => nameSource(mistake, settings);
    if (warnings.length > 0) await warn(warnings, command);
    return await execute(command);
  }, (mistake) => name(mistake));
}

/** In the form that the command gives all its messages. */
async function warn(warnings: readonly string[], command: CommandLine): Promise<void> {
  const { configureLog, log } = await import("./log.ts");
  configureLog("logFormat" in command ? command : {});
  for (const warning of warnings) log.warning(warning);
}

type AloneCommand = HookCommand | StatusCommand | TopCommand | PsCommand;

/** A command that is read without the others; `undefined` where all have to be known, to help or to name a mistake. */
async function readAlone(args: readonly string[]): Promise<AloneCommand | undefined> {
  const [name] = args;
  if (!["hook", "status", "top", "ps"].includes(name)) return undefined;
  const { parse } = await import("@optique/core/parser");
  if (name === "hook") {
    const { hookCommand } = await import("./hook_options.ts");
    return valueOf(parse(hookCommand, args));
  }
  const { psCommand, statusCommand, topCommand } = await import("./status_options.ts");
  if (name === "top") return valueOf(parse(topCommand, args));
  return name === "ps" ? valueOf(parse(psCommand, args)) : valueOf(parse(statusCommand, args));
}

function valueOf<T>(result: Result<T>): T | undefined {
  return result.success ? result.value : undefined;
}

async function reportMistakes(
  use: () => Promise<number>,
  name: (mistake: string) => string = (mistake) => mistake,
): Promise<number> {
  try {
    return await use();
  } catch (error) {
    if (!(error instanceof BadInput || error instanceof BadSetting)) throw error;
    printError(`sslcollector: ${name(error instanceof BadSetting ? inOptions(error) : error.message)}`);
    return 2;
  }
}

/** Commands that need nothing but files and connections. */
const ANYWHERE = /^(collector|replay|read|codecs|config \w+|pki \w+)$/;

async function execute(command: CommandLine): Promise<number> {
  if (!IS_LINUX && !ANYWHERE.test(command.command)) {
    throw new BadInput(`${command.command}: needs Linux, where programs are mirrored`);
  }
  switch (command.command) {
    case "agent":
      return await (await import("./agent.ts")).runAgent(command);
    case "run":
      return await (await import("./run.ts")).runProgram(command);
    case "replay":
      return await (await import("./replay.ts")).runReplay(command);
    case "read":
      return await (await import("./read.ts")).runRead(command);
    case "codecs":
      return await (await import("./codecs_command.ts")).runCodecs(command);
    case "demo":
      return await (await import("./demo.ts")).runDemo(command);
    case "doctor":
      return await (await import("./doctor.ts")).runDoctor(command);
    case "ps":
      return await (await import("./ps.ts")).runPs(command);
    case "status":
      return await (await import("./status.ts")).runStatus(command);
    case "top":
      return await (await import("./top/top.ts")).runTop(command);
    case "collector":
      return await (await import("./collector.ts")).runCollector(command);
    case "config check":
    case "config show":
    case "config default":
      return (await import("./config_command.ts")).runConfig(command);
    case "pki init":
    case "pki issue":
    case "pki renew":
    case "pki csr":
    case "pki revoke":
    case "pki show":
      return await (await import("./pki.ts")).runPki(command);
    default:
      return await (await import("./hook.ts")).runHookCommand(command);
  }
}

if (import.meta.main) {
  surviveFileSizeLimit();
  Deno.exit(await main(Deno.args));
}
