// SPDX-License-Identifier: MIT
/** `sslcollector ps`: every program of this host that has TLS, and whether it is mirrored. @module */
import { defaultRuntimeDir } from "../net/agent/runtime_dir.ts";
import type { AgentReport, ProgramReport } from "../net/status/report.ts";
import { isSystemInstalled } from "./hook_install.ts";
import { surveyHost } from "./host_survey.ts";
import { print, printError } from "./output.ts";
import { programLines, programTable } from "./ps_text.ts";
import { ask, NOT_ALLOWED, statusSockets } from "./status_client.ts";
import type { PsCommand } from "./status_options.ts";
import { agentSocket, whereRootIs } from "./status_places.ts";

const WATCH_MS = 2000;

/** Answers the exit status: 0, 3 when no agent runs, or 4 when this user may not ask it. */
export async function runPs(command: PsCommand): Promise<number> {
  for (;;) {
    const status = await look(command);
    if (!command.watch) return status;
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}

async function look({ runtimeDir = defaultRuntimeDir(), json, watch }: PsCommand): Promise<number> {
  const answer = await ask<ProgramReport[]>(agentSocket(runtimeDir), "/programs");
  const sockets = statusSockets(runtimeDir);
  const trouble = typeof sockets === "string" ? `${sockets}: what passed is not shown` : answer;
  if (typeof trouble === "string") printError(`sslcollector: ${trouble}`);
  const report = await ask<AgentReport>(agentSocket(runtimeDir), "/status");
  const captures = typeof report === "object" ? report.captures ?? [] : [];
  const { programs, hidden } = surveyHost(runtimeDir, captures);
  const lines = programLines(programs, Array.isArray(answer) ? answer : [], runtimeDir);
  if (json) {
    for (const { place, ...line } of lines) {
      print(JSON.stringify({ ...line, ...place, libraries: [...line.libraries] }));
    }
  } else {
    if (watch && Deno.stdout.isTerminal()) console.clear();
    if (trouble === undefined) print(`no agent runs in ${runtimeDir}${whereRootIs(runtimeDir)}`);
    for (const row of programTable(lines)) print(row);
    if (captures.length === 0 || captures.includes("hook")) tellOfHook();
    if (hidden > 0) print(`processes of others, at which this user may not look: ${hidden}`);
  }
  return typeof sockets === "string" ? NOT_ALLOWED : answer === undefined ? 3 : 0;
}

function tellOfHook(): void {
  if (!isSystemInstalled("/")) {
    print("the hook is not in /etc/ld.so.preload: programs have it that are started with it");
  }
}
