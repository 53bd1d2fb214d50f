// SPDX-License-Identifier: MIT
/**
 * Fails on an import that the folders' rules (docs/architecture.md) do not allow, and on files that import each other in
 * a circle: TypeScript by its imports, types included, and the hook's C by its includes.
 *
 * @module
 */
import { dirname, join, relative, resolve } from "node:path";
import { sources } from "./sources.ts";

interface Rule {
  /** Files that the rule is for: the first rule that fits counts. */
  readonly folder: string;
  /** Folders (or files) whose values may be imported. */
  readonly values: readonly string[];
  /** Folders of which only types may be imported. */
  readonly types?: readonly string[];
  /** Folders that may not be imported though a folder above them may. */
  readonly never?: readonly string[];
}

const EVERYTHING = [""];
const DIRECTION = "codecs/direction.ts";
const BATCH = "net/forge/packet_batch.ts";
const RULES: readonly Rule[] = [
  { folder: "codecs/", values: ["codecs/"] },
  { folder: "net/wire/", values: ["net/wire/"] },
  { folder: "net/elf/", values: ["net/elf/"] },
  { folder: "net/ffi/", values: ["net/ffi/"] },
  { folder: "net/pki/", values: ["net/pki/", "net/ffi/"] },
  { folder: "net/forge/", values: ["net/forge/", "net/wire/", DIRECTION] },
  { folder: "net/capture/", values: ["net/capture/", "net/wire/", "net/elf/", "net/ffi/", DIRECTION] },
  {
    folder: "net/mirror/",
    values: ["net/mirror/", "net/forge/", "net/wire/", "codecs/"],
    types: ["net/capture/target.ts"],
  },
  {
    folder: "net/view/",
    values: [
      "net/view/",
      "net/filter/",
      "net/wire/",
      "codecs/",
      "net/mirror/flow_comment.ts",
      "net/mirror/community_id.ts",
      // Files that rotate and are private, readers that are slow, and what the system says of them.
      "net/sinks/grown_file.ts",
      "net/sinks/outlet.ts",
      "net/sinks/outlet_writer.ts",
      "net/sinks/rotated_path.ts",
      "net/ffi/system_error.ts",
    ],
    types: ["net/mirror/", "net/capture/target.ts"],
  },
  { folder: "net/sinks/", values: ["net/sinks/", "net/wire/", "net/ffi/", BATCH] },
  { folder: "net/filter/", values: ["net/filter/", "net/wire/", "codecs/units.ts"] },
  {
    folder: "net/status/",
    values: ["net/status/", "net/ffi/connection_descriptors.ts"],
    types: ["net/sinks/sink.ts"],
  },
  {
    folder: "net/page/browser/",
    values: [
      "net/page/browser/",
      "net/status/flows_text.ts",
      "net/status/left_out.ts",
      "net/wire/printable.ts",
    ],
    types: ["net/page/messages.ts", "net/status/report.ts", "net/view/flow_facts.ts"],
  },
  {
    folder: "net/page/",
    values: [
      "net/page/",
      "net/view/",
      "net/filter/",
      "net/forge/",
      "net/wire/",
      DIRECTION,
      "net/mirror/community_id.ts",
      "net/status/cannot_listen.ts",
      "net/status/http_listener.ts",
      "net/status/left_out.ts",
      "tools/page.ts",
    ],
    types: ["net/status/report.ts"],
  },
  {
    folder: "net/link/",
    values: ["net/link/", "net/pki/", "net/wire/", "net/ffi/", BATCH, "net/sinks/sink.ts"],
    types: ["net/sinks/"],
  },
  {
    folder: "net/collector/",
    values: ["net/"],
    never: ["net/agent/", "net/capture/", "net/mirror/"],
  },
  {
    folder: "net/settings/",
    values: [
      "net/settings/",
      "net/pki/",
      "net/sinks/",
      "net/status/",
      "net/page/",
      "net/forge/settings.ts",
      "net/wire/tcp.ts",
      "deno.json",
    ],
  },
  {
    folder: "net/agent/",
    values: ["net/", "codecs/", "tools/hook.ts", "tools/probes.ts"],
    never: ["net/collector/"],
  },
  { folder: "mod.ts", values: ["codecs/", "net/"] },
  {
    folder: "cli/",
    values: [
      "cli/",
      "net/agent/",
      "net/collector/",
      "net/pki/",
      "net/settings/",
      // Values as they are written, texts fit for a terminal, and what the demo's packets say.
      "net/sinks/spec.ts",
      "net/link/target.ts",
      "net/status/flows_text.ts",
      "net/status/left_out.ts",
      "net/view/",
      "net/wire/",
      "codecs/",
      // Which system it is, and what holds for the whole process: not a library's to decide.
      "net/ffi/file_size_limit.ts",
      "net/ffi/own_memory.ts",
      "net/ffi/own_stdout.ts",
      "net/ffi/platform.ts",
      "net/ffi/service_manager.ts",
      // Whether a file is there.
      "net/ffi/stat.ts",
    ],
    types: ["net/"],
  },
  { folder: "", values: EVERYTHING },
];

const IMPORT = /^\s*(import|export)\s+(type\s+)?([^;]*?)\s*from\s*"([^"]+)"/gms;
/** Imports for the effect alone, and dynamic ones. */
const SIDE_IMPORT = /\bimport\s*\(?\s*"([^"]+)"/g;
const INCLUDE = /^#include "([^"]+)"/gm;

interface Import {
  /** Path from the checkout's root. */
  readonly target: string;
  readonly typesOnly: boolean;
  /** Looked up while the program runs: no part of a circle. */
  readonly onDemand: boolean;
}

/** What one TypeScript file imports of this project. */
function importsOf(path: string, source: string): Import[] {
  const imports: Import[] = [];
  const add = (specifier: string, typesOnly: boolean, onDemand: boolean) => {
    if (!specifier.startsWith(".")) return;
    imports.push({ target: relative(".", resolve(dirname(path), specifier)), typesOnly, onDemand });
  };
  for (const [, , type, names, specifier] of source.matchAll(IMPORT)) {
    const typesOnly = type !== undefined || /^\{(\s*type\s[^,}]*,?)+\s*\}$/.test(names);
    add(specifier, typesOnly, false);
  }
  for (const [text, specifier] of source.matchAll(SIDE_IMPORT)) add(specifier, false, text.includes("("));
  return imports;
}

/** Edges of one file that no rule allows. */
export function badImports(path: string, source: string): string[] {
  const rule = RULES.find(({ folder }) => path.startsWith(folder))!;
  const bad: string[] = [];
  for (const { target, typesOnly } of importsOf(path, source)) {
    const allowed = typesOnly ? [...rule.values, ...rule.types ?? []] : rule.values;
    const fits = (folder: string) => target.startsWith(folder);
    if (!allowed.some(fits) || rule.never?.some(fits)) {
      bad.push(`${path}: must not import ${typesOnly ? "types of" : "values of"} ${target}`);
    }
  }
  if (path.startsWith("codecs/") && /\bDeno\./.test(source.replace(/^\s*(\/\/|\*|\/\*).*$/gm, ""))) {
    bad.push(`${path}: codecs are pure and must not use Deno.*`);
  }
  if (!path.startsWith("net/ffi/") && !path.startsWith("tests/") && /\bDeno\.dlopen\(/.test(source)) {
    bad.push(`${path}: Deno.dlopen is for net/ffi/ alone`);
  }
  return bad;
}

/** A line for each set of files that import each other in a circle; `files` are paths and sources. */
export function importCircles(files: ReadonlyMap<string, string>): string[] {
  const edges = new Map<string, Set<string>>();
  const add = (from: string, to: string) => {
    if (from === to) return;
    if (!edges.has(from)) edges.set(from, new Set());
    edges.get(from)!.add(to);
  };
  for (const [path, source] of files) {
    if (path.endsWith(".ts")) {
      for (const { target, onDemand } of importsOf(path, source)) if (!onDemand) add(path, target);
    } else {
      // A header and the C file of its name are one unit.
      const unit = (name: string) => name.replace(/\.[ch]$/, ".c");
      for (const [, name] of source.matchAll(INCLUDE)) add(unit(path), unit(join(dirname(path), name)));
    }
  }
  return circles(edges).map((members) => `circle: ${members.sort().join(" ")}`).sort();
}

/** Sets of two or more nodes that reach each other (Tarjan's strongly connected components). */
function circles(edges: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const visit = (node: string) => {
    order.set(node, order.size);
    lowest.set(node, order.get(node)!);
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(node, Math.min(lowest.get(node)!, lowest.get(next)!));
    }
    if (lowest.get(node) !== order.get(node)) return;
    const members = stack.splice(stack.indexOf(node));
    if (members.length > 1) found.push(members);
  };
  for (const node of edges.keys()) if (!order.has(node)) visit(node);
  return found;
}

if (import.meta.main) {
  const files = new Map([...sources("")].map((path) => [path, Deno.readTextFileSync(path)]));
  const bad = [...files].filter(([path]) => path.endsWith(".ts")).flatMap(([path, text]) =>
    badImports(path, text)
  );
  bad.push(...importCircles(files));
  for (const line of bad) console.error(line);
  Deno.exit(bad.length > 0 ? 1 : 0);
}
