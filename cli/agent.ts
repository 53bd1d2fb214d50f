// SPDX-License-Identifier: MIT
/** The agent: mirrors every program of this host that has the hook, until it is told to stop or has no sink left. @module */
import { Capture } from "../net/agent/capture.ts";
import { pipeOrDatedFile } from "./default_sink.ts";
import { libraryPath } from "../net/agent/hook_library.ts";
import { log, printError } from "./log.ts";
import { planMirror } from "../net/agent/mirror_plan.ts";
import type { AgentCommand } from "./options.ts";
import { defaultRuntimeDir, HOOK_DEFAULT_RUNTIME_DIR } from "../net/agent/runtime_dir.ts";
import { Shutdown } from "./shutdown.ts";

/** Answers the exit status: 1 when no sink was left. */
export async function runAgent(command: AgentCommand): Promise<number> {
  const plan = await planMirror(command, pipeOrDatedFile);
  const runtimeDir = command.runtimeDir ?? defaultRuntimeDir();
  const library = await libraryPath();
  const capture = await Capture.start(plan, command, runtimeDir);
  const shutdown = new Shutdown({ hangUpReloads: plan.targets.credentials !== undefined });
  log.info(`mirroring to ${capture.mirror.sinks.map((sink) => sink.name).join(", ")}; stop with Ctrl-C`);
  const where = runtimeDir === HOOK_DEFAULT_RUNTIME_DIR ? "" : `SSLCOLLECTOR_RUNTIME=${runtimeDir} `;
  printError(`start a program with: ${where}LD_PRELOAD=${library} COMMAND`);
  const hasFailed = await Promise.race([shutdown.asked, capture.failed.then(() => true)]);
  await capture.finish();
  shutdown.release();
  return hasFailed ? 1 : 0;
}
