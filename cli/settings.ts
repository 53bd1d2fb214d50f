// SPDX-License-Identifier: MIT
/** Options that may be settings of the environment and of the configuration file, as the commands declare them. @module */
import { TABLES } from "./config_options.ts";
import { type DeclaredOption, declaredOptions } from "./declared.ts";

/** What is said for one call only. */
const NO_SETTINGS: readonly string[] = ["collector", "dry-run"];

/** Values that may stand as numbers in the file, where others are text. */
const NUMBERS: readonly string[] = ["SIZE", "DURATION", "BYTES", "ID", "N", "[ADDR:]PORT"];

export interface Setting {
  /** The long option without its dashes. */
  readonly name: string;
  readonly kind: "flag" | "number" | "text";
  readonly isMany: boolean;
  readonly option: DeclaredOption;
}

const settingsByCommand = new Map<string, ReadonlyMap<string, Setting>>();

/** The settings of a command by name, in the order of its help. */
export function settingsOf(command: string): ReadonlyMap<string, Setting> {
  let settings = settingsByCommand.get(command);
  if (settings === undefined) {
    settings = new Map(
      declaredOptions(command).map(settingOf).filter(({ name }) => !NO_SETTINGS.includes(name))
        .map((setting) => [setting.name, setting]),
    );
    settingsByCommand.set(command, settings);
  }
  return settings;
}

/** Settings of any command that has a table, as the first declares them. */
export function allSettings(): ReadonlyMap<string, Setting> {
  const all = new Map<string, Setting>();
  for (const command of TABLES) {
    for (const [name, setting] of settingsOf(command)) if (!all.has(name)) all.set(name, setting);
  }
  return all;
}

function settingOf(option: DeclaredOption): Setting {
  const { names, metavar, isMany } = option;
  const kind = metavar === undefined ? "flag" : NUMBERS.includes(metavar) ? "number" : "text";
  return { name: names.at(-1)!.slice(2), kind, isMany, option };
}

/** The variable that gives a setting. */
export function variableOf(setting: string): string {
  return `SSLCOLLECTOR_${setting.toUpperCase().replaceAll("-", "_")}`;
}
