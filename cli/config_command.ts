// SPDX-License-Identifier: MIT
/** `sslcollector config check | show | default`. @module */
import { CONFIG_PATH } from "../net/pki/places.ts";
import { configPath, findSettings } from "./config.ts";
import { describeConfigMistake } from "./config_file.ts";
import type { ConfigCommand } from "./config_options.ts";
import { defaultConfig, settingsInForce } from "./config_text.ts";
import { print, printError } from "./output.ts";

/** Answers the exit status: 2 when something is wrong. */
export async function runConfig(command: ConfigCommand): Promise<number> {
  switch (command.command) {
    case "config check":
      return await check(command.file ?? configPath(Deno.env.toObject()));
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

async function check(path: string): Promise<number> {
  const { checkConfig } = await import("./config_check.ts");
  const { settings, mistakes } = await checkConfig(path);
  for (const mistake of mistakes) printError(`sslcollector: ${path}: ${describeConfigMistake(mistake)}`);
  if (mistakes.length > 0) return 2;
  print(`${path}: ${settings === 1 ? "1 setting" : `${settings} settings`}, nothing wrong; ${ELSEWHERE}`);
  return 0;
}

const ELSEWHERE = "whether this machine has the interfaces, files and addresses is checked with --dry-run";
