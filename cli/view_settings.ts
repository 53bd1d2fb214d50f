// SPDX-License-Identifier: MIT
/** From the options that show requests to the settings of an agent. @module */
import type { ViewSettings } from "../net/agent/view.ts";
import type { SinkSpec } from "../net/sinks/kind.ts";
import type { ColorMode } from "./paint.ts";
import { paintFor } from "./paint.ts";
import { streamLines } from "../net/view/line_output.ts";
import { log } from "./log.ts";
import { RequestPrinter } from "./request_printer.ts";

/** Where lines about requests go. */
export interface Printing {
  readonly to: typeof Deno.stdout | typeof Deno.stderr;
  /** A line each is printed though nobody asked. */
  readonly isDefault: boolean;
}

/** The options of `view_options.ts`. */
export interface ViewCommand {
  readonly print?: "requests" | "heads" | "bodies";
  readonly filter?: string;
  readonly showSecrets: boolean;
  readonly color?: ColorMode;
  readonly bodies?: number;
  readonly exchangeLog?: number;
  readonly events?: string;
  readonly har?: string;
}

const BODY_BYTES_PRINTED = 64 * 1024;

/** On standard output, unless packets or events go there. */
export function printingBeside(
  { output, events }: { readonly output: readonly SinkSpec[]; readonly events?: string },
): Printing {
  const isTaken = events === "-" || output.some(({ takesStdout }) => takesStdout);
  return { to: isTaken ? Deno.stderr : Deno.stdout, isDefault: false };
}

export function viewSettings(
  command: ViewCommand,
  { to, isDefault }: Printing,
): ViewSettings {
  const print = command.print ?? (isDefault ? "requests" : undefined);
  const readers = print === undefined ? [] : [
    new RequestPrinter({
      what: print,
      output: streamLines(
        to,
        to === Deno.stderr ? "standard error" : "standard output",
        (message) => log.warn(message),
      ),
      paint: paintFor(command.color ?? "auto", to.isTerminal()),
      showsSecrets: command.showSecrets,
    }),
  ];
  return {
    readers,
    filter: command.filter,
    events: command.events,
    har: command.har,
    showSecrets: command.showSecrets,
    bodyBytes: command.bodies ?? (print === "bodies" ? BODY_BYTES_PRINTED : 0),
    logBytes: command.exchangeLog,
  };
}
