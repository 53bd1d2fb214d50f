// SPDX-License-Identifier: MIT
/**
 * Fails on an export that the product does not need. What is exported has to be imported by another file of the product, or
 * be part of `mod.ts`; tests are no users. Two exceptions: a value that its own file uses may be exported for a test that
 * imports it, and a type that its own file uses may be named by whoever calls what is exported beside it.
 *
 * @module
 */
import { dirname, relative, resolve } from "node:path";
import { sources } from "./sources.ts";

/** What the library offers. */
const FACE = "mod.ts";

/** Something that a file exports. */
interface Export {
  readonly name: string;
  readonly isType: boolean;
  /** Where it comes from when the file only passes it on. */
  readonly from?: { readonly path: string; readonly name: string };
}

const DECLARED =
  /^export\s+(?:declare\s+)?(?:default\s+)?(?:abstract\s+)?(?:async\s+)?(interface|type|function\*?|class|const|let|enum)\s+(\w+)/gm;
const LISTED = /^export\s+(type\s+)?\{([^}]*)\}(?:\s*from\s*"([^"]+)")?/gm;
const IMPORTED = /^import\s+(?:type\s+)?(?:\w+\s*,\s*)?\{([^}]*)\}\s*from\s*"([^"]+)"/gm;
const WHOLE = /^import\s+(?:type\s+)?\*\s+as\s+(\w+)\s+from\s*"([^"]+)"/gm;
const ON_DEMAND = /\bimport\s*\(\s*"([^"]+)"/g;

/** Path of a module from the checkout's root; undefined for those of others. */
function target(path: string, specifier: string): string | undefined {
  return specifier.startsWith(".") ? relative(".", resolve(dirname(path), specifier)) : undefined;
}

/** `a, type b as c`: pairs of the name there and the name here. */
function names(list: string): [there: string, here: string][] {
  return list.replace(/\/\/.*$/gm, "").split(",").map((part) => part.trim().replace(/^type\s+/, ""))
    .filter((part) => part !== "")
    .map((part) => {
      const [there, here = there] = part.split(/\s+as\s+/);
      return [there, here];
    });
}

function exportsOf(path: string, source: string): Export[] {
  const found: Export[] = [];
  for (const [, kind, name] of source.matchAll(DECLARED)) {
    found.push({ name, isType: kind === "interface" || kind === "type" });
  }
  for (const [, type, list, specifier] of source.matchAll(LISTED)) {
    const from = specifier === undefined ? undefined : target(path, specifier);
    for (const [there, here] of names(list)) {
      found.push({
        name: here,
        isType: type !== undefined,
        from: from === undefined ? undefined : { path: from, name: there },
      });
    }
  }
  return found;
}

/** `path#name` of everything that a file takes from others, what it passes on not included. */
function importsOf(path: string, source: string): Set<string> {
  const found = new Set<string>();
  const add = (specifier: string, name: string) => found.add(`${target(path, specifier)}#${name}`);
  for (const [, list, specifier] of source.matchAll(IMPORTED)) {
    for (const [there] of names(list)) add(specifier, there);
  }
  for (const [, as, specifier] of source.matchAll(WHOLE)) {
    for (const [, name] of source.matchAll(new RegExp(`\\b${as}\\.(\\w+)`, "g"))) add(specifier, name);
  }
  for (const [, specifier] of source.matchAll(ON_DEMAND)) {
    for (const [name] of source.matchAll(/\b\w+\b/g)) add(specifier, name);
  }
  return found;
}

/** Whether a file uses a name of its own beside the place where it declares it. */
function usesItself(source: string, name: string): boolean {
  const code = source.replace(/^\s*(\/\/|\/\*|\*).*$/gm, "");
  return (code.match(new RegExp(`(?<![\\w$#]|(?<!\\.)\\.)${name}(?![\\w$])`, "g")) ?? []).length > 1;
}

/** A line for each export that should go; `files` are paths and sources. */
export function unusedExports(files: ReadonlyMap<string, string>): string[] {
  const isTest = (path: string) => path.startsWith("tests/");
  const exported = new Map([...files].map(([path, source]) => [path, exportsOf(path, source)]));
  const used = { product: new Set<string>(), tests: new Set<string>() };
  for (const [path, source] of files) {
    const users = isTest(path) ? used.tests : used.product;
    for (const name of importsOf(path, source)) users.add(name);
  }
  for (const { name } of exported.get(FACE) ?? []) used.product.add(`${FACE}#${name}`);
  passOn(exported, used.product);
  passOn(exported, used.tests);
  const lines: string[] = [];
  for (const [path, source] of files) {
    if (isTest(path)) continue;
    for (const { name, isType, from } of exported.get(path)!) {
      const key = `${path}#${name}`;
      const isOwnUse = from === undefined && usesItself(source, name);
      if (used.product.has(key) || (isOwnUse && (isType || used.tests.has(key)))) continue;
      const users = used.tests.has(key)
        ? "only tests import"
        : isOwnUse
        ? "no other file imports"
        : "nobody uses";
      lines.push(`${path}: ${users} ${name}`);
    }
  }
  return lines.sort();
}

/** Whoever uses what a file passes on uses what it comes from. */
function passOn(exported: ReadonlyMap<string, readonly Export[]>, used: Set<string>): void {
  for (let before = -1; before !== used.size;) {
    before = used.size;
    for (const [path, list] of exported) {
      for (const { name, from } of list) {
        if (from && used.has(`${path}#${name}`)) used.add(`${from.path}#${from.name}`);
      }
    }
  }
}

if (import.meta.main) {
  const files = new Map([...sources("")].map((path) => [path, Deno.readTextFileSync(path)]));
  const lines = unusedExports(new Map([...files].filter(([path]) => path.endsWith(".ts"))));
  for (const line of lines) console.error(line);
  Deno.exit(lines.length > 0 ? 1 : 0);
}
