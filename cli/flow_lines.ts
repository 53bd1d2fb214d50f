// SPDX-License-Identifier: MIT
/** Lines for people as flows open and close, and while an agent that ends waits. @module */
import { type AgentObserver, flowLine } from "../net/agent/observer.ts";
import { printableLine } from "../net/wire/printable.ts";
import { log, tell } from "./log.ts";
import { formatBytes } from "./format.ts";

/** With `flowLines` a line for each flow as it opens and closes; what goes wrong is in the log. */
export function printingObserver(flowLines: boolean): AgentObserver {
  return {
    ...flowLines ? FLOW_LINES : {},
    collectorAwaited: (collector, packets, longestMs) =>
      log.info(
        `${collector}: ${packets} packets wait for the collector, as long as it takes some every 5 s, for ${
          Math.round(longestMs / 1000)
        } s more at most; Ctrl-C or SIGTERM now ends this at once`,
      ),
  };
}

const FLOW_LINES: AgentObserver = {
  flowOpened: (flow) => tell(`+ ${flowLine(flow)}`),
  flowClosed(flow, end) {
    if (!flow.attribution || flow.state === "dropped") return;
    const [toServer, toClient] = flow.counters.captured;
    tell(
      `- ${flowLine(flow)} ${end}, ${formatBytes(toServer)} to server, ${formatBytes(toClient)} to client`,
    );
  },
  laneOpened: (_flow, description) => tell(`/ ${printableLine(description)}`),
};
