// SPDX-License-Identifier: MIT
/**
 * The one language in which things are chosen: `status >= 400 and host contains "shop" and not program == "curl"`.
 *
 * A field alone holds when it is neither empty nor 0. Texts stand in quotes, and one with `*` or `?` behind `==` or `!=` is a
 * pattern; `=~` takes a regular expression of JavaScript, as far as it can be searched for in one pass ({@linkcode LinearPattern}).
 *
 * @module
 */
import jsep from "jsep";
import { LinearPattern } from "./linear_pattern.ts";

type Value = string | number;

/** What may be asked of a thing. */
export interface Field<T> {
  /** Undefined: it is not known of this thing. */
  readonly get: (thing: T) => Value | undefined;
  readonly type: "text" | "number";
  /** Texts of it are compared in lower case, which `get` gives. */
  readonly ignoresCase?: boolean;
  /** What `==` means of it, where that is not equality; throws an `Error` that says what was expected. */
  readonly matcher?: (value: string) => Condition<T>;
}

/** By name, in the order of the help. */
export type Fields<T> = Readonly<Record<string, Field<T>>>;

/** An expression that cannot be read. */
export class BadFilter extends Error {
  /** What it is called in a stack trace. */
  override readonly name = "BadFilter";

  /** `position` is where in the expression, from 0. */
  constructor(message: string, readonly expression: string, readonly position: number) {
    super(message);
  }

  /** The expression with a caret below the place, two lines. */
  get caret(): string {
    return `${this.expression}\n${" ".repeat(this.position)}^`;
  }
}

const COMPARISONS: Readonly<Record<string, (left: Value, right: Value) => boolean>> = {
  "==": (left, right) => left === right,
  "!=": (left, right) => left !== right,
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
};
const AND: readonly string[] = ["and", "&&"];
const OR: readonly string[] = ["or", "||"];
const NOT: readonly string[] = ["not", "!"];
/** An expression is written by people: beyond this it nests no deeper than a stack. */
const LENGTH_MAX = 4096;

jsep.addBinaryOp("or", 1);
jsep.addBinaryOp("and", 2);
jsep.addBinaryOp("contains", 6);
jsep.addBinaryOp("=~", 6);
jsep.addUnaryOp("not");

/** Whether a thing is chosen by an expression over `fields`. Throws {@linkcode BadFilter}. */
export function parseExpression<T>(expression: string, fields: Fields<T>): (thing: T) => boolean {
  const condition = parseCondition(expression, fields);
  return (thing) => condition(thing) === true;
}

/** The same of things of which some fields are not known: undefined is for those that these would decide. Throws {@linkcode BadFilter}. */
export function parseCondition<T>(expression: string, fields: Fields<T>): Condition<T> {
  if (expression.length > LENGTH_MAX) {
    throw new BadFilter(`longer than ${LENGTH_MAX} characters`, expression.slice(0, 60), 0);
  }
  let tree: jsep.Expression;
  try {
    tree = jsep(expression);
  } catch (error) {
    const { message, index } = error as Error & { index: number };
    const said = message.replace(/^Expected expression/, "expected a value");
    throw new BadFilter(said[0].toLowerCase() + said.slice(1), expression, index);
  }
  return new Compiler(expression, fields).condition(tree);
}

/** Undefined: what is not known of the thing decides. */
export type Condition<T> = (thing: T) => boolean | undefined;

const negated = (holds: boolean | undefined) => holds === undefined ? undefined : !holds;

/** `test` of what is known. */
function ifKnown(value: Value | undefined, test: (value: Value) => boolean): boolean | undefined {
  return value === undefined ? undefined : test(value);
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
        if (body.length === 0) throw this.#bad("expected a condition such as status >= 400", "");
        throw this.#bad("expected and, or, or the end", this.#text(body[1]));
      }
    }
    throw this.#bad("expected a condition such as status >= 400", this.#text(tree));
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
    if (operator === "contains" || operator === "=~") return this.#onText(operator, name, field, right);
    const compare = COMPARISONS[operator];
    if (compare === undefined) throw this.#bad(`${operator} is no comparison`, operator);
    const value = this.#literal(right, name, field);
    if (operator === "==" || operator === "!=") {
      const matches = this.#matcher(field, value, right);
      if (matches !== undefined) return operator === "==" ? matches : (thing) => negated(matches(thing));
    }
    return (thing) => ifKnown(field.get(thing), (known) => compare(known, value));
  }

  /** For a field with a meaning of its own, or a pattern; else undefined. */
  #matcher(field: Field<T>, value: Value, tree: jsep.Expression): Condition<T> | undefined {
    if (field.matcher !== undefined) {
      try {
        return field.matcher(String(value));
      } catch (error) {
        throw this.#bad((error as Error).message, this.#text(tree));
      }
    }
    if (typeof value === "number" || !/[*?]/.test(value)) return undefined;
    const pattern = this.#pattern(sourceOf(value), tree);
    return (thing) => ifKnown(field.get(thing), (known) => pattern.test(String(known)));
  }

  #onText(operator: string, name: string, field: Field<T>, right: jsep.Expression): Condition<T> {
    const text = String(this.#literal(right, name, { ...field, type: "text" }));
    if (operator === "contains") {
      return (thing) => ifKnown(field.get(thing), (known) => String(known).includes(text));
    }
    const source = (right as jsep.Literal).raw.slice(1, -1);
    const pattern = this.#pattern(field.ignoresCase ? withSmallLetters(source) : source, right);
    return (thing) => ifKnown(field.get(thing), (known) => pattern.test(String(known)));
  }

  #pattern(source: string, tree: jsep.Expression): LinearPattern {
    try {
      return new LinearPattern(source);
    } catch (error) {
      const { message } = error as Error;
      if (!(error instanceof SyntaxError)) {
        throw this.#bad(`not a pattern that is found in one pass: ${message}`, this.#text(tree));
      }
      const reason = message.replace(/^Invalid regular expression: /, "")
        .replace(/^(\/.*\/)[a-z]*: (.*)$/, (_, pattern, why) => `${pattern}: ${why.toLowerCase()}`);
      throw this.#bad(`not a regular expression: ${reason}`, this.#text(tree));
    }
  }

  #field(tree: jsep.Expression): { name: string; field: Field<T> } {
    const names = Object.keys(this.fields).join(", ");
    if (tree.type !== "Identifier") throw this.#bad(`expected a field: ${names}`, this.#text(tree));
    const { name } = tree as jsep.Identifier;
    if (!Object.hasOwn(this.fields, name)) throw this.#bad(`no field ${name}; there are ${names}`, name);
    return { name, field: this.fields[name] };
  }

  #literal(tree: jsep.Expression, name: string, field: Field<T>): Value {
    const isNumber = field.type === "number";
    if (tree.type === "UnaryExpression") {
      const { operator, argument } = tree as jsep.UnaryExpression;
      if (operator === "-" && isNumber) return -Number(this.#literal(argument, name, field));
    }
    const { value } = tree as jsep.Literal;
    if (tree.type !== "Literal" || typeof value !== (isNumber ? "number" : "string")) {
      const expected = isNumber ? `${name} is a number` : `${name} is a text, which stands in quotes`;
      throw this.#bad(expected, this.#text(tree));
    }
    return field.ignoresCase ? String(value).toLowerCase() : value as Value;
  }

  /** How a part begins in the expression, as far as its tree tells. */
  #text(tree: jsep.Expression): string {
    switch (tree.type) {
      case "Identifier":
        return (tree as jsep.Identifier).name;
      case "Literal":
        return (tree as jsep.Literal).raw;
      case "BinaryExpression":
        return this.#text((tree as jsep.BinaryExpression).left);
      case "UnaryExpression":
        return (tree as jsep.UnaryExpression).operator;
      case "MemberExpression":
        return this.#text((tree as jsep.MemberExpression).object);
      case "CallExpression":
        return this.#text((tree as jsep.CallExpression).callee);
      default:
        return "";
    }
  }

  #bad(message: string, part: string): BadFilter {
    const whole = /^\w+$/.test(part) ? this.expression.search(new RegExp(`\\b${part}\\b`)) : -1;
    const position = whole >= 0 ? whole : this.expression.indexOf(part);
    return new BadFilter(message, this.expression, Math.max(0, position));
  }
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
