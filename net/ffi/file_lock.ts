// SPDX-License-Identifier: MIT
/** One process at a time with files that two must not write. @module */
import { cString, EAGAIN, errno, errnoName, libc } from "./libc.ts";
import { IS_LINUX } from "./platform.ts";

const O_RDWR = 2;
const O_CREAT = 0o100;
const O_CLOEXEC = 0o2000000;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** A lock that the kernel releases when its holder ends, however it ends; none where there is no `flock`. */
export class FileLock {
  #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Makes the file where it is missing. Throws an `Error` that says why, such as that another process has it. */
  static take(path: string): FileLock {
    if (!IS_LINUX) return new FileLock(-1);
    const fd = libc().open(cString(path), O_RDWR | O_CREAT | O_CLOEXEC, 0o600);
    if (fd < 0) throw new Error(errnoName(errno()));
    if (libc().flock(fd, LOCK_EX | LOCK_NB) !== 0) {
      const failure = errno();
      libc().close(fd);
      throw new Error(failure === EAGAIN ? "another process has it" : errnoName(failure));
    }
    return new FileLock(fd);
  }

  /** The file stays: removing it would let two processes lock two files. */
  release(): void {
    if (this.#fd >= 0) libc().close(this.#fd);
    this.#fd = -1;
  }
}
