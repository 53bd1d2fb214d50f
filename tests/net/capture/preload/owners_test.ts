// SPDX-License-Identifier: MIT
/** Whose a region or a ring is, is the kernel's word. @module */
import assert from "node:assert/strict";
import type { CaptureProgram } from "../../../../net/capture/target.ts";
import { Guest } from "../../../../net/capture/preload/guest.ts";
import { HookSource } from "../../../../net/capture/preload/hook_source.ts";
import { Region } from "../../../../net/capture/preload/region.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import { startProgram } from "../../../support/ringing.ts";
import { RegionWriter, USUAL } from "../../../support/ring_writer.ts";
import { notRoot, skipIf } from "../../../support/skip.ts";

/** Ends a process and starts `sleep` under its number; undefined when others were faster each time. */
async function replace(pid: number): Promise<Deno.ChildProcess | undefined> {
  for (let tries = 0; tries < 100; tries++) {
    Deno.writeTextFileSync("/proc/sys/kernel/ns_last_pid", String(pid - 1));
    const child = new Deno.Command("sleep", { args: ["infinity"], uid: 12345, cwd: "/" }).spawn();
    if (child.pid === pid) return child;
    child.kill("SIGKILL");
    await child.status;
  }
}

Deno.test(
  "whoever has the number of a program that has ended before it was taken in is not taken for it",
  skipIf(notRoot("choosing the number of a process")),
  async () => {
    const directory = await Deno.makeTempDir();
    const log = new CaptureLog();
    const timeBaseNs = BigInt(Date.now()) * 1_000_000n;
    const source = new HookSource({ runtimeDir: `${directory}/run`, target: log, timeBaseNs });
    const program = await startProgram(`${directory}/run`);
    await program.do("join");
    await program.do("write", 1, 100);
    await program.kill();
    const other = await replace(program.child.pid);
    try {
      source.run();
      await log.until(() => log.of("programStart").length === 1);
      const [start] = log.of("programStart").map((call) => call[1] as CaptureProgram);
      assert.deepEqual([start.pid, start.uid], [program.child.pid, Deno.uid()]);
      assert.notEqual(start.comm, "sleep");
      assert.equal(start.networkNamespace, undefined);
    } finally {
      other?.kill("SIGKILL");
      await other?.status;
      await source.close();
      await Deno.remove(directory, { recursive: true });
    }
  },
);

Deno.test(
  "a claim does not have the maps of another user's process read",
  skipIf(notRoot("a process of another user")),
  async () => {
    const other = new Deno.Command("sleep", { args: ["infinity"], uid: 12345, cwd: "/" }).spawn();
    const writer = new RegionWriter(USUAL, "/nowhere");
    writer.claim(0, other.pid);
    const region = Region.of(writer.fd)!;
    const owners = [65_534, 12_345, 0].map((uid) => {
      const identity = { pid: Deno.pid, uid, comm: "" };
      const process = { pid: Deno.pid, pidfd: -1, dead: false };
      const guest = new Guest({ region, identity, process, isAdopted: false, range: undefined, nowMs: 0 });
      guest.begin();
      return guest.findOwner(0);
    });
    // Numbers are processes to be asked.
    assert.deepEqual(owners, [undefined, other.pid, other.pid]);
    await region.close();
    writer.close();
    other.kill("SIGKILL");
    await other.status;
  },
);
