// SPDX-License-Identifier: MIT
/** The built-in codecs by name, and what makes a value a codec. @module */
import { type Codec, CODEC_CONTRACT } from "./codec.ts";
import { http2to1 } from "./http2to1/codec.ts";
import { raw } from "./raw.ts";
import * as v from "valibot";

export const BUILT_IN_CODECS: ReadonlyMap<string, Codec> = new Map(
  [raw, http2to1()].map((codec) => [codec.name, codec]),
);

const isFunction = (value: unknown) => typeof value === "function";

const codecSchema = v.looseObject({
  name: v.pipe(
    v.string("name must be a text"),
    v.regex(/^[a-z0-9_-]{1,32}$/, "name must be 1 to 32 of a-z, 0-9, _ and -"),
  ),
  contract: v.literal(CODEC_CONTRACT, (issue) => `contract must be ${CODEC_CONTRACT}, not ${issue.received}`),
  description: v.optional(v.string("description must be a text")),
  probe: v.custom<Codec["probe"]>(isFunction, "probe must be a function"),
  open: v.custom<Codec["open"]>(isFunction, "open must be a function"),
});

/** Checks a plugin's default export. Throws a `TypeError` that says what is wrong. */
export function checkCodec(value: unknown): Codec {
  if (typeof value !== "object" || value === null) {
    throw new TypeError("the default export is not a codec object");
  }
  const result = v.safeParse(codecSchema, value);
  if (!result.success) {
    const [{ path, message }] = result.issues;
    const key = String(path?.[0].key);
    throw new TypeError(key in value ? message : `the default export has no ${key}`);
  }
  return value as Codec;
}
