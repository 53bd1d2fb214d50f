// SPDX-License-Identifier: MIT
/**
 * One agent at a time in a runtime directory.
 *
 * @module
 */
import { cString, EAGAIN, errno, errnoName, libc } from "../../ffi/libc.ts";

const O_RDWR = 2;
const O_CREAT = 0o100;
const O_CLOEXEC = 0o2000000;
const O_NOFOLLOW = Deno.build.arch === "aarch64" ? 0o100000 : 0o400000;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** A lock that the kernel releases when its holder ends, however it ends. */
export class AgentLock {
  #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Makes `directory` where it is missing, readable by all, and locks it.
   *
   * @throws {Error} when another agent holds it (the message names that agent), or when the directory cannot be used.
   */
  static take(directory: string): AgentLock {
    try {
      ensureDirectory(directory);
    } catch (error) {
      throw new Error(`Cannot use the runtime directory "${directory}": ${(error as Error).message}`);
    }
    const path = `${directory}/agent.lock`;
    const fd = libc().open(cString(path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644);
    if (fd < 0) throw new Error(`Cannot open "${path}": ${errnoName(errno())}`);
    if (libc().flock(fd, LOCK_EX | LOCK_NB) !== 0) {
      const failure = errno();
      libc().close(fd);
      if (failure !== EAGAIN) throw new Error(`Cannot lock "${path}": ${errnoName(failure)}`);
      throw new Error(`Cannot serve hooks in "${directory}": the agent with process id ${holder(path)} does`);
    }
    Deno.writeTextFileSync(path, `${Deno.pid}\n`);
    return new AgentLock(fd);
  }

  /** Process id of the agent that has a directory; undefined when none has, or it is not to be seen from here. */
  static holder(directory: string): number | undefined {
    let inode: number | null;
    try {
      inode = Deno.statSync(`${directory}/agent.lock`).ino;
    } catch {
      return undefined;
    }
    // Asking for the lock would keep an agent out that starts in this moment.
    const held = new RegExp(`^\\d+: FLOCK .* (\\d+) [0-9a-f:]+:${inode} `, "m").exec(
      Deno.readTextFileSync("/proc/locks"),
    );
    return held === null ? undefined : Number(held[1]);
  }

  /** Lets the next agent in; idempotent. The file stays: removing it would let two agents lock two files. */
  release(): void {
    if (this.#fd >= 0) libc().close(this.#fd);
    this.#fd = -1;
  }
}

/** A directory that is there already is left as it is, but must be the agent's own. */
function ensureDirectory(directory: string): void {
  let status: Deno.FileInfo | undefined;
  try {
    status = Deno.statSync(directory);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (status === undefined) {
    Deno.mkdirSync(directory, { recursive: true });
    // Whatever the umask: programs of every user must get through.
    Deno.chmodSync(directory, 0o755);
  } else if (!status.isDirectory) {
    throw new Error("it is no directory");
  } else if (status.uid !== Deno.uid()) {
    throw new Error(`it belongs to uid ${status.uid}, and this agent runs as uid ${Deno.uid()}`);
  }
}

function holder(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim() || "unknown";
  } catch {
    return "unknown";
  }
}
