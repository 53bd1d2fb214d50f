// SPDX-License-Identifier: MIT
/** How many sessions there were, and of how many something is not known or not shown, for people. @module */
import type { AgentReport } from "./report.ts";

/** One line: open, so far, and what events tell of them. `count` writes a number. */
export function flowsText(
  { flows, events }: Pick<AgentReport, "flows" | "events">,
  count: (amount: number) => string,
): string {
  const denied = events["address-denied"] ?? 0;
  const parts: readonly (readonly [amount: number, what: string])[] = [
    [Math.max(0, flows.claimed - denied), "over before the kernel was asked"],
    [denied, "address-denied"],
    [events["flow-not-on-interface"] ?? 0, "not on the interface"],
    [events["hello-gone"] ?? 0, "without a name: too many handshakes at once"],
  ];
  const told = parts.filter(([amount]) => amount > 0).map(([amount, what]) => `, ${count(amount)} ${what}`);
  return `${count(flows.open)} open, ${count(flows.soFar)} so far${told.join("")}`;
}
