// SPDX-License-Identifier: MIT
/** Finds the codecs that `--codec` names: built in, or plugins from disk, made with the settings that it gives them. @module */
import { resolve } from "node:path";
import type { Codec, CodecPlugin } from "../../codecs/codec.ts";
import { BUILT_IN_CODECS, checkCodec, configureCodec } from "../../codecs/registry.ts";
import { splitWords } from "../../codecs/settings.ts";
import { systemError } from "../ffi/system_error.ts";
import { printableLine } from "../wire/printable.ts";

/** A plugin that waits for longer at its top level is taken to wait forever. */
const LOADING_MAX_MS = 10_000;

/** A codec with what it declares, and at work with the settings that it was given. */
export interface LoadedCodec {
  readonly plugin: CodecPlugin;
  readonly codec: Codec;
}

/** `NAME:SETTING=VALUE:…`, or what a plugin exports. Throws an `Error` of one line with the name, or the plugin's path, and the reason. */
export async function loadCodec(given: string | CodecPlugin): Promise<LoadedCodec> {
  try {
    const asked = typeof given === "string" ? splitWords(given) : { name: given.name, pairs: [] };
    const plugin = typeof given === "string" ? await findCodec(asked.name) : checkCodec(given);
    return { plugin, codec: configureCodec(plugin, asked) };
  } catch (error) {
    throw new Error(printableLine((error as Error).message));
  }
}

/** A whole chain, with what its codecs want behind them. Throws as {@linkcode loadCodec} does. */
export async function loadChain(given: readonly (string | CodecPlugin)[]): Promise<Codec[]> {
  const asked: Codec[] = [];
  for (const one of given) asked.push((await loadCodec(one)).codec);
  const names = new Set(asked.map(({ name }) => name));
  const chain: Codec[] = [];
  for (const codec of asked) {
    chain.push(codec);
    const { followedBy } = codec;
    if (followedBy === undefined || names.has(followedBy)) continue;
    names.add(followedBy);
    chain.push((await loadCodec(followedBy)).codec);
  }
  return chain;
}

/** The file of a plugin; undefined where a codec is built in or the caller's own. */
export function pluginPath(given: string | CodecPlugin): string | undefined {
  if (typeof given !== "string") return undefined;
  const { name } = splitWords(given);
  return BUILT_IN_CODECS.has(name) ? undefined : resolve(name);
}

async function findCodec(name: string): Promise<CodecPlugin> {
  return BUILT_IN_CODECS.get(name) ?? await loadPlugin(name);
}

async function loadPlugin(name: string): Promise<CodecPlugin> {
  if (!/[/.]/.test(name)) {
    const [builtIn, ...rest] = name.split(":");
    if (rest.length > 0 && BUILT_IN_CODECS.has(builtIn)) {
      throw new Error(`${builtIn}: expected SETTING=VALUE, got ${JSON.stringify(rest.join(":"))}`);
    }
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
    throw new Error(`${path}: ${reasonOf(error, path)}`);
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
