// SPDX-License-Identifier: MIT
/** Lines for people as flows open and close. @module */
import type { Flow } from "../mirror/flow.ts";
import { formatFlowKey } from "../wire/flow_key.ts";
import { printable, printableLine } from "../wire/printable.ts";
import { tlsName } from "../mirror/flow_comment.ts";
import type { PipelineObserver } from "../mirror/pipeline.ts";
import { log, printError } from "../../cli/log.ts";
import { formatBytes } from "../../cli/summary.ts";

/** Logs what went wrong; with `flowLines` also a line for each flow as it opens and closes. */
export function makeObserver(flowLines: boolean): PipelineObserver {
  return {
    flowOpened(flow) {
      if (flowLines) printError(`+ ${describe(flow)}`);
    },
    flowClosed(flow, end) {
      if (!flowLines || !flow.attribution || flow.state === "dropped") return;
      const [toServer, toClient] = flow.counters.captured;
      printError(
        `- ${describe(flow)} ${end}, ${formatBytes(toServer)} to server, ${formatBytes(toClient)} to client`,
      );
    },
    laneOpened(_flow, description) {
      const line = printableLine(description);
      if (flowLines) printError(`/ ${line}`);
      else log.debug(`lane: ${line}`);
    },
    codecFailed(flow, codec, error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(`codec ${codec} failed on flow ${describe(flow)}, which goes on as raw: ${printable(reason)}`);
    },
    programEnded(program, end) {
      if (end.retired !== undefined) {
        log.warn(`${printable(program.comm)}[${program.pid}] is no longer mirrored: ${end.retired}`);
      }
    },
  };
}

function describe(flow: Flow): string {
  const { info, attribution } = flow;
  const key = attribution ? formatFlowKey(attribution.key).replace(">", " > ") : "unknown addresses";
  const tls = info.tlsVersion ? ` TLS ${tlsName(info.tlsVersion)}` : "";
  const alpn = info.alpn ? ` ${printable(info.alpn)}` : "";
  const sni = info.sni ? ` ${printable(info.sni)}` : "";
  return `${printable(info.comm)}[${info.pid}] ${key}${sni}${tls}${alpn}`;
}
