// SPDX-License-Identifier: MIT
/** Finds the codecs that `--codec` names: built in, or plugins from disk. @module */
import { resolve } from "node:path";
import type { Codec } from "../codecs/codec.ts";
import { BUILT_IN_CODECS, checkCodec } from "../codecs/registry.ts";
import { printableLine } from "../net/wire/printable.ts";
import { systemError } from "../net/ffi/system_error.ts";
import { BadInput } from "./bad_input.ts";
import { builtInCodec } from "./codec_settings.ts";

/** A plugin that waits for longer at its top level is taken to wait forever. */
const LOADING_MAX_MS = 10_000;

/** The chain, first applied first. Throws {@linkcode BadInput} with the plugin's path and the reason. */
export async function loadCodecs(names: readonly string[]): Promise<Codec[]> {
  const codecs: Codec[] = [];
  for (const name of names) codecs.push(await loadCodec(name, "--codec"));
  return codecs;
}

/** One of them; messages begin with `option`. */
export async function loadCodec(name: string, option: string): Promise<Codec> {
  try {
    return builtInCodec(name) ?? await loadPlugin(name);
  } catch (error) {
    throw new BadInput(`${option}: ${(error as Error).message}`);
  }
}

async function loadPlugin(name: string): Promise<Codec> {
  if (!/[/.]/.test(name)) {
    const known = [...BUILT_IN_CODECS.keys()].join(", ");
    throw new Error(
      `there is no codec ${JSON.stringify(name)}: built in are ${known}; a plugin is given as a path`,
    );
  }
  const path = resolve(name);
  checkFile(path);
  try {
    return checkCodec((await importModule(path)).default);
  } catch (error) {
    throw new Error(`${path}: ${printableLine(reasonOf(error, path))}`);
  }
}

/** What is no regular file may never end. */
function checkFile(path: string): void {
  let info;
  try {
    info = Deno.statSync(path);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "no such file" : (error as Error).message;
    throw new Error(`${path}: ${reason}`);
  }
  if (!info.isFile) throw new Error(`${path}: not a file`);
  try {
    Deno.openSync(path).close();
  } catch (error) {
    throw new Error(`${path}: cannot read: ${systemError(error).text}`);
  }
}

async function importModule(path: string): Promise<Record<string, unknown>> {
  let timer;
  const tooLong = new Promise<never>((_, reject) => {
    const seconds = LOADING_MAX_MS / 1000;
    timer = setTimeout(() => reject(new Error(`did not finish loading within ${seconds} s`)), LOADING_MAX_MS);
  });
  try {
    return await Promise.race([
      import(`file://${encodeURI(path).replace(/[?#]/g, encodeURIComponent)}`),
      tooLong,
    ]);
  } finally {
    clearTimeout(timer);
  }
}

/** What loading threw, which may be anything, in one line. */
function reasonOf(error: unknown, path: string): string {
  if (!(error instanceof Error)) return `threw ${JSON.stringify(error) ?? String(error)}`;
  const { message, name } = error;
  // `deno run` shows the place below the message, with the source between them.
  const shown = /^SyntaxError: (.*)\n[^]* at file:\S+?:(\d+):\d+/.exec(message);
  if (shown) return `does not parse: line ${shown[2]}: ${shown[1]}`;
  // A compiled binary parses JavaScript with V8,
  const told = error instanceof SyntaxError && /^(.*) at file:\S+?:(\d+):\d+$/.exec(message);
  if (told) return `does not parse: line ${told[2]}: ${told[1]}`;
  // and of TypeScript it tells the parser's own record, with a byte's position.
  const record = /^JsErrorBox .*?\bstart: SourcePos\((\d+)\)/.exec(message);
  if (record) return `does not parse: line ${lineOf(Number(record[1]), path)}`;
  return message.split("\n")[0].trim() || name;
}

function lineOf(position: number, path: string): number {
  const LINE_FEED = 10;
  return Deno.readFileSync(path).subarray(0, position).filter((byte) => byte === LINE_FEED).length + 1;
}
