// SPDX-License-Identifier: MIT
/** Bundles the page's script, `dist/page.js`, out of `net/page/browser/`. @module */
import { fileURLToPath } from "node:url";
import { sources } from "./sources.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MAIN = "net/page/browser/main.ts";
const SCRIPT = `${ROOT}dist/page.js`;

/**
 * Makes the script if a source of the page is newer than it, and returns its path. Callers in parallel are safe: each puts a whole
 * file in place.
 */
export async function buildPage(): Promise<string> {
  if (isCurrent()) return SCRIPT;
  await Deno.mkdir(`${ROOT}dist`, { recursive: true });
  const partial = `${SCRIPT}.${crypto.randomUUID()}`;
  const begun = new Date();
  try {
    await bundlePage(partial);
    await Deno.utime(partial, begun, begun); // a source edited meanwhile is newer
    await Deno.rename(partial, SCRIPT);
  } finally {
    await Deno.remove(partial).catch(() => {});
  }
  return SCRIPT;
}

/** Writes it to `path`. Throws an Error of one line. */
export async function bundlePage(path: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", "--minify", "--output", path, MAIN],
    cwd: ROOT,
    stderr: "piped",
  }).output();
  if (success) return;
  throw new Error(`the page cannot be bundled: ${new TextDecoder().decode(stderr).trim().split("\n")[0]}`);
}

/** What the script is made of may lie anywhere in `net/`. */
function isCurrent(): boolean {
  try {
    const made = Deno.statSync(SCRIPT).mtime!;
    return [...sources(`${ROOT}net`), `${ROOT}deno.json`].every((path) => Deno.statSync(path).mtime! < made);
  } catch {
    return false;
  }
}
