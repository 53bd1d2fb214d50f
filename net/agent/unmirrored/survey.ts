// SPDX-License-Identifier: MIT
/** All running programs that have TLS or the hook, as one look finds them. @module */
import { AgentLock } from "../../capture/preload/agent_lock.ts";
import { type Container, placeOf } from "../../capture/preload/container.ts";
import type { ContainerNames } from "../../capture/preload/container_names.ts";
import { readMaps } from "../../ffi/process_maps.ts";
import { fileKey } from "../../ffi/stat.ts";
import { LIBRARY_NAME } from "../hook_library.ts";
import { reasonFor, type Served } from "./classify.ts";
import { type Executable, readExecutable } from "./executable.ts";
import type { Mapped, TlsLibrary } from "./mapped.ts";
import { lookAt, type ProcessFacts, programOf } from "./process.ts";
import type { Reason } from "./reasons.ts";
import { grouped, type Unmirrored } from "./unmirrored.ts";

/** A running program. */
export interface SurveyedProgram {
  readonly pid: number;
  readonly comm: string;
  readonly libraries: ReadonlySet<TlsLibrary>;
  readonly hasHook: boolean;
  readonly hasSanitizer: boolean;
  /** Why it is not mirrored; undefined: it has a region for the agent. */
  readonly reason: Reason | undefined;
  /** Where it runs; absent: in no container that is known. */
  readonly place?: ContainerPlace;
}

/** A container, with what people call it. */
export type ContainerPlace = Container & ContainerNames;

/** What one look at all processes found. */
export interface Survey {
  readonly programs: readonly SurveyedProgram[];
  /** Processes whose maps may not be read. */
  readonly hidden: number;
}

/**
 * Looks at every process but those of sslcollector; programs without TLS, hook or sanitizer are left out. `read` answers what an executable tells,
 * asked once for each program.
 */
export function surveyPrograms(
  served: Served,
  read: (path: string) => Executable | undefined = readExecutable,
): Survey {
  const executables = new Map<string, Executable | undefined>();
  const executableOf = (pid: number, { executable }: ProcessFacts) => {
    const program = programOf(pid);
    if (program === undefined || executable === undefined) return undefined;
    if (!executables.has(program)) executables.set(program, read(executable));
    return executables.get(program);
  };
  const programs: SurveyedProgram[] = [];
  let hidden = 0;
  const isOwn = ownProcesses(served);
  for (const pid of otherProcesses()) {
    if (isOwn(pid)) continue;
    const facts = lookAt(pid);
    if (facts === undefined) continue;
    if (facts.mapped === undefined) {
      hidden++;
      continue;
    }
    const reason = surveyed(facts, facts.mapped, executableOf(pid, facts), served);
    const { comm, mapped: { libraries, hasHook, hasSanitizer } } = facts;
    if (reason === "no-tls-library" && !hasSanitizer) continue;
    programs.push({ pid, comm, libraries, hasHook, hasSanitizer, reason, ...containerOf(pid) });
  }
  return { programs: programs.sort((a, b) => a.pid - b.pid), hidden };
}

function containerOf(pid: number): { readonly place?: ContainerPlace } {
  const { container, containerName, pod, podName } = placeOf(pid);
  return container === undefined ? {} : { place: { container, containerName, pod, podName } };
}

/** Reasons for which a program that would find this agent keeps to itself, known for certain. */
const SILENT: ReadonlySet<Reason> = new Set<Reason>([
  "seccomp",
  "chroot-without-proc",
  "other-user",
  "switched-off",
]);

/** For so long an agent that ends looks for them: whoever has many processes must not keep it from ending. */
const SILENT_MS = 2000;

/** Running programs that have the hook and would find this agent, but that the hook may not or cannot serve. */
export function silentPrograms(served: Served): { programs: Unmirrored[]; unseen: number } {
  const endMs = performance.now() + SILENT_MS;
  const found: { comm: string; reason: Reason; pid: number }[] = [];
  let unseen = 0;
  for (const pid of otherProcesses()) {
    if (performance.now() > endMs) unseen++;
    else if (readMaps(pid)?.includes(LIBRARY_NAME)) {
      const facts = lookAt(pid);
      const reason = facts && reasonFor(facts, undefined, served);
      if (reason !== undefined && SILENT.has(reason)) found.push({ comm: facts!.comm, reason, pid });
    }
  }
  return { programs: grouped(found), unseen };
}

/** Tells the agent of `served` and, where sslcollector is one executable, whoever else runs that. */
function ownProcesses({ runtimeDir }: Served): (pid: number) => boolean {
  const agent = AgentLock.holder(runtimeDir);
  const program = Deno.build.standalone ? programFile("self") : undefined;
  return (pid) => pid === agent || (program !== undefined && programFile(pid) === program);
}

/** Tells a process's program from others; undefined when it has ended, or is hidden. */
function programFile(process: number | "self"): string | undefined {
  return fileKey(`/proc/${process}/exe`);
}

function* otherProcesses(): Generator<number> {
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (Number.isInteger(pid) && pid !== Deno.pid) yield pid;
  }
}

/** A region is there before anything is said through it: whether that is mirrored, only the agent knows. */
function surveyed(
  facts: ProcessFacts,
  mapped: Mapped,
  executable: Executable | undefined,
  served: Served,
): Reason | undefined {
  const reason = reasonFor(facts, executable, served);
  if (reason === "static") return "no-tls-library";
  return reason === "no-clear-text" && mapped.regions.has(served.region) ? undefined : reason;
}
