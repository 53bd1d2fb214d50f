// SPDX-License-Identifier: MIT
/** What may be asked of a thing. @module */

/** What is known of a thing, and what it is compared with. */
export type Value = string | number;

/** Undefined: what is not known of the thing decides. */
export type Condition<T> = (thing: T) => boolean | undefined;

/** One part of what is known of a thing. */
export interface Field<T> {
  /** Undefined: it is not known of this thing. */
  readonly get: (thing: T) => Value | undefined;
  readonly type: "text" | "address" | "number" | "bytes" | "milliseconds";
  /** All that `get` may give: what would hold for none of them is a mistake. */
  readonly words?: readonly string[];
  /** The largest number that `get` may give. */
  readonly most?: number;
  /** Why no thing has a text, nor one that contains it; undefined: things may. */
  readonly whyNever?: (text: string) => string | undefined;
  /** A shorter form of its text, of which `==` may hold too. */
  readonly shortened?: (known: string) => string;
  /** Texts of it are compared in lower case, which `get` gives. */
  readonly ignoresCase?: boolean;
  /** What `==` means of it, where that is not equality; throws an `Error` that says what was expected. No other comparison has a meaning then. */
  readonly matcher?: (value: string) => Condition<T>;
}

/** By name, in the order of the help. */
export type Fields<T> = Readonly<Record<string, Field<T>>>;
