// SPDX-License-Identifier: MIT
/** Which agent hooks would find. @module */
import { AgentLock } from "../capture/preload/agent_lock.ts";

/** One phrase about the agent of a runtime directory. */
export function describeAgent(runtimeDir: string): string {
  const pid = AgentLock.holder(runtimeDir);
  return pid === undefined ? `none in ${runtimeDir}` : `running, pid ${pid}, in ${runtimeDir}`;
}
