// SPDX-License-Identifier: MIT
/** The container that a process is in, by the names that runtimes give control groups. @module */

/** Where a process runs. */
export interface Container {
  /** First 12 digits of its id, as the tools of runtimes show it, or the name of a machine. */
  readonly container: string;
  /** Kubernetes' id of the pod; absent: it is in none. */
  readonly pod?: string;
}

/** Docker, containerd, CRI-O and Podman end a group's name with the container's id; some wrap it in `NAME-ID.scope`. */
const ID = /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?=\/|$)/g;
/** systemd writes the dashes of a name as underscores. */
const POD = /pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})/;
/** systemd-nspawn, and LXC. */
const MACHINE = /\/machine-([^/]+)\.scope|\/lxc\.payload[./]([^/]+)/;

/** What a `/proc/PID/cgroup` says; undefined where the process is in no container that is known by its name. */
export function containerIn(memberships: string): Container | undefined {
  for (const line of memberships.split("\n")) {
    const path = line.split(":").slice(2).join(":");
    // A runtime inside a container adds its own behind that: the innermost is the process's.
    const id = [...path.matchAll(ID)].at(-1)?.[1];
    const pod = POD.exec(path)?.[1].replaceAll("_", "-");
    if (id !== undefined) return { container: id.slice(0, 12), ...(pod === undefined ? {} : { pod }) };
    const machine = MACHINE.exec(path);
    if (machine !== null) return { container: machine[1] ?? machine[2] };
  }
  return undefined;
}

/** The container of a process; undefined where it is in none, gone or hidden. */
export function containerOf(pid: number): Container | undefined {
  try {
    return containerIn(Deno.readTextFileSync(`/proc/${pid}/cgroup`));
  } catch {
    return undefined;
  }
}
