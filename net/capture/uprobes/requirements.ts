// SPDX-License-Identifier: MIT
/** What kernel probes need of a host. @module */
import { MACHINES } from "./machine.ts";
import { isSince, type Release } from "./release.ts";
import { exists } from "../../ffi/stat.ts";

/** What is looked at. */
export interface ProbeHost {
  readonly release: string;
  readonly architecture: string;
  /** Text of `/proc/self/status`. */
  readonly status: string;
  /** Text of `/sys/kernel/security/lockdown`; undefined: there is none. */
  readonly lockdown: string | undefined;
  readonly hasTypes: boolean;
  readonly hasUprobes: boolean;
  /** Where `/proc/self/ns/pid` points. */
  readonly pidNamespace: string;
}

/** The first one that tells which socket passed bytes (`sock_send_length`). */
export const KERNEL_LEAST: Release = [6, 3];
/** From here on the kernel takes all probes of a file at once (`uprobe_multi`). */
export const KERNEL_MULTI: Release = [6, 6];
const ARCHITECTURES = Object.keys(MACHINES);
/** Rights by their number in the kernel's sets. */
const SYS_ADMIN = 21;
type Right = readonly [number: number, name: string];
/** Without which no probe is loaded. */
const LOADING: readonly Right[] = [[39, "CAP_BPF"], [38, "CAP_PERFMON"]];
const ALL_RIGHTS = "CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_PTRACE";
/** PROC_PID_INIT_INO of linux/proc_ns.h: the namespace in which the kernel itself counts processes. */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";

/** What this host is like. */
export function probeHost(): ProbeHost {
  return {
    release: Deno.osRelease(),
    architecture: Deno.build.arch,
    status: Deno.readTextFileSync("/proc/self/status"),
    lockdown: textOf("/sys/kernel/security/lockdown"),
    hasTypes: exists("/sys/kernel/btf/vmlinux"),
    hasUprobes: exists("/sys/bus/event_source/devices/uprobe/type"),
    pidNamespace: Deno.readLinkSync("/proc/self/ns/pid"),
  };
}

/** What keeps probes from working, each in a few words; empty where nothing is known to. */
export function missingForProbes(host: ProbeHost): string[] {
  const missing: string[] = [];
  if (!isSince(host.release, KERNEL_LEAST)) {
    missing.push(`Linux ${KERNEL_LEAST.join(".")}`);
  }
  if (!ARCHITECTURES.includes(host.architecture)) {
    missing.push(`a processor of ${ARCHITECTURES.join(" or ")}`);
  }
  if (!host.hasTypes) missing.push("the kernel's type information (CONFIG_DEBUG_INFO_BTF)");
  if (!host.hasUprobes) missing.push("uprobes (CONFIG_UPROBE_EVENTS)");
  if (host.lockdown?.includes("[confidentiality]")) missing.push("a kernel that is not locked down");
  if (host.pidNamespace !== FIRST_PID_NAMESPACE) missing.push("the host's own pid namespace");
  const rights = missingRights(host.status);
  if (rights.length > 0) {
    missing.push(`rights: run it as root, or with ${ALL_RIGHTS}, of which it lacks ${rights.join(", ")}`);
  }
  return missing;
}

/** `status` as {@linkcode ProbeHost} has it. */
function missingRights(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const has = (number: number) => (effective >> BigInt(number) & 1n) === 1n;
  return has(SYS_ADMIN) ? [] : LOADING.filter(([number]) => !has(number)).map(([, name]) => name);
}

function textOf(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
