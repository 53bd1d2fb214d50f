// SPDX-License-Identifier: MIT
/** Pieces of the schemas that settings are checked with, once, where they come in. @module */
import * as v from "valibot";
import { BadSetting } from "./bad_setting.ts";

/** A whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER): v.GenericSchema<number> {
  const upTo = most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most}`;
  const expected = `expected a whole number from ${least}${upTo}`;
  const message = ({ received }: { received: string }) => `${expected}, got ${received}`;
  return v.pipe(
    v.number(message),
    v.safeInteger(message),
    v.minValue(least, message),
    v.maxValue(most, message),
  );
}

/** Milliseconds from `least` on, whole or not. */
export function milliseconds(least: number): v.GenericSchema<number> {
  const message = ({ received }: { received: string }) =>
    `expected at least ${least} milliseconds, got ${received}`;
  return v.pipe(v.number(message), v.finite(message), v.minValue(least, message));
}

/** What `read` makes of a value that is a text, an object or a function; what it throws is what is wrong with it. */
export function read<From, To>(read: (value: From) => To): v.GenericSchema<From, To> {
  const isReadable = (value: unknown) =>
    typeof value === "string" || typeof value === "function" || (typeof value === "object" && value !== null);
  return v.pipe(
    v.custom<From>(isReadable, ({ received }) => `got ${received}`),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return read(dataset.value);
      } catch (error) {
        addIssue({ message: (error as Error).message });
        return NEVER;
      }
    }),
  );
}

/** An object of the caller's, kept as it is. */
export function objectOf<T>(form: string): v.GenericSchema<T> {
  return v.custom<T>((value) => typeof value === "object" && value !== null, `expected ${form}`);
}

/** A list that may be left out. */
export function list<Schema extends v.GenericSchema>(
  item: Schema,
): v.OptionalSchema<v.ArraySchema<Schema, undefined>, () => never[]> {
  return v.optional(v.array(item), () => []);
}

/** Answers checked settings with their defaults. Throws {@linkcode BadSetting} for the first that is wrong. */
export function parsed<Schema extends v.GenericSchema>(
  schema: Schema,
  settings: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, settings);
  if (result.success) return result.output;
  const [{ path, message, type }] = result.issues;
  const name = path === undefined ? "settings" : String(path[0].key);
  throw new BadSetting(name, type === "strict_object" && path ? "there is no such setting" : message);
}

/** Entries of a schema for where certificates are. */
export const credentialEntries = {
  pki: v.optional(v.string()),
  identity: v.optional(v.string()),
  keyGroup: v.optional(v.string()),
};
