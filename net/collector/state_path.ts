// SPDX-License-Identifier: MIT
/** Where a collector keeps what must outlive it. @module */
import { IS_WINDOWS } from "../ffi/platform.ts";
import { PROGRAM_DATA } from "../pki/places.ts";
import { BadSetting } from "../settings/bad_setting.ts";

/** The place of this user for the collector of a port. Throws {@linkcode BadSetting} where the user has none. */
export function defaultStatePath(
  port: number,
  isRoot: boolean = !IS_WINDOWS && Deno.uid() === 0,
  environment: Pick<typeof Deno.env, "get"> = Deno.env,
  programData: string | undefined = PROGRAM_DATA,
): string {
  const name = `collector-${port}.state`;
  if (programData !== undefined) return `${programData}\\${name}`;
  if (isRoot) return `/var/lib/sslcollector/${name}`;
  const stateHome = environment.get("XDG_STATE_HOME");
  if (stateHome) return `${stateHome}/sslcollector/${name}`;
  const home = environment.get("HOME");
  if (home) return `${home}/.local/state/sslcollector/${name}`;
  throw new BadSetting("statePath", "needs a FILE where HOME is not set");
}
