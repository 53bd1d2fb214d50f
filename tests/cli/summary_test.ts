// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NO_REMARKS } from "../../cli/remarks.ts";
import { jsonSummary, textSummary } from "../../cli/summary.ts";
import type { MirrorBooks } from "../../net/agent/books.ts";
import { Counters } from "../../net/mirror/counters.ts";
import type { Sink } from "../../net/sinks/sink.ts";

function counters(fill: (counters: Counters) => void): Counters {
  const made = new Counters();
  fill(made);
  return made;
}

const sink = (name: string, written: number, dropped: [string, number][], kept = 0): Sink => ({
  name,
  mtu: 1500,
  counters: {
    packets: written + kept + dropped.reduce((sum, [, count]) => sum + count, 0),
    written,
    writtenBytes: written * 100,
    kept,
    dropped: new Map(dropped),
  },
  write() {},
  flush: () => Promise.resolve(),
  close: () => Promise.resolve(),
});

/** One program that lost some, one with a name that plays tricks, one that did nothing. */
const BOOKS: MirrorBooks = {
  programs: [
    {
      ended: true,
      program: { id: 1, pid: 100, uid: 0, comm: "curl" },
      counters: counters((it) => {
        it.flows = 1;
        it.packets = 12;
        it.captured[0] = 80;
        it.captured[1] = 2000;
        it.decoded[0] = 80;
        it.decoded[1] = 2000;
        it.lose("ring-full", 1, 3 << 20);
        it.written[0] = 80;
        it.written[1] = 2000;
        it.forged[0] = 80;
        it.forged[1] = 1990;
        it.leaveUnforged("lane-closed", 1, 10);
        it.count("gap-skipped");
      }),
    },
    {
      ended: false,
      program: { id: 2, pid: 101, uid: 33, comm: "a\x1b[2J\nb" },
      counters: counters((it) => it.count("codec-failed", 2)),
    },
    { ended: true, program: { id: 3, pid: 102, uid: 0, comm: "idle" }, counters: new Counters() },
  ],
  sinks: [sink("out.pcapng", 12, []), sink("veth0", 10, [["interface-busy", 2]]), sink("hub", 3, [], 9)],
  refused: new Map([["memory", 1], ["bad-region", 2]]),
};
const REMARKS = {
  lines: ["true was not mirrored"],
  counts: new Map([["mbedtls", 2], ["memory", 1]] as const),
};

Deno.test("summary: a line a program, totals, sinks, refusals, remarks", () => {
  assert.deepEqual(textSummary(BOOKS, REMARKS), [
    "curl[100]: 1 flow, 3.0 MiB captured, 2.0 KiB forged, 12 packets; " +
    "dropped: 3.0 MiB ring-full, 10 B lane-closed; events: 1 gap-skipped",
    "a_[2J_b[101]: 0 flows, 0 B captured, 0 B forged, 0 packets; events: 2 codec-failed",
    "total: 1 flow, 3.0 MiB captured, 2.0 KiB forged, 12 packets; " +
    "dropped: 3.0 MiB ring-full, 10 B lane-closed; events: 1 gap-skipped, 2 codec-failed",
    "out.pcapng: 12 packets, 1.2 KiB",
    "veth0: 10 packets, 1000 B, 2 dropped: interface-busy",
    "hub: 3 packets, 300 B, 9 kept for the next run",
    "1 program not mirrored: the rings had all the memory that they may have (--memory)",
    "2 programs not mirrored: what it handed over is no region that this agent reads",
    "true was not mirrored",
  ]);
});

Deno.test("summary: what both ends told is no loss, and an address that was not confirmed in time no news", () => {
  const twice = counters((it) => {
    it.flows = it.claimed = 1;
    it.lose("other-end-mirrored", 0, 1024);
    it.count("flow-other-end-mirrored");
  });
  const [line] = textSummary({ ...BOOKS, programs: [{ ...BOOKS.programs[0], counters: twice }] }, NO_REMARKS);
  assert.match(line, /^curl\[100\]: 1 flow, .* packets; mirrored once: 1\.0 KiB told by the other end$/);
});

Deno.test("summary: JSON has every count, by direction, and what does not add up", () => {
  const summary = JSON.parse(JSON.stringify(jsonSummary(BOOKS, REMARKS)));
  assert.deepEqual(summary.total, {
    flows: 1,
    claimed: 0,
    captured: { toServer: 80, toClient: 2000 + (3 << 20) },
    decoded: { toServer: 80, toClient: 2000 },
    lost: { "ring-full": { toServer: 0, toClient: 3 << 20 } },
    written: { toServer: 80, toClient: 2000 },
    forged: { toServer: 80, toClient: 1990 },
    unforged: { "lane-closed": { toServer: 0, toClient: 10 } },
    events: { "gap-skipped": 1, "codec-failed": 2 },
    packets: 12,
    imbalance: 0,
  });
  assert.deepEqual(
    summary.programs.map(({ program, pid, uid }: Record<string, unknown>) => [program, pid, uid]),
    [
      ["curl", 100, 0],
      ["a\x1b[2J\nb", 101, 33],
      ["idle", 102, 0],
    ],
  );
  assert.deepEqual(summary.sinks[1], {
    name: "veth0",
    packets: 12,
    written: 10,
    writtenBytes: 1000,
    kept: 0,
    dropped: { "interface-busy": 2 },
  });
  assert.deepEqual(summary.programEvents, { memory: 2, "bad-region": 2, mbedtls: 2 });
  assert.deepEqual(summary.remarks, ["true was not mirrored"]);
});

Deno.test("summary: an imbalance shows", () => {
  const programs = [{ ...BOOKS.programs[0], counters: counters((it) => it.captured[0] = 5) }];
  assert.equal(
    (jsonSummary({ ...BOOKS, programs }, NO_REMARKS) as { total: { imbalance: number } }).total.imbalance,
    5,
  );
});
