// SPDX-License-Identifier: MIT
/** Flows out of records of the probes that are made up. */
import assert from "node:assert/strict";
import type { CaptureOpen, CaptureProgram } from "../../../../net/capture/target.ts";
import { ProbeFlows } from "../../../../net/capture/uprobes/flows.ts";
import { FLAG, HEAD, KIND, OPEN, PROGRAM, readOpener } from "../../../../net/capture/uprobes/layout.ts";
import { CaptureLog } from "../../../support/capture_log.ts";

const STARTED_NS = 7n;

/** The beginning of a session of this process, of which so much had passed. */
function openRecord(flow: number, sent: number, received: number, flags = 0): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(OPEN.size));
  view.setUint16(HEAD.kind, KIND.open, true);
  view.setUint8(HEAD.flags, flags);
  view.setBigUint64(HEAD.flow, BigInt(flow), true);
  view.setBigUint64(HEAD.offset, BigInt(sent), true);
  view.setBigUint64(OPEN.received, BigInt(received), true);
  view.setBigUint64(OPEN.program + PROGRAM.startedNs, STARTED_NS, true);
  view.setUint32(OPEN.program + PROGRAM.pid, Deno.pid, true);
  return view;
}

Deno.test("probes: a session whose beginning found room late is told from there, and what was lost before is its program's", () => {
  const log = new CaptureLog();
  const flows = new ProbeFlows({
    target: log,
    nextProgram: () => 1,
    timeOf: (timeNs) => timeNs,
    serverNameOf: () => undefined,
    answerTo: () => undefined,
  });
  for (const view of [openRecord(1, 300, 20), openRecord(2, 0, 0), openRecord(3, 5000, 0, FLAG.inherited)]) {
    flows.take(view, new Uint8Array(view.buffer), 0);
  }
  assert.deepEqual(log.of("open").map((call) => (call[3] as CaptureOpen).offsets), [[300, 20], [0, 0], [
    5000,
    0,
  ]]);
  const program = readOpener(openRecord(4, 0, 0), OPEN.program);
  flows.lose({ program, reason: "ring-full", amounts: [300, 20] }, 0);
  assert.equal(flows.counters.missing, 320);
  assert.deepEqual(
    log.of("gap").map(([, program, flow, gap]) => [(program as CaptureProgram).id, flow, gap]),
    [[1, 0, { direction: 0, offset: 0, length: 300, reason: "ring-full" }], [1, 0, {
      direction: 1,
      offset: 0,
      length: 20,
      reason: "ring-full",
    }]],
  );
  flows.close(0);
  assert.equal(log.of("programEnd").length, 1);
});
