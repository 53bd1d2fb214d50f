// SPDX-License-Identifier: MIT
/**
 * The program as JavaScript with the packages that it uses. `deno task bundle` makes `dist/sslcollector.js`, one file for `deno run`,
 * as on Windows beside `deno.exe`: it has no hook.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { bundlePage } from "../page.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = "cli/main.ts";
const WORKER = "net/link/transport/worker.ts";
/** How the collector names the file of its threads, beside whichever file says so. */
const WORKER_URL = 'new URL("./worker.ts", import.meta.url)';
/** How the page's server names its script. */
const SCRIPT_URL = 'new URL("../../dist/page.js", import.meta.url)';
/** Where parts lie: two levels down, so that `../../dist/` is the folder's own for the parts that look for hook and page there. */
const PARTS = "net/parts";
const PAGE = "dist/page.js";

export interface Parts {
  /** The file to run, from the folder's root. */
  readonly main: string;
  /** Every file that it may load, as the first is. */
  readonly files: readonly string[];
}

/** Writes the program in parts into `folder`: what a command does not need is not loaded. */
export async function bundleParts(folder: string): Promise<Parts> {
  const entries = [MAIN, WORKER].map((path) => path.replace(/ts$/, "js"));
  await bundle(["--code-splitting", "--outdir", `${folder}/${PARTS}`, MAIN, WORKER]);
  const read = (name: string) => Deno.readTextFileSync(`${folder}/${PARTS}/${name}`);
  const parts = new Map(entries.map((name) => [name, read(name)]));
  for (const text of parts.values()) {
    for (const [name] of text.matchAll(PART_NAME)) if (!parts.has(name)) parts.set(name, read(name));
  }
  await Deno.remove(`${folder}/${PARTS}`, { recursive: true });
  const named = withStableNames(parts);
  named.set("worker.ts", `import "./${entries[1]}";\n`);
  for (const [name, text] of named) {
    const path = `${folder}/${PARTS}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(path, text);
  }
  const files = [...named.keys()].map((name) => `${PARTS}/${name}`);
  await Deno.mkdir(`${folder}/dist`, { recursive: true });
  await bundlePage(`${folder}/${PAGE}`);
  return { main: `${PARTS}/${entries[0]}`, files: [...files.slice(1), PAGE] };
}

/** A part that is no entry: its name ends in a hash. */
const PART_NAME = /\b\w+-[0-9A-Z]{8}\.js\b/g;
/** Where this machine keeps packages, as comments and names of modules have it. */
const PACKAGES = /(?:\.\.\/)+[^"\n]*?\/npm\/registry\.npmjs\.org\//g;

/** The same parts, told from each other by number: hashes follow from where packages lie, and they are said in comments. */
export function withStableNames(parts: ReadonlyMap<string, string>): Map<string, string> {
  const names = new Map<string, string>();
  for (const name of parts.keys()) {
    if (new RegExp(PART_NAME).test(name)) names.set(name, name.replace(/-\w+\.js$/, `-${names.size}.js`));
  }
  const rename = (name: string) => names.get(name) ?? name;
  return new Map(
    [...parts].map(([name, text]) => [
      rename(name),
      text.replaceAll(PACKAGES, "npm:").replaceAll(PART_NAME, rename),
    ]),
  );
}

/** Writes the program as one file, which has what a collector's threads and a browser run as texts in itself. */
export async function bundleWhole(path: string): Promise<void> {
  await bundle(["--output", path, MAIN]);
  const program = Deno.readTextFileSync(path);
  await bundle(["--output", path, WORKER]);
  const withWorker = withText(program, WORKER_URL, Deno.readFileSync(path));
  await bundlePage(path);
  const whole = withText(withWorker, SCRIPT_URL, Deno.readFileSync(path));
  Deno.writeTextFileSync(path, whole.replaceAll(PACKAGES, "npm:"));
}

/** The program with a script in the place of its file's name. */
function withText(program: string, url: string, script: Uint8Array): string {
  const pieces = program.split(url);
  if (pieces.length !== 2) throw new Error(`the bundle says ${pieces.length - 1} times ${url}`);
  return pieces.join(`new URL("data:text/javascript;base64,${script.toBase64()}")`);
}

async function bundle(args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", ...args],
    cwd: ROOT,
    stderr: "piped",
  }).output();
  if (success) return;
  throw new Error(`deno bundle failed: ${new TextDecoder().decode(stderr).trim().split("\n")[0]}`);
}

if (import.meta.main) {
  const path = `${ROOT}dist/sslcollector.js`;
  await Deno.mkdir(`${ROOT}dist`, { recursive: true });
  await bundleWhole(path);
  console.log(path);
}
