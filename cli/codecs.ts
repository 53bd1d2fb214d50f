/** Finds the codecs that `--codec` names: built in, or plugins from disk. @module */
import { resolve } from "node:path";
import type { Codec } from "../codecs/codec.ts";
import { BUILT_IN_CODECS, checkCodec } from "../codecs/registry.ts";
import { BadInput } from "./bad_input.ts";

/** The chain, first applied first. Throws {@linkcode BadInput} with the plugin's path and the reason. */
export async function loadCodecs(names: readonly string[]): Promise<Codec[]> {
  const codecs: Codec[] = [];
  for (const name of names) codecs.push(BUILT_IN_CODECS.get(name) ?? await loadPlugin(name));
  return codecs;
}

async function loadPlugin(name: string): Promise<Codec> {
  if (!/[/.]/.test(name)) {
    const known = [...BUILT_IN_CODECS.keys()].join(", ");
    throw new BadInput(
      `--codec: there is no codec ${
        JSON.stringify(name)
      }: built in are ${known}; a plugin is given as a path`,
    );
  }
  const path = resolve(name);
  try {
    Deno.statSync(path);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "no such file" : (error as Error).message;
    throw new BadInput(`--codec: ${path}: ${reason}`);
  }
  try {
    const module = await import(`file://${encodeURI(path).replace(/[?#]/g, encodeURIComponent)}`);
    return checkCodec(module.default);
  } catch (error) {
    throw new BadInput(`--codec: ${path}: ${String((error as Error).message ?? error).split("\n")[0]}`);
  }
}
