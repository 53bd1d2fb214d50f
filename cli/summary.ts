// SPDX-License-Identifier: MIT
/** The exit summary: a line a program, then totals, on standard error; or the same as one JSON object. @module */
import { Counters, type PerDirection } from "../net/mirror/counters.ts";
import { printable } from "../net/wire/printable.ts";
import type { ProgramRow } from "../net/mirror/pipeline.ts";
import type { Sink } from "../net/sinks/sink.ts";

export interface SummaryInput {
  readonly rows: readonly ProgramRow[];
  readonly sinks: readonly Sink[];
  /** Remarks about programs that were not mirrored. */
  readonly remarks: readonly string[];
  /** Things that happened to programs as a whole, by reason (refused, unmirrored). */
  readonly programEvents: ReadonlyMap<string, number>;
}

/** `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Bytes that left the program for which no packet exists, by reason, both directions. */
function droppedBytes(counters: Counters): Map<string, number> {
  const dropped = new Map<string, number>();
  for (const map of [counters.lost, counters.unforged]) {
    for (const [reason, bytes] of map) dropped.set(reason, (dropped.get(reason) ?? 0) + bytes[0] + bytes[1]);
  }
  return dropped;
}

const sum = (pair: Readonly<PerDirection>): number => pair[0] + pair[1];
const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;

function describe(counters: Counters): string {
  const parts = [
    plural(counters.flows, "flow"),
    `${formatBytes(sum(counters.captured))} captured`,
    `${formatBytes(sum(counters.forged))} forged`,
    plural(counters.packets, "packet"),
  ];
  const dropped = [...droppedBytes(counters)].filter(([, bytes]) => bytes > 0)
    .map(([reason, bytes]) => `${formatBytes(bytes)} ${reason}`);
  const events = [...counters.events].map(([reason, amount]) => `${amount} ${reason}`);
  return [
    parts.join(", "),
    ...dropped.length > 0 ? [`dropped: ${dropped.join(", ")}`] : [],
    ...events.length > 0 ? [`events: ${events.join(", ")}`] : [],
  ].join("; ");
}

/** What a sink did, for people. */
export function sinkLine({ name, counters }: Sink): string {
  const parts = [plural(counters.written, "packet"), formatBytes(counters.writtenBytes)];
  if (counters.kept > 0) parts.push(`${counters.kept} kept for the next run`);
  parts.push(...[...counters.dropped].map(([reason, packets]) => `${packets} dropped: ${reason}`));
  return `${name}: ${parts.join(", ")}`;
}

/** The same as an object. */
export function sinkJson({ name, counters }: Sink): Record<string, unknown> {
  return {
    name,
    packets: counters.packets,
    written: counters.written,
    writtenBytes: counters.writtenBytes,
    kept: counters.kept,
    dropped: Object.fromEntries(counters.dropped),
  };
}

/** Lines for people. */
export function textSummary(input: SummaryInput): string[] {
  const lines = input.rows
    .filter((row) => row.counters.flows > 0 || sum(row.counters.captured) > 0 || row.counters.events.size > 0)
    .map(({ program, counters }) => `${printable(program.comm)}[${program.pid}]: ${describe(counters)}`);
  lines.push(`total: ${describe(total(input.rows))}`);
  lines.push(...input.sinks.map(sinkLine));
  for (const [reason, amount] of input.programEvents) {
    lines.push(`${plural(amount, "program")} not mirrored: ${reason}`);
  }
  return [...lines, ...input.remarks];
}

function total(rows: readonly ProgramRow[]): Counters {
  const counters = new Counters();
  for (const row of rows) counters.add(row.counters);
  return counters;
}

function toJson(counters: Counters): Record<string, unknown> {
  const direction = ([toServer, toClient]: Readonly<PerDirection>) => ({ toServer, toClient });
  const map = (entries: ReadonlyMap<string, Readonly<PerDirection>>) =>
    Object.fromEntries([...entries].map(([reason, pair]) => [reason, direction(pair)]));
  return {
    flows: counters.flows,
    captured: direction(counters.captured),
    decoded: direction(counters.decoded),
    lost: map(counters.lost),
    written: direction(counters.written),
    forged: direction(counters.forged),
    unforged: map(counters.unforged),
    events: Object.fromEntries(counters.events),
    packets: counters.packets,
    imbalance: counters.imbalance(),
  };
}

/** One object with every count; bytes per direction. */
export function jsonSummary(input: SummaryInput): Record<string, unknown> {
  return {
    programs: input.rows.map(({ program, counters }) => ({
      program: program.comm,
      pid: program.pid,
      uid: program.uid,
      ...toJson(counters),
    })),
    total: toJson(total(input.rows)),
    sinks: input.sinks.map(sinkJson),
    programEvents: Object.fromEntries(input.programEvents),
    remarks: input.remarks,
  };
}
