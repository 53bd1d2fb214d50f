// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { hasUnnamed, remarksOn, remarksOnRunning } from "../../cli/remarks.ts";
import { Counters } from "../../net/mirror/counters.ts";
import type { Unmirrored } from "../../net/agent/unmirrored/unmirrored.ts";

const NOTHING = { isMirrored: false, isUnsure: false, met: new Set<number>() };
const shell: Unmirrored = { comm: "sh", reason: "no-tls-library", pids: [10] };
const wget: Unmirrored = { comm: "wget", reason: "java", pids: [11] };
const idle: Unmirrored = { comm: "nginx", reason: "no-clear-text", pids: [10] };

Deno.test("remarks: a program without TLS, alone", () => {
  const { lines, counts } = remarksOn({ first: shell, others: [], ended: 0 }, "sh", NOTHING);
  assert.deepEqual(lines, ["sh was not mirrored: no TLS library was mapped in it when it was looked at"]);
  assert.deepEqual([...counts], [["no-tls-library", 1]]);
});

Deno.test("remarks: a shell has done its part when what it started was mirrored or is told", () => {
  const mirrored = { ...NOTHING, isMirrored: true };
  assert.deepEqual(remarksOn({ first: shell, others: [], ended: 0 }, "sh", mirrored).lines, []);
  const { lines, counts } = remarksOn({ first: shell, others: [wget], ended: 2 }, "sh", NOTHING);
  assert.deepEqual(lines, [
    "wget[11] was not mirrored: it is a Java program, and Java has TLS of its own",
    "2 more processes ended before a look at what was mapped",
  ]);
  assert.deepEqual([...counts], [["java", 1], ["ended", 2]]);
});

Deno.test("remarks: many processes of one name are one line", () => {
  const many = { ...wget, pids: [11, 12, 13, 14, 15] };
  const { lines, counts } = remarksOn({ first: undefined, others: [many], ended: 0 }, "sh", NOTHING);
  assert.match(lines[0], /^wget\[11, 12, 13 and 2 more\] was not mirrored/);
  assert.equal(counts.get("java"), 5);
});

Deno.test("remarks: programs in which the hook keeps silent, and how many were not looked at", () => {
  const { lines, counts } = remarksOnRunning({ programs: [{ ...wget, reason: "seccomp" }], unseen: 7 });
  assert.match(lines[0], /^wget\[11\] was not mirrored: a seccomp filter/);
  assert.match(lines[1], /^7 processes were not looked at/);
  assert.deepEqual([...counts], [["seccomp", 1]]);
});

Deno.test("remarks: programs that the agent cannot name, refused ones and those that share a row", () => {
  const row = (id: number) => ({
    program: { id, pid: id, uid: 0, comm: "" },
    counters: new Counters(),
    ended: true,
  });
  assert.equal(hasUnnamed({ programs: [row(1)], refused: new Map() }), false);
  assert.equal(hasUnnamed({ programs: [row(0), row(1)], refused: new Map() }), true);
  assert.equal(hasUnnamed({ programs: [row(1)], refused: new Map([["memory", 1]]) }), true);
});

Deno.test("remarks: what the agent refused is told by the agent, not as a call that was never made", () => {
  const refused = { ...NOTHING, isUnsure: true };
  assert.deepEqual(remarksOn({ first: idle, others: [], ended: 0 }, "nginx", refused).lines, []);
  assert.match(remarksOn({ first: idle, others: [], ended: 0 }, "nginx", NOTHING).lines[0], /^nginx was not/);
});

Deno.test("remarks: a program that the agent met after the look had the shared memory, and passed nothing", () => {
  const early: Unmirrored = { comm: "curl", reason: "no-region", pids: [12] };
  const line = (met: Set<number>) =>
    remarksOn({ first: early, others: [], ended: 0 }, "curl", { ...NOTHING, met }).lines[0];
  assert.match(line(new Set([12])), /^curl was not mirrored: it passed no clear text/);
  assert.match(line(new Set([13])), /^curl was not mirrored: the hook had no shared memory/);
});
