// SPDX-License-Identifier: MIT
/** What turns one word of the command line into a typed value. @module */
import { text as plain } from "@optique/core/message";
import type { ValueParser } from "@optique/core/valueparser";

/** A parser whose mistakes are what `parse` throws: one phrase that quotes the word and says what would be right. */
export function valueParser<T>(
  metavar: string,
  placeholder: T,
  parse: (text: string) => T,
  format: (value: T) => string = String,
): ValueParser<"sync", T> {
  return {
    mode: "sync",
    metavar: metavar as "VALUE",
    placeholder,
    format,
    parse(text: string) {
      try {
        return { success: true, value: parse(text) };
      } catch (error) {
        return { success: false, error: [plain((error as Error).message)] };
      }
    },
  } as ValueParser<"sync", T>;
}

/** Any text but none. */
export function text(metavar: string): ValueParser<"sync", string> {
  return valueParser(metavar, "", (text) => {
    if (text === "") {
      throw new RangeError(`expected ${/^[AEIO]/.test(metavar) ? "an" : "a"} ${metavar}, got nothing`);
    }
    return text;
  });
}
