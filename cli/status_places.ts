// SPDX-License-Identifier: MIT
/** Where agents and collectors of this host are asked how it goes. @module */
import { defaultRuntimeDir } from "../net/agent/runtime_dir.ts";

/** Folder of the sockets; only its user may enter it. */
export function statusFolder(runtimeDir: string = defaultRuntimeDir()): string {
  return `${runtimeDir}/status`;
}

/** Socket of the agent that serves `runtimeDir`. */
export function agentSocket(runtimeDir: string): string {
  return `${statusFolder(runtimeDir)}/agent.sock`;
}
