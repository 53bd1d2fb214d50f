// SPDX-License-Identifier: MIT
/** Options of the command line that do nothing for want of another: whoever gives one expects something of it. @module */
import { BadFilter, parseFilterFor } from "../net/view/filter.ts";
import { BadInput } from "./bad_input.ts";
import type { CommandLine, MirrorCommand, ReadCommand } from "./options.ts";
import { readPrints, runPrints } from "./readers.ts";
import type { CollectorCommand } from "./remote_options.ts";

type Command = MirrorCommand | ReadCommand | CollectorCommand;
type ViewingCommand = MirrorCommand | ReadCommand;

/** What the command lacks for an option of it, in words; undefined: nothing. */
type Lack<C extends Command> = (command: C) => string | undefined;

const PLACES = "--print requests, --events PLACE or --har FILE";

/** Options that say how requests are shown. */
const OF_VIEWS: Readonly<Record<string, Lack<ViewingCommand>>> = {
  filter: (command) => {
    if (writesRequests(command)) return undefined;
    // Whoever mends the one should not be told of the other only then.
    const fault = faultIn(command);
    if (fault !== undefined) return fault;
    return `needs ${PLACES}${command.ui === undefined ? "" : "; the page has a filter of its own"}`;
  },
  color: (command) => prints(command) ? undefined : "needs --print requests",
  bodies: (command) => {
    const areShown = command.print === "bodies" || command.har !== undefined || mayBeAsked(command);
    return areShown ? undefined : "needs --print bodies, --har FILE or --ui PORT";
  },
  "show-secrets": lackOfReaders,
  "exchange-log": lackOfReaders,
};

const OF_ALL: Readonly<Record<string, Lack<Command>>> = {
  "ui-host": ({ ui }) => ui === undefined ? "needs --ui [ADDR:]PORT" : undefined,
};

const OF_MIRRORS: Readonly<Record<string, Lack<MirrorCommand>>> = {
  pki: lackOfTls,
  identity: lackOfTls,
  "key-group": lackOfTls,
  unix: (command) => {
    const crosses = "interface" in command && command.interface.some((name) => name !== "any");
    return crosses ? "no interface carries such sessions: leave --interface out" : undefined;
  },
};

const WITHOUT_TLS = "looks at certificates, and there are none with --insecure-plaintext";
const lackOfCertificates: Lack<CollectorCommand> = ({ insecurePlaintext }) =>
  insecurePlaintext ? WITHOUT_TLS : undefined;

const OF_COLLECTORS: Readonly<Record<string, Lack<CollectorCommand>>> = {
  pki: lackOfCertificates,
  identity: lackOfCertificates,
  "key-group": lackOfCertificates,
  mtu: ({ output }) => {
    const haveOwn = output.length > 0 && output.every(({ interfaceName }) => interfaceName !== undefined);
    return haveOwn ? "each sink is an interface, which has its own" : undefined;
  },
};

/**
 * `given` is what the command line says, `command` has the settings of environment and file too: those serve several commands, and
 * are not held against one that has no use for them. Throws {@linkcode BadInput}.
 */
export function checkNeeds(given: CommandLine, command: CommandLine): void {
  switch (command.command) {
    case "collector":
      return checkAll(given, command, { ...OF_ALL, ...OF_COLLECTORS });
    case "read":
      return checkAll(given, command, { ...OF_ALL, ...OF_VIEWS });
    case "agent":
    case "run":
    case "replay":
      return checkAll(given, command, { ...OF_ALL, ...OF_VIEWS, ...OF_MIRRORS });
  }
}

function checkAll<C extends Command>(
  given: CommandLine,
  command: C,
  lacks: Readonly<Record<string, Lack<C>>>,
): void {
  for (const [option, lack] of Object.entries(lacks)) {
    const reason = isGiven(given, option) ? lack(command) : undefined;
    if (reason !== undefined) throw new BadInput(`--${option}: ${reason}`);
  }
}

/** Whether a command has an option, by its name without dashes, of which a value or the flag is given. */
export function isGiven(command: CommandLine, option: string): boolean {
  const key = option.replace(/-./g, (pair) => pair[1].toUpperCase());
  const value = (command as unknown as Readonly<Record<string, unknown>>)[key];
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}

/** What is wrong in the expression, and where. */
function faultIn({ filter, showSecrets: showsSecrets }: ViewingCommand): string | undefined {
  try {
    if (filter !== undefined) parseFilterFor(filter, { showsSecrets });
  } catch (error) {
    if (error instanceof BadFilter) return `${error.message}\n${error.caret}`;
    throw error;
  }
}

/** Whether requests are printed, also where nobody asked. */
function prints(command: ViewingCommand): boolean {
  if (command.print !== undefined) return true;
  return command.command === "run" && runPrints(command) || command.command === "read" && readPrints(command);
}

function writesRequests(command: ViewingCommand): boolean {
  return prints(command) || command.events !== undefined || command.har !== undefined;
}

/** Whether somebody may look while it runs: on the page, or at an agent by `sslcollector top`. */
function mayBeAsked({ command, ui }: ViewingCommand): boolean {
  return ui !== undefined || command === "agent";
}

function lackOfReaders(command: ViewingCommand): string | undefined {
  return writesRequests(command) || mayBeAsked(command) ? undefined : `needs ${PLACES}, or --ui PORT`;
}

function lackOfTls({ target }: MirrorCommand): string | undefined {
  return target.every(({ isPlaintext }) => isPlaintext)
    ? "needs a collector that is reached with TLS: -t HOST"
    : undefined;
}
