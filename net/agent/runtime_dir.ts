// SPDX-License-Identifier: MIT
/** Where hooks find the agent of this user. */
export function defaultRuntimeDir(): string {
  if (Deno.uid() === 0) return "/run/sslcollector";
  const own = Deno.env.get("XDG_RUNTIME_DIR");
  return own ? `${own}/sslcollector` : `/tmp/sslcollector-${Deno.uid()}`;
}

/** The hook's own default: other directories must be named to it by SSLCOLLECTOR_RUNTIME. */
export const HOOK_DEFAULT_RUNTIME_DIR = "/run/sslcollector";
