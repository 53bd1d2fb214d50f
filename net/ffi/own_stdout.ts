// SPDX-License-Identifier: MIT
/**
 * Standard output for this program's own writes only.
 *
 * Parts of the runtime write to file descriptor 1 by themselves: its brotli decoder does so for some damaged streams. What is
 * written there as a format would be broken by that.
 *
 * @module
 */
import { DescriptorWriter } from "./descriptor_writer.ts";
import { cString, errno, errnoName, libc } from "./libc.ts";
import { IS_LINUX } from "./platform.ts";

const STDOUT = 1;
const O_WRONLY = 1;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;
const F_SETPIPE_SZ = 1031;
/** Above what programs expect to be open. */
const LOWEST_FD = 10;
/** What anybody may ask for: a reader that reads so much at a time is called less often. */
const PIPE_BYTES = 1 << 20;

/** Standard output: written to at once where nobody can be kept waiting by its reader, else beside the event loop. */
export type OwnStdout =
  | { readonly kind: "at once"; readonly writer: DescriptorWriter }
  | { readonly kind: "beside"; write(bytes: Uint8Array): Promise<number> };

let own: OwnStdout | undefined;

/**
 * From now on file descriptor 1 leads nowhere, and what it was is kept for the writer; `Deno.stdout` and `console.log` have a
 * descriptor of their own for it and go on. For good; where that cannot be had, the writer is `Deno.stdout`.
 */
export function ownStdout(): OwnStdout {
  return own ??= (IS_LINUX ? detach() : undefined) ??
    { kind: "beside", write: (bytes) => Deno.stdout.write(bytes) };
}

function detach(): OwnStdout | undefined {
  const kept = libc().fcntl(STDOUT, F_DUPFD_CLOEXEC, LOWEST_FD);
  const nowhere = libc().open(cString("/dev/null"), O_WRONLY, 0);
  if (kept < 0 || nowhere < 0 || libc().dup2(nowhere, STDOUT) < 0) return undefined;
  libc().close(nowhere);
  const writer = atOnce(kept);
  if (writer !== undefined) return { kind: "at once", writer };
  return { kind: "beside", write: (bytes) => writeBeside(kept, bytes as Uint8Array<ArrayBuffer>) };
}

/** Undefined: writing could keep this thread waiting, as a terminal does that was stopped. Else it owns the descriptor. */
function atOnce(fd: number): DescriptorWriter | undefined {
  const path = `/proc/self/fd/${fd}`;
  let status: Deno.FileInfo;
  try {
    status = Deno.statSync(path);
  } catch {
    return undefined; // without /proc nothing is known of it
  }
  if (status.isSocket) return new DescriptorWriter(fd, "socket");
  if (status.isFifo) return pipeWriter(fd, path);
  if (status.isFile || (status.isCharDevice && !Deno.stdout.isTerminal())) {
    return new DescriptorWriter(fd, "other");
  }
  return undefined;
}

/** Opens the pipe once more: `O_NONBLOCK` on what was handed to this process would be one for all who share it. */
function pipeWriter(fd: number, path: string): DescriptorWriter | undefined {
  const again = libc().open(cString(path), O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0);
  if (again < 0) return undefined;
  libc().close(fd);
  libc().fcntl(again, F_SETPIPE_SZ, PIPE_BYTES);
  return new DescriptorWriter(again, "other");
}

async function writeBeside(fd: number, bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const written = Number(await libc().writeElsewhere(fd, bytes, BigInt(bytes.length)));
  if (written >= 0) return written;
  // The other thread's reason is not to be had: the call fails here as it did there, or it goes on.
  const again = Number(libc().write(fd, bytes, BigInt(bytes.length)));
  if (again >= 0) return again;
  const code = errnoName(errno());
  throw Object.assign(new Error(`cannot write: ${code}`), { code });
}
