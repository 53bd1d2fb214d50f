// SPDX-License-Identifier: MIT
/** The exit summary: a line a program, then totals, on standard error; or the same as one JSON object. @module */
import { booksJson, type MirrorBooks, totalOf } from "../net/agent/books.ts";
import { isRepeat, repeatText } from "../net/status/left_out.ts";
import type { SinkBooks } from "../net/settings/sink_books.ts";
import type { Counters, PerDirection } from "../net/mirror/counters.ts";
import { refusalLine } from "../net/agent/unmirrored/reasons.ts";
import { printable } from "../net/wire/printable.ts";
import { formatBytes } from "./format.ts";
import { logsJson, tell } from "./log.ts";
import { printError } from "./output.ts";
import { NO_REMARKS, type Remarks } from "./remarks.ts";

/** What the summary looks like. */
export type SummaryForm = "text" | "json" | "none";

/** Bytes that left the program for which no packet exists, by reason, both directions. */
function droppedBytes(counters: Counters): Map<string, number> {
  const dropped = new Map<string, number>();
  for (const map of [counters.lost, counters.unforged]) {
    for (const [reason, bytes] of map) dropped.set(reason, (dropped.get(reason) ?? 0) + bytes[0] + bytes[1]);
  }
  return dropped;
}

/** Said by the bytes that both ends told, and no news without any. */
const OTHER_END_JOINED = "flow-other-end-mirrored";

const sum = (pair: Readonly<PerDirection>): number => pair[0] + pair[1];
const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;

function describe(counters: Counters): string {
  const parts = [
    plural(counters.flows, "flow"),
    `${formatBytes(sum(counters.captured))} captured`,
    `${formatBytes(sum(counters.forged))} forged`,
    plural(counters.packets, "packet"),
  ];
  const all = [...droppedBytes(counters)].filter(([, bytes]) => bytes > 0);
  const texts = (losses: typeof all) =>
    losses.map(([reason, bytes]) => `${formatBytes(bytes)} ${repeatText(reason)}`);
  const dropped = texts(all.filter(([reason]) => !isRepeat(reason)));
  const repeats = texts(all.filter(([reason]) => isRepeat(reason)));
  const events = [...counters.events].filter(([reason]) => reason !== OTHER_END_JOINED)
    .map(([reason, amount]) => `${amount} ${reason}`);
  return [
    parts.join(", "),
    ...dropped.length > 0 ? [`dropped: ${dropped.join(", ")}`] : [],
    ...repeats.length > 0 ? [`mirrored once: ${repeats.join(", ")}`] : [],
    ...events.length > 0 ? [`events: ${events.join(", ")}`] : [],
  ].join("; ");
}

/** What a sink did, for people. */
export function sinkLine({ name, counters }: SinkBooks): string {
  const parts = [plural(counters.written, "packet"), formatBytes(counters.writtenBytes)];
  if (counters.kept > 0) parts.push(`${counters.kept} kept for the next run`);
  parts.push(...[...counters.dropped].map(([reason, packets]) => `${packets} dropped: ${reason}`));
  return `${name}: ${parts.join(", ")}`;
}

/** Lines for people. */
export function textSummary(books: MirrorBooks, remarks: Remarks): string[] {
  const lines = books.programs
    .filter(({ counters }) => counters.flows > 0 || sum(counters.captured) > 0 || counters.events.size > 0)
    .map(({ program, counters }) => `${printable(program.comm)}[${program.pid}]: ${describe(counters)}`);
  lines.push(`total: ${describe(totalOf(books))}`);
  lines.push(...books.sinks.map(sinkLine));
  for (const [reason, amount] of books.refused) lines.push(refusalLine(reason, amount));
  return [...lines, ...remarks.lines];
}

/** One object with every count; bytes per direction. Programs that were not mirrored are `programEvents`, by reason. */
export function jsonSummary(books: MirrorBooks, remarks: Remarks): Record<string, unknown> {
  const refused = new Map(books.refused);
  for (const [reason, amount] of remarks.counts) refused.set(reason, (refused.get(reason) ?? 0) + amount);
  return { ...booksJson({ ...books, refused }), remarks: remarks.lines };
}

/** Shows the summary on standard error; where the form is not given and messages are JSON, as one object. */
export function summarize(
  books: MirrorBooks,
  form: SummaryForm = logsJson() ? "json" : "text",
  remarks: Remarks = NO_REMARKS,
): void {
  if (form === "text") {
    for (const line of textSummary(books, remarks)) tell(`sslcollector: ${line}`);
  }
  if (form === "json") printError(JSON.stringify(jsonSummary(books, remarks)));
}
