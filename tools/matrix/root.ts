// SPDX-License-Identifier: MIT
/** Systems of other ages, each in a folder, and what the executable is seen to do there. @module */
import { tool } from "../package/tool.ts";
import { isFile } from "../../net/ffi/stat.ts";

const MIRROR = "http://deb.debian.org/debian";
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
  if (!isFile(`${root}/usr/bin/curl`)) {
    await makeRoot(root, release, [`--include=${PACKAGES[release] ?? PACKAGES_SINCE_TRIXIE}`]);
  }
  return root;
}

/** Has debootstrap make a small system, which is there as a whole or not at all; `finish` is called before it is. Throws an `Error` of one line. */
export async function makeRoot(
  root: string,
  release: string,
  options: readonly string[],
  finish?: (partial: string) => Promise<void>,
): Promise<void> {
  const partial = `${root}.partial`;
  await tool("rm", ["-rf", "--one-file-system", partial]);
  await tool("debootstrap", ["--variant=minbase", ...options, release, partial, MIRROR]);
  await finish?.(partial);
  await Deno.rename(partial, root);
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
  return await finished(
    new Deno.Command("unshare", {
      args: ["--mount", "sh", "-c", script, root, ...command],
      env: { SSLCOLLECTOR_CONFIG: "/dev/null", HOME: "/root", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
}

/** A command must not keep the next one from its turn for ever. */
const LIMIT_MS = 300_000;

/** What became of a command whose output is piped; it is ended where it takes too long. */
export async function finished(child: Deno.ChildProcess): Promise<Ran> {
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  try {
    return ranOf(await child.output());
  } finally {
    clearTimeout(timer);
  }
}

export function ranOf({ code, stdout, stderr }: Deno.CommandOutput): Ran {
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
