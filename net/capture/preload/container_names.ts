// SPDX-License-Identifier: MIT
/** Names of containers and pods, where the files of their runtimes say them and may be read. @module */

/** What people call a container. */
export interface ContainerNames {
  /** As its runtime has it: in Kubernetes that of the container in its pod. */
  readonly containerName?: string;
  /** Kubernetes' namespace and name of the pod, with a slash between. */
  readonly podName?: string;
}

interface Runtime {
  /** File that tells of a container with this id. */
  readonly path: (id: string) => string;
  readonly names: (content: unknown, id: string) => ContainerNames | undefined;
}

const RUNTIMES: readonly Runtime[] = [
  // Docker.
  {
    path: (id) => `/var/lib/docker/containers/${id}/config.v2.json`,
    names: (content) => named(textIn(content, "Name")?.replace(/^\//, "")),
  },
  // containerd, of Kubernetes.
  {
    path: (id) => `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`,
    names: (content) => {
      const annotation = (name: string) => textIn(content, "annotations", `io.kubernetes.cri.${name}`);
      return named(annotation("container-name"), annotation("sandbox-namespace"), annotation("sandbox-name"));
    },
  },
  // CRI-O.
  {
    path: (id) => `/run/containers/storage/overlay-containers/${id}/userdata/config.json`,
    names: (content) => {
      const annotation = (name: string) => textIn(content, "annotations", `io.kubernetes.${name}`);
      return named(annotation("container.name"), annotation("pod.namespace"), annotation("pod.name"));
    },
  },
  // Podman of root, one file for all.
  {
    path: () => "/var/lib/containers/storage/overlay-containers/containers.json",
    names: (content, id) => {
      const own = Array.isArray(content) ? content.find((one) => textIn(one, "id") === id) : undefined;
      return named(textIn(own, "names", "0"));
    },
  },
];

/** Names that were found are kept: most programs that begin are in containers that are known. */
const KEPT_MAX = 1024;
const kept = new Map<string, ContainerNames>();

/** Names of the container with this id of 64 digits; without what nobody says, or what may not be read. `root` is for tests. */
export function containerNames(id: string, root = ""): ContainerNames {
  const known = kept.get(root + id);
  if (known !== undefined) return known;
  for (const { path, names } of RUNTIMES) {
    const content = jsonIn(root + path(id));
    const found = content === undefined ? undefined : names(content, id);
    if (found === undefined) continue;
    if (kept.size >= KEPT_MAX) kept.clear();
    kept.set(root + id, found);
    return found;
  }
  return {};
}

function named(
  containerName: string | undefined,
  namespace?: string,
  pod?: string,
): ContainerNames | undefined {
  if (containerName === undefined && pod === undefined) return undefined;
  const podName = namespace === undefined || pod === undefined ? pod : `${namespace}/${pod}`;
  return {
    ...containerName === undefined ? {} : { containerName },
    ...podName === undefined ? {} : { podName },
  };
}

/** The text that stands behind these keys, one in the other; undefined where there is none. */
function textIn(content: unknown, ...keys: readonly string[]): string | undefined {
  let value = content;
  for (const key of keys) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return typeof value === "string" && value !== "" ? value : undefined;
}

function jsonIn(path: string): unknown {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch {
    return undefined;
  }
}
