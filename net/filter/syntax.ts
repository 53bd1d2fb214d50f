// SPDX-License-Identifier: MIT
/** Expressions as trees, in which it is known of each part where it stands. @module */
import jsep from "jsep";

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

/** What no operator joins: a name, a value, what stands in brackets. All positions are from 0. */
interface Token extends jsep.Expression {
  /** Of its first character; what brackets alone are around has it inside. */
  readonly position: number;
  /** Behind it, its brackets and spaces. */
  readonly end: number;
}

/** An expression is written by people: beyond this it nests no deeper than a stack. */
const LENGTH_MAX = 4096;
/** With or without a unit, but for those with an exponent. */
const NUMBER = /\d+(?:\.\d+)?(?!\.|e[+-]?\d)(?:[a-z]\w*)?(?![\w.])/iy;

jsep.addBinaryOp("or", 1);
jsep.addBinaryOp("and", 2);
jsep.addBinaryOp("contains", 6);
jsep.addBinaryOp("=~", 6);
jsep.addUnaryOp("not");
/** Where tokens begin that are being read, from the outermost. */
const begun: number[] = [];
jsep.hooks.add("gobble-token", function (env) {
  begun.push(this.index);
  // What jsep reads of numbers by itself, it tells nobody of.
  if (/[\d.]/.test(this.char)) env.node = numberAt(this) ?? this.gobbleNumericLiteral();
  if (this.char === '"' || this.char === "'") env.node = this.gobbleStringLiteral();
});
jsep.hooks.add("after-token", function (env) {
  const position = begun.pop()!;
  this.gobbleSpaces();
  if (env.node) env.node = { position, ...env.node, end: this.index };
});

/** The `value` of a number with a unit (`64KiB`) is NaN. Undefined where no number stands, or one that jsep is to read. */
function numberAt(scope: jsep.HookScope): jsep.Literal | undefined {
  NUMBER.lastIndex = scope.index;
  const raw = NUMBER.exec(scope.expr)?.[0];
  if (raw === undefined) return undefined;
  scope.index += raw.length;
  return { type: "Literal", value: Number(raw), raw };
}

/** Throws {@linkcode BadFilter}. */
export function parseSyntax(expression: string): jsep.Expression {
  if (expression.length > LENGTH_MAX) {
    throw new BadFilter(`longer than ${LENGTH_MAX} characters`, expression.slice(0, 60), 0);
  }
  begun.length = 0;
  try {
    return jsep(expression);
  } catch (error) {
    const { message, index } = error as Error & { index: number };
    const said = message.replace(/^Expected expression/, "expected a value")
      .replace(/^Unexpected "=".*/, "$&, did you mean ==");
    throw new BadFilter(said[0].toLowerCase() + said.slice(1), expression, index);
  }
}

/** Where a part begins. */
export function startOf(tree: jsep.Expression): number {
  const { position } = tree as Partial<Token>;
  if (position !== undefined) return position;
  const { left, test } = tree as Partial<jsep.BinaryExpression & jsep.ConditionalExpression>;
  const first = left ?? test;
  return first === undefined ? 0 : startOf(first);
}

/** Where the operator behind `left` is. */
export function operatorBehind(left: jsep.Expression): number {
  const { end, right } = left as Partial<Token & jsep.BinaryExpression>;
  return end ?? operatorBehind(right!);
}
