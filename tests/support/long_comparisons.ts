// SPDX-License-Identifier: MIT
/**
 * Comparisons of many values: `node:assert` compares the lines of two that differ one by one, which takes their number's square in time
 * and memory, minutes and gigabytes for some 100,000 bytes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { inspect } from "node:util";

/** Of this many lines differences are found at once. */
const LINES_MAX = 2000;
/** Characters that are told of a value. */
const TOLD_MAX = 4000;

type Compare = (actual: unknown, expected: unknown, message?: string | Error) => void;

/** From now on `assert.equal` and `assert.deepEqual` tell of values of many lines how they begin, instead of where they differ. */
export function tellLongValuesShort(): void {
  const { equal, deepEqual } = assert;
  Object.assign(assert, { equal: shortened(equal), deepEqual: shortened(deepEqual) });
}

function shortened(compare: Compare): Compare {
  return function compared(actual, expected, message) {
    const isLong = linesOf(actual) + linesOf(expected) > LINES_MAX;
    const failure = isLong && !(message instanceof Error) ? told(actual, expected, message) : message;
    try {
      compare(actual, expected, failure);
    } catch (error) {
      // The place is the caller's.
      if (error !== message) Error.captureStackTrace(error as Error, compared);
      throw error;
    }
  };
}

function told(actual: unknown, expected: unknown, message = "The values differ"): assert.AssertionError {
  const beginning = (value: unknown) => inspect(value, { maxStringLength: TOLD_MAX }).slice(0, TOLD_MAX);
  const text = `${message}\n\n${beginning(actual)}\n\nis not\n\n${beginning(expected)}\n`;
  return new assert.AssertionError({ message: text });
}

/** In how many lines a value is told, about; counted no further than to be too many. */
function linesOf(value: unknown, most = LINES_MAX): number {
  if (typeof value === "string") return value.length > most ? value.split("\n").length : 1;
  if (typeof value !== "object" || value === null) return 1;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return 1 + value.byteLength;
  let lines = 1;
  const parts = value instanceof Map || value instanceof Set ? [...value] : Object.values(value);
  for (const part of parts) {
    if (lines > most) break;
    lines += linesOf(part, most - lines);
  }
  return lines;
}
