// SPDX-License-Identifier: MIT
/**
 * The one language in which things are chosen: `status >= 400 and host contains "shop" and not program == "curl"`.
 *
 * A field alone holds when it is neither empty nor 0. Texts stand in quotes, and one with `*` or `?` behind `==` or `!=` is a
 * pattern; an address may be a network there. Numbers of bytes and of milliseconds may have a unit. `=~` takes a regular expression
 * of JavaScript, as far as it can be searched for in one pass ({@linkcode LinearPattern}).
 *
 * @module
 */
import type jsep from "jsep";
import { parseDuration, parseSize } from "../../codecs/units.ts";
import { ipBytes, parseNetwork } from "../wire/network.ts";
import type { Condition, Field, Fields, Value } from "./field.ts";
import { LinearPattern } from "./linear_pattern.ts";
import { type Asked, whyNever } from "./possible.ts";
import { BadFilter, operatorBehind, parseSyntax, startOf } from "./syntax.ts";

export { BadFilter } from "./syntax.ts";

const COMPARISONS: Readonly<Record<string, (left: Value, right: Value) => boolean>> = {
  "==": (left, right) => left === right,
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
};
const OPERATORS: readonly string[] = ["!=", "contains", "=~", ...Object.keys(COMPARISONS)];
const AND: readonly string[] = ["and", "&&"];
const OR: readonly string[] = ["or", "||"];
const NOT: readonly string[] = ["not", "!"];
/** Whether a thing is chosen by an expression over `fields`. Throws {@linkcode BadFilter}. */
export function parseExpression<T>(expression: string, fields: Fields<T>): (thing: T) => boolean {
  const condition = parseCondition(expression, fields);
  return (thing) => condition(thing) === true;
}

/** The same of things of which some fields are not known: undefined is for those that these would decide. Throws {@linkcode BadFilter}. */
export function parseCondition<T>(expression: string, fields: Fields<T>): Condition<T> {
  return new Compiler(expression, fields).condition(parseSyntax(expression));
}

/** What a value without quotes is expected to be, by the field's type. */
const NUMBERS = {
  number: "a number",
  bytes: "a number of bytes, such as 1000 or 64KiB",
  milliseconds: "a number of milliseconds, such as 500 or 1.5s",
};

/** What is asked for, but for how it is written. */
type Question = Omit<Asked, "operator" | "raw">;

const negated = (holds: boolean | undefined) => holds === undefined ? undefined : !holds;

/** `test` of what is known. */
function ifKnown(value: Value | undefined, test: (value: Value) => boolean): boolean | undefined {
  return value === undefined ? undefined : test(value);
}

function asPattern(pattern: LinearPattern): Question {
  return {
    test: (known) => pattern.test(String(known)),
    fits: (letters) => pattern.mayBeIn(letters),
  };
}

class Compiler<T> {
  constructor(readonly expression: string, readonly fields: Fields<T>) {}

  condition(tree: jsep.Expression): Condition<T> {
    switch (tree.type) {
      case "BinaryExpression":
        return this.#binary(tree as jsep.BinaryExpression);
      case "UnaryExpression": {
        const { operator, argument } = tree as jsep.UnaryExpression;
        if (!NOT.includes(operator)) break;
        const inner = this.condition(argument);
        return (thing) => negated(inner(thing));
      }
      case "Identifier": {
        const { field } = this.#field(tree);
        return (thing) => ifKnown(field.get(thing), Boolean);
      }
      case "Compound": {
        const { body } = tree as jsep.Compound;
        if (body.length > 0) throw this.#bad("expected and, or, or the end", body[1]);
        break;
      }
      case "SequenceExpression":
        throw this.#bad("expected and, or, or )", (tree as jsep.SequenceExpression).expressions[1]);
    }
    throw this.#bad("expected a condition such as status >= 400", tree);
  }

  #binary({ operator, left, right }: jsep.BinaryExpression): Condition<T> {
    // To jsep `not` binds more tightly than a comparison, and to people it does not.
    if (!AND.includes(operator) && !OR.includes(operator) && left.type === "UnaryExpression") {
      const { operator: not, argument } = left as jsep.UnaryExpression;
      if (NOT.includes(not)) {
        const inner = this.#binary({ type: "BinaryExpression", operator, left: argument, right });
        return (thing) => negated(inner(thing));
      }
    }
    if (AND.includes(operator) || OR.includes(operator)) {
      const [first, second] = [this.condition(left), this.condition(right)];
      return eitherDecides(first, second, OR.includes(operator));
    }
    const { name, field } = this.#field(left);
    if (!OPERATORS.includes(operator)) {
      throw this.#bad(`${operator} is no comparison`, operatorBehind(left));
    }
    if (field.matcher !== undefined && operator !== "==" && operator !== "!=") {
      throw this.#bad(`${name} is compared by == and != alone`, operatorBehind(left));
    }
    const isNegated = operator === "!=";
    const holds = this.#comparison(isNegated ? "==" : operator, name, field, right);
    return isNegated ? (thing) => negated(holds(thing)) : holds;
  }

  #comparison(operator: string, name: string, field: Field<T>, right: jsep.Expression): Condition<T> {
    if (field.matcher !== undefined) {
      const value = String(this.#literal(right, name, field));
      return this.#placed(right, () => field.matcher!(value));
    }
    const asked = this.#asked(operator, name, field, right);
    const mistake = whyNever(name, field, { operator, raw: (right as jsep.Literal).raw, ...asked });
    if (mistake !== undefined) throw this.#bad(mistake, right);
    return (thing) => ifKnown(field.get(thing), asked.test);
  }

  #asked(operator: string, name: string, field: Field<T>, right: jsep.Expression): Question {
    if (operator === "contains" || operator === "=~") return this.#onText(operator, name, field, right);
    const compare = COMPARISONS[operator];
    const value = this.#literal(right, name, field);
    if (typeof value === "number") return { value, test: (known) => compare(known, value) };
    if (operator !== "==") return { test: (known) => compare(known, value) };
    const equality = this.#equality(field, value, right);
    const { test } = equality;
    const { shortened } = field;
    if (shortened === undefined) return equality;
    return { ...equality, test: (known) => test(known) || test(shortened(String(known))) };
  }

  #equality({ type }: Field<T>, value: string, tree: jsep.Expression): Question {
    if (/[*?]/.test(value)) return asPattern(this.#pattern(sourceOf(value), tree));
    if (type !== "address" || value === "") return { value, test: (known) => known === value };
    const network = this.#placed(tree, () => parseNetwork(value));
    return { test: (known) => known !== "" && network.has(ipBytes(String(known))) };
  }

  #onText(operator: string, name: string, field: Field<T>, right: jsep.Expression): Question {
    const text = String(this.#literal(right, name, { ...field, type: "text" }));
    if (operator === "contains") {
      return {
        value: text,
        test: (known) => String(known).includes(text),
        fits: (letters) => Array.from(text).every((letter) => letters.includes(letter)),
      };
    }
    const source = (right as jsep.Literal).raw.slice(1, -1);
    return asPattern(this.#pattern(field.ignoresCase ? withSmallLetters(source) : source, right));
  }

  /** What `make` gives; what it throws is said of the place. */
  #placed<R>(tree: jsep.Expression, make: () => R): R {
    try {
      return make();
    } catch (error) {
      throw this.#bad((error as Error).message, tree);
    }
  }

  #pattern(source: string, tree: jsep.Expression): LinearPattern {
    try {
      return new LinearPattern(source);
    } catch (error) {
      const { message } = error as Error;
      if (!(error instanceof SyntaxError)) {
        throw this.#bad(`not a pattern that is found in one pass: ${message}`, tree);
      }
      const reason = message.replace(/^Invalid regular expression: /, "")
        .replace(/^(\/.*\/)[a-z]*: (.*)$/, (_, pattern, why) => `${pattern}: ${why.toLowerCase()}`);
      throw this.#bad(`not a regular expression: ${reason}`, tree);
    }
  }

  #field(tree: jsep.Expression): { name: string; field: Field<T> } {
    const names = Object.keys(this.fields).join(", ");
    if (tree.type !== "Identifier") throw this.#bad(`expected a field: ${names}`, tree);
    const { name } = tree as jsep.Identifier;
    if (!Object.hasOwn(this.fields, name)) throw this.#bad(`no field ${name}; there are ${names}`, tree);
    return { name, field: this.fields[name] };
  }

  #literal(tree: jsep.Expression, name: string, field: Field<T>): Value {
    const { type } = field;
    if (type !== "text" && type !== "address") return this.#number(tree, name, type);
    const { value } = tree as jsep.Literal;
    if (typeof value !== "string") throw this.#bad(`${name} is a text, which stands in quotes`, tree);
    return field.ignoresCase ? value.toLowerCase() : value;
  }

  #number(tree: jsep.Expression, name: string, type: keyof typeof NUMBERS): number {
    if (tree.type === "UnaryExpression") {
      const { operator, argument } = tree as jsep.UnaryExpression;
      if (operator === "-") return -this.#number(argument, name, type);
    }
    const { value, raw } = tree as jsep.Literal;
    const number = typeof value === "number" && Number.isNaN(value) ? withUnit(raw, type) : value;
    if (typeof number !== "number" || Number.isNaN(number)) {
      throw this.#bad(`${name} is ${NUMBERS[type]}`, tree);
    }
    return number;
  }

  #bad(message: string, place: jsep.Expression | number): BadFilter {
    return new BadFilter(message, this.expression, typeof place === "number" ? place : startOf(place));
  }
}

/** Not a number where the unit is none of `type`. */
function withUnit(raw: string, type: keyof typeof NUMBERS): number {
  return type === "bytes" ? parseSize(raw) : type === "milliseconds" ? parseDuration(raw) : NaN;
}

/** `and` (false) and `or` (true): one of the two that is `decisive` decides, whether or not the other is known. */
function eitherDecides<T>(first: Condition<T>, second: Condition<T>, decisive: boolean): Condition<T> {
  return (thing) => {
    const one = first(thing);
    if (one === decisive) return decisive;
    const other = second(thing);
    return other === decisive || one !== undefined ? other : undefined;
  };
}

/** An expression that finds the same of a text in lower case; what is behind a backslash is no letter. */
function withSmallLetters(source: string): string {
  return source.replace(/\\[^]|[A-Z]/g, (part) => part.length > 1 ? part : part.toLowerCase());
}

/** `*` is any number of characters, `?` one. */
function sourceOf(text: string): string {
  const parts = text.split(/([*?])/).map((part) =>
    part === "*" ? "[^]*" : part === "?" ? "[^]" : RegExp.escape(part)
  );
  return `^${parts.join("")}$`;
}
