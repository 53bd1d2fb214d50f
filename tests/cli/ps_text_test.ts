// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { programLines, programTable } from "../../cli/ps_text.ts";

const SERVER = { pid: 7, comm: "nginx", libraries: new Set(["openssl"] as const), reason: undefined };
const SURVEYED = { ...SERVER, hasHook: true, hasSanitizer: false };
const TOLD = { pid: 7, uid: 0, comm: "nginx", flows: 1, claimed: 0, captured: 1024, dropped: {} };

Deno.test("ps: a program whose sessions the other end told is mirrored, not partly", () => {
  // None is a flow of its own where the other end was always first.
  for (const flows of [1, 0]) {
    const lines = programLines(
      [SURVEYED],
      [{ ...TOLD, flows, dropped: { "other-end-mirrored": 1024 } }],
      "/run/sslcollector",
    );
    assert.equal(lines[0].state, "mirrored");
    assert.match(programTable(lines)[1], / yes, 1\.0 KiB told by the other end$/);
  }
});

Deno.test("ps: a program that lost clear text is mirrored partly, whatever the other end told", () => {
  const dropped = { "other-end-mirrored": 1024, "ring-full": 2048 };
  const lines = programLines([SURVEYED], [{ ...TOLD, dropped }], "/run/sslcollector");
  assert.equal(lines[0].state, "partly");
  assert.match(programTable(lines)[1], / partly: 1\.0 KiB told by the other end, 2\.0 KiB ring-full$/);
});

Deno.test("ps: containers have a column where there are any, with the names that are known", () => {
  const [line] = programLines([SURVEYED], [TOLD], "/run/sslcollector");
  assert.doesNotMatch(programTable([line])[0], /CONTAINER/);
  const places = [
    { container: "3f2a9c000000", containerName: "app", pod: "8f1d-x", podName: "shop/web-7\x1b[2J" },
    { container: "3f2a9c000000", pod: "8f1d-x" },
    { container: "3f2a9c000000" },
  ];
  const rows = programTable([line, ...places.map((place) => ({ ...line, place }))]);
  assert.match(rows[0], /^PID +PROGRAM +CONTAINER +TLS/);
  const cells = rows.slice(1).map((row) => row.split(/ +/)[2]);
  assert.deepEqual(cells, ["-", "shop/web-7_[2J/app", "8f1d-x/3f2a9c000000", "3f2a9c000000"]);
});

Deno.test("ps: a program of which only the agent knows has the container that the agent tells", () => {
  const told = { ...TOLD, container: "3f2a9c000000", containerName: "web" };
  const [{ place }] = programLines([], [told], "/run/sslcollector");
  assert.deepEqual([place?.container, place?.containerName], ["3f2a9c000000", "web"]);
});

Deno.test("ps: what would help names the directory that was looked at, where hooks do not look by themselves", () => {
  const fixOf = (reason: "other-agent" | "environment", runtimeDir: string) =>
    programLines([{ ...SURVEYED, reason }], [], runtimeDir)[0].fix;
  assert.equal(fixOf("other-agent", "/tmp/x"), "start it with SSLCOLLECTOR_RUNTIME=/tmp/x");
  assert.match(fixOf("environment", "/tmp/x")!, /SSLCOLLECTOR_RUNTIME=\/tmp\/x and LD_PRELOAD=/);
  assert.match(fixOf("environment", "/run/sslcollector")!, /hook install/);
});
