// SPDX-License-Identifier: MIT
/** A memory control group of its own, of whichever version this machine has. @module */
import { notRoot, type Reason } from "./skip.ts";

const FOLDERS = [
  { folder: "/sys/fs/cgroup/memory", limit: "memory.limit_in_bytes" },
  { folder: "/sys/fs/cgroup", limit: "memory.max" },
] as const;

let made = 0;

export class MemoryGroup implements Disposable {
  private constructor(readonly path: string) {}

  /** @throws {Error} where groups cannot be made. */
  static make(limitBytes: number): MemoryGroup {
    const reasons: string[] = [];
    for (const { folder, limit } of FOLDERS) {
      const path = `${folder}/sslcollector-test-${Deno.pid}-${made++}`;
      try {
        Deno.mkdirSync(path);
      } catch (error) {
        reasons.push((error as Error).message);
        continue;
      }
      try {
        // Not created: a file of the kernel's, or none where the controller is off.
        Deno.writeTextFileSync(`${path}/${limit}`, String(limitBytes), { create: false });
        return new MemoryGroup(path);
      } catch (error) {
        Deno.removeSync(path);
        reasons.push((error as Error).message);
      }
    }
    throw new Error(reasons.join("; "));
  }

  /** A line of shell that puts the shell into it. */
  get enter(): string {
    return `echo $$ >${this.path}/cgroup.procs`;
  }

  /** Its processes must have ended. */
  [Symbol.dispose](): void {
    for (let tries = 0;; tries++) {
      try {
        Deno.removeSync(this.path);
        return;
      } catch (error) {
        if (tries === 100) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      }
    }
  }
}

/** The reason to skip what needs a group, where none can be made. */
export function noMemoryGroups(): Reason {
  const reason = notRoot("memory control groups");
  if (reason !== undefined) return reason;
  try {
    MemoryGroup.make(1 << 30)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return `no memory control groups: ${(error as Error).message}`;
  }
}
