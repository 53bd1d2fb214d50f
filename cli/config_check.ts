// SPDX-License-Identifier: MIT
/** What is wrong in a configuration file: names, values, and values together, as a start with it would say. @module */
import { formatMessage } from "@optique/core/message";
import { parse } from "@optique/core/parser";
import { checkAgentValues } from "../net/agent/plan.ts";
import { checkCollectorValues } from "../net/collector/collector.ts";
import { BadSetting } from "../net/settings/bad_setting.ts";
import { parseSinkSpec } from "../net/sinks/spec.ts";
import { BadInput, inOptions } from "./bad_input.ts";
import { collectorSettings } from "./collector.ts";
import { type FoundSetting, settingsInFile } from "./config.ts";
import {
  byLine,
  type ConfigFile,
  type ConfigMistake,
  type FileSetting,
  readConfigText,
} from "./config_file.ts";
import { TABLES } from "./config_options.ts";
import { mirrorSettings } from "./mirror_settings.ts";
import { describeMistake } from "./mistake.ts";
import { collectorParser, type CommandLine, commandLine } from "./options.ts";
import { settingsOf } from "./settings.ts";

/** Settings whose values are right or wrong whatever the others are. */
const STANDALONE: readonly string[] = ["codec", "only", "skip", "filter", "ui"];

interface ConfigCheck {
  /** Number of settings with known names. */
  readonly settings: number;
  readonly mistakes: readonly ConfigMistake[];
}

/** Looks at the file alone, not at what this machine has. Throws {@linkcode BadInput} where there is no file. */
export async function checkConfig(path: string): Promise<ConfigCheck> {
  const file = readConfigText(read(path));
  const mistakes = [...file.mistakes];
  const tables = new Map<string, Map<string, FileSetting>>();
  let settings = 0;
  for (const [table, entries] of file.tables) {
    const right = new Map(entries);
    for (const [name, entry] of entries) {
      settings++;
      const text = mistakeInValue(table, entry);
      if (text === undefined) continue;
      mistakes.push({ line: entry.line, text: `${name}: ${text}` });
      right.delete(name);
    }
    tables.set(table, right);
  }
  const sound = { tables, mistakes: [] };
  const isWhole = mistakes.length === 0;
  for (const command of commandsOf(sound)) {
    const found = settingsInFile(command, path, sound);
    const told = await mistakesTogether(command, isWhole ? found : found.filter(standsAlone), sound);
    mistakes.push(
      ...told.filter(({ line, text }) =>
        !mistakes.some((other) => other.line === line && other.text === text)
      ),
    );
  }
  return { settings, mistakes: byLine(mistakes) };
}

const standsAlone = ({ name }: FoundSetting) => STANDALONE.includes(name);

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    throw new BadInput(`config check: ${missing ? `there is no file ${path}` : (error as Error).message}`);
  }
}

/** What a command that knows the setting says of its values. */
function mistakeInValue(table: string, { setting, values }: FileSetting): string | undefined {
  const option = `--${setting.name}`;
  const words = setting.kind === "flag" ? [option] : values.flatMap((value) => [option, value]);
  const commands = TABLES.filter((command) =>
    table === "" ? settingsOf(command).has(setting.name) : command === table
  );
  for (const command of commands) {
    const args = asCommand(command, words);
    const result = parsed(command, args);
    if (result.success) continue;
    const mistake = describeMistake([formatMessage(result.error)], args);
    return mistake.startsWith(`${option}: `) ? mistake.slice(option.length + 2) : mistake;
  }
  return undefined;
}

const parsed = (command: string, args: readonly string[]) =>
  command === "collector" ? parse(collectorParser, args) : parse(commandLine, args);

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

/** Commands that the file is for: those with a table, and for what stands in none the first that knows all of it. */
function commandsOf({ tables }: ConfigFile): string[] {
  const general = [...tables.get("")?.keys() ?? []];
  const first = TABLES.find((command) => general.every((name) => settingsOf(command).has(name)));
  return TABLES.filter((command) => tables.get(command)?.size || general.length > 0 && command === first);
}

/** What the command says of its settings, one after the other; of those that depend on others the first mistake only. */
async function mistakesTogether(
  command: string,
  found: readonly FoundSetting[],
  { tables }: ConfigFile,
): Promise<ConfigMistake[]> {
  const mistakes: ConfigMistake[] = [];
  for (let rest = found;;) {
    const mistake = await firstMistake(command, rest);
    const setting = rest.find(({ name }) => mistake?.names.includes(name));
    if (mistake === undefined || setting === undefined) return mistakes;
    const { name } = setting;
    const { line } = (tables.get(command)?.get(name) ?? tables.get("")?.get(name))!;
    mistakes.push({ line, text: `${name}: ${mistake.reason}` });
    rest = rest.filter((other) => other !== setting && (standsAlone(setting) || standsAlone(other)));
  }
}

interface SettingsMistake {
  /** Settings at fault. */
  readonly names: readonly string[];
  readonly reason: string;
}

async function firstMistake(
  command: string,
  found: readonly FoundSetting[],
): Promise<SettingsMistake | undefined> {
  const result = parsed(command, asCommand(command, found.flatMap(({ words }) => words)));
  if (!result.success) return undefined;
  try {
    await checkValues(result.value);
  } catch (error) {
    if (!(error instanceof BadInput || error instanceof BadSetting)) throw error;
    const text = error instanceof BadSetting ? inOptions(error) : error.message;
    const [options] = text.split(": ", 1);
    const names = Array.from(options.matchAll(/--([\w-]+)/g), ([, name]) => name);
    return { names, reason: text.slice(options.length + 2) };
  }
  return undefined;
}

/** The command line may give a place for packets where the file has none. */
const placeOfCommandLine = () => parseSinkSpec("./sslcollector.pcapng");

async function checkValues(command: CommandLine): Promise<void> {
  switch (command.command) {
    case "agent":
    case "run":
    case "replay":
      return await checkAgentValues(mirrorSettings(command, placeOfCommandLine));
    case "collector": {
      const output = command.output.length > 0 ? command.output : [placeOfCommandLine()];
      return checkCollectorValues(collectorSettings({ ...command, output }));
    }
  }
}
