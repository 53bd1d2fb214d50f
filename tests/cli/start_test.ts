// SPDX-License-Identifier: MIT
/** What a command loads before it does anything, which is most of what a short one costs. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runOk } from "../support/run.ts";

const ROOT = new URL("../..", import.meta.url).href;

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier: string };
    readonly isDynamic?: boolean;
  }[];
}

/** Modules that are loaded with `path`: files by their path from the checkout's root, packages by their specifier. */
async function loadedWith(path: string): Promise<string[]> {
  const args = ["info", "--json", fileURLToPath(new URL(path, ROOT))];
  const { modules } = JSON.parse(await runOk(Deno.execPath(), ...args)) as { modules: Module[] };
  const known = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set([ROOT + path]);
  for (const specifier of loaded) {
    for (const { code, isDynamic } of known.get(specifier)?.dependencies ?? []) {
      if (code && !isDynamic) loaded.add(code.specifier);
    }
  }
  return [...loaded].map((specifier) => specifier.replace(ROOT, ""));
}

Deno.test("start: before it knows the command, it has loaded no package", async () => {
  const loaded = await loadedWith("cli/main.ts");
  assert(loaded.includes("cli/output.ts"), loaded.join(" "));
  assert.deepEqual(loaded.filter((specifier) => /^(npm|node):/.test(specifier)), []);
});

for (
  const path of ["cli/hook.ts", "cli/hook_options.ts", "cli/status.ts", "cli/status_options.ts", "cli/ps.ts"]
) {
  Deno.test(`start: ${path} needs nothing that mirrors`, async () => {
    const loaded = await loadedWith(path);
    const foreign = /^(net\/(mirror|forge|link|sinks|pki)\/|codecs\/|npm:@logtape)/;
    assert.deepEqual(loaded.filter((specifier) => foreign.test(specifier)), []);
  });
}
