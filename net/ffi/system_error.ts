// SPDX-License-Identifier: MIT
/** Errors of the operating system, as the runtime hands them out. @module */

/** What an error of the system is called: its code and text, without the decoration that Deno adds. */
export function systemError(error: unknown): { readonly code: string; readonly text: string } {
  const { code, message } = error as { code?: string; message?: string };
  return { code: code ?? "", text: (message ?? String(error)).replace(/ \(os error \d+\).*$/s, "") };
}
