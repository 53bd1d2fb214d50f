// SPDX-License-Identifier: MIT
/** `sslcollector codecs [CODEC...]`: the built-in codecs, or whether these plugins would load. @module */
import { BUILT_IN_CODECS } from "../codecs/registry.ts";
import type { Codec } from "../codecs/codec.ts";
import { printableLine } from "../net/wire/printable.ts";
import { BadInput } from "./bad_input.ts";
import { codecSettings } from "./codec_settings.ts";
import { loadCodec } from "./codecs.ts";
import { print, printError } from "./log.ts";
import type { CodecsCommand } from "./options.ts";

/** Answers the exit status: 2 when a plugin cannot be loaded, after a line for each. */
export async function runCodecs({ codecs: names }: CodecsCommand): Promise<number> {
  if (names.length === 0) {
    for (const codec of BUILT_IN_CODECS.values()) {
      print(describe(codec));
      for (const { name, description } of codecSettings(codec.name)) {
        print(`  ${`${codec.name}:${name}=`.padEnd(24)} ${description}`);
      }
    }
    return 0;
  }
  let status = 0;
  for (const name of names) {
    try {
      const codec = await loadCodec(name, "codecs");
      print(`${describe(codec)} (${name})`);
    } catch (error) {
      if (!(error instanceof BadInput)) throw error;
      printError(`sslcollector: ${error.message}`);
      status = 2;
    }
  }
  return status;
}

function describe({ name, description }: Codec): string {
  return `${name.padEnd(12)} ${printableLine(description || "no description")}`;
}
