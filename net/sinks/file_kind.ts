// SPDX-License-Identifier: MIT
/** `-o FILE`: capture files. @module */
import { accessSync, constants } from "node:fs";
import { basename, dirname } from "node:path";
import { systemError } from "../ffi/system_error.ts";
import { FileSink } from "./file.ts";
import { type SinkKind, type SinkSpec, wrongForm } from "./kind.ts";
import type { SinkOptions } from "./sink_options.ts";

/** Begins the names that Npcap has for interfaces. */
const NPCAP_DEVICE = "\\Device\\NPF_";

export const fileKind: SinkKind = {
  form: "a file ending in .pcapng or .pcap or with a slash",
  description:
    "a capture that grows while it is written, and rotates where asked to; pcapng unless it ends in .pcap",
  parse(text) {
    if (!/[/\\]|\.pcap(ng)?$/i.test(text) || text.startsWith(NPCAP_DEVICE)) return undefined;
    if (/[/\\]$/.test(text)) throw wrongForm("a file name", text);
    return fileSpec(text, /\.pcap$/i.test(text) ? "pcap" : "pcapng");
  },
};

function fileSpec(path: string, format: "pcap" | "pcapng"): SinkSpec {
  return {
    name: path,
    flushes: false,
    file: { path, format },
    check: () => checkFile(path),
    open(options: SinkOptions) {
      try {
        return new FileSink(path, format === "pcapng", options);
      } catch (error) {
        throw new Error(`cannot write ${JSON.stringify(path)}: ${systemError(error).text}`);
      }
    },
  };
}

/** Finds out whether a file could be written there, and leaves nothing behind. Throws an `Error` of one line. */
export function checkFile(path: string): void {
  const folder = dirname(path);
  const shown = JSON.stringify(path);
  const found = stat(folder);
  if (found === undefined) {
    throw new Error(`cannot write ${shown}: the directory ${folder} does not exist, make it first`);
  }
  if (!found.isDirectory) throw new Error(`cannot write ${shown}: ${folder} is not a directory`);
  const there = stat(path);
  if (there?.isDirectory) throw new Error(`cannot write ${shown}: it is a directory, add a file name`);
  try {
    // An existing device, pipe or file is written as it is; else the directory has to take a new one.
    accessSync(there === undefined ? folder : path, constants.W_OK);
  } catch (error) {
    const what = there === undefined ? `the directory ${folder}` : basename(path);
    throw new Error(
      `cannot write ${shown}: ${what} is not writable (${systemError(error).code}), choose another place`,
    );
  }
}

function stat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || systemError(error).code === "ENOTDIR") return undefined;
    throw new Error(`cannot write ${JSON.stringify(path)}: ${systemError(error).text}`);
  }
}
