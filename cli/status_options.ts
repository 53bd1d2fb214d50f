// SPDX-License-Identifier: MIT
/** Options of `sslcollector status`, apart from the others: nothing that mirrors is loaded for them. @module */
import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import type { InferValue } from "@optique/core/parser";
import { command, constant, flag, option } from "@optique/core/primitives";
import { folderFromRoot } from "./suggestions.ts";
import { text } from "./value_parser.ts";

/** Of a command without hooks; an agent has an option of this name for them. */
export const statusDir = optional(option("--runtime-dir", folderFromRoot("DIR"), {
  description:
    message`Where sslcollector status finds agent and collectors. Default: /run/sslcollector; for users other than root one of their own.`,
}));

const statusParser = object({
  command: constant("status" as const),
  json: withDefault(flag("--json", { description: message`One JSON object for each, a line long.` }), false),
  watch: withDefault(flag("--watch", { description: message`Ask again every second.` }), false),
  runtimeDir: statusDir,
});

export const statusCommand = command("status", statusParser, {
  brief: message`Ask the agent and collectors of this host how it goes`,
});

const psParser = object({
  command: constant("ps" as const),
  json: withDefault(
    flag("--json", { description: message`One JSON object for each program, a line long.` }),
    false,
  ),
  watch: withDefault(flag("--watch", { description: message`Look again every two seconds.` }), false),
  runtimeDir: statusDir,
});

export const psCommand = command("ps", psParser, {
  brief: message`List the programs of this host that have TLS, and why one is not mirrored`,
});

const topParser = object({
  command: constant("top" as const),
  filter: optional(option("--filter", text("EXPRESSION"), {
    description: message`Only exchanges for which this holds; f changes it.`,
  })),
  runtimeDir: statusDir,
});

export const topCommand = command("top", topParser, {
  brief: message`Look at requests and sessions as they pass, on a full screen`,
});

const doctorParser = object({
  command: constant("doctor" as const),
  json: withDefault(flag("--json", { description: message`One JSON object.` }), false),
  runtimeDir: statusDir,
});

export const doctorCommand = command("doctor", doctorParser, {
  brief: message`Look at this host and at what is set up, and say what to mend`,
});

export type DoctorCommand = InferValue<typeof doctorParser>;
export type PsCommand = InferValue<typeof psParser>;
export type TopCommand = InferValue<typeof topParser>;
export type StatusCommand = InferValue<typeof statusParser>;
