// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { statusLines } from "../../cli/status_text.ts";
import type { AgentReport, CollectorReport, ProgramReport } from "../../net/status/report.ts";

const NOW_MS = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const both = (toServer: number, toClient: number) => ({ toServer, toClient });

const AGENT: AgentReport = {
  role: "agent",
  version: "0.1.0",
  pid: 812,
  startedMs: NOW_MS - 51 * HOUR_MS,
  nowMs: NOW_MS,
  place: "/run/sslcollector/status",
  health: { state: "degraded", reasons: ["ids2:3005 is not connected: \x1b[31mno"] },
  certificate: { name: "web1", validToMs: NOW_MS + 90 * 24 * HOUR_MS },
  programs: { mirrored: 14, soFar: 20, refused: { memory: 2 } },
  flows: { open: 382, soFar: 91_204, claimed: 3 },
  captured: both(1 << 30, 3 * 2 ** 30),
  forged: both(1 << 30, 3 * 2 ** 30 - 2_000_000),
  packets: 8_211_004,
  lost: { "ring-full": { amount: 2_000_000, lastMs: NOW_MS - 2 * HOUR_MS }, never: { amount: 0 } },
  unforged: {},
  events: { "flow-not-on-interface": 1020, lanes: 4 },
  rates: { overMs: 10_000, bytes: 41 * 2 ** 20, packets: 1234.5 },
  rings: { count: 14, usedBytes: 96 << 20, maxBytes: 512 << 20 },
  sinks: [
    {
      name: "mirror0",
      state: "down",
      packets: 8_211_004,
      written: 8_210_992,
      writtenBytes: 1,
      dropped: { "link-down": { amount: 12, lastMs: NOW_MS } },
    },
    {
      name: "ids2:3005",
      state: "working",
      packets: 8_211_004,
      written: 8_209_800,
      writtenBytes: 1,
      dropped: {},
      remote: {
        isConnected: false,
        forMs: 42_000,
        trouble: "ECONN\nREFUSED",
        waitingPackets: 1204,
        waitingMs: 18,
        queuedBytes: 1_153_434,
        queueMaxBytes: 64 << 20,
        spooledBytes: 210 << 20,
        spoolMaxBytes: 1 << 30,
      },
    },
  ],
};

Deno.test("status of an agent: what is wrong, totals, losses, sinks", () => {
  assert.deepEqual(statusLines(AGENT), [
    "agent  pid 812, up 2 d 3 h, 0.1.0, /run/sslcollector/status  degraded",
    "  ! ids2:3005 is not connected: _[31mno",
    "programs    14 mirrored, 20 so far, 2 not",
    "  2 not mirrored: the rings had all the memory that they may have (--memory)",
    "flows       382 open, 91,204 so far, 3 over before the kernel was asked, 1,020 not on the interface",
    "captured    4.0 GiB  (last 10 s: 41 MiB/s, 1,235 packets/s)",
    "forged      4.0 GiB, 8,211,004 packets",
    "lost        0.05 %: 1.9 MiB ring-full (last 2 h ago)",
    "rings       96 MiB of 512 MiB, 14 open",
    "sink        mirror0  DOWN, 8,211,004 packets, dropped: 12 link-down (last 0 ms ago)",
    "sink        ids2:3005  DOWN 42 s: ECONN_REFUSED, 1,204 packets (18 ms) behind, queue 1.1 MiB of 64 MiB, " +
    "spool 210 MiB of 1.0 GiB, 0 dropped",
    "certificate web1, 90 days left",
  ]);
});

const PROGRAM: ProgramReport = {
  ...{ pid: 40, uid: 33, comm: "nginx", container: "0f1e", containerName: "web", podName: "shop/front-1" },
  ...{ flows: 1200, claimed: 0, captured: 3 << 20, dropped: {} },
};

Deno.test("status of an agent: programs that passed the most, where they are, and where the others are told", () => {
  const { flows, claimed, dropped } = PROGRAM;
  const programs: ProgramReport[] = [
    { pid: 7, uid: 0, comm: "cu\trl", source: "probes", captured: 2 << 20, flows, claimed, dropped },
    PROGRAM,
    ...Array.from({ length: 16 }, (_, at) => ({ ...PROGRAM, pid: 100 + at, flows: 1, captured: 9 })),
  ];
  const lines = statusLines(AGENT, programs);
  const first = lines.findIndex((line) => line.includes("nginx[40]"));
  assert.deepEqual(lines.slice(first, first + 3), [
    "  nginx[40]   shop/front-1/web  1,200 flows  3.0 MiB",
    "  cu_rl[7]    -                 1,200 flows  2.0 MiB  by kernel probes",
    "  nginx[100]  shop/front-1/web  1 flow       9 B",
  ]);
  assert.deepEqual(lines.slice(first + 16, first + 18), [
    "  and 2 that passed less",
    "  others with TLS, and why they are not mirrored: sslcollector ps",
  ]);
});

Deno.test("status of an agent: what both ends of a session told is neither lost nor left out", () => {
  const lost = {
    "other-end-mirrored": { amount: 2048, lastMs: NOW_MS - 3000 },
    skipped: { amount: 1 << 30, lastMs: NOW_MS - 3000 },
  };
  const lines = statusLines({ ...AGENT, lost, events: { "address-denied": 1, "hello-gone": 7 } });
  assert.deepEqual(lines.filter((line) => /^(flows|lost|left out|told) /.test(line)), [
    "flows       382 open, 91,204 so far, 2 over before the kernel was asked, 1 address-denied, " +
    "7 without a name: too many handshakes at once",
    "lost        nothing",
    "left out    25.00 %: 1.0 GiB skipped (last 3 s ago)",
    "told twice  2.0 KiB told by the other end (last 3 s ago); mirrored once",
  ]);
});

Deno.test("status of a collector: a line for each agent", () => {
  const agent = { address: "10.0.0.11", bytes: 0, duplicates: 0, elsewhere: 0, dropped: {}, lagMs: 0 };
  const report: CollectorReport = {
    role: "collector",
    version: "0.1.0",
    pid: 40,
    startedMs: NOW_MS - 9 * 24 * HOUR_MS,
    nowMs: NOW_MS,
    place: "[::]:3005",
    health: { state: "healthy", reasons: [] },
    sinks: [],
    agents: [
      {
        ...agent,
        name: "web1",
        connections: 1,
        forMs: 3 * HOUR_MS,
        packets: 8_211_004,
        lost: {},
        lagPackets: 1204,
        lagMs: 18,
        queuedBytes: 1 << 20,
        spooledBytes: 0,
        application: "sslcollector 0.2.0\x1b",
      },
      {
        ...agent,
        name: "we\tb2",
        connections: 0,
        forMs: 14_000,
        packets: 77_120,
        lost: { "queue-full": { amount: 412 } },
        dropped: { "agent-share": { amount: 1000 } },
        elsewhere: 40,
        lagPackets: 0,
      },
    ],
    refused: [
      {
        name: "web3",
        address: "10.0.0.13:40000",
        reason: 'certificate "web3" is revoked',
        times: 1204,
        lastMs: NOW_MS - 3000,
      },
    ],
  };
  assert.deepEqual(statusLines(report), [
    "collector  pid 40, up 9 d, 0.1.0, [::]:3005  healthy",
    "AGENT  ADDRESS    SINCE      PACKETS    BYTES  LAG            LOST THERE      QUEUE    SPOOL  VERSION",
    "web1   10.0.0.11  3 h        8,211,004  0 B    1,204 (18 ms)  0               1.0 MiB  0 B    0.2.0_",
    "we_b2  10.0.0.11  away 14 s  77,120     0 B    0              412 queue-full  –        –      ?",
    "  we_b2: 40 packets are with another collector",
    "  we_b2: 1,000 packets in no file: agent-share",
    'refused     web3 (10.0.0.13:40000), 1,204 times, last 3 s ago: certificate "web3" is revoked',
  ]);
  assert.equal(statusLines({ ...report, agents: [], refused: [] }).at(-1), "agents      none so far");
});
