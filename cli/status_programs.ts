// SPDX-License-Identifier: MIT
/** The programs that an agent hears of, as its status shows them. @module */
import type { ProgramReport } from "../net/status/report.ts";
import { printable } from "../net/wire/printable.ts";
import { formatBytes } from "./format.ts";
import { placeText } from "./ps_text.ts";
import { table } from "./table.ts";

/** So many are shown, those that passed the most. */
const SHOWN_MAX = 16;

/** Lines below the count of them, and how to see all others. */
export function programRows(programs: readonly ProgramReport[]): string[] {
  const shown = programs.toSorted((a, b) => b.captured - a.captured).slice(0, SHOWN_MAX);
  const more = programs.length - shown.length;
  return [
    ...shown.length === 0 ? [] : table(shown.map(cells)),
    ...more > 0 ? [`  and ${more.toLocaleString("en-US")} that passed less`] : [],
    "  others with TLS, and why they are not mirrored: sslcollector ps",
  ];
}

function cells(program: ProgramReport): string[] {
  const { pid, comm, flows, captured, source, isUnwanted } = program;
  const notes = [
    ...source === "probes" ? ["by kernel probes"] : [],
    ...isUnwanted ? ["left out by --only or --skip"] : [],
  ];
  return [
    `  ${printable(comm)}[${pid}]`,
    placeText(program) || "-",
    `${flows.toLocaleString("en-US")} flow${flows === 1 ? "" : "s"}`,
    formatBytes(captured),
    notes.join(", "),
  ];
}
