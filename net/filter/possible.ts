// SPDX-License-Identifier: MIT
/** Comparisons that hold for nothing: they are mistakes, since whoever waits for what they choose waits in vain. @module */
import type { Field, Value } from "./field.ts";
import { networkIn } from "./never.ts";

/** What a comparison asks for. */
export interface Asked {
  readonly operator: string;
  /** As it is written. */
  readonly raw: string;
  /** Absent: a pattern or a regular expression is asked for. */
  readonly value?: Value;
  /** Whether what is known of a thing is it. */
  readonly test: (known: Value) => boolean;
  /** Whether a text of these characters alone may have it. Absent: `test` tells. */
  readonly fits?: (letters: string) => boolean;
}

const DIGITS = "0123456789";
/** All characters of what the field of a type gives, as a text. */
const LETTERS: Readonly<Partial<Record<Field<unknown>["type"], string>>> = {
  address: `${DIGITS}abcdef.:`,
  number: DIGITS,
  bytes: DIGITS,
  milliseconds: `${DIGITS}e.+-`,
};
const NEVER: Readonly<Record<string, string>> = { contains: "never contains", "=~": "never matches" };

/** Why it holds for no thing, whatever that is; undefined: it may. */
export function whyNever<T>(name: string, field: Field<T>, asked: Asked): string | undefined {
  const { words, type } = field;
  const { operator, raw, value, test, fits } = asked;
  if (words?.some(test) === false) return `${name} is one of ${words.filter(Boolean).join(", ")}`;
  if (typeof value === "number") return outsideRange(name, field, value, test);
  const letters = LETTERS[type];
  const isForeign = letters !== undefined && fits?.(letters) === false;
  const reason = isForeign ? foreign(name, type, raw.slice(1, -1)) : value && field.whyNever?.(value);
  return reason ? `${name} ${NEVER[operator] ?? "is never"} ${raw}; ${reason}` : undefined;
}

/** Why a field of this type never has a text with such characters. */
function foreign(name: string, type: Field<unknown>["type"], text: string): string {
  if (type !== "address") return "it is a number";
  return networkIn(text, name) ?? "it is an address";
}

/** Numbers but those of milliseconds, which may be any, are whole and not negative. */
function outsideRange<T>(
  name: string,
  { type, most = Number.MAX_SAFE_INTEGER }: Field<T>,
  value: number,
  test: Asked["test"],
): string | undefined {
  if (type === "milliseconds") return undefined;
  const inRange = [0, value, most].filter((number) =>
    Number.isInteger(number) && number >= 0 && number <= most
  );
  if (inRange.some(test)) return undefined;
  return `${name} is a whole number ${most < Number.MAX_SAFE_INTEGER ? `from 0 to ${most}` : "from 0 on"}`;
}
