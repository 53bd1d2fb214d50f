// SPDX-License-Identifier: MIT
/** `sslcollector codecs [CODEC...]`: the built-in codecs, or whether these plugins would load. @module */
import type { CodecPlugin } from "../codecs/codec.ts";
import { BUILT_IN_CODECS } from "../codecs/registry.ts";
import { settingRows } from "../codecs/settings.ts";
import { loadCodec } from "../net/agent/codec_loader.ts";
import { printableLine } from "../net/wire/printable.ts";
import type { CodecsCommand } from "./options.ts";
import { print, printError } from "./output.ts";

/** Answers the exit status: 2 when a plugin cannot be loaded, after a line for each. */
export async function runCodecs({ codecs: names }: CodecsCommand): Promise<number> {
  if (names.length === 0) {
    for (const [name, codec] of BUILT_IN_CODECS) describe(codec, name, "");
    return 0;
  }
  let status = 0;
  for (const name of names) {
    try {
      const { plugin } = await loadCodec(name);
      describe(plugin, plugin.name, ` (${name})`);
    } catch (error) {
      printError(`sslcollector: codecs: ${(error as Error).message}`);
      status = 2;
    }
  }
  return status;
}

/** A line on the codec, and one on each of its settings. */
function describe(codec: CodecPlugin, name: string, remark: string): void {
  print(`${name.padEnd(12)} ${printableLine(codec.description || "no description")}${remark}`);
  if (!("settings" in codec)) return;
  const rows = settingRows(codec.settings);
  const width = Math.max(...rows.map(({ name, form }) => name.length + form.length));
  for (const row of rows) {
    const words = `${name}:${row.name}=${row.form}`.padEnd(name.length + 2 + width);
    print(`  ${printableLine(`${words}  ${row.description}; ${row.default}`)}`);
  }
}
