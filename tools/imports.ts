/** Fails on an import that the folders' rules (docs/architecture.md) do not allow. @module */
import { dirname, extname, join, relative, resolve } from "node:path";

interface Rule {
  /** Files that the rule is for: the first rule that fits counts. */
  readonly folder: string;
  /** Folders (or files) whose values may be imported. */
  readonly values: readonly string[];
  /** Folders of which only types may be imported. */
  readonly types?: readonly string[];
}

const EVERYTHING = [""];
const RULES: readonly Rule[] = [
  { folder: "net/wire/", values: ["net/wire/"] },
  { folder: "net/ffi/", values: ["net/ffi/"] },
  { folder: "hook/", values: ["hook/", "net/ffi/"] },
  { folder: "codecs/", values: ["codecs/"] },
  { folder: "net/", values: ["net/"], types: ["hook/", "codecs/"] },
  { folder: "mod.ts", values: ["hook/", "codecs/", "net/"] },
  { folder: "", values: EVERYTHING },
];

const IMPORT = /^\s*(import|export)\s+(type\s+)?([^;]*?)\s*from\s*"([^"]+)"/gms;
/** Imports for the effect alone, and dynamic ones. */
const SIDE_IMPORT = /\bimport\s*\(?\s*"([^"]+)"/g;

/** Edges of one file that no rule allows. */
export function badImports(path: string, source: string): string[] {
  const rule = RULES.find(({ folder }) => path.startsWith(folder))!;
  const bad: string[] = [];
  const check = (specifier: string, typesOnly: boolean) => {
    if (!specifier.startsWith(".")) return;
    const target = relative(".", resolve(dirname(path), specifier));
    const allowed = typesOnly ? [...rule.values, ...rule.types ?? []] : rule.values;
    if (!allowed.some((folder) => target.startsWith(folder))) {
      bad.push(`${path}: must not import ${typesOnly ? "types of" : "values of"} ${target}`);
    }
  };
  for (const [, , type, , specifier] of source.matchAll(IMPORT)) check(specifier, type !== undefined);
  for (const [, specifier] of source.matchAll(SIDE_IMPORT)) check(specifier, false);
  if (path.startsWith("codecs/") && /\bDeno\./.test(source.replace(/^\s*(\/\/|\*|\/\*).*$/gm, ""))) {
    bad.push(`${path}: codecs are pure and must not use Deno.*`);
  }
  if (!path.startsWith("net/ffi/") && !path.startsWith("tests/") && /\bDeno\.dlopen\(/.test(source)) {
    bad.push(`${path}: Deno.dlopen is for net/ffi/ alone`);
  }
  return bad;
}

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder || ".")) {
    const path = join(folder, entry.name);
    if (entry.isDirectory && !/^(\.|dist$|node_modules$)/.test(entry.name)) yield* sources(path);
    else if (entry.isFile && extname(entry.name) === ".ts") yield path;
  }
}

if (import.meta.main) {
  const bad = [...sources("")].flatMap((path) => badImports(path, Deno.readTextFileSync(path)));
  for (const line of bad) console.error(line);
  Deno.exit(bad.length > 0 ? 1 : 0);
}
