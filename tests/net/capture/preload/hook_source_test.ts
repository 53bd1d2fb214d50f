// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CaptureGap, CaptureProgram } from "../../../../net/capture/target.ts";
import { HookReceiver, type HookReceiverOptions } from "../../../../net/capture/preload/hook_source.ts";
import { MemoryBudget } from "../../../../net/capture/preload/memory_budget.ts";
import { ProgramRing } from "../../../../net/capture/preload/program_ring.ts";
import {
  CONTROL,
  DATA_MAX,
  GREETING,
  KIND,
  PAGE,
  RETIRED,
  RING,
  SLOT,
  SLOTS_MAX,
  UNIT,
} from "../../../../net/capture/record/layout.ts";
import { Region } from "../../../../net/capture/preload/region.ts";
import { libc } from "../../../../net/ffi/libc.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import {
  joinAgent,
  readControl,
  RegionWriter,
  sendToAgent,
  wakeAgent,
} from "../../../support/ring_writer.ts";

import { MemoryGroup, noMemoryGroups } from "../../../support/memory_group.ts";
import { notRoot, skipIf } from "../../../support/skip.ts";
import { until } from "../../../support/until.ts";

const text = (bytes: unknown) => new TextDecoder().decode(bytes as Uint8Array);
const payload = new TextEncoder().encode("some clear text");

interface Agent {
  directory: string;
  receiver: HookReceiver;
  log: CaptureLog;
  warnings: string[];
  running: Promise<void>;
}

/** Runs `body` with an agent of its own and takes everything away afterwards. */
async function withAgent(
  body: (agent: Agent) => Promise<void>,
  options: Partial<HookReceiverOptions> = {},
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const log = new CaptureLog();
  const warnings: string[] = [];
  const timeBaseNs = BigInt(Date.now()) * 1_000_000n;
  const receiver = new HookReceiver({
    runtimeDir: `${directory}/run`,
    target: log,
    timeBaseNs,
    warn: (line) => warnings.push(line),
    ...options,
  });
  const running = receiver.run();
  try {
    await body({ directory: `${directory}/run`, receiver, log, warnings, running });
  } finally {
    await receiver.close();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a program's records arrive; more memory is granted; room is made", async () => {
  await withAgent(async ({ directory, receiver, log }) => {
    const { region, ring } = joinAgent(directory);
    assert(ring.write({ kind: KIND.data, payload }));
    await log.until(() => log.of("data").length === 1);
    const [, program, flow, direction, offset, bytes] = log.of("data")[0];
    assert.deepEqual([flow, direction, offset, text(bytes)], [1, 0, 0, "some clear text"]);
    const { comm, ancestors, ...identity } = program as CaptureProgram;
    const networkNamespace = Number(/\d+/.exec(Deno.readLinkSync("/proc/self/ns/net"))![0]);
    assert.deepEqual(identity, { id: 1, pid: Deno.pid, uid: Deno.uid(), networkNamespace });
    assert.ok(comm.length > 0);
    assert.equal(ancestors![0], Deno.ppid);
    assert.equal(ring.grantedData, 16 << 20);
    await receiver.close();
    assert.equal(ring.outstanding, 0);
    assert.deepEqual(log.end(1), { losses: [], stopped: undefined });
    assert.equal(receiver.counters.records, 1);
    region.close();
  });
});

Deno.test("the control page says what a hook must know, and that the agent goes", async () => {
  const directory = await Deno.makeTempDir();
  const target = new CaptureLog();
  const receiver = new HookReceiver({ runtimeDir: directory, target, timeBaseNs: 0n, ringDataMax: 1 << 20 });
  const { view, identity, geometry } = readControl(`${directory}/control`);
  assert.notEqual(identity, 0n);
  assert.equal(view.getUint32(CONTROL.agentPid, true), Deno.pid);
  assert(view.getBigUint64(CONTROL.heartbeatNs, true) > 0n);
  assert.equal(geometry.dataCapacity, (1 << 20) + UNIT);
  assert.equal((await Deno.stat(`${directory}/hook.sock`)).mode! & 0o777, 0o666);
  assert.equal((await Deno.stat(`${directory}/control`)).mode! & 0o777, 0o644);
  await receiver.close();
  await assert.rejects(Deno.stat(`${directory}/control`), Deno.errors.NotFound);
  await assert.rejects(Deno.stat(`${directory}/hook.sock`), Deno.errors.NotFound);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a second agent is refused by name; what a dead one left is replaced", async () => {
  await withAgent(async ({ directory, receiver, log }) => {
    const options = { runtimeDir: directory, target: log, timeBaseNs: 0n };
    assert.throws(() => new HookReceiver(options), new RegExp(`agent with process id ${Deno.pid}`));
    await receiver.close();
    await Deno.writeTextFile(`${directory}/hook.sock`, "");
    await Deno.writeTextFile(`${directory}/control`, "rubbish");
    const second = new HookReceiver(options);
    assert.notEqual(readControl(`${directory}/control`).identity, 0n);
    await second.close();
  });
});

Deno.test("options that cannot be are refused before anything is made", () => {
  const options = { runtimeDir: "/nonexistent/never", target: new CaptureLog(), timeBaseNs: 0n };
  assert.throws(
    () => new HookReceiver({ ...options, ringDataMax: 100 }),
    /ringDataMax is 100, must be a multiple/,
  );
  assert.throws(
    () => new HookReceiver({ ...options, runtimeDir: "/dev/null" }),
    /"\/dev\/null": it is no directory/,
  );
});

/** What this process's descriptors are open on. */
function openFiles(): string[] {
  const names: string[] = [];
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      names.push(Deno.readLinkSync(`/proc/self/fd/${name}`));
    } catch (error) {
      // The descriptor that reads the directory.
      assert(error instanceof Deno.errors.NotFound);
    }
  }
  return names;
}

type Change = (view: DataView<ArrayBuffer>) => void;
const BAD_OFFERS: [
  string,
  RegExp,
  { seals?: number; change?: Change; bytes?: number; fds?: number; file?: boolean },
][] = [
  ["no seals", /not sealed/, { seals: 0 }],
  ["seals that can be taken off", /not sealed/, { seals: 2 | 4 }],
  ["memory that can grow", /not sealed/, { seals: 1 | 2 }],
  ["memory that cannot be written", /Cannot map/, { seals: 1 | 2 | 4 | 16 }],
  ["a file", /no memory file|not sealed/, { file: true }],
  ["another magic", /wrong magic/, { change: (view) => view.setUint32(GREETING.magic, 1, true) }],
  ["another version", /version 7/, { change: (view) => view.setUint32(GREETING.abi, 7, true) }],
  ["another agent's", /another agent/, { change: (view) => view.setUint32(GREETING.identity, 1, true) }],
  ["no sub-rings", /0 sub-rings/, { change: (view) => view.setUint32(GREETING.subringCount, 0, true) }],
  ["17 sub-rings", /17 sub-rings/, { change: (view) => view.setUint32(GREETING.subringCount, 17, true) }],
  ["too few bytes", /bytes and not/, { change: (view) => view.setUint32(GREETING.subringCount, 9, true) }],
  ["overlapping rings", /bytes apart/, {
    change: (view) => view.setUint32(GREETING.subringStride, PAGE, true),
  }],
  ["many slots", /slots/, { change: (view) => view.setUint32(GREETING.slotCapacity, 0xffff_ffff, true) }],
  ["much data", /bytes of data/, { change: (view) => view.setUint32(GREETING.dataCapacity, 1 << 30, true) }],
  ["a short greeting", /greeting has 4 bytes/, { bytes: 4 }],
  ["a long greeting and many descriptors", /greeting has 57 bytes/, { bytes: 2000, fds: 5 }],
];

for (const [name, reason, { seals, change, bytes, fds = 1, file }] of BAD_OFFERS) {
  Deno.test(`a region is refused and the agent goes on: ${name}`, async () => {
    await withAgent(async ({ directory, receiver, warnings, log }) => {
      const { geometry, identity } = readControl(`${directory}/control`);
      const region = new RegionWriter(geometry, seals);
      const greeting = region.greeting(identity);
      change?.(greeting);
      const message = bytes === undefined ? greeting : new DataView(new ArrayBuffer(bytes));
      const path = `${directory}/file`;
      await Deno.writeFile(path, new Uint8Array(4096));
      const other = libc().open(new TextEncoder().encode(`${path}\0`), 2, 0);
      const offered = new Array(fds).fill(file ? other : region.fd);
      libc().close(sendToAgent(`${directory}/hook.sock`, message, offered));
      libc().close(other);
      // A program that sends no descriptor at all is nothing to tell about.
      libc().close(sendToAgent(`${directory}/hook.sock`, greeting, []));
      const good = joinAgent(directory);
      good.ring.write({ kind: KIND.data, payload });
      await log.until(() => log.of("data").length === 1);
      assert.deepEqual([...receiver.counters.refused], [["bad-region", 1]]);
      assert.match(warnings[0], reason);
      assert.equal(receiver.regions, 1);
      await receiver.close();
      // What the agent was sent is closed again: two memory files are open here.
      assert.equal(openFiles().filter((name) => name.startsWith("/memfd:")).length, 2);
      good.region.close();
      region.close();
    });
  });
}

Deno.test("a killed program: what it finished arrives, the rest is counted, its memory comes back", async () => {
  await withAgent(async ({ directory, receiver, log }) => {
    const program = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL("../../../support/ring_program.ts", import.meta.url).pathname, directory],
      stdout: "piped",
    }).spawn();
    const output = program.stdout.getReader();
    await output.read();
    await log.until(() => log.of("gap").length === 1);
    assert.equal(log.of("data").length, 1);
    program.kill("SIGKILL");
    await log.until(() => log.of("programEnd").length === 1);
    await program.status;
    await output.cancel();
    const calls = log.calls.filter((call) => call[0] !== "tick").map((call) => [call[0], call[2]]);
    assert.deepEqual(calls.slice(1, -1), [["data", 5], ["gap", 5], ["data", 6], ["close", 5], ["close", 6]]);
    assert.deepEqual(log.of("close").map((call) => call[3]), ["died", "died"]);
    assert.deepEqual(log.end(1), {
      losses: [{ reason: "ring-full", unit: "bytes", amount: 70 }, {
        reason: "unfinished-records",
        unit: "records",
        amount: 1,
      }],
      stopped: undefined,
    });
    const [, started] = log.of("programStart")[0] as [string, { pid: number; comm: string }];
    assert.deepEqual([started.pid, started.comm], [program.pid, "deno"]);
    assert.equal(receiver.usedMemory, 0);
    await log.until(() => receiver.regions === 0);
  });
});

Deno.test("a record that is never finished costs the flows of its ring, not the program", async () => {
  await withAgent(async ({ directory, receiver, log }) => {
    const { region, ring } = joinAgent(directory);
    ring.write({ kind: KIND.data, payload });
    await log.until(() => log.of("data").length === 1);
    const place = ring.reserve(10)!;
    await log.until(() => log.of("tick").length > 4);
    assert(!ring.retired, "it is the last one: its thread may be slow");
    ring.write({ kind: KIND.data, flow: 2, payload });
    await log.until(() => log.end(1) !== undefined);
    assert.equal(ring.view.getUint32(RING.retired, true), RETIRED.again);
    assert.deepEqual(log.of("data").map((call) => call[2]), [1, 2]);
    assert.deepEqual(log.end(1), {
      losses: [{ reason: "unfinished-records", unit: "records", amount: 1 }],
      stopped: undefined,
    });
    assert.equal(receiver.usedMemory, 0);
    // Whoever still writes does no harm.
    ring.publish(place, { kind: KIND.data, payload: payload.subarray(0, 10) });
    const again = joinAgent(directory);
    again.ring.write({ kind: KIND.data, payload });
    await log.until(() => log.of("data").length === 3);
    assert.equal(log.of("programStart").length, 2);
    again.region.close();
    region.close();
  }, { blockedMs: 200 });
});

Deno.test("a ring with rubbish is given up alone", async () => {
  await withAgent(async ({ directory, log, receiver, warnings }) => {
    const first = joinAgent(directory);
    const child = first.region.claim(1, Deno.pid);
    first.ring.write({ kind: KIND.data, payload });
    child.write({ kind: KIND.data, flow: 9, payload });
    await log.until(() => log.of("data").length === 2);
    const place = first.ring.reserve(4)!;
    first.ring.publish(place, { kind: KIND.data, payload: payload.subarray(0, 4) });
    first.ring.view.setUint32(PAGE + place.slot * SLOT.size + SLOT.length, 1 << 31, true);
    await log.until(() => log.of("programEnd").length === 1);
    assert.match(log.end(1)?.stopped ?? "", /outside what was granted/);
    assert.match(warnings[0], /Stopped mirroring/);
    assert(first.ring.retired);
    child.write({ kind: KIND.data, flow: 9, payload });
    await log.until(() => log.of("data").length === 3 || first.ring.outstanding > 1);
    assert.equal(receiver.counters.retired, 1);
    assert(!child.retired);
    first.region.close();
  });
});

Deno.test(
  "a child that claims a sub-ring is a program of its own; a lie about who it is does not help",
  skipIf(notRoot("a program of another user")),
  async () => {
    await withAgent(async ({ directory, log }) => {
      const { region, ring } = joinAgent(directory);
      ring.write({ kind: KIND.data, payload });
      await log.until(() => log.of("data").length === 1);
      const other = new Deno.Command("sleep", { args: ["infinity"], uid: 12345, cwd: "/" }).spawn();
      region.claim(3, other.pid).write({ kind: KIND.data, flow: 3, payload });
      region.claim(4, 0x3fff_ffff).write({ kind: KIND.data, flow: 4, payload });
      await log.until(() => log.of("data").length === 3);
      const starts = log.of("programStart").map((call) =>
        call[1] as { id: number; pid: number; uid: number }
      );
      assert.deepEqual(starts.map(({ id, uid }) => [id, uid]), [1, 2, 3].map((id) => [id, Deno.uid()]));
      assert.equal(starts[1].pid, Deno.pid);
      await log.until(() => log.end(3) !== undefined);
      other.kill("SIGKILL");
      await other.status;
      region.close();
    });
  },
);

const blocksOf = (fd: number) => Deno.statSync(`/proc/self/fd/${fd}`).blocks!;

Deno.test("an agent that goes leaves no memory behind and lets none be taken", async () => {
  await withAgent(async ({ directory, receiver, log }) => {
    const { region, ring } = joinAgent(directory);
    const child = region.claim(1, Deno.pid);
    const block = new Uint8Array(64 << 10);
    for (let i = 0; i < 100; i++) ring.write({ kind: KIND.data, payload: block });
    child.write({ kind: KIND.data, payload: block });
    await log.until(() => log.of("data").length === 101);
    await receiver.close();
    assert(!ring.retired, "a ring that is retired is not taken to the next agent");
    assert.deepEqual([ring.grantedData, child.grantedData], [0, 0]);
    assert(!ring.write({ kind: KIND.data, payload }));
    assert(!child.write({ kind: KIND.close }));
    assert(blocksOf(region.fd) * 512 <= 8 * PAGE, `${blocksOf(region.fd)} blocks are left`);
    region.close();
  });
});

Deno.test("a program that finds no room keeps no memory either", async () => {
  await withAgent(async ({ directory, receiver }) => {
    const joined: ReturnType<typeof joinAgent>[] = [];
    await until("a program that finds no room", () => {
      if (receiver.counters.refused.has("memory")) return true;
      joined.push(joinAgent(directory));
      joined.at(-1)!.ring.write({ kind: KIND.data, payload: new Uint8Array(32 << 10) });
    });
    const refused = joined.find(({ ring }) => ring.retired)!;
    assert(blocksOf(refused.region.fd) * 512 <= 8 * PAGE);
    for (const { region } of joined) region.close();
  }, { totalMemory: 1 << 20 });
});

Deno.test("an agent that was taken for dead grants again", async () => {
  await withAgent(async ({ directory, log }) => {
    const { region, ring } = joinAgent(directory);
    await log.until(() => log.of("programStart").length === 1);
    ring.view.setUint32(RING.grantedData, 0, true);
    ring.view.setUint32(RING.grantedSlots, 0, true);
    assert(!ring.write({ kind: KIND.data, payload }));
    await until("a grant", () => ring.grantedData > 0);
    assert(ring.write({ kind: KIND.data, payload }));
    await log.until(() => log.of("data").length === 1);
    region.close();
  });
});

Deno.test("a spare whose child ended before it had a ring is one again, and no other", async () => {
  await withAgent(async ({ directory, log }) => {
    const { region } = joinAgent(directory);
    await log.until(() => log.of("programStart").length === 1);
    const ended = new Deno.Command("true").spawn();
    await ended.status;
    const owners = [1, 2].map((subring) =>
      new Int32Array(region.mapping.view(subring * region.stride, PAGE), RING.owner, 1)
    );
    Atomics.store(owners[0], 0, ended.pid);
    Atomics.store(owners[1], 0, Deno.pid);
    await until("the spare to be free", () => Atomics.load(owners[0], 0) === 0);
    assert.equal(Atomics.load(owners[1], 0), Deno.pid);
    assert.equal(log.of("programStart").length, 1);
    region.close();
  });
});

Deno.test("beyond the total, programs go unmirrored and are counted", async () => {
  await withAgent(async ({ directory, log, receiver, warnings }) => {
    const joined = [joinAgent(directory)];
    joined[0].ring.write({ kind: KIND.data, payload });
    await log.until(() => log.of("data").length === 1);
    for (let i = 1; i < 16; i++) joined.push(joinAgent(directory));
    const answered = () => receiver.counters.programs + (receiver.counters.refused.get("memory") ?? 0);
    await until("16 programs to be taken or refused", () => answered() === 16, 1);
    assert(receiver.usedMemory <= 2 << 20);
    assert.equal(receiver.counters.refused.get("memory"), 16 - receiver.counters.programs);
    assert.match(warnings[0], /the rings have all the memory they may have/);
    assert(joined[15].ring.retired);
    for (const { region } of joined) region.close();
  }, { totalMemory: 2 << 20 });
});

Deno.test("a ring under pressure is granted more, up to the most", async () => {
  await withAgent(async ({ directory, log }) => {
    const { region, ring } = joinAgent(directory);
    const block = new Uint8Array(16 << 10);
    let offset = 0;
    let dropped = 0;
    for (let step = 0; step < 100 && ring.grantedData < 6 << 20; step++) {
      while (ring.write({ kind: KIND.data, offset, payload: block })) offset += block.length;
      ring.drop(block.length);
      ring.write({ kind: KIND.gap, offset, amount: block.length });
      offset += block.length;
      dropped += block.length;
      await log.until(() => ring.outstanding <= 1);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.equal(ring.grantedData, 6 << 20);
    ring.write({ kind: KIND.close });
    await log.until(() => log.of("close").length === 1);
    let at = 0;
    for (const call of log.calls.filter(([name]) => name === "data" || name === "gap")) {
      const { offset, length } = call[0] === "gap"
        ? call[3] as CaptureGap
        : { offset: call[4], length: (call[5] as Uint8Array).length };
      assert.equal(offset, at);
      at += length;
    }
    assert(dropped > 0);
    region.close();
  }, { ringDataMax: 6 << 20, totalMemory: 32 << 20 });
});

Deno.test("rings that never run empty do not keep timers, other rings or new programs from their turn", async () => {
  const log = new CaptureLog();
  const block = new Uint8Array(4096);
  const fill = (ring: { write(record: object): boolean }) => {
    while (ring.write({ kind: KIND.data, payload: block }));
  };
  const joined: ReturnType<typeof joinAgent>[] = [];
  const records = new Map<number, number>();
  let ended = false;
  await withAgent(async ({ directory, receiver, running }) => {
    joined.push(joinAgent(directory), joinAgent(directory));
    for (const { ring } of joined) fill(ring);
    const has = (program: number, count: number) => (records.get(program) ?? 0) >= count;
    await until("2000 records of two rings", () => has(1, 2000) && has(2, 2000));
    joined.push(joinAgent(directory));
    joined[2].ring.write({ kind: KIND.data, payload: block });
    await until("a record of the third ring", () => has(3, 1));
    assert.equal(receiver.counters.sleeps, 0);
    const [first, second] = [records.get(1)!, records.get(2)!];
    assert(Math.min(first, second) > Math.max(first, second) / 3, `${first} and ${second} records`);
    // Closing ends although the rings are never empty.
    await receiver.close();
    await running;
    ended = true;
  }, {
    target: {
      ...log,
      tick: () => {},
      data: (program) => {
        records.set(program.id, (records.get(program.id) ?? 0) + 1);
        if (program.id < 3) fill(joined[program.id - 1].ring);
      },
    },
  });
  assert(ended);
  for (const { region } of joined) region.close();
});

Deno.test("a sleeping agent finds what is written without a wake", async () => {
  await withAgent(async ({ directory, log, receiver }) => {
    const { region, ring } = joinAgent(directory);
    await log.until(() => log.of("tick").length >= 2 && receiver.counters.sleeps > 0);
    for (let i = 0; i < 5; i++) {
      ring.write({ kind: KIND.data, payload });
      await log.until(() => log.of("data").length === i + 1);
      await log.until(() => log.of("tick").length >= 3 + i);
    }
    region.close();
  });
});

Deno.test("a wake reaches the sleeping agent", async () => {
  await withAgent(async ({ directory, log, receiver }) => {
    const { region, ring } = joinAgent(directory);
    await until("the agent to sleep", () => wakeAgent(directory) === 1, 1);
    const { sleeps } = receiver.counters;
    assert(sleeps > 0);
    assert.notEqual(readControl(`${directory}/control`).view.getUint32(CONTROL.sleeping, true), 0);
    ring.write({ kind: KIND.data, payload });
    await log.until(() => log.of("data").length === 1);
    assert.equal(receiver.counters.sleeps, sleeps);
    region.close();
  });
});

Deno.test("ticks never go back and no record is older than the tick before it", async () => {
  await withAgent(async ({ directory, log }) => {
    const { region, ring } = joinAgent(directory);
    await log.until(() => log.of("tick").length >= 2);
    for (let i = 0; i < 3; i++) {
      ring.write({ kind: KIND.data, payload, timeNs: 1n });
      await log.until(() => log.of("tick").length >= 3 + i);
    }
    let latest = 0;
    for (const call of log.calls) {
      const time = call.at(-1) as number;
      if (call[0] === "tick") assert(time > latest);
      assert(time >= latest, `${call[0]} at ${time} after ${latest}`);
      if (call[0] === "tick") latest = time;
    }
    region.close();
  });
});

Deno.test("a target that throws loses that ring and no other", async () => {
  const seen: number[] = [];
  let done = () => {};
  const both = new Promise<void>((resolve) => done = resolve);
  const log = new CaptureLog();
  await withAgent(async ({ directory, warnings }) => {
    const first = joinAgent(directory);
    const second = first.region.claim(1, Deno.pid);
    first.ring.write({ kind: KIND.data, flow: 1, payload });
    second.write({ kind: KIND.data, flow: 2, payload });
    await both;
    await log.until(() => log.end(1) !== undefined);
    assert.match(log.end(1)!.stopped!, /internal error: broken/);
    assert.equal(warnings.length, 1);
    assert.deepEqual(seen.sort(), [1, 2]);
    first.region.close();
  }, {
    target: {
      ...log,
      data: (_program, flow) => {
        seen.push(flow);
        if (seen.length === 2) done();
        if (flow === 1) throw new Error("broken");
      },
    },
  });
});

Deno.test("idle for a minute, a ring gives memory back, all but a little where memory is short", () => {
  const geometry = {
    subringCount: 1,
    slotCapacity: 8192,
    dataCapacity: 8 << 20,
    initialData: 256 << 10,
    initialSlots: 2048,
  };
  const writer = new RegionWriter(geometry);
  const ring = writer.claim(0, Deno.pid);
  const region = Region.map(new Uint8Array(writer.greeting(1n).buffer), 1n, libc().fcntl(writer.fd, 0, 0));
  const budget = new MemoryBudget(24 << 20);
  const program = { id: 1, pid: Deno.pid, uid: 0, comm: "" };
  const process = { pid: Deno.pid, pidfd: -1, known: true, dead: false };
  const limits = { ...geometry, dataMax: 8 << 20 };
  const taken = ProgramRing.take(program, process, region, 0, limits, budget, 0n, 0)!;
  const blocks = () => Deno.statSync(`/proc/self/fd/${writer.fd}`).blocks!;
  const log = new CaptureLog();
  const read = () => taken.reader.read(log, program, { records: 1e4, bytes: 1e9 }, { nowNs: 0, floorNs: 0 });
  const fill = () => {
    let records = 0;
    while (ring.write({ kind: KIND.data, payload: new Uint8Array(8192).fill(records + 1) })) records++;
    return records;
  };
  assert.equal(ring.grantedData, 256 << 10);
  for (const granted of [1.25, 2.25, 3.25, 4.25, 5.25, 6.25, 7.25, 8, 8]) {
    fill();
    taken.relieve();
    assert.equal(ring.grantedData, granted * 2 ** 20);
  }
  read();
  const [used, allocated] = [budget.usedBytes, blocks()];
  taken.settle(59_000);
  assert.equal(ring.grantedData, 8 << 20);
  taken.settle(60_000);
  assert.equal(ring.grantedData, 4 << 20);
  assert.equal(budget.usedBytes, used);
  // A program that becomes busy again within that second keeps it.
  taken.activeMs = 60_500;
  taken.settle(60_500);
  assert.equal(ring.grantedData, 8 << 20);
  taken.settle(130_000);
  taken.settle(131_000);
  assert.equal(ring.grantedData, 4 << 20);
  assert(blocks() < allocated * 0.6, `${allocated} blocks, then ${blocks()}`);
  budget.take(0, 14 << 20);
  taken.settle(200_000);
  taken.settle(201_000);
  budget.give(0, 14 << 20);
  assert.equal(ring.grantedData, 256 << 10);
  assert(blocks() < allocated / 4, `${allocated} blocks, then ${blocks()}`);
  assert(budget.usedBytes < used / 4);
  const records = fill();
  assert.equal(read(), records);
  assert.equal(taken.reader.retired, undefined);
  assert.equal((log.of("data").at(-1)![5] as Uint8Array)[0], records & 0xff);
  taken.release();
  assert.equal(budget.usedBytes, 0);
  assert.equal(ring.view.getUint32(RING.retired, true), 0);
  region.close();
  writer.close();
});

Deno.test({
  name: "a bulk transfer in a memory group with a limit is granted memory that is there",
  ...skipIf(noMemoryGroups()),
  fn: async () => {
    using group = MemoryGroup.make(1 << 30);
    const sleeper = new Deno.Command("sh", { args: ["-c", `${group.enter}; exec sleep infinity`] }).spawn();
    const membership = () => Deno.readTextFileSync(`/proc/${sleeper.pid}/cgroup`);
    await until("the program to be in the group", () => membership().includes("sslcollector-test"), 1);
    const geometry = {
      subringCount: 1,
      slotCapacity: 16_384,
      dataCapacity: 8 << 20,
      initialData: 1 << 20,
      initialSlots: 2048,
    };
    const writer = new RegionWriter(geometry);
    try {
      const ring = writer.claim(0, sleeper.pid);
      const bytes = new Uint8Array(writer.greeting(1n).buffer);
      const region = Region.map(bytes, 1n, libc().fcntl(writer.fd, 0, 0));
      const process = { pid: sleeper.pid, pidfd: -1, known: true, dead: false };
      const program = { id: 1, pid: sleeper.pid, uid: 0, comm: "" };
      const limits = { initialData: 1 << 20, dataMax: 8 << 20 };
      const taken = ProgramRing.take(program, process, region, 0, limits, new MemoryBudget(64 << 20), 0n, 0)!;
      const times = { nowNs: 0, floorNs: 0 };
      for (let i = 0; i < 20; i++) {
        ring.write({ kind: KIND.data, payload: new Uint8Array(64 << 10) });
        taken.reader.read(new CaptureLog(), program, { records: 1, bytes: 1e9 }, times);
      }
      taken.relieve();
      await until("a grant of 8 MiB", () => ring.grantedData >= 8 << 20, 1);
      assert(blocksOf(writer.fd) * 512 >= 8 << 20, `${blocksOf(writer.fd)} blocks`);
      taken.release();
      await region.close();
    } finally {
      sleeper.kill("SIGKILL");
      await sleeper.status;
      writer.close();
    }
  },
});

Deno.test("rings that settle after memory was short are not charged less than they are granted", async () => {
  const limits = { initialData: 16 << 20, dataMax: DATA_MAX - UNIT };
  const geometry = {
    subringCount: 1,
    slotCapacity: SLOTS_MAX,
    dataCapacity: DATA_MAX,
    initialData: 16 << 20,
    initialSlots: 32_768,
  };
  const budget = new MemoryBudget(512 << 20);
  budget.take(0, 400 << 20);
  const process = { pid: Deno.pid, pidfd: -1, known: true, dead: false };
  const program = { id: 1, pid: Deno.pid, uid: 0, comm: "" };
  const all = Array.from({ length: 20 }, () => {
    const writer = new RegionWriter(geometry);
    const ring = writer.claim(0, Deno.pid);
    const bytes = new Uint8Array(writer.greeting(1n).buffer);
    const region = Region.map(bytes, 1n, libc().fcntl(writer.fd, 0, 0));
    return {
      writer,
      ring,
      region,
      taken: ProgramRing.take(program, process, region, 0, limits, budget, 0n, 0)!,
    };
  });
  budget.give(0, 400 << 20);
  for (const nowMs of [2000, 3500]) {
    for (const { taken } of all) taken.settle(nowMs);
    const granted = all.reduce((sum, { ring }) => sum + ring.grantedData, 0);
    assert(granted <= budget.usedBytes, `${granted} bytes granted, ${budget.usedBytes} charged`);
  }
  for (const { taken, region, writer } of all) {
    taken.release();
    await region.close();
    writer.close();
  }
  assert.equal(budget.usedBytes, 0);
});
