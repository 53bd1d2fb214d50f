// SPDX-License-Identifier: MIT
/**
 * The configuration file: `NAME = VALUE` with the names of the long options, for every command that knows them; in a table of a
 * command's name (`[collector]`) for that command alone.
 *
 * @module
 */
import { parse as parseToml, TomlError } from "smol-toml";
import { TABLES } from "./config_options.ts";
import { nearest } from "./short_words.ts";
import { allSettings, type Setting, settingsOf } from "./settings.ts";

const tableNames: readonly string[] = TABLES;

/** One setting as the file has it. */
export interface FileSetting {
  readonly setting: Setting;
  readonly values: readonly string[];
  /** From 1. */
  readonly line: number;
}

export interface ConfigFile {
  /** Settings by the table that they stand in, `""` for those in none, and by name. */
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, FileSetting>>;
  /** What is wrong, in the order of lines; what is right is in `tables` all the same. */
  readonly mistakes: readonly ConfigMistake[];
}

export interface ConfigMistake {
  /** From 1. */
  readonly line: number;
  /** The setting, where there is one, and what is wrong with it. */
  readonly text: string;
}

/** A mistake behind the file's name. */
export function describeConfigMistake({ line, text }: ConfigMistake): string {
  return `line ${line}: ${text}`;
}

/** In the order of lines. */
export function byLine(mistakes: readonly ConfigMistake[]): ConfigMistake[] {
  return mistakes.toSorted((one, other) => one.line - other.line);
}

/** Reads the text of a file. */
export function readConfigText(text: string): ConfigFile {
  let root: Record<string, unknown>;
  try {
    root = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return { tables: new Map(), mistakes: [{ line: error.line, text: error.message.split("\n")[0] }] };
  }
  const lines = new Lines(text);
  const mistakes: ConfigMistake[] = [];
  const tables = new Map<string, Map<string, FileSetting>>();
  const readTable = (table: string, entries: Record<string, unknown>) => {
    const known = table === "" ? allSettings() : settingsOf(table);
    const found = new Map<string, FileSetting>();
    for (const [name, value] of Object.entries(entries)) {
      if (table === "" && tableNames.includes(name) && isTable(value)) continue;
      const line = lines.of(table, name);
      const setting = known.get(name);
      const mistake = setting === undefined ? unknown(table, name, known) : mistakeIn(setting, value);
      if (mistake !== undefined) mistakes.push({ line, text: `${name}: ${mistake}` });
      else found.set(name, { setting: setting!, values: [value].flat().map(String), line });
    }
    tables.set(table, found);
  };
  readTable("", root);
  for (const table of TABLES) {
    const entries = root[table];
    if (isTable(entries)) readTable(table, entries);
  }
  return { tables, mistakes: byLine(mistakes) };
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The similar name, where there is one, else all. */
function unknown(table: string, name: string, known: ReadonlyMap<string, Setting>): string {
  const where = table === "" ? "there is no such setting" : `${table} has no such setting`;
  const similar = nearest(name, table === "" ? [...known.keys(), ...TABLES] : [...known.keys()]);
  if (similar !== undefined) return `${where}; similar is ${similar}`;
  const tables = table === "" ? `; tables: ${TABLES.join(", ")}` : "";
  return `${where}: known are ${[...known.keys()].join(", ")}${tables}`;
}

const TYPES = { flag: ["boolean"], number: ["number", "bigint", "string"], text: ["string"] } as const;
const TYPE_NAMES = {
  flag: "true or false",
  number: "a number or text in quotes",
  text: "text in quotes",
} as const;

/** What is wrong with the type of a value; whether the value is right is the option's own to say. */
function mistakeIn({ kind, isMany }: Setting, value: unknown): string | undefined {
  const types: readonly string[] = TYPES[kind];
  const isRight = (value: unknown) => types.includes(typeof value);
  if (Array.isArray(value) && isMany ? value.every(isRight) : isRight(value)) return undefined;
  const expected = `${TYPE_NAMES[kind]}${isMany ? ", or a list of them" : ""}`;
  return `expected ${expected}, got ${inToml(value)}`;
}

function inToml(value: unknown): string {
  if (isTable(value)) return "a table";
  return Array.isArray(value) ? `[${value.map(inToml).join(", ")}]` : JSON.stringify(value) ?? String(value);
}

/** Where each setting stands, which the parser of the file does not tell. */
class Lines {
  readonly #lines = new Map<string, number>();

  constructor(text: string) {
    let table = "";
    for (const [index, line] of text.split("\n").entries()) {
      const header = /^\s*\[\s*"?([\w-]+)"?\s*[\].]/.exec(line);
      const key = /^\s*["']?([\w-]+)["']?\s*[=.]/.exec(line);
      if (header) table = header[1];
      const name = header ? place("", table) : key && place(table, key[1]);
      if (name && !this.#lines.has(name)) this.#lines.set(name, index + 1);
    }
  }

  /** The last line for what is written as no file should be. */
  of(table: string, name: string): number {
    return this.#lines.get(place(table, name)) ?? this.#lines.get(place("", table)) ?? 1;
  }
}

const place = (table: string, name: string) => `${table}\n${name}`;
