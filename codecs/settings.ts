// SPDX-License-Identifier: MIT
/** Settings of codecs: `NAME:SETTING=VALUE` as the typed values that a codec declares. @module */
import * as v from "valibot";
import type { CodecSetting, CodecSettings, CodecValues, NumberSetting } from "./codec.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

const NS_PER_MS = 1e6;

/** A codec as it is asked for. */
export interface CodecWords {
  /** Built in, or the path of a plugin. */
  readonly name: string;
  /** Settings and their values, in the order given. */
  readonly pairs: readonly (readonly [setting: string, value: string])[];
}

/** `NAME:SETTING=VALUE:…`. A path, or a value, may have a colon where no `SETTING=` is behind it. */
export function splitWords(words: string): CodecWords {
  const [name, ...parts] = words.split(/:(?=[\w-]+=)/);
  const pairs = parts.map((part) => {
    const end = part.indexOf("=");
    return [part.slice(0, end), part.slice(end + 1)] as const;
  });
  return { name, pairs };
}

/** Values of all settings. Throws a `RangeError` that names codec, setting and value, and says what would be right. */
export function parseSettings(settings: CodecSettings, { name, pairs }: CodecWords): CodecValues {
  const known = Object.keys(settings);
  // Without a prototype: a setting may be named as something that every object has.
  const given: Record<string, string> = Object.create(null);
  for (const [setting, value] of pairs) {
    if (known.length === 0) {
      throw new RangeError(`${name} has no settings, got ${JSON.stringify(`${setting}=${value}`)}`);
    }
    if (!Object.hasOwn(settings, setting)) {
      throw new RangeError(
        `${name} has no setting ${JSON.stringify(setting)}: there are ${known.join(", ")}`,
      );
    }
    if (Object.hasOwn(given, setting)) {
      const both = `${JSON.stringify(given[setting])} and ${JSON.stringify(value)}`;
      throw new RangeError(`${name}:${setting}: expected one value, got ${both}`);
    }
    given[setting] = value;
  }
  const result = v.safeParse(settingsSchema(settings), given);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const setting = v.getDotPath(issue)!;
  throw new RangeError(`${name}:${setting}: ${issue.message}, got ${JSON.stringify(given[setting])}`);
}

/** One setting, for people. */
export interface SettingRow {
  readonly name: string;
  /** What its value looks like: `SIZE`, `true|false`. */
  readonly form: string;
  readonly default: string;
  readonly description: string;
}

export function settingRows(settings: CodecSettings): SettingRow[] {
  return Object.entries(settings).map(([name, setting]) => ({
    name,
    form: formOf(setting),
    default: formatSetting(setting, setting.default),
    description: setting.description,
  }));
}

function formOf(setting: CodecSetting): string {
  switch (setting.type) {
    case "number":
      return "N";
    case "word":
      return setting.words.join("|");
    case "boolean":
      return "true|false";
    default:
      return setting.type.toUpperCase();
  }
}

/** A value as it would be given. */
export function formatSetting(setting: CodecSetting, value: string | number | boolean): string {
  switch (setting.type) {
    case "size":
      return formatSize(value as number);
    case "duration":
      return formatDuration(value as number / NS_PER_MS);
    default:
      return String(value);
  }
}

/** From texts, by name, to values; what is not there is the default. */
export function settingsSchema(settings: CodecSettings) {
  return v.object(Object.fromEntries(
    Object.entries(settings).map(([name, setting]) => [
      name,
      v.optional(settingSchema(setting), formatSetting(setting, setting.default)),
    ]),
  ));
}

/** From text to value; what would be right is the message of its issues. */
function settingSchema(setting: CodecSetting): v.GenericSchema<string, string | number | boolean> {
  switch (setting.type) {
    case "text":
      return v.string();
    case "boolean":
      return v.pipe(
        v.picklist(["true", "false"], "expected true or false"),
        v.transform((text) => text === "true"),
      );
    case "word":
      return v.picklist(setting.words, `expected ${alternatives(setting.words)}`);
    default: {
      const { minimum = 0, maximum = Infinity } = setting;
      const expected = expectedNumber(setting);
      return v.pipe(
        v.string(),
        v.transform(PARSERS[setting.type]),
        v.number(expected),
        v.safeInteger(expected),
        v.minValue(minimum, expected),
        v.maxValue(maximum, expected),
      );
    }
  }
}

/** Answers something else than a number where the text is none. */
const PARSERS = {
  number: (text: string) => /^\d+$/.test(text) ? Number(text) : NaN,
  size: parseSize,
  duration: (text: string) => Math.round(parseDuration(text) * NS_PER_MS),
} as const;

function expectedNumber(setting: NumberSetting): string {
  const { type, minimum = 0, maximum } = setting;
  const noun = type === "number" ? "whole number" : type;
  const bound = (value: number) => formatSetting(setting, value);
  if (maximum !== undefined) return `expected a ${noun} from ${bound(minimum)} to ${bound(maximum)}`;
  if (minimum > 0) return `expected a ${noun} of at least ${bound(minimum)}`;
  return `expected a ${noun}${EXAMPLES[type]}`;
}

const EXAMPLES = { number: "", size: " such as 64MiB", duration: " such as 250ms, 5s or 10m" } as const;

const alternatives = (words: readonly string[]) =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
