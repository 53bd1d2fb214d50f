// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { unusedExports } from "../../tools/unused_exports.ts";

/** What is told of these files. */
const told = (files: Record<string, string>) => unusedExports(new Map(Object.entries(files)));

const A = "net/a.ts";

Deno.test("unused exports: what nobody imports is told, by whoever it could be", () => {
  assert.deepEqual(told({ [A]: "export function f() {}\n" }), [`${A}: nobody uses f`]);
  assert.deepEqual(
    told({ [A]: "export const f = 1;\nexport const g = f;\n", "net/b.ts": 'import { g } from "./a.ts";' }),
    [
      `${A}: no other file imports f`,
    ],
  );
});

Deno.test("unused exports: an import counts under any name, whole, on demand, and when passed on to a user", () => {
  const declared = "export async function f() {}\n";
  for (
    const user of [
      'import { f } from "./a.ts";',
      'import {\n  type T,\n  f as g,\n} from "./a.ts";',
      'import * as a from "./a.ts";\na.f();',
      'const { f } = await import("./a.ts");',
      'await (await import("./a.ts")).f();',
    ]
  ) assert.deepEqual(told({ [A]: declared, "net/b.ts": user }), [], user);
  const through = { [A]: declared, "net/mod.ts": 'export { f as g } from "./a.ts";\n' };
  assert.deepEqual(told({ ...through, "cli/c.ts": 'import { g } from "../net/mod.ts";' }), []);
  assert.deepEqual(told(through), [`${A}: nobody uses f`, "net/mod.ts: nobody uses g"]);
});

Deno.test("unused exports: the library's face is used by others", () => {
  assert.deepEqual(told({ [A]: "export class C {}\n", "mod.ts": 'export { C } from "./net/a.ts";\n' }), []);
});

Deno.test("unused exports: a test is no user of what its file does not use itself", () => {
  const test = { "tests/net/a_test.ts": 'import { f } from "../../net/a.ts";' };
  assert.deepEqual(told({ [A]: "export function f() {}\n", ...test }), [`${A}: only tests import f`]);
  const mentioned = "/** As {@linkcode f}. */\nexport function f() {} // f\n";
  assert.deepEqual(told({ [A]: mentioned.replace(" // f", ""), ...test }), [`${A}: only tests import f`]);
  const living = "export function f() {}\nexport function g() {\n  return [...f()];\n}\n";
  assert.deepEqual(told({ [A]: living, "net/b.ts": 'import { g } from "./a.ts";', ...test }), []);
});

Deno.test("unused exports: a type that its file uses may be named, another goes", () => {
  const user = { "net/b.ts": 'import { f } from "./a.ts";' };
  assert.deepEqual(told({ [A]: "export interface I {}\nexport function f(i: I) {}\n", ...user }), []);
  assert.deepEqual(told({ [A]: "export interface I {}\nexport function f() {}\n", ...user }), [
    `${A}: nobody uses I`,
  ]);
});
