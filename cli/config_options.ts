// SPDX-License-Identifier: MIT
/** Options of `sslcollector config`. @module */
import { object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import type { InferValue } from "@optique/core/parser";
import { argument, command, constant } from "@optique/core/primitives";
import { file } from "./suggestions.ts";
import { word } from "./values.ts";

/** Commands that may have a table of their own in the configuration file. */
export const TABLES = ["agent", "run", "replay", "collector"] as const;

const configParser = or(
  command(
    "check",
    object({
      command: constant("config check" as const),
      file: optional(argument(file("FILE"), {
        description: message`The file to check. Default: the one that counts, /etc/sslcollector.toml.`,
      })),
    }),
    { brief: message`Say what is wrong in the configuration file` },
  ),
  command(
    "show",
    object({
      command: constant("config show" as const),
      of: withDefault(
        argument(word("COMMAND", TABLES), {
          description: message`For which command: agent, run, replay or collector. Default: agent.`,
        }),
        "agent" as const,
      ),
    }),
    { brief: message`Show what is in force, and where each value comes from` },
  ),
  command("default", object({ command: constant("config default" as const) }), {
    brief: message`Print a configuration file that has every setting, commented out`,
  }),
);

export const configCommand = command("config", configParser, {
  brief: message`Check and show the configuration file`,
});

export type ConfigCommand = InferValue<typeof configParser>;
