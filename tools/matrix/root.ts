// SPDX-License-Identifier: MIT
/** Systems of other ages, each in a folder, and what the executable is seen to do there. @module */
import { tool } from "../package/tool.ts";

export const MIRROR = "http://deb.debian.org/debian";
const decoder = new TextDecoder();

/** What a root has to have beside the base system. */
const PACKAGES: Readonly<Record<string, string>> = {
  bullseye: "curl,libpcap0.8",
  bookworm: "curl,libpcap0.8",
};
const PACKAGES_SINCE_TRIXIE = "curl,libpcap0.8t64";

/** The folder with a release of Debian: as it was made before, or made now, in minutes. Throws an `Error` of one line. */
export async function rootOf(release: string, folder: string): Promise<string> {
  const root = `${folder}/${release}`;
  if (isThere(`${root}/usr/bin/curl`)) return root;
  const packages = PACKAGES[release] ?? PACKAGES_SINCE_TRIXIE;
  await tool("debootstrap", ["--variant=minbase", `--include=${packages}`, release, root, MIRROR]);
  return root;
}

/** A command that ran in a root. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in the root, which has /proc and /dev meanwhile; the network is this host's. */
export async function runIn(root: string, command: readonly string[]): Promise<Ran> {
  const script = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"';
  return ranOf(
    await new Deno.Command("unshare", {
      args: ["--mount", "sh", "-c", script, root, ...command],
      env: { SSLCOLLECTOR_CONFIG: "/dev/null", HOME: "/root", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      clearEnv: true,
      stdin: "null",
    }).output(),
  );
}

export function ranOf({ code, stdout, stderr }: Deno.CommandOutput): Ran {
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

export function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
