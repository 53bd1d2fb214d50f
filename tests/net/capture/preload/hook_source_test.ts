// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CaptureGap, CaptureProgram } from "../../../../net/capture/target.ts";
import { HookSource, type HookSourceSettings } from "../../../../net/capture/preload/hook_source.ts";
import { MemoryBudget } from "../../../../net/capture/preload/memory_budget.ts";
import { ProgramRing } from "../../../../net/capture/preload/program_ring.ts";
import {
  GREETING,
  KIND,
  PAGE,
  REGION,
  RETIRED,
  RING,
  SLOT,
  UNSERVED_DATA,
} from "../../../../net/capture/record/layout.ts";
import { Region } from "../../../../net/capture/preload/region.ts";
import { libc } from "../../../../net/ffi/libc.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import {
  type Geometry,
  handOver,
  joinAgent,
  RegionWriter,
  sendToAgent,
  USUAL,
} from "../../../support/ring_writer.ts";
import { MemoryGroup, noMemoryGroups } from "../../../support/memory_group.ts";
import { notRoot, skipIf } from "../../../support/skip.ts";
import { until } from "../../../support/until.ts";

const F_ADD_SEALS = 1033, F_SEAL_FUTURE_WRITE = 16;
/** Of a program whose limits are small. */
const SMALL: Geometry = { ...USUAL, initialData: 64 << 10, initialSlots: 128 };
const text = (bytes: unknown) => new TextDecoder().decode(bytes as Uint8Array);
const payload = new TextEncoder().encode("some clear text");

interface Agent {
  directory: string;
  source: HookSource;
  log: CaptureLog;
  warnings: string[];
  running: Promise<void>;
}

/** Runs `body` with an agent of its own and takes everything away afterwards. */
async function withAgent(
  body: (agent: Agent) => Promise<void>,
  options: Partial<HookSourceSettings> = {},
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const log = new CaptureLog();
  const warnings: string[] = [];
  const timeBaseNs = BigInt(Date.now()) * 1_000_000n;
  const source = new HookSource({
    runtimeDir: `${directory}/run`,
    target: log,
    timeBaseNs,
    warn: (line) => warnings.push(line),
    ...options,
  });
  const running = source.run();
  try {
    await body({ directory: `${directory}/run`, source, log, warnings, running });
  } finally {
    await source.close();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a program's records arrive; more memory is granted; room is made", async () => {
  await withAgent(async ({ directory, source, log }) => {
    const { region, ring } = joinAgent(directory);
    assert(ring.write({ kind: KIND.data, payload }));
    await log.until(() => log.of("data").length === 1);
    const [, program, flow, direction, offset, bytes] = log.of("data")[0];
    assert.deepEqual([flow, direction, offset, text(bytes)], [1, 0, 0, "some clear text"]);
    const { id, pid, uid, ancestors } = program as CaptureProgram;
    assert.deepEqual([id, pid, uid, ancestors?.[0]], [1, Deno.pid, Deno.uid(), Deno.ppid]);
    assert.equal(ring.grantedData, 16 << 20);
    await source.close();
    assert.equal(ring.outstanding, 0);
    assert.deepEqual(log.end(1), { losses: [], stopped: undefined });
    assert.equal(source.counters.records, 1);
    region.close();
  });
});

Deno.test("an agent that is told to end takes in everybody who came, however many of one user", async () => {
  await withAgent(async ({ directory, source, log }) => {
    const regions = Array.from({ length: 40 }, () => {
      const { region, ring } = joinAgent(directory);
      assert(ring.write({ kind: KIND.data, payload }));
      return region;
    });
    await source.close();
    assert.equal(log.of("data").length, regions.length);
    assert.equal(source.counters.programs, regions.length);
    assert.deepEqual([...source.counters.refused], []);
    for (const region of regions) region.close();
  });
});

Deno.test("hooks of every user find the socket; an agent that goes takes it away", async () => {
  await withAgent(async ({ directory, source }) => {
    assert.equal((await Deno.stat(`${directory}/hook.sock`)).mode! & 0o777, 0o666);
    await source.close();
    await assert.rejects(Deno.stat(`${directory}/hook.sock`), Deno.errors.NotFound);
    assert.deepEqual([...Deno.readDirSync(directory)].map(({ name }) => name), ["agent.lock"]);
  });
});

Deno.test("a second agent is refused by name; what a dead one left is replaced", async () => {
  await withAgent(async ({ directory, source, log }) => {
    const options = { runtimeDir: directory, target: log, timeBaseNs: 0n };
    assert.throws(() => new HookSource(options), new RegExp(`agent with process id ${Deno.pid}`));
    await source.close();
    await Deno.writeTextFile(`${directory}/hook.sock`, "");
    const second = new HookSource(options);
    await second.close();
  });
});

Deno.test("options that cannot be are refused before anything is made", () => {
  const options = { runtimeDir: "/nonexistent/never", target: new CaptureLog(), timeBaseNs: 0n };
  assert.throws(
    () => new HookSource({ ...options, ringDataMax: 100 }),
    /ringDataMax is 100, must be a multiple/,
  );
  assert.throws(
    () => new HookSource({ ...options, runtimeDir: "/dev/null" }),
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
const set = (at: number, value: number): Change => (view) => view.setUint32(at, value, true);
const BAD_OFFERS: [
  string,
  RegExp,
  { seals?: number; greeting?: Change; page?: Change; bytes?: number; fds?: number; file?: boolean },
][] = [
  ["no seals", /not sealed/, { seals: 0 }],
  ["memory that can grow", /not sealed/, { seals: 1 | 2 }],
  ["memory that cannot be mapped", /Cannot map/, { seals: 2 | 4 | 16 }],
  ["a file", /no memory file|not sealed/, { file: true }],
  ["another greeting's magic", /wrong magic/, { greeting: set(GREETING.magic, 1) }],
  ["another greeting's version", /version 7/, { greeting: set(GREETING.abi, 7) }],
  ["another agent's", /another agent/, { greeting: set(GREETING.rendezvous, 1) }],
  ["another version", /version 7/, { page: set(REGION.abi, 7) }],
  ["no rings", /0 rings/, { page: set(REGION.ringCount, 0) }],
  ["17 rings", /17 rings/, { page: set(REGION.ringCount, 17) }],
  ["too few bytes", /bytes and not/, { page: set(REGION.ringCount, 9) }],
  ["overlapping rings", /bytes apart/, { page: set(REGION.ringStride, PAGE) }],
  ["many slots", /slots/, { page: set(REGION.slotCapacity, 0xffff_ffff) }],
  ["slots that are no whole pages", /slots/, { page: set(REGION.slotCapacity, 100) }],
  ["much data", /bytes of data/, { page: set(REGION.dataCapacity, 1 << 30) }],
  ["little data", /bytes of data/, { page: set(REGION.dataCapacity, PAGE) }],
  ["a short greeting", /greeting has 4 bytes/, { bytes: 4 }],
  ["a long greeting and many descriptors", /greeting has 25 bytes/, { bytes: 2000, fds: 5 }],
];

for (const [name, reason, { seals, greeting, page, bytes, fds = 1, file }] of BAD_OFFERS) {
  Deno.test(`a region is refused and the agent goes on: ${name}`, async () => {
    await withAgent(async ({ directory, source, warnings, log }) => {
      const region = new RegionWriter(USUAL, directory, seals);
      region.claim(0, Deno.pid);
      page?.(region.page);
      const offer = region.greeting();
      greeting?.(offer);
      const message = bytes === undefined ? offer : new DataView(new ArrayBuffer(bytes));
      const path = `${directory}/file`;
      await Deno.writeFile(path, new Uint8Array(4096));
      const other = libc().open(new TextEncoder().encode(`${path}\0`), 2, 0);
      const offered = new Array(fds).fill(file ? other : region.fd);
      libc().close(sendToAgent(`${directory}/hook.sock`, message, offered));
      libc().close(other);
      // A program that sends no descriptor at all is nothing to tell about.
      libc().close(sendToAgent(`${directory}/hook.sock`, offer, []));
      const good = joinAgent(directory);
      good.ring.write({ kind: KIND.data, payload });
      await log.until(() => log.of("data").length === 1);
      assert.deepEqual([...source.counters.refused], [["bad-region", 1]]);
      assert.match(warnings[0], reason);
      assert.equal(source.regions, 1);
      await source.close();
      // What the agent was sent is closed again: two memory files are open here.
      assert.equal(openFiles().filter((name) => name.startsWith("/memfd:")).length, 2);
      good.region.close();
      region.close();
    });
  });
}

Deno.test("what is offered is not opened unless it is memory: that may wait, or do what the sender may not", async () => {
  await withAgent(async ({ directory, source }) => {
    const folder = `${directory}/files`;
    await Deno.mkdir(folder);
    await Deno.writeFile(`${folder}/device`, new Uint8Array(4096));
    const seen: string[] = [];
    const watcher = Deno.watchFs(folder);
    const watching = (async () => {
      for await (const { kind, paths } of watcher) {
        if (paths[0].endsWith("/end")) return;
        seen.push(kind);
      }
    })();
    const O_PATH = 0o10000000;
    const other = libc().open(new TextEncoder().encode(`${folder}/device\0`), O_PATH, 0);
    const region = new RegionWriter(USUAL, directory);
    libc().close(sendToAgent(`${directory}/hook.sock`, region.greeting(), [other]));
    await until("it to be refused", () => source.counters.refused.get("bad-region") === 1);
    await Deno.writeFile(`${folder}/end`, new Uint8Array(1));
    await watching;
    watcher.close();
    assert.deepEqual(seen, []);
    libc().close(other);
    region.close();
  });
});

Deno.test("a program that never uses TLS keeps its memory untouched, and is nothing to tell about when it ends", async () => {
  await withAgent(async ({ directory, source, log }) => {
    const region = new RegionWriter(USUAL, directory);
    handOver(region, directory);
    await until("the region to come", () => source.regions === 1);
    const ticks = log.of("tick").length;
    await log.until(() => log.of("tick").length > ticks + 4);
    assert.equal(blocksOf(region.fd), 0);
    assert.equal(log.of("programStart").length, 0);
    // Its first TLS call may come at any time.
    region.claim(0, Deno.pid).write({ kind: KIND.data, payload });
    await log.until(() => log.of("data").length === 1);
    region.close();
  });
});

Deno.test("a killed program: what it finished arrives, the rest is counted, its memory comes back", async () => {
  await withAgent(async ({ directory, source, log }) => {
    const program = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        new URL("../../../support/ring_program.ts", import.meta.url).pathname,
        "broken",
        directory,
      ],
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
    assert.equal(source.usedMemory, 0);
    await log.until(() => source.regions === 0);
  });
});

Deno.test("a record that is never finished costs the flows of its ring, not the program", async () => {
  await withAgent(async ({ directory, source, log }) => {
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
    assert.equal(source.usedMemory, 0);
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
  await withAgent(async ({ directory, log, source, warnings }) => {
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
    assert.equal(source.counters.retired, 1);
    assert(!child.retired);
    first.region.close();
  });
});

Deno.test(
  "a child that claims a ring is a program of its own; a lie about who it is does not help",
  skipIf(notRoot("a program of another user")),
  async () => {
    await withAgent(async ({ directory, log }) => {
      const { region, ring } = joinAgent(directory);
      ring.write({ kind: KIND.data, payload });
      await log.until(() => log.of("data").length === 1);
      const other = new Deno.Command("sleep", { args: ["infinity"], uid: 12345, cwd: "/" }).spawn();
      region.claim(1, other.pid).write({ kind: KIND.data, flow: 3, payload });
      region.claim(2, 0x3fff_ffff).write({ kind: KIND.data, flow: 4, payload });
      await log.until(() => log.of("data").length === 3);
      const starts = log.of("programStart").map((call) =>
        call[1] as { id: number; pid: number; uid: number }
      );
      const self = { pid: Deno.pid, uid: Deno.uid() };
      assert.deepEqual(
        starts.map(({ id, pid, uid }) => [id, pid, uid]),
        [1, 2, 3].map((id) => [id, self.pid, self.uid]),
      );
      region.close();
      other.kill("SIGKILL");
      await other.status;
    });
  },
);

const blocksOf = (fd: number) => Deno.statSync(`/proc/self/fd/${fd}`).blocks!;

Deno.test("an agent that goes leaves little memory behind, and lets little be taken", async () => {
  await withAgent(async ({ directory, source, log }) => {
    const { region, ring } = joinAgent(directory);
    const child = region.claim(1, Deno.pid);
    const block = new Uint8Array(64 << 10);
    for (let i = 0; i < 100; i++) ring.write({ kind: KIND.data, payload: block });
    for (let i = 0; i < 10; i++) child.write({ kind: KIND.data, payload: block });
    await log.until(() => log.of("data").length === 110);
    await source.close();
    assert(!ring.retired, "it is for the next agent");
    assert.deepEqual([ring.grantedData, child.grantedData], [UNSERVED_DATA, UNSERVED_DATA]);
    assert(blocksOf(region.fd) * 512 <= 8 * PAGE, `${blocksOf(region.fd)} blocks are left`);
    for (let i = 0; i < 100; i++) ring.write({ kind: KIND.data, payload: block });
    assert(blocksOf(region.fd) * 512 <= UNSERVED_DATA + 10 * PAGE);
    region.close();
  });
});

Deno.test("a program that finds no room keeps no memory either", async () => {
  await withAgent(async ({ directory, source }) => {
    const joined: ReturnType<typeof joinAgent>[] = [];
    await until("a program that finds no room", () => {
      if (source.counters.refused.has("memory")) return true;
      joined.push(joinAgent(directory));
      joined.at(-1)!.ring.write({ kind: KIND.data, payload: new Uint8Array(32 << 10) });
    });
    const refused = joined.find(({ ring }) => ring.retired)!;
    assert(blocksOf(refused.region.fd) * 512 <= 8 * PAGE);
    for (const { region } of joined) region.close();
  }, { totalMemory: 1 << 20 });
});

Deno.test("beyond the total, programs go unmirrored and are counted", async () => {
  await withAgent(async ({ directory, log, source, warnings }) => {
    const joined = [joinAgent(directory)];
    joined[0].ring.write({ kind: KIND.data, payload });
    await log.until(() => log.of("data").length === 1);
    for (let i = 1; i < 16; i++) joined.push(joinAgent(directory));
    const answered = () => source.counters.programs + (source.counters.refused.get("memory") ?? 0);
    await until("16 programs to be taken or refused", () => answered() === 16, 1);
    assert(source.usedMemory <= 128 << 10);
    assert.equal(source.counters.refused.get("memory"), 16 - source.counters.programs);
    assert.match(warnings[0], /the rings have all the memory they may have/);
    assert(joined[15].ring.retired);
    for (const { region } of joined) region.close();
  }, { totalMemory: 128 << 10 });
});

Deno.test("a refused program that has ended is let go of", async () => {
  await withAgent(async ({ directory, source }) => {
    const path = new URL("../../../support/ring_program.ts", import.meta.url).pathname;
    const args = ["run", "-A", path, "broken", directory];
    const program = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
    await until("the program to be refused", () => source.counters.refused.has("memory"));
    program.kill("SIGKILL");
    await program.status;
    await program.stdout.cancel();
    await until("its region to be closed", () => source.regions === 0);
  }, { totalMemory: 8 << 10 });
});

Deno.test("a ring under pressure is granted more, up to the most", async () => {
  await withAgent(async ({ directory, log }) => {
    const { region, ring } = joinAgent(directory, SMALL);
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
  await withAgent(async ({ directory, source, running }) => {
    joined.push(joinAgent(directory), joinAgent(directory));
    for (const { ring } of joined) fill(ring);
    const has = (program: number, count: number) => (records.get(program) ?? 0) >= count;
    await until("2000 records of two rings", () => has(1, 2000) && has(2, 2000));
    joined.push(joinAgent(directory));
    joined[2].ring.write({ kind: KIND.data, payload: block });
    await until("a record of the third ring", () => has(3, 1));
    const [first, second] = [records.get(1)!, records.get(2)!];
    assert(Math.min(first, second) > Math.max(first, second) / 3, `${first} and ${second} records`);
    // Closing ends although the rings are never empty.
    await source.close();
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

Deno.test("what comes after a rest is found, again and again, with nobody to wake the agent", async () => {
  await withAgent(async ({ directory, log }) => {
    const { region, ring } = joinAgent(directory);
    await log.until(() => log.of("tick").length >= 2);
    for (let i = 0; i < 5; i++) {
      ring.write({ kind: KIND.data, payload });
      await log.until(() => log.of("data").length === i + 1);
      await log.until(() => log.of("tick").length >= 3 + i);
    }
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

/** A ring that is taken as the agent does, without one. */
function takeAlone(geometry: Geometry, budget: MemoryBudget, pid = Deno.pid) {
  const writer = new RegionWriter(geometry, "/nowhere");
  const ring = writer.claim(0, pid);
  const region = Region.of(writer.fd)!;
  region.map();
  const taken = ProgramRing.take({
    program: { id: 1, pid, uid: 0, comm: "" },
    process: { pid, pidfd: -1, dead: false },
    region,
    index: 0,
    dataMax: 64 << 20,
    budget,
    timeBaseNs: 0n,
    nowMs: 0,
    baseline: undefined,
  })!;
  const log = new CaptureLog();
  const read = () => {
    let all = 0;
    const turn = () =>
      taken.reader.read(log, taken.program, { records: 1e4, bytes: 1e9 }, { nowNs: 0, floorNs: 0 });
    for (let records = turn(); records > 0 || taken.widen(); records = turn()) all += records;
    return all;
  };
  const close = async () => {
    taken.release();
    await region.close();
    writer.close();
  };
  return { writer, ring, region, taken, log, read, close };
}

/** Fills a ring with records that carry their number; answers how many. */
function fill(ring: { write(record: object): boolean }): number {
  let records = 0;
  while (ring.write({ kind: KIND.data, payload: new Uint8Array(8192).fill(records + 1) })) records++;
  return records;
}

Deno.test("a ring gives back what it used within seconds, and is granted what it was before", async () => {
  const budget = new MemoryBudget(512 << 20);
  const { writer, ring, taken, log, read, close } = takeAlone(USUAL, budget);
  for (const round of [1, 2, 3]) {
    const records = fill(ring);
    assert(records * 8192 >= (round === 1 ? 15 : 15) << 20);
    taken.relieve();
    assert.equal(read(), records);
    assert.equal((log.of("data").at(-1)![5] as Uint8Array)[0], records & 0xff);
    taken.relieve();
    assert(budget.usedBytes >= records * 8192);
    taken.activeMs = round * 10_000;
    taken.rest(round * 10_000 + 1000);
    assert(budget.usedBytes >= records * 8192, "it may go on in a moment");
    taken.rest(round * 10_000 + 2000);
    assert(budget.usedBytes <= 64 << 10, `${budget.usedBytes} bytes`);
    assert(blocksOf(writer.fd) * 512 <= 64 << 10, `${blocksOf(writer.fd)} blocks`);
    assert.equal(ring.grantedData, 16 << 20);
    log.calls.length = 0;
  }
  assert.equal(taken.reader.retired, undefined);
  await close();
  assert.equal(budget.usedBytes, 0);
});

Deno.test("a program that seals its memory is served no more, and counted", async () => {
  await withAgent(async ({ directory, source, log, warnings }) => {
    const { region, ring } = joinAgent(directory);
    for (let i = 0; i < 64; i++) ring.write({ kind: KIND.data, payload: new Uint8Array(8192) });
    await log.until(() => log.of("data").length === 64);
    assert.equal(libc().fcntl(region.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
    await until("its ring to be given up", () => source.counters.retired === 1);
    assert.match(warnings[0], /sealed against being given back/);
    region.claim(1, Deno.pid).write({ kind: KIND.data, flow: 3, payload });
    await until("its next ring to be refused", () => source.counters.refused.get("sealed-memory") === 1);
    assert(source.usedMemory >= 512 << 10);
    region.close();
  });
});

Deno.test("a ring whose memory was sealed against being given back is read no more, and stays its user's cost", async () => {
  for (const how of ["at rest", "when its process is gone"]) {
    const budget = new MemoryBudget(512 << 20);
    const { writer, ring, taken, read, close } = takeAlone(USUAL, budget);
    fill(ring);
    read();
    taken.relieve();
    const used = budget.usedBytes;
    assert(used > 15 << 20);
    assert.equal(libc().fcntl(writer.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
    if (how === "at rest") taken.rest(taken.activeMs + 2000);
    else taken.recycle();
    assert.match(taken.reader.retired ?? "", /sealed against being given back/);
    taken.release();
    assert.equal(budget.usedBytes, used);
    await close();
    assert.equal(budget.usedBytes, 0);
  }
});

Deno.test("rings at rest take nothing from others; what is in use does, and then nobody goes on to new memory", async () => {
  const budget = new MemoryBudget(64 << 20);
  const resting = Array.from({ length: 6 }, () => takeAlone(USUAL, budget));
  for (const { ring, taken, read } of resting) {
    fill(ring);
    read();
    taken.relieve();
    taken.rest(taken.activeMs + 2000);
  }
  const seventh = takeAlone(USUAL, budget);
  assert.equal(seventh.ring.grantedData, 16 << 20);
  fill(seventh.ring);
  seventh.taken.relieve();
  assert(seventh.ring.grantedData > 60 << 20, "it fills up, and there is plenty");
  budget.change(0, 0, 40 << 20);
  seventh.taken.relieve();
  assert.equal(seventh.ring.grantedData, 256 << 10);
  for (const { close } of [...resting, seventh]) await close();
});

Deno.test("a ring is looked at so often that it is never fuller than an eighth, and seldom again by and by", async () => {
  const { ring, taken, read, close } = takeAlone(USUAL, new MemoryBudget(512 << 20));
  taken.gauge(40);
  assert.equal(taken.periodMs, Infinity);
  const share = ring.grantedData / (8 << 10);
  for (let records = 0; records < share / 4; records++) {
    ring.write({ kind: KIND.data, payload: new Uint8Array(8 << 10) });
  }
  taken.gauge(40);
  assert.equal(Math.round(taken.periodMs), 20, "a quarter in 40 ms");
  assert(taken.isFilling);
  read();
  assert(!taken.isFilling);
  const periods = Array.from({ length: 10 }, () => {
    taken.gauge(20);
    return taken.periodMs;
  });
  assert(periods[0] < 30 && periods[9] > 100, `${periods}`);
  await close();
});

Deno.test("a small ring grows once it is seen", async () => {
  const budget = new MemoryBudget(512 << 20);
  const { ring, close } = takeAlone({ ...USUAL, initialData: 64 << 10, initialSlots: 128 }, budget);
  await until("a larger grant", () => ring.grantedData === 16 << 20);
  await close();
});

Deno.test({
  name: "a bulk transfer in a memory group with a limit is granted memory that is there",
  ...skipIf(noMemoryGroups()),
  fn: async () => {
    using group = MemoryGroup.make(24 << 20);
    const sleeper = new Deno.Command("sh", { args: ["-c", `${group.enter}; exec sleep infinity`] }).spawn();
    const membership = () => Deno.readTextFileSync(`/proc/${sleeper.pid}/cgroup`);
    await until("the program to be in the group", () => membership().includes("sslcollector-test"), 1);
    const geometry = {
      ...USUAL,
      ringCount: 1,
      slotCapacity: 16_384,
      dataCapacity: 8 << 20,
      initialData: 1 << 20,
    };
    const alone = takeAlone(geometry, new MemoryBudget(64 << 20), sleeper.pid);
    try {
      fill(alone.ring);
      await until("a grant of 7 MiB", () => {
        alone.taken.relieve();
        return alone.ring.grantedData >= 7 << 20;
      }, 1);
      assert(blocksOf(alone.writer.fd) * 512 >= 7 << 20, `${blocksOf(alone.writer.fd)} blocks`);
      alone.read();
      await until("a grant of 4 MiB", () => {
        alone.taken.rest(alone.taken.activeMs + 2000);
        return alone.ring.grantedData === 4 << 20;
      }, 1);
      assert(blocksOf(alone.writer.fd) * 512 <= 5 << 20, `${blocksOf(alone.writer.fd)} blocks`);
    } finally {
      sleeper.kill("SIGKILL");
      await sleeper.status;
      await alone.close();
    }
  },
});
