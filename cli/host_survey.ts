// SPDX-License-Identifier: MIT
/** All programs of this host that have TLS, as `ps` and `doctor` look at them. @module */
import { ExecutableCache } from "../net/agent/unmirrored/executable_cache.ts";
import { reasonBeside } from "../net/agent/unmirrored/probed.ts";
import { servedBy } from "../net/agent/unmirrored/served.ts";
import { type Survey, surveyPrograms } from "../net/agent/unmirrored/survey.ts";
import { systemSinceMs } from "./hook_install.ts";

/**
 * Held against the agent of `runtimeDir`; what executables tell is remembered for the next time.
 *
 * @param captures what that agent tells programs by; absent: none runs, or it does not say
 */
export function surveyHost(runtimeDir: string, captures: readonly string[] = []): Survey {
  const executables = ExecutableCache.open(cachePath());
  const { programs, hidden } = surveyPrograms(
    servedBy(runtimeDir, systemSinceMs("/")),
    (path) => executables.read(path),
  );
  executables.save();
  return {
    programs: programs.map((program) => ({
      ...program,
      reason: reasonBeside(program.reason, program.libraries, captures),
    })),
    hidden,
  };
}

function cachePath(): string {
  const own = Deno.uid() === 0 ? "/var/cache" : `${Deno.env.get("HOME") ?? "/tmp"}/.cache`;
  const folder = Deno.env.get("XDG_CACHE_HOME") || own;
  return `${folder}/sslcollector/executables.json`;
}
