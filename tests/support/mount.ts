// SPDX-License-Identifier: MIT
/** File systems that a test mounts for itself. @module */
import { missing } from "./run.ts";
import { notRoot, type Reason } from "./skip.ts";

/** The reason to skip what needs a file system of its own, when none can be mounted here. */
export function mountMissing(): Reason {
  return notRoot("mounting a small file system") ?? missing("mount", "umount", "unshare") ?? tryMount();
}

/** In a namespace of its own, which takes the mount away again. */
function tryMount(): Reason {
  const { success, stderr } = new Deno.Command("unshare", {
    args: ["--mount", "mount", "-t", "tmpfs", "none", "/tmp"],
    stderr: "piped",
  }).outputSync();
  return success ? undefined : new TextDecoder().decode(stderr).trim().split("\n")[0];
}
