// SPDX-License-Identifier: MIT
/**
 * The base of an executable: Deno's runtime, to which `deno compile` adds a program. DENORT_BIN names one; else Deno downloads it.
 *
 * @module
 */
import { inflateRawSync } from "node:zlib";
import { isFor, type Target, toolFor } from "./target.ts";
import { isFile } from "../../net/ffi/stat.ts";

/** Puts the base of `target` into `folder`, checked and without symbols, and answers its path. Throws an Error of one line. */
export async function placeBase(target: Target, folder: string): Promise<string> {
  const named = Deno.env.get("DENORT_BIN");
  const base = named ? readNamed(named) : await download(target, folder);
  checkBase(base, target, named ? `DENORT_BIN: ${named}` : "the base that Deno downloaded");
  const path = `${folder}/denort`;
  Deno.writeFileSync(path, base, { mode: 0o755 });
  if (target.format === "elf") await strip(path, target);
  return path;
}

function readNamed(path: string): Uint8Array<ArrayBuffer> {
  try {
    return Deno.readFileSync(path);
  } catch {
    throw new Error(`DENORT_BIN names no file that can be read: ${path}`);
  }
}

/** `deno compile` refuses none of these, and what it makes of them does not start. */
export function checkBase(base: Uint8Array, target: Target, name: string): void {
  if (!isFor(base, target)) throw new Error(`${name} is no executable for ${target.name}`);
  const version = versionOf(base);
  if (version !== Deno.version.deno) {
    throw new Error(
      `${name} is of Deno ${version ?? "without a version"}, this is Deno ${Deno.version.deno}`,
    );
  }
}

/** A constant of the runtime has its version behind this word, on Windows together with the constant that follows. */
const VERSION_MARK = "denover";

/** The version of Deno that a base is of. */
export function versionOf(base: Uint8Array): string | undefined {
  const file = new TextDecoder("latin1").decode(base);
  for (let at = file.indexOf(VERSION_MARK); at >= 0; at = file.indexOf(VERSION_MARK, at + 1)) {
    const text = file.slice(at + VERSION_MARK.length, at + VERSION_MARK.length + 64);
    const version = /^(\d+\.\d+\.\d+?)\1\+/.exec(text) ?? /^(\d+\.\d+\.\d+)/.exec(text);
    if (version) return version[1];
  }
  return undefined;
}

/** Symbols are a fifth of the base. Once a program was added it can be stripped no more: that would take the program away. */
async function strip(path: string, target: Target): Promise<void> {
  const tool = toolFor(target, "strip", "strip");
  try {
    const { success, stderr } = await new Deno.Command(tool, { args: [path], stderr: "piped" }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr).trim().split("\n")[0]);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "it is not on PATH" : (error as Error).message;
    throw new Error(`${tool} cannot strip the base: ${reason}`);
  }
}

/** Has Deno download the base by compiling an empty program, and takes it from where Deno keeps it. */
async function download(target: Target, folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const zip = `${denoDirectory()}/dl/release/v${Deno.version.deno}/denort-${target.name}.zip`;
  if (!isFile(zip)) {
    Deno.writeTextFileSync(`${folder}/empty.js`, "");
    await new Deno.Command(Deno.execPath(), {
      args: ["compile", "--quiet", "--no-config", "--target", target.name, "--output", "empty", "empty.js"],
      cwd: folder,
      stderr: "null",
    }).output();
  }
  if (!isFile(zip)) {
    throw new Error(`Deno cannot download the base for ${target.name}; DENORT_BIN may name one`);
  }
  return firstFile(Deno.readFileSync(zip));
}

function denoDirectory(): string {
  const { DENO_DIR, XDG_CACHE_HOME, HOME } = Deno.env.toObject();
  return DENO_DIR ?? `${XDG_CACHE_HOME ?? `${HOME}/.cache`}/deno`;
}

const CENTRAL_DIRECTORY_END = 0x06054b50;
const DEFLATED = 8;

/** What the first entry of a zip archive holds. The end of the archive has no comment. */
export function firstFile(zip: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const end = zip.length - 22;
  if (end < 0 || view.getUint32(end, true) !== CENTRAL_DIRECTORY_END) {
    throw new Error("the base that Deno downloaded is no zip archive");
  }
  const entry = view.getUint32(end + 16, true);
  const method = view.getUint16(entry + 10, true), length = view.getUint32(entry + 20, true);
  const local = view.getUint32(entry + 42, true);
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const data = zip.subarray(start, start + length);
  return method === DEFLATED ? new Uint8Array(inflateRawSync(data)) : data;
}
