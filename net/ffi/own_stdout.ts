// SPDX-License-Identifier: MIT
/**
 * Standard output for this program's own writes only.
 *
 * Parts of the runtime write to file descriptor 1 by themselves: its brotli decoder does so for some damaged streams. What is
 * written there as a format would be broken by that.
 *
 * @module
 */
import { cString, errno, errnoName, libc } from "./libc.ts";

const STDOUT = 1;
const O_WRONLY = 1;
const F_DUPFD_CLOEXEC = 1030;
/** Above what programs expect to be open. */
const LOWEST_FD = 10;

/** Writes to standard output, beside the event loop. Throws what the system answers, with its `code`. */
export interface OwnStdout {
  write(bytes: Uint8Array): Promise<number>;
}

let own: OwnStdout | undefined;

/**
 * From now on file descriptor 1 leads nowhere, and what it was is kept for the writer; `Deno.stdout` and `console.log` have a
 * descriptor of their own for it and go on. For good; where that cannot be had, the writer is `Deno.stdout`.
 */
export function ownStdout(): OwnStdout {
  return own ??= (Deno.build.os === "linux" ? detach() : undefined) ?? Deno.stdout;
}

function detach(): OwnStdout | undefined {
  const kept = libc().fcntl(STDOUT, F_DUPFD_CLOEXEC, LOWEST_FD);
  const nowhere = libc().open(cString("/dev/null"), O_WRONLY, 0);
  if (kept < 0 || nowhere < 0 || libc().dup2(nowhere, STDOUT) < 0) return undefined;
  libc().close(nowhere);
  return { write: (bytes) => write(kept, bytes as Uint8Array<ArrayBuffer>) };
}

async function write(fd: number, bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const written = Number(await libc().writeElsewhere(fd, bytes, BigInt(bytes.length)));
  if (written >= 0) return written;
  // The other thread's reason is not to be had: the call fails here as it did there, or it goes on.
  const again = Number(libc().write(fd, bytes, BigInt(bytes.length)));
  if (again >= 0) return again;
  const code = errnoName(errno());
  throw Object.assign(new Error(`cannot write: ${code}`), { code });
}
