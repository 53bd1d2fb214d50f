// SPDX-License-Identifier: MIT
/**
 * What the command line leaves open comes from the environment (`SSLCOLLECTOR_CODEC`), then from `/etc/sslcollector.toml`
 * (`codec = "…"`), there from the command's own table first: names are those of the long options.
 *
 * @module
 */
import { CONFIG_PATH } from "../net/pki/places.ts";
import { BadInput } from "./bad_input.ts";
import { type ConfigFile, describeConfigMistake, readConfigText } from "./config_file.ts";
import { allSettings, type Setting, settingsOf, variableOf } from "./settings.ts";

const CONFIG_VARIABLE = "SSLCOLLECTOR_CONFIG";

/** Where packets go: whoever says one of them says all. */
const DESTINATIONS: readonly string[] = ["output", "target"];

/** How destinations are used: where these stand beside destinations that do not count, they do not count either. */
const OF_DESTINATIONS: readonly string[] = [
  ...["rotate-size", "rotate-time", "keep"],
  ...["queue", "compress", "spool", "spool-max"],
];

/** Where a setting was found, to name it in errors. */
export interface FoundSetting {
  readonly name: string;
  readonly source: string;
  readonly values: readonly string[];
  /** Words as they would stand on the command line. */
  readonly words: readonly string[];
}

/** A place that settings come from, and what it says. */
interface Place {
  find(setting: Setting): { readonly source: string; readonly values: readonly string[] } | undefined;
}

/**
 * Settings of the environment, then of the file, for the options of `command` that `isGiven` does not have. The file is the one that
 * `SSLCOLLECTOR_CONFIG` names, which must be there, else `defaultPath`, which need not.
 */
export function findSettings(
  command: string,
  environment: Readonly<Record<string, string>>,
  defaultPath: string,
  isGiven: (option: string) => boolean,
): FoundSetting[] {
  const { path, file } = readConfig(environment, defaultPath);
  return inPlaces(command, [inEnvironment(environment), ...inFile(command, path, file)], isGiven);
}

/** Settings that a file has for `command`. */
export function settingsInFile(command: string, path: string, file: ConfigFile): FoundSetting[] {
  return inPlaces(command, inFile(command, path, file), () => false);
}

function inPlaces(
  command: string,
  places: readonly Place[],
  isGiven: (option: string) => boolean,
): FoundSetting[] {
  const settings = new Map([...settingsOf(command)].filter(([name]) => allSettings().has(name)));
  const destinations = DESTINATIONS.filter((name) => settings.has(name));
  const has = (names: readonly string[]) => (place: Place) =>
    names.some((name) => place.find(settings.get(name)!) !== undefined);
  const destined = destinations.some(isGiven) ? undefined : places.find(has(destinations));
  const ofDestinations = places.filter((place) => place === destined || !has(destinations)(place));
  const found: FoundSetting[] = [];
  for (const [name, setting] of settings) {
    const together = destinations.includes(name) ? destinations : [name];
    if (together.some(isGiven)) continue;
    const place = (OF_DESTINATIONS.includes(name) ? ofDestinations : places).find(has(together));
    const said = place?.find(setting);
    if (said) found.push({ name, ...said, words: wordsOf(setting, said.values, said.source) });
  }
  return found;
}

function inEnvironment(environment: Readonly<Record<string, string>>): Place {
  return {
    find({ name, isMany }) {
      const text = environment[variableOf(name)];
      if (!text) return undefined;
      return { source: `${variableOf(name)} (environment)`, values: isMany ? text.split(/\s+/) : [text] };
    },
  };
}

/** The command's table before what stands in none. */
function inFile(command: string, path: string, file: ConfigFile | undefined): Place[] {
  return [command, ""].map((table) => ({
    find({ name }) {
      const entry = file?.tables.get(table)?.get(name);
      return entry && { source: `${path}: line ${entry.line}: ${name}`, values: entry.values };
    },
  }));
}

function wordsOf({ name, kind }: Setting, values: readonly string[], source: string): string[] {
  if (kind !== "flag") return values.flatMap((value) => [`--${name}`, value]);
  if (!["true", "false", "1", "0"].includes(values[0])) {
    throw new BadInput(`${source}: expected true or false, got ${JSON.stringify(values[0])}`);
  }
  return values[0] === "true" || values[0] === "1" ? [`--${name}`] : [];
}

/** The path that counts, and what is there; `file` is undefined when nothing is, and nothing need be. */
function readConfig(
  environment: Readonly<Record<string, string>>,
  defaultPath: string,
): { path: string; file?: ConfigFile } {
  const named = environment[CONFIG_VARIABLE];
  const path = named || defaultPath;
  const name = named ? `${CONFIG_VARIABLE}: ${named}` : path;
  const text = readIfThere(path, name);
  if (text === undefined) {
    if (named) throw new BadInput(`${CONFIG_VARIABLE}: there is no file ${JSON.stringify(named)}`);
    return { path };
  }
  const file = readConfigText(text);
  if (file.mistakes.length > 0) throw new BadInput(`${name}: ${describeConfigMistake(file.mistakes[0])}`);
  return { path, file };
}

function readIfThere(path: string, name: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new BadInput(`${name}: ${(error as Error).message}`);
  }
}

/** The file that counts. */
export function configPath(environment: Readonly<Record<string, string>>): string {
  return environment[CONFIG_VARIABLE] || CONFIG_PATH;
}
