// SPDX-License-Identifier: MIT
/** Options of `sslcollector hook`, apart from the others: nothing that mirrors is loaded for them. @module */
import { object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import type { InferValue } from "@optique/core/parser";
import { command, constant, flag, option } from "@optique/core/primitives";
import { folder, folderFromRoot } from "./suggestions.ts";
import { text } from "./value_parser.ts";

export const runtimeDir = optional(option("--runtime-dir", folderFromRoot("DIR"), {
  description:
    message`Where hooks find the agent. Default: /run/sslcollector; for users other than root one of their own.`,
}));

const unit = multiple(option("--unit", text("NAME"), {
  description: message`A systemd service. May be given more than once.`,
}));
const system = withDefault(
  flag("--system", {
    description: message`Every program on this host, by /etc/ld.so.preload.`,
  }),
  false,
);

const root = withDefault(
  option("--root", folder("DIR"), {
    description: message`Work below this folder, for images. Default: /.`,
  }),
  "/",
);

const dryRun = withDefault(
  flag("--dry-run", {
    description:
      message`Change nothing; show what would be done and, with --system, the running programs with their TLS libraries.`,
  }),
  false,
);
const force = withDefault(
  flag("--force", {
    description:
      message`Install for the whole system although programs run with AddressSanitizer, which would end at their next start.`,
  }),
  false,
);

const all = withDefault(
  flag("--all", {
    description: message`Undo every install, of units and of the whole system.`,
  }),
  false,
);

const hookParser = or(
  command("path", object({ command: constant("hook path" as const) }), {
    brief: message`Print where the hook library is, for LD_PRELOAD`,
  }),
  command(
    "install",
    object({ command: constant("hook install" as const), unit, system, root, dryRun, force }),
    {
      brief: message`Make services start with the hook`,
      description:
        message`Warns where a unit keeps the hook silent or out: options that imply a seccomp filter, starters that clear the environment, another root.`,
    },
  ),
  command("uninstall", object({ command: constant("hook uninstall" as const), unit, system, all, root }), {
    brief: message`Undo install`,
  }),
  command("status", object({ command: constant("hook status" as const), root, runtimeDir }), {
    brief: message`Show where the hook is installed, and which programs with TLS it reaches`,
    description:
      message`Lists running programs that have TLS or the hook, by what is mapped in them and built into their files. A region that is there for the agent is not yet a mirrored session: the agent's summary has those.`,
  }),
);

export const hookCommand = command("hook", hookParser, { brief: message`Manage the hook library` });

export type HookCommand = InferValue<typeof hookParser>;
