// SPDX-License-Identifier: MIT
/**
 * The one language in which exchanges are chosen: `status >= 400 and host contains "shop" and not program == "curl"`.
 *
 * A field alone holds when it is neither empty nor 0. Texts stand in quotes; `=~` takes a regular expression of JavaScript.
 *
 * @module
 */
import jsep from "jsep";
import type { Entry } from "./exchange.ts";

/** Whether an entry is chosen. */
export type Filter = (entry: Entry) => boolean;

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

type Value = string | number;

/** What may be asked of an entry. Of a message or a flow, what only exchanges have is empty or 0. */
const FIELDS: Readonly<Record<string, (entry: Entry) => Value>> = {
  program: ({ flow }) => flow.program,
  pid: ({ flow }) => flow.pid,
  uid: ({ flow }) => flow.uid,
  host: (entry) => (entry.kind === "exchange" ? entry.host : entry.flow.sni).toLowerCase(),
  port: ({ flow }) => flow.server.port,
  sni: ({ flow }) => flow.sni.toLowerCase(),
  method: (entry) => entry.kind === "exchange" ? entry.method : "",
  path: (entry) => entry.kind === "exchange" ? entry.target : "",
  status: (entry) => entry.kind === "exchange" ? entry.status : 0,
  size: sizeOf,
  ms: ({ startNs, endNs }) => (endNs - startNs) / 1e6,
  type: (entry) => entry.kind === "exchange" ? entry.type : "",
  client: ({ flow }) => flow.client.ip,
  server: ({ flow }) => flow.server.ip,
  version: (entry) => entry.kind === "exchange" ? entry.version.slice("HTTP/".length) : "",
};
const NUMBERS: ReadonlySet<string> = new Set(["pid", "uid", "port", "status", "size", "ms"]);

/** Names of the fields, in the order of the help. */
export const FILTER_FIELDS: readonly string[] = Object.keys(FIELDS);

function sizeOf(entry: Entry): number {
  switch (entry.kind) {
    case "exchange":
      return entry.responseBytes;
    case "message":
      return entry.lengthBytes;
    default:
      return entry.toServer + entry.toClient;
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

/** Throws {@linkcode BadFilter}. */
export function parseFilter(expression: string): Filter {
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
  return new Compiler(expression).condition(tree);
}

class Compiler {
  constructor(readonly expression: string) {}

  condition(tree: jsep.Expression): Filter {
    switch (tree.type) {
      case "BinaryExpression":
        return this.#binary(tree as jsep.BinaryExpression);
      case "UnaryExpression": {
        const { operator, argument } = tree as jsep.UnaryExpression;
        if (!NOT.includes(operator)) break;
        const inner = this.condition(argument);
        return (entry) => !inner(entry);
      }
      case "Identifier": {
        const { get } = this.#field(tree);
        return (entry) => Boolean(get(entry));
      }
      case "Compound": {
        const { body } = tree as jsep.Compound;
        if (body.length === 0) throw this.#bad("expected a condition such as status >= 400", "");
        throw this.#bad("expected and, or, or the end", this.#text(body[1]));
      }
    }
    throw this.#bad("expected a condition such as status >= 400", this.#text(tree));
  }

  #binary({ operator, left, right }: jsep.BinaryExpression): Filter {
    // To jsep `not` binds more tightly than a comparison, and to people it does not.
    if (!AND.includes(operator) && !OR.includes(operator) && left.type === "UnaryExpression") {
      const { operator: not, argument } = left as jsep.UnaryExpression;
      if (NOT.includes(not)) {
        const inner = this.#binary({ type: "BinaryExpression", operator, left: argument, right });
        return (entry) => !inner(entry);
      }
    }
    if (AND.includes(operator) || OR.includes(operator)) {
      const [first, second] = [this.condition(left), this.condition(right)];
      return AND.includes(operator)
        ? (entry) => first(entry) && second(entry)
        : (entry) => first(entry) || second(entry);
    }
    const { name, get } = this.#field(left);
    if (operator === "contains" || operator === "=~") return this.#onText(operator, name, get, right);
    const compare = COMPARISONS[operator];
    if (compare === undefined) throw this.#bad(`${operator} is no comparison`, operator);
    const value = this.#literal(right, NUMBERS.has(name) ? "number" : "string", name);
    return (entry) => compare(get(entry), value);
  }

  #onText(operator: string, name: string, get: (entry: Entry) => Value, right: jsep.Expression): Filter {
    const text = String(this.#literal(right, "string", name));
    if (operator === "contains") return (entry) => String(get(entry)).includes(text);
    let pattern: RegExp;
    try {
      pattern = new RegExp(text);
    } catch (error) {
      const reason = (error as Error).message.replace(/^Invalid regular expression: /, "")
        .replace(/^(\/.*\/)[a-z]*: (.*)$/, (_, pattern, why) => `${pattern}: ${why.toLowerCase()}`);
      throw this.#bad(`not a regular expression: ${reason}`, this.#text(right));
    }
    return (entry) => pattern.test(String(get(entry)));
  }

  #field(tree: jsep.Expression): { name: string; get: (entry: Entry) => Value } {
    if (tree.type !== "Identifier") {
      throw this.#bad(`expected a field: ${FILTER_FIELDS.join(", ")}`, this.#text(tree));
    }
    const { name } = tree as jsep.Identifier;
    if (!Object.hasOwn(FIELDS, name)) {
      throw this.#bad(`no field ${name}; there are ${FILTER_FIELDS.join(", ")}`, name);
    }
    return { name, get: FIELDS[name] };
  }

  #literal(tree: jsep.Expression, type: "string" | "number", name: string): Value {
    const expected = type === "number" ? `${name} is a number` : `${name} is a text, which stands in quotes`;
    if (tree.type === "UnaryExpression") {
      const { operator, argument } = tree as jsep.UnaryExpression;
      if (operator === "-" && type === "number") return -Number(this.#literal(argument, type, name));
    }
    const { value } = tree as jsep.Literal;
    if (tree.type !== "Literal" || typeof value !== type) throw this.#bad(expected, this.#text(tree));
    return name === "host" || name === "sni" ? String(value).toLowerCase() : value as Value;
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
