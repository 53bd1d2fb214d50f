// SPDX-License-Identifier: MIT
/**
 * What the command line leaves open comes from the environment (`SSLCOLLECTOR_CODEC`), then from `/etc/sslcollector.toml`
 * (`codec = "…"`): names are those of the long options.
 *
 * @module
 */
import { parse as parseToml, TomlError } from "smol-toml";
import * as v from "valibot";
import { BadInput } from "./bad_input.ts";

export const CONFIG_PATH = "/etc/sslcollector.toml";
const CONFIG_VARIABLE = "SSLCOLLECTOR_CONFIG";

/** Options that may come from outside the command line: long option, whether several are allowed. */
const SETTINGS: ReadonlyMap<string, { readonly many?: boolean; readonly flag?: boolean }> = new Map([
  ["interface", {}],
  ["output", { many: true }],
  ["codec", {}],
  ["mtu", {}],
  ["port-map", { many: true }],
  ["vlan", {}],
  ["mark-mac", {}],
  ["rotate-size", {}],
  ["rotate-time", {}],
  ["keep", {}],
  ["require-attribution", { flag: true }],
  ["unix", { flag: true }],
  ["starttls", {}],
  ["idle-timeout", {}],
  ["summary", {}],
  ["quiet", { flag: true }],
  ["log-level", {}],
  ["memory", {}],
  ["runtime-dir", {}],
  ["target", { many: true }],
  ["queue", {}],
  ["spool", {}],
  ["spool-max", {}],
  ["pki", {}],
  ["identity", {}],
  ["listen", {}],
  ["allow", { many: true }],
  ["insecure-plaintext", { flag: true }],
  ["state", {}],
  ["workers", {}],
  ["metrics", {}],
]);

/** Where packets go: whoever says one of them says all. */
const DESTINATIONS: readonly string[] = ["output", "target"];

const scalar = v.union([v.string(), v.number(), v.boolean()]);
const tomlSchema = v.record(v.string(), v.union([scalar, v.array(scalar)]));

/** Where a setting was found, to name it in errors. */
export interface FoundSetting {
  readonly source: string;
  /** Words as they would stand on the command line. */
  readonly words: readonly string[];
}

/**
 * Settings of the environment, then of the file, for the options that `isGiven` does not have. The file is the one that
 * `SSLCOLLECTOR_CONFIG` names, which must be there, else `defaultPath`, which need not.
 */
export function findSettings(
  environment: Readonly<Record<string, string>>,
  defaultPath: string,
  isGiven: (option: string) => boolean,
): FoundSetting[] {
  const named = environment[CONFIG_VARIABLE];
  const configPath = named || defaultPath;
  const fromFile = readConfig(configPath, named ? `${CONFIG_VARIABLE}: ${named}` : defaultPath);
  if (!fromFile && named) throw new BadInput(`${CONFIG_VARIABLE}: there is no file ${JSON.stringify(named)}`);
  const isIn = (places: (option: string) => boolean) => (option: string) =>
    DESTINATIONS.includes(option) ? DESTINATIONS.some(places) : places(option);
  const isOnLine = isIn(isGiven);
  const isInEnvironment = isIn((option) => Boolean(environment[variableOf(option)]));
  const found: FoundSetting[] = [];
  for (const [option, kind] of SETTINGS) {
    if (isOnLine(option)) continue;
    const fromEnvironment = environment[variableOf(option)];
    const values = !isInEnvironment(option)
      ? fromFile?.get(option)
      : fromEnvironment && (kind.many ? fromEnvironment.split(/\s+/) : [fromEnvironment]);
    if (!values) continue;
    const source = fromEnvironment ? `${variableOf(option)} (environment)` : `${option} in ${configPath}`;
    found.push({ source, words: wordsOf(option, kind, values, source) });
  }
  return found;
}

function variableOf(option: string): string {
  return `SSLCOLLECTOR_${option.toUpperCase().replaceAll("-", "_")}`;
}

function wordsOf(
  option: string,
  kind: { many?: boolean; flag?: boolean },
  values: string[],
  source: string,
): string[] {
  if (values.length > 1 && !kind.many) {
    throw new BadInput(`${source}: expected one value, got ${values.length}`);
  }
  if (!kind.flag) return values.flatMap((value) => [`--${option}`, value]);
  if (!["true", "false", "1", "0"].includes(values[0])) {
    throw new BadInput(`${source}: expected true or false, got ${JSON.stringify(values[0])}`);
  }
  return values[0] === "true" || values[0] === "1" ? [`--${option}`] : [];
}

/** `undefined` when there is no such file; `name` is what errors call it. */
function readConfig(path: string, name: string): Map<string, string[]> | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new BadInput(`${name}: ${(error as Error).message}`);
  }
  const settings = new Map<string, string[]>();
  for (const [option, value] of Object.entries(parseConfig(name, text))) {
    if (!SETTINGS.has(option)) {
      throw new BadInput(
        `${name}: there is no setting ${JSON.stringify(option)}: known are ${
          [...SETTINGS.keys()].join(", ")
        }`,
      );
    }
    settings.set(option, (Array.isArray(value) ? value : [value]).map(String));
  }
  return settings;
}

function parseConfig(name: string, text: string): v.InferOutput<typeof tomlSchema> {
  let table: unknown;
  try {
    table = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new BadInput(`${name}: line ${error.line}: ${error.message.split("\n")[0]}`);
  }
  const result = v.safeParse(tomlSchema, table);
  if (!result.success) {
    const setting = v.getDotPath(result.issues[0]);
    throw new BadInput(
      `${name}: ${setting}: expected text, a number, true or false, or a list of them; settings stand in no table`,
    );
  }
  return result.output;
}
