// SPDX-License-Identifier: MIT
/** Programs with TLS and what becomes of them, for people. @module */
import { isRepeat, repeatText } from "../net/status/left_out.ts";
import { LIBRARY_NAMES, type TlsLibrary } from "../net/agent/unmirrored/mapped.ts";
import { fixOf, reasonText } from "../net/agent/unmirrored/reasons.ts";
import type { ContainerPlace, SurveyedProgram } from "../net/agent/unmirrored/survey.ts";
import type { ProgramReport } from "../net/status/report.ts";
import { printable } from "../net/wire/printable.ts";
import { formatBytes } from "./format.ts";
import { table } from "./table.ts";

/** A program with TLS, or one that an agent hears of. */
export interface ProgramLine {
  readonly pid: number;
  readonly comm: string;
  readonly libraries: ReadonlySet<TlsLibrary>;
  /** `partly`: clear text of it is not in the mirror. `silent`: it is there for the agent, and has said nothing so far. */
  readonly state: "mirrored" | "partly" | "silent" | "not";
  /** Why it is not mirrored. */
  readonly reason?: string;
  /** What would have it mirrored. */
  readonly fix?: string;
  /** What tells of it; absent: the hook inside it, or nothing. */
  readonly source?: "probes";
  /** Container that it is in; absent: none that is known. */
  readonly place?: ContainerPlace;
  readonly flows: number;
  readonly captured: number;
  readonly dropped: Readonly<Record<string, number>>;
}

/** What a look at the processes found, with what the agent in `runtimeDir` has of them; by process id. */
export function programLines(
  surveyed: readonly SurveyedProgram[],
  told: readonly ProgramReport[],
  runtimeDir: string,
): ProgramLine[] {
  const byPid = new Map<number, ProgramReport>();
  for (const report of told) byPid.set(report.pid, added(byPid.get(report.pid), report));
  const lines = surveyed.map((program) => lineOf(program, byPid.get(program.pid), runtimeDir));
  const known = new Set(surveyed.map(({ pid }) => pid));
  for (const report of byPid.values()) {
    const { pid, comm } = report;
    if (!known.has(pid)) {
      lines.push(
        lineOf(
          { pid, comm, libraries: new Set(), reason: undefined, ...placeIn(report) },
          report,
          runtimeDir,
        ),
      );
    }
  }
  return lines.sort((a, b) => a.pid - b.pid);
}

type Program = Pick<SurveyedProgram, "pid" | "comm" | "libraries" | "reason" | "place">;

function placeIn({ container, containerName, pod, podName }: ProgramReport): Pick<Program, "place"> {
  return container === undefined ? {} : { place: { container, containerName, pod, podName } };
}

function lineOf(
  { pid, comm, libraries, reason, place }: Program,
  told: ProgramReport | undefined,
  runtimeDir: string,
): ProgramLine {
  const { flows = 0, captured = 0, dropped = {}, source } = told ?? {};
  const counts = {
    ...{ pid, comm, libraries, flows, captured, dropped },
    ...(source && { source }),
    ...(place && { place }),
  };
  if (told?.isUnwanted) return { ...counts, state: "not", reason: "left-out" };
  // A session that the other end told first is that end's flow.
  if (flows > 0 || captured > 0) {
    return { ...counts, state: Object.keys(dropped).every(isRepeat) ? "mirrored" : "partly" };
  }
  if (reason === undefined) return { ...counts, state: "silent" };
  const fix = fixOf(reason, runtimeDir);
  return { ...counts, state: "not", reason, ...(fix === undefined ? {} : { fix }) };
}

/** A process that made a second region is two programs to its agent. */
function added(one: ProgramReport | undefined, other: ProgramReport): ProgramReport {
  if (one === undefined) return other;
  const dropped = { ...one.dropped };
  for (const [reason, bytes] of Object.entries(other.dropped)) {
    dropped[reason] = (dropped[reason] ?? 0) + bytes;
  }
  const { flows, captured, claimed } = one;
  return {
    ...other,
    flows: flows + other.flows,
    captured: captured + other.captured,
    claimed: claimed + other.claimed,
    dropped,
  };
}

/** Rows under a head. */
export function programTable(lines: readonly ProgramLine[]): string[] {
  const hasContainers = lines.some(({ place }) => place !== undefined);
  const head = ["PID", "PROGRAM", ...hasContainers ? ["CONTAINER"] : [], "TLS", "FLOWS", "BYTES", "MIRRORED"];
  return table([
    head,
    ...lines.map((line) => [
      `${line.pid}`,
      printable(line.comm),
      ...hasContainers ? [line.place === undefined ? "-" : placeText(line.place)] : [],
      [...line.libraries].map((library) => LIBRARY_NAMES[library]).join(", ") || "-",
      line.flows === 0 ? "-" : line.flows.toLocaleString("en-US"),
      line.captured === 0 ? "-" : formatBytes(line.captured),
      stateText(line),
    ]),
  ]);
}

/** By names where they are known: the pod's with its namespace, the container's; empty where there are none. */
export function placeText({ container, containerName, pod, podName }: Partial<ContainerPlace>): string {
  const parts = [podName ?? pod, containerName ?? container].filter((part) => part !== undefined);
  return parts.map(printable).join("/");
}

function stateText({ state, source, reason, fix, dropped }: ProgramLine): string {
  switch (state) {
    case "mirrored":
      return [source === "probes" ? "yes, by kernel probes" : "yes", ...droppedTexts(dropped)].join(", ");
    case "partly":
      return `partly: ${droppedTexts(dropped).join(", ")}`;
    case "silent":
      return "nothing passed so far";
    case "not":
      return `no: ${reasonText(reason!)}${fix === undefined ? "" : `; ${fix}`}`;
  }
}

function droppedTexts(dropped: ProgramLine["dropped"]): string[] {
  return Object.entries(dropped).map(([reason, bytes]) => `${formatBytes(bytes)} ${repeatText(reason)}`);
}
