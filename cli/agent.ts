// SPDX-License-Identifier: MIT
/** The agent: mirrors every program of this host that has the hook, until it is told to stop or has no sink left. @module */
import { startAgent } from "../net/agent/agent.ts";
import { hookLibraryPath } from "../net/agent/hook_library.ts";
import { defaultRuntimeDir, HOOK_DEFAULT_RUNTIME_DIR } from "../net/agent/runtime_dir.ts";
import { servedBy } from "../net/agent/unmirrored/served.ts";
import { silentPrograms } from "../net/agent/unmirrored/survey.ts";
import { giveBackAfterStart } from "../net/ffi/own_memory.ts";
import { captureSources } from "./capture_sources.ts";
import { log, tell } from "./log.ts";
import { tellMetrics } from "./metrics_line.ts";
import { mirrorSettings, tellMirror } from "./mirror_settings.ts";
import type { AgentCommand } from "./options.ts";
import { remarksOnRunning } from "./remarks.ts";
import { Service } from "./service.ts";
import { refresher, Shutdown } from "./shutdown.ts";
import { statusFolder } from "./status_places.ts";
import { summarize } from "./summary.ts";

/** Answers the exit status: 1 when no sink was left. */
export async function runAgent(command: AgentCommand): Promise<number> {
  const settings = mirrorSettings(command);
  const runtimeDir = command.runtimeDir ?? defaultRuntimeDir();
  const { capture = "hook", memory: memoryBytes } = command;
  const sources = await captureSources(capture, { runtimeDir, memoryBytes });
  if (command.dryRun) return await tellMirror({ ...settings, sources });
  const library = capture === "uprobes" ? undefined : await hookLibraryPath();
  const agent = await startAgent({
    ...settings,
    statusFolder: statusFolder(runtimeDir),
    sources,
  });
  const shutdown = new Shutdown({ onHangUp: refresher(agent) });
  const service = new Service();
  const places = `mirroring to ${agent.sinks.map((sink) => sink.name).join(", ")}`;
  log.info(`${places}; stop with Ctrl-C`);
  tellMetrics(command, agent);
  if (agent.pageUrl !== undefined) tell(`page: ${agent.pageUrl}`);
  if (library !== undefined) {
    const where = runtimeDir === HOOK_DEFAULT_RUNTIME_DIR ? "" : `SSLCOLLECTOR_RUNTIME=${runtimeDir} `;
    tell(`start a program with: ${where}LD_PRELOAD=${library} COMMAND`);
  } else {
    tell("programs are mirrored that run: kernel probes are at their TLS libraries");
  }
  service.ready(places);
  giveBackAfterStart();
  const hasFailed = await Promise.race([shutdown.asked, agent.failed.then(() => true)]);
  service.stopping();
  const books = await agent.finish();
  // Looked for when no ring waits to be read any more.
  summarize(books, command.summary, remarksOnRunning(silentPrograms(servedBy(runtimeDir))));
  shutdown.release();
  service.release();
  return hasFailed ? 1 : 0;
}
