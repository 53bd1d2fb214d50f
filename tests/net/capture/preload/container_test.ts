// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Container, containerIn, placeOf } from "../../../../net/capture/preload/container.ts";

const ID = "3f2a9c".padEnd(63, "0") + "7";
const OTHER = "b".repeat(64);
const SHORT = "3f2a9c000000";
const POD = "8f1d2c3b-1a2b-3c4d-5e6f-0123456789ab";
const UNDERSCORED = POD.replaceAll("-", "_");

const CASES: readonly (readonly [what: string, memberships: string, container: Container | undefined])[] = [
  ["a host's service", "0::/system.slice/nginx.service\n", undefined],
  ["a user's session", "0::/user.slice/user-1000.slice/session-3.scope\n", undefined],
  ["Docker with cgroupfs", `0::/docker/${ID}\n`, { container: SHORT }],
  ["Docker with systemd", `0::/system.slice/docker-${ID}.scope\n`, { container: SHORT }],
  ["Docker, version 1", `12:pids:/docker/${ID}\n3:cpu,cpuacct:/docker/${ID}\n`, { container: SHORT }],
  ["Podman", `0::/machine.slice/libpod-${ID}.scope\n`, { container: SHORT }],
  ["Podman, a group below", `0::/machine.slice/libpod-${ID}.scope/container\n`, { container: SHORT }],
  [
    "Podman without root",
    `0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope\n`,
    {
      container: SHORT,
    },
  ],
  ["Kubernetes with cgroupfs", `0::/kubepods/burstable/pod${POD}/${ID}\n`, { container: SHORT, pod: POD }],
  [
    "Kubernetes with systemd and containerd",
    `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UNDERSCORED}.slice/cri-containerd-${ID}.scope\n`,
    { container: SHORT, pod: POD },
  ],
  [
    "Kubernetes with CRI-O",
    `0::/kubepods.slice/kubepods-pod${UNDERSCORED}.slice/crio-${ID}.scope\n`,
    { container: SHORT, pod: POD },
  ],
  [
    "containerd's own colons, version 1",
    `4:memory:/system.slice/containerd.service/kubepods-pod${UNDERSCORED}.slice:cri-containerd:${ID}\n`,
    { container: SHORT, pod: POD },
  ],
  ["a container in a container", `0::/docker/${OTHER}/docker/${ID}\n`, { container: SHORT }],
  ["systemd-nspawn", "0::/machine.slice/machine-web1.scope/payload\n", { container: "web1" }],
  ["LXC", "0::/lxc.payload.web2/system.slice\n", { container: "web2" }],
  ["digits that are no id", `0::/system.slice/job-${ID.slice(1)}.service\n`, undefined],
  ["nothing", "", undefined],
];

for (const [what, memberships, container] of CASES) {
  Deno.test(`container: ${what}`, () => assert.deepEqual(containerIn(memberships), container));
}

Deno.test("container: a process that is gone is in none", () => {
  assert.deepEqual(placeOf(2 ** 31 - 1), {});
  const { executable, cgroup } = placeOf(Deno.pid);
  assert.equal(executable, Deno.readLinkSync("/proc/self/exe"));
  assert.match(cgroup ?? "/", /^\//);
});
