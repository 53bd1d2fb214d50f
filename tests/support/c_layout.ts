// SPDX-License-Identifier: MIT
/** What the C compiler makes of a header: sizes, offsets and constants, to be held against TypeScript's. @module */
import assert from "node:assert/strict";
import { withTempDir } from "./run.ts";

/** Offsets of fields in our spelling, and the `size`. */
export type Layout = Readonly<Record<string, number>>;

/** Expressions for every field of these structures, with the numbers that are expected. */
export function layoutExpressions(structs: Readonly<Record<string, Layout>>): [string, number][] {
  return Object.entries(structs).flatMap(([struct, layout]) =>
    Object.entries(layout).map(([field, offset]): [string, number] => [
      field === "size" ? `sizeof(struct ${struct})` : `offsetof(struct ${struct}, ${snake(field)})`,
      offset,
    ])
  );
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Fails unless each expression has its number when `header`, a path in the checkout, is included. */
export async function checkAgainstHeader(
  header: string,
  expressions: readonly (readonly [string, number])[],
): Promise<void> {
  const path = new URL(`../../${header}`, import.meta.url).pathname;
  const prints = expressions.map(([expression]) => `printf("%ld\\n", (long)(${expression}));`);
  const source = [
    `#include "${path}"`,
    "#include <stddef.h>",
    "#include <stdio.h>",
    `int main(void) { ${prints.join("\n")} return 0; }`,
  ].join("\n");
  await withTempDir(async (folder) => {
    await Deno.writeTextFile(`${folder}/layout.c`, source);
    const args = ["-std=c99", "-o", `${folder}/layout`, `${folder}/layout.c`];
    const compiled = await new Deno.Command("cc", { args }).output();
    assert(compiled.success, new TextDecoder().decode(compiled.stderr));
    const { stdout } = await new Deno.Command(`${folder}/layout`).output();
    const values = new TextDecoder().decode(stdout).trim().split("\n").map(Number);
    assert.deepEqual(
      Object.fromEntries(expressions.map(([expression], at) => [expression, values[at]])),
      Object.fromEntries(expressions),
    );
  });
}
