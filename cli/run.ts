// SPDX-License-Identifier: MIT
/** `sslcollector run -- COMMAND`: one program, mirrored; its exit status is returned. @module */
import { type Agent, startAgent } from "../net/agent/agent.ts";
import { hookLibraryPath } from "../net/agent/hook_library.ts";
import { hookSource } from "../net/agent/source.ts";
import { Lookout } from "../net/agent/unmirrored/lookout.ts";
import { servedBy } from "../net/agent/unmirrored/served.ts";
import { ownStdout } from "../net/ffi/own_stdout.ts";
import { printable } from "../net/wire/printable.ts";
import { mirrorSettings, tellMirror } from "./mirror_settings.ts";
import { log, tell } from "./log.ts";
import type { RunCommand } from "./options.ts";
import { printError } from "./output.ts";
import { resolveProgram, whyUnresolved } from "./program.ts";
import { hasUnnamed, metProcesses, mirroredProcesses, NO_REMARKS, remarksOn } from "./remarks.ts";
import { summarize } from "./summary.ts";

const SIGNALS = [["SIGHUP", 1], ["SIGINT", 2], ["SIGTERM", 15]] as const satisfies [Deno.Signal, number][];
/** A signal that ends the program may be told to us after that; later ones ask to wait for nothing any more. */
const LATE_SIGNAL_MS = 500;

/** Answers the program's exit status as a shell would: 126 not executable, 127 not found, 128 + n by signal n. */
export async function runProgram(command: RunCommand): Promise<number> {
  const settings = mirrorSettings(command);
  const [name] = command.program;
  const path = resolveProgram(name);
  if (path === undefined) {
    // Before there is a capture that would stay empty.
    const { reason, status } = whyUnresolved(name);
    printError(`sslcollector: run: ${name}: ${reason}`);
    return status;
  }
  const runtimeDir = command.runtimeDir ?? makeRuntimeDir();
  const sources = [hookSource({ runtimeDir, memoryBytes: command.memory, startsPrograms: true })];
  if (command.dryRun) return await tellMirror({ ...settings, sources });
  const library = await hookLibraryPath();
  const agent = await startAgent({ ...settings, sources });
  if (agent.pageUrl !== undefined) tell(`page: ${agent.pageUrl}`);
  log.info(`mirroring ${printable(name)} to ${agent.sinks.map((sink) => sink.name).join(", ")}`);
  let lookout: Lookout | undefined;
  const status = await execute(command.program, agent, {
    env: { LD_PRELOAD: preload(library), SSLCOLLECTOR_RUNTIME: runtimeDir },
    started: (pid) => lookout = new Lookout(pid, path, servedBy(runtimeDir)),
  });
  const books = await agent.finish();
  const mirrored = mirroredProcesses(books);
  const remarks = lookout === undefined ? NO_REMARKS : remarksOn(lookout.stop(mirrored), name, {
    isMirrored: mirrored.size > 0,
    isUnsure: hasUnnamed(books),
    met: metProcesses(books),
  });
  summarize(books, command.summary, remarks);
  return status;
}

/** Open to all: the program may start others as another user. Removed when this process ends, also by a signal that it handles. */
function makeRuntimeDir(): string {
  const path = Deno.makeTempDirSync({ prefix: "sslcollector-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(path, { recursive: true }));
  Deno.chmodSync(path, 0o755);
  return path;
}

/** The hook goes behind what the user preloads already. */
function preload(library: string): string {
  const given = Deno.env.get("LD_PRELOAD");
  return given ? `${given}:${library}` : library;
}

interface Start {
  readonly env: Record<string, string>;
  /** Called with the process that has the program. */
  readonly started: (pid: number) => void;
}

async function execute(
  [program, ...args]: readonly string[],
  agent: Agent,
  { env, started }: Start,
): Promise<number> {
  let child: Deno.ChildProcess | undefined;
  let endedMs = Infinity;
  const onSignal = (signal: Deno.Signal, number: number) => {
    if (signal === "SIGHUP") void agent.reloadCertificates();
    if (performance.now() - endedMs > LATE_SIGNAL_MS) Deno.exit(128 + number);
    // A terminal sends SIGINT to the program too; any other sender means us to pass it on.
    if (signal === "SIGINT" && Deno.stdin.isTerminal()) return;
    try {
      child?.kill(signal);
    } catch {
      // It has ended.
    }
  };
  // Before there is a program that could end by one.
  for (const [signal, number] of SIGNALS) Deno.addSignalListener(signal, () => onSignal(signal, number));
  try {
    child = new Deno.Command(program, { args, env, stdin: "inherit", stdout: "inherit", stderr: "inherit" })
      .spawn();
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    printError(`sslcollector: run: ${program}: ${missing ? "command not found" : (error as Error).message}`);
    return missing ? 127 : 126;
  }
  // The program has it now, and parts of the runtime write to file descriptor 1 by themselves.
  ownStdout();
  started(child.pid);
  const { code } = await child.status;
  endedMs = performance.now();
  return code;
}
