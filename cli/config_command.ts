// SPDX-License-Identifier: MIT
/** `sslcollector config check | show | default`. @module */
import { CONFIG_PATH } from "../net/pki/places.ts";
import { formatMessage } from "@optique/core/message";
import { parse } from "@optique/core/parser";
import { BadInput } from "./bad_input.ts";
import { configPath, findSettings } from "./config.ts";
import { type FileSetting, readConfigText } from "./config_file.ts";
import type { ConfigCommand } from "./config_options.ts";
import { TABLES } from "./config_options.ts";
import { defaultConfig, settingsInForce } from "./config_text.ts";
import { describeMistake } from "./mistake.ts";
import { collectorParser, commandLine } from "./options.ts";
import { print, printError } from "./output.ts";
import { settingsOf } from "./settings.ts";

/** Answers the exit status: 2 when something is wrong. */
export function runConfig(command: ConfigCommand): number {
  switch (command.command) {
    case "config check":
      return check(command.file ?? configPath(Deno.env.toObject()));
    case "config show":
      for (const line of show(command.of)) print(line);
      return 0;
    case "config default":
      print(defaultConfig());
      return 0;
  }
}

function show(command: string): string[] {
  const environment = Deno.env.toObject();
  const found = findSettings(command, environment, CONFIG_PATH, () => false);
  return [comment(command, configPath(environment)), ...settingsInForce(command, found)];
}

const comment = (command: string, path: string) =>
  `# What is in force for ${command}: the environment, then ${path}, then defaults.`;

function check(path: string): number {
  const { tables, mistakes } = readConfigText(read(path));
  const wrong = [...mistakes];
  let settings = 0;
  for (const [table, entries] of tables) {
    for (const entry of entries.values()) {
      settings++;
      const commands = table === "" ? TABLES.filter((command) => knows(command, entry)) : [table];
      const said = commands.map((command) => mistakeIn(command, entry)).find((mistake) =>
        mistake !== undefined
      );
      if (said !== undefined) wrong.push(`line ${entry.line}: ${entry.setting.name}: ${said}`);
    }
  }
  for (const line of wrong) printError(`sslcollector: ${path}: ${line}`);
  if (wrong.length > 0) return 2;
  print(`${path}: ${settings === 1 ? "1 setting" : `${settings} settings`}, nothing wrong`);
  return 0;
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    throw new BadInput(`config check: ${missing ? `there is no file ${path}` : (error as Error).message}`);
  }
}

const knows = (command: string, { setting }: FileSetting) => settingsOf(command).has(setting.name);

/** What the command says of a setting's values. */
function mistakeIn(command: string, { setting, values }: FileSetting): string | undefined {
  const option = `--${setting.name}`;
  const words = setting.kind === "flag" ? [option] : values.flatMap((value) => [option, value]);
  const args = asCommand(command, words);
  const result = command === "collector" ? parse(collectorParser, args) : parse(commandLine, args);
  if (result.success) return undefined;
  const mistake = describeMistake([formatMessage(result.error)], args);
  return mistake.startsWith(`${option}: `) ? mistake.slice(option.length + 2) : mistake;
}

/** A command line with these options and nothing else that it needs left out. */
function asCommand(command: string, options: readonly string[]): string[] {
  switch (command) {
    case "collector":
      return ["--collector", ...options];
    case "run":
      return ["run", ...options, "--", "true"];
    case "replay":
      return ["replay", ...options, "FILE"];
    default:
      return [...options];
  }
}
