// SPDX-License-Identifier: MIT
/** Whether requests are printed though nobody asked. @module */
import type { ReadCommand, RunCommand } from "./options.ts";

/** On a terminal. */
export function runPrints({ quiet }: RunCommand): boolean {
  return !quiet && Deno.stderr.isTerminal();
}

/** Where nothing else shows them. */
export function readPrints({ events, har, ui }: ReadCommand): boolean {
  return events === undefined && har === undefined && ui === undefined;
}
