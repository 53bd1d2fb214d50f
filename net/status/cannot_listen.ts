// SPDX-License-Identifier: MIT
/** Why nobody can be answered on a TCP port. @module */

/** An error of one line out of what listening has thrown. */
export function cannotListen(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  error: unknown,
): Error {
  const why = error instanceof Deno.errors.AddrInUse ? "it is taken" : (error as Error).message;
  return new Error(`cannot listen on port ${port} of ${hostname}: ${why}`);
}
