// SPDX-License-Identifier: MIT
/** Whether a host can run agents and collectors: kernel, C library, libpcap, clock, rights. @module */
import { glibcVersion, isClockSynchronized } from "../../ffi/host_facts.ts";
import { pcapLibrary } from "../../ffi/pcap.ts";
import { broken, type Finding, ok, warning } from "./finding.ts";

/** memfd_create came with it. */
const KERNEL_LEAST = [3, 17];
/** What Deno is built against. */
const GLIBC_LEAST = [2, 27];
const ARCHITECTURES: readonly string[] = ["x86_64", "aarch64"];

/** Rights beyond those of any user, by their number in the kernel's sets, and what is missing without. */
const RIGHTS: readonly (readonly [number: number, name: string, without: string])[] = [
  [13, "CAP_NET_RAW", "no writing to interfaces, and -I goes by this host's addresses"],
  [40, "CAP_CHECKPOINT_RESTORE", "programs that began before the agent are not found"],
  [2, "CAP_DAC_READ_SEARCH", "what other users' programs map cannot be followed"],
  [19, "CAP_SYS_PTRACE", "other users' programs cannot be looked at"],
];
/** Stands for all that it has been divided into since. */
const SYS_ADMIN = 21;

/** What the kernel calls itself. */
export function kernelFinding(release: string, architecture: string): Finding {
  const [major = 0, minor = 0] = release.split(".").map(Number);
  const text = `Linux ${release}, ${architecture}`;
  if (!ARCHITECTURES.includes(architecture)) {
    return broken("kernel", text, `the hook is made for ${ARCHITECTURES.join(" and ")}`);
  }
  const isOld = major < KERNEL_LEAST[0] || (major === KERNEL_LEAST[0] && minor < KERNEL_LEAST[1]);
  return isOld
    ? broken("kernel", text, `shared memory without a file needs Linux ${KERNEL_LEAST.join(".")}`)
    : ok("kernel", text);
}

/** The C library of this program; that of others does not matter to the hook. */
export function glibcFinding(read: () => string | undefined = glibcVersion): Finding {
  const version = read();
  if (version === undefined) return ok("glibc", "another C library");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < GLIBC_LEAST[0] || (major === GLIBC_LEAST[0] && minor < GLIBC_LEAST[1]);
  return isOld
    ? broken(
      "glibc",
      version,
      "use the archive with a C library of its own: its name ends in -own-libc.tar.gz",
    )
    : ok("glibc", version);
}

/** Whether packets are dated as those of other hosts are. */
export function clockFinding(ask: () => boolean | undefined = isClockSynchronized): Finding {
  const isSynchronized = ask();
  if (isSynchronized === undefined) return ok("clock", "the kernel does not say whether it is synchronized");
  return isSynchronized ? ok("clock", "synchronized") : warning(
    "clock",
    "not synchronized: packets may not fit those of other hosts in time",
    "timedatectl set-ntp true, or install chrony",
  );
}

/** Whether packets can be written to interfaces. */
export function pcapFinding(open: () => unknown = pcapLibrary): Finding {
  try {
    open();
    return ok("libpcap", "is there");
  } catch (error) {
    const [text, fix = "install it"] = (error as Error).message.split(": ");
    return warning("libpcap", `${text}: no writing to interfaces`, fix);
  }
}

/** Which rights this process has, by the text of its `/proc/PID/status`. */
export function rightsFinding(status: string): Finding {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const has = (number: number) => (effective >> BigInt(number) & 1n) === 1n;
  const missing = RIGHTS.filter(([number]) => !has(number) && !(number === 40 && has(SYS_ADMIN)));
  if (missing.length === 0) return ok("rights", "all that an agent can use");
  const lines = missing.map(([, name, without]) => `without ${name}: ${without}`);
  return warning("rights", lines.join("; "), "run the agent as root, or by the unit sslcollector-agent");
}
