// SPDX-License-Identifier: MIT
/** Where a process runs: its program, its control group, and the container that it is in by the names that runtimes give these. @module */

import { type ContainerNames, containerNames } from "./container_names.ts";

/** What is known of where a process runs. */
export interface Place extends Partial<Container>, ContainerNames {
  /** Path of its program, as it reaches it. */
  readonly executable?: string;
  /** Path of its control group, as of version 2. */
  readonly cgroup?: string;
}

/** A container. */
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

/** Paths of the control groups in a `/proc/PID/cgroup`. */
const pathsIn = (memberships: string): string[] =>
  memberships.split("\n").map((line) => line.split(":").slice(2).join(":"));

/** The whole id of a container. A runtime inside one adds its own behind that: the innermost is the process's. */
const idIn = (path: string): string | undefined => [...path.matchAll(ID)].at(-1)?.[1];

/** What a `/proc/PID/cgroup` says; undefined where the process is in no container that is known by its name. */
export function containerIn(memberships: string): Container | undefined {
  for (const path of pathsIn(memberships)) {
    const id = idIn(path);
    const pod = POD.exec(path)?.[1].replaceAll("_", "-");
    if (id !== undefined) return { container: id.slice(0, 12), ...(pod === undefined ? {} : { pod }) };
    const machine = MACHINE.exec(path);
    if (machine !== null) return { container: machine[1] ?? machine[2] };
  }
  return undefined;
}

/** Where a process runs; without what is hidden, or gone. */
export function placeOf(pid: number): Place {
  const executable = readable(() => Deno.readLinkSync(`/proc/${pid}/exe`));
  const memberships = readable(() => Deno.readTextFileSync(`/proc/${pid}/cgroup`)) ?? "";
  const cgroup = /^0::(.+)$/m.exec(memberships)?.[1];
  const id = pathsIn(memberships).map(idIn).find((id) => id !== undefined);
  return {
    ...executable === undefined ? {} : { executable },
    ...cgroup === undefined ? {} : { cgroup },
    ...containerIn(memberships),
    ...id === undefined ? {} : containerNames(id),
  };
}

function readable(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
