// SPDX-License-Identifier: MIT
/** `sslcollector status`: asks the agent and the collectors of this host. @module */
import type { ProgramReport, StatusReport } from "../net/status/report.ts";
import { defaultRuntimeDir } from "../net/agent/runtime_dir.ts";
import { print, printError } from "./output.ts";
import type { StatusCommand } from "./status_options.ts";
import { ask, NOT_ALLOWED, statusSockets } from "./status_client.ts";
import { whereRootIs } from "./status_places.ts";
import { statusLines } from "./status_text.ts";

const HEALTHY = 0;
const DEGRADED = 1;
const NOT_RUNNING = 3;
const WATCH_MS = 1000;

/** Answers the exit status of the last look: 0 all are healthy, 1 one is degraded or does not answer, 3 none is running, 4 this user may not ask. */
export async function runStatus(command: StatusCommand): Promise<number> {
  for (;;) {
    const status = await look(command);
    if (!command.watch) return status;
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}

async function look({ runtimeDir = defaultRuntimeDir(), json, watch }: StatusCommand): Promise<number> {
  const sockets = statusSockets(runtimeDir);
  if (typeof sockets === "string") {
    printError(`sslcollector: ${sockets}`);
    return NOT_ALLOWED;
  }
  const answers = await Promise.all(sockets.map((path) => askOne(path, !json)));
  const running = answers.filter((answer) => answer !== undefined);
  if (watch && Deno.stdout.isTerminal() && !json) console.clear();
  let status = running.length === 0 ? NOT_RUNNING : HEALTHY;
  if (running.length === 0) {
    printError(`sslcollector: nothing is running below ${runtimeDir}${whereRootIs(runtimeDir)}`);
  }
  for (const { answer, programs } of running) {
    if (typeof answer === "string") printError(`sslcollector: ${answer}`);
    else if (json) print(JSON.stringify(answer));
    else for (const line of statusLines(answer, programs)) print(line);
    if (typeof answer === "string" || answer.health.state !== "healthy") status = DEGRADED;
  }
  return status;
}

interface Answer {
  /** A line where it does not answer. */
  readonly answer: StatusReport | string;
  /** Absent where they were not asked for, or are not told. */
  readonly programs: readonly ProgramReport[] | undefined;
}

/** Undefined where nobody is. */
async function askOne(path: string, hasPrograms: boolean): Promise<Answer | undefined> {
  const [answer, programs] = await Promise.all([
    ask<StatusReport>(path, "/status"),
    hasPrograms ? ask<readonly ProgramReport[]>(path, "/programs") : undefined,
  ]);
  if (answer === undefined) return undefined;
  return { answer, programs: typeof programs === "string" ? undefined : programs };
}
