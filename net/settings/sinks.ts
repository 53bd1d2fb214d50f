// SPDX-License-Identifier: MIT
/** Sinks as settings name them: whether they can be written, all together, before one is opened. @module */
import { isSameFile } from "../sinks/same_file.ts";
import { CallbackSink, type PacketCallback } from "../sinks/callback.ts";
import type { SinkSpec } from "../sinks/kind.ts";
import type { Sink } from "../sinks/sink.ts";
import { parseSinkSpec } from "../sinks/spec.ts";
import { BadSetting } from "./bad_setting.ts";

/**
 * A place for packets: as `-o` takes it (`mirror0`, `out.pcapng`), what `parseSinkSpec` makes of that, a sink of the caller's
 * own, or a function that gets each packet.
 */
export type SinkSetting = string | SinkSpec | Sink | PacketCallback;

/** How a sink is checked and opened. Throws an `Error` that says what would be right. */
export function sinkSpec(setting: SinkSetting): SinkSpec {
  if (typeof setting === "string") return parseSinkSpec(setting);
  if (typeof setting === "object" && "check" in setting) return setting;
  if (typeof setting === "object" && typeof setting.write !== "function") {
    throw new TypeError("expected a sink with name, mtu, counters, write, flush and close");
  }
  const name = setting.name || "callback";
  return {
    name,
    flushes: typeof setting === "object",
    check() {},
    open: (options) => typeof setting === "object" ? setting : new CallbackSink(name, setting, options),
  };
}

/** When a file is followed by another. */
export interface RotationSettings {
  /** A new file is begun before this one is longer; at least 4096. Default: never. */
  readonly rotateBytes?: number;
  /** Milliseconds after which a new file is begun; at least 1000. Default: never. */
  readonly rotateMs?: number;
  /** Files of the series that are kept when they rotate, those of earlier runs among them. Default: all. */
  readonly keep?: number;
}

/** Name of the sink that writes the file at `path`. */
function fileOf(sinks: readonly SinkSpec[], path: string): string | undefined {
  return sinks.find(({ file }) => file !== undefined && isSameFile(file.path, path))?.name;
}

/** Whether they go together. `hasFile`: a file is written that is no sink. Throws {@linkcode BadSetting}. */
export function checkSinks(
  sinks: readonly SinkSpec[],
  { rotateBytes, rotateMs, keep }: RotationSettings,
  hasFile = false,
): void {
  const rotates = rotateBytes !== undefined || rotateMs !== undefined;
  if (keep !== undefined && !rotates) {
    throw new BadSetting(
      "keep",
      (name) => `needs ${name("rotateBytes")} or ${name("rotateMs")}, without which there is one file`,
    );
  }
  if (rotates && !hasFile && !sinks.some(({ file }) => file)) {
    throw new BadSetting(["rotateBytes", "rotateMs"], "need a file among the sinks, for example out.pcapng");
  }
  const names = sinks.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new BadSetting("sinks", `${twice} is given twice`);
  for (const [index, sink] of sinks.entries()) {
    const other = sink.file && fileOf(sinks.slice(0, index), sink.file.path);
    if (other !== undefined) throw new BadSetting("sinks", `${sink.name} is the same file as ${other}`);
  }
}

/** Whether this machine has them. Opens nothing. Throws {@linkcode BadSetting}. */
export function checkSinkPlaces(sinks: readonly SinkSpec[]): void {
  for (const sink of sinks) {
    try {
      sink.check();
    } catch (error) {
      throw new BadSetting("sinks", (error as Error).message);
    }
  }
}
