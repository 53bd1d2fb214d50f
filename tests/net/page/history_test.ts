// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { History } from "../../../net/page/history.ts";
import type { AgentReport } from "../../../net/status/report.ts";

Deno.test("history: what was left out, or told by both ends, is not among the lost", () => {
  const report = {
    role: "agent",
    nowMs: 1000,
    captured: { toServer: 50, toClient: 50 },
    packets: 1,
    lost: { "other-end-mirrored": { amount: 40 }, skipped: { amount: 20 }, "ring-full": { amount: 3 } },
    unforged: { "lane-closed": { amount: 4 } },
  } as unknown as AgentReport;
  assert.deepEqual(new History().upTo(report), [{ timeMs: 1000, bytes: 100, packets: 1, lost: 7 }]);
});
