// SPDX-License-Identifier: MIT
/** Where agents and collectors of this host are asked how it goes. @module */
import { defaultRuntimeDir, HOOK_DEFAULT_RUNTIME_DIR } from "../net/agent/runtime_dir.ts";

/** Folder of the sockets; only its user may enter it. */
export function statusFolder(runtimeDir: string = defaultRuntimeDir()): string {
  return `${runtimeDir}/status`;
}

/** Socket of the agent that serves `runtimeDir`. */
export function agentSocket(runtimeDir: string): string {
  return `${statusFolder(runtimeDir)}/agent.sock`;
}

/** What a user has to know who finds nothing below `runtimeDir`: an agent of root's is elsewhere. Empty for root. */
export function whereRootIs(runtimeDir: string, uid: number | null = Deno.uid()): string {
  if (uid === 0 || runtimeDir === HOOK_DEFAULT_RUNTIME_DIR) return "";
  return `; what root runs, in ${HOOK_DEFAULT_RUNTIME_DIR}, only root may ask`;
}
