// SPDX-License-Identifier: MIT
/** Options of every command that ends in packets. @module */
import { message, text } from "@optique/core/message";
import { multiple, optional } from "@optique/core/modifiers";
import { option } from "@optique/core/primitives";
import { isSameFile } from "../net/sinks/same_file.ts";
import type { SinkSpec } from "../net/sinks/kind.ts";
import { sinkForms } from "../net/sinks/spec.ts";
import { BadInput } from "./bad_input.ts";
import { duration, sink, size, wholeNumber, word } from "./values.ts";

export const sinkOptions = {
  output: multiple(option("-o", "--output", sink(), {
    description: message`Where packets go: ${text(sinkForms())}. May be given more than once.`,
  })),
  rotateSize: optional(option("--rotate-size", size(4096), {
    description: message`Begin a new file when this one has reached SIZE.`,
  })),
  rotateTime: optional(option("--rotate-time", duration(1000), {
    description: message`Begin a new file after DURATION.`,
  })),
  keep: optional(option("--keep", wholeNumber("N", 1, 1_000_000), {
    description:
      message`Keep the newest N files of the series when rotating, those of earlier runs among them.`,
  })),
  summary: optional(option("--summary", word("FORM", ["text", "json", "none"]), {
    description:
      message`What the exit summary on standard error looks like: text, json or none. Default: text.`,
  })),
  logLevel: optional(
    option("--log-level", word("LEVEL", ["debug", "info", "warning", "error"]), {
      description: message`Least severe messages to show. Default: info.`,
    }),
  ),
};

/** What {@linkcode sinkOptions} say of files that rotate. */
export interface Rotation {
  readonly rotateSize?: number;
  readonly rotateTime?: number;
  readonly keep?: number;
}

/** Name of the sink that writes the file at `path`. */
export function fileOf(sinks: readonly SinkSpec[], path: string): string | undefined {
  return sinks.find(({ file }) => file !== undefined && isSameFile(file.path, path))?.name;
}

/** Opens nothing. Throws {@linkcode BadInput}. */
export function checkSinks(sinks: readonly SinkSpec[], { rotateSize, rotateTime, keep }: Rotation): void {
  const rotates = rotateSize !== undefined || rotateTime !== undefined;
  if (keep !== undefined && !rotates) {
    throw new BadInput("--keep: needs --rotate-size or --rotate-time, without which there is one file");
  }
  if (rotates && !sinks.some(({ file }) => file)) {
    throw new BadInput(
      "--rotate-size and --rotate-time: need a file among the sinks, for example -o out.pcapng",
    );
  }
  const names = sinks.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new BadInput(`--output: ${twice} is given twice`);
  for (const [index, sink] of sinks.entries()) {
    const other = sink.file && fileOf(sinks.slice(0, index), sink.file.path);
    if (other !== undefined) throw new BadInput(`--output: ${sink.name} is the same file as ${other}`);
  }
  for (const sink of sinks) {
    try {
      sink.check();
    } catch (error) {
      throw new BadInput(`--output: ${(error as Error).message}`);
    }
  }
}
