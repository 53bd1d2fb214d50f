// SPDX-License-Identifier: MIT
/** Programs in containers of Podman's, whose system is a copy of this one's. @module */
import { missing, withTempDir } from "../../support/run.ts";
import { notRoot, type Reason } from "../../support/skip.ts";
import { Child, runChild } from "./child.ts";
import type { Fixture } from "./fixture.ts";

/** What a nested machine may lack is not asked for. */
const LIMITS = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"];

/** Of Podman, in a folder where it touches nothing of this machine's own containers. */
function podmanWords(place: string): string[] {
  return [
    ...["--root", `${place}/storage`, "--runroot", `${place}/run`, "--storage-driver", "vfs"],
    ...["--runtime", "runc", "--cgroup-manager", "cgroupfs"],
  ];
}

/** Why no container can be started: one is, since machines forbid it in many ways. */
export async function podmanMissing(): Promise<Reason> {
  const reason = notRoot("containers of Podman") ?? missing("podman", "runc");
  if (reason !== undefined) return reason;
  return await withTempDir(async (place) => {
    const args = [
      ...podmanWords(place),
      "run",
      "--rm",
      "--network",
      "none",
      ...LIMITS,
      "--rootfs",
      "/:O",
      "true",
    ];
    const { code, stderr } = await new Child("podman", { args }).ended;
    return code === 0 ? undefined : `containers of Podman: ${stderr.trim().split("\n").at(-1)}`;
  });
}

export class Container implements AsyncDisposable {
  readonly #child: Child;
  readonly #name = `sslcollector-${crypto.randomUUID()}`;
  readonly #podman: readonly string[];

  /** Runs a command under the default seccomp profile, in the network of a namespace; the fixture's folder is where it is here. */
  constructor(fixture: Fixture, namespace: string, command: readonly string[]) {
    this.#podman = podmanWords(fixture.path("podman"));
    const surroundings = [
      "--network",
      `ns:/run/netns/${namespace}`,
      "-v",
      `${fixture.folder}:${fixture.folder}`,
    ];
    this.#child = new Child("podman", {
      args: [
        ...[...this.#podman, "run", "--rm", "--name", this.#name, ...surroundings, ...LIMITS],
        ...["--rootfs", "/:O", ...command],
      ],
    });
  }

  /** Process id of the command, as it is known here. */
  async pid(): Promise<number> {
    const args = ["inspect", "--format", "{{.State.Pid}}", this.#name];
    const { stdout } = await runChild("podman", { args: [...this.#podman, ...args] });
    return Number(new TextDecoder().decode(stdout));
  }

  /** Asks the command to end; resolves when nothing of the container is left. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runChild("podman", {
      args: [...this.#podman, "rm", "--force", "--ignore", "--time", "5", this.#name],
    });
    await this.#child[Symbol.asyncDispose]();
  }
}
