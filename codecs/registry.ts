// SPDX-License-Identifier: MIT
/** The built-in codecs by name, what makes a value a codec, and codecs made with their settings. @module */
import * as v from "valibot";
import { type Codec, CODEC_CONTRACT, type CodecPlugin, type CodecRewriter } from "./codec.ts";
import { decodeCodec } from "./decode/codec.ts";
import { http2to1Codec } from "./http2to1/codec.ts";
import { raw } from "./raw.ts";
import { type CodecWords, parseSettings, settingsSchema } from "./settings.ts";

/** By name, in the order of `sslcollector codecs`. */
export const BUILT_IN_CODECS: ReadonlyMap<string, CodecPlugin> = new Map(
  [raw, http2to1Codec, decodeCodec].map((codec) => [codec.name, codec]),
);

const functionNamed = (name: string) =>
  v.custom<() => unknown>((value) => typeof value === "function", `${name} must be a function`);

const faceEntries = {
  name: v.pipe(
    v.string("name must be a text"),
    v.regex(/^[a-z0-9_-]{1,32}$/, "name must be 1 to 32 of a-z, 0-9, _ and -"),
  ),
  contract: v.literal(CODEC_CONTRACT, (issue) => `contract must be ${CODEC_CONTRACT}, not ${issue.received}`),
  description: v.optional(v.string("description must be a text")),
  warmUp: v.optional(functionNamed("warmUp")),
};

const rewriterEntries = { probe: functionNamed("probe"), open: functionNamed("open") };

const settingFace = { description: v.string("description must be a text") };
const natural = (name: string) => {
  const message = `${name} must be a whole number, 0 or more`;
  return v.pipe(v.number(message), v.safeInteger(message), v.minValue(0, message));
};
const text = v.string("default must be a text");

const settingSchema = v.variant("type", [
  v.looseObject({
    ...settingFace,
    type: v.picklist(["number", "size", "duration"]),
    default: natural("default"),
    minimum: v.optional(natural("minimum")),
    maximum: v.optional(natural("maximum")),
  }),
  v.looseObject({
    ...settingFace,
    type: v.literal("word"),
    words: v.pipe(
      v.array(v.string(), "words must be a list of texts"),
      v.minLength(1, "words must not be empty"),
    ),
    default: text,
  }),
  v.looseObject({ ...settingFace, type: v.literal("text"), default: text }),
  v.looseObject({
    ...settingFace,
    type: v.literal("boolean"),
    default: v.boolean("default must be true or false"),
  }),
], "type must be number, size, duration, word, text or boolean");

const settingsDeclaration = v.pipe(
  v.record(
    v.pipe(
      v.string(),
      v.regex(/^[a-z][a-z0-9-]{0,31}$/, "the name must be 1 to 32 of a-z, 0-9 and -, a letter first"),
    ),
    settingSchema,
    "settings must be an object",
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const result = v.safeParse(settingsSchema(dataset.value), {});
    if (result.success) return;
    const [issue] = result.issues;
    const key = v.getDotPath(issue)!;
    const place = {
      type: "object",
      origin: "value",
      input: dataset.value,
      key,
      value: dataset.value[key],
    } as const;
    addIssue({ message: `default is not right: ${issue.message}`, path: [place] });
  }),
);

const codecSchema = v.looseObject({
  ...faceEntries,
  ...rewriterEntries,
  followedBy: v.optional(v.string("followedBy must be a text")),
});
const configurableSchema = v.looseObject({
  ...faceEntries,
  settings: settingsDeclaration,
  configure: functionNamed("configure"),
  followedBy: v.optional(functionNamed("followedBy")),
});

/** Checks a plugin's default export. Throws a `TypeError` that says what is wrong. */
export function checkCodec(value: unknown): CodecPlugin {
  if (typeof value !== "object" || value === null) {
    throw new TypeError("the default export is not a codec object");
  }
  const isConfigurable = "settings" in value || "configure" in value;
  check(isConfigurable ? configurableSchema : codecSchema, value, "the default export");
  return value as CodecPlugin;
}

function check(schema: v.GenericSchema, value: object, what: string): void {
  const result = v.safeParse(schema, value);
  if (result.success) return;
  const [{ path = [], message }] = result.issues;
  const keys = path.map(({ key }) => String(key));
  const last = path.at(-1);
  if (last?.type === "object" && !(String(last.key) in last.input)) {
    throw new TypeError(`${keys.slice(0, -1).join(".") || what} has no ${last.key}`);
  }
  // A setting's own entries are named by the message.
  throw new TypeError(keys.length > 1 ? `${keys.slice(0, 2).join(".")}: ${message}` : message);
}

/**
 * The codec as it was asked for. Throws an `Error` that begins with the codec's name as it was given: on a setting it says what
 * would be right, and else what the codec itself has against its values.
 */
export function configureCodec(plugin: CodecPlugin, words: CodecWords): Codec {
  if (!("configure" in plugin)) {
    parseSettings({}, words);
    return plugin;
  }
  const values = parseSettings(plugin.settings, words);
  let rewriter: CodecRewriter;
  let followedBy: string | undefined;
  try {
    followedBy = plugin.followedBy?.(values);
    rewriter = plugin.configure(values);
    if (typeof rewriter !== "object" || rewriter === null) throw new TypeError("configure gave no object");
    check(v.looseObject(rewriterEntries), rewriter, "what configure gave");
  } catch (error) {
    throw new Error(`${words.name}: ${error instanceof Error ? error.message : `threw ${error}`}`);
  }
  const { name, contract, description } = plugin;
  return {
    name,
    contract,
    description,
    followedBy,
    warmUp: plugin.warmUp && (() => plugin.warmUp!()),
    probe: (sample) => rewriter.probe(sample),
    open: (flow, output) => rewriter.open(flow, output),
  };
}
