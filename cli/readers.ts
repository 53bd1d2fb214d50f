// SPDX-License-Identifier: MIT
/** Options of the command line that say how requests are shown, where they are shown to nobody. @module */
import { BadInput } from "./bad_input.ts";
import type { CommandLine, ReadCommand, RunCommand } from "./options.ts";

const PLACES = "--print requests, --events PLACE or --har FILE";

/**
 * `given` is what the command line says, `command` has the settings of environment and file too: those serve several commands, and
 * are not held against one that has no use for them. Throws {@linkcode BadInput}.
 */
export function checkReaders(given: CommandLine, command: CommandLine): void {
  if ("uiHost" in given && "ui" in command && given.uiHost.length > 0 && command.ui === undefined) {
    throw new BadInput("--ui-host: needs --ui [ADDR:]PORT");
  }
  if (!("showSecrets" in given && "showSecrets" in command)) return;
  const { print, events, har, ui } = command;
  const isRead = [print, events, har].some((place) => place !== undefined) || printsByItself(command);
  if (given.filter !== undefined && !isRead) {
    const own = ui === undefined ? "" : "; the page has a filter of its own";
    throw new BadInput(`--filter: needs ${PLACES}${own}`);
  }
  // An agent is asked by sslcollector top, too.
  if (isRead || ui !== undefined || command.command === "agent") return;
  if (given.bodies !== undefined) throw new BadInput(`--bodies: needs ${PLACES}, or --ui PORT`);
  if (given.showSecrets) throw new BadInput(`--show-secrets: needs ${PLACES}, or --ui PORT`);
}

/** Whether requests are printed though nobody asked. */
function printsByItself(command: CommandLine): boolean {
  if (command.command === "run") return runPrints(command);
  return command.command === "read" && readPrints(command);
}

/** On a terminal. */
export function runPrints({ quiet }: RunCommand): boolean {
  return !quiet && Deno.stderr.isTerminal();
}

/** Where nothing else shows them. */
export function readPrints({ events, har, ui }: ReadCommand): boolean {
  return events === undefined && har === undefined && ui === undefined;
}
