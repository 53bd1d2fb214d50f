// SPDX-License-Identifier: MIT
/** What an agent says of its flows while they pass: to its log, and to whoever watches. @module */
import type { CaptureOpen, CaptureProgram, CaptureProgramEnd } from "../capture/target.ts";
import type { Attribution } from "../mirror/attribution.ts";
import type { Counters } from "../mirror/counters.ts";
import type { FlowState } from "../mirror/flow.ts";
import { tlsName } from "../mirror/flow_comment.ts";
import type { FlowEnd } from "../mirror/flow_table.ts";
import type { PipelineObserver } from "../mirror/pipeline.ts";
import { log } from "../settings/log.ts";
import { formatFlowKey } from "../wire/flow_key.ts";
import { printable, printableLine } from "../wire/printable.ts";

/** One TLS session as an observer sees it: not to be changed, and only true for the call. */
export interface MirroredFlow {
  /** Number in this run, from 1. */
  readonly id: number;
  /** Whose session it is; when both ends are mirrored, the one that told it first. */
  readonly program: CaptureProgram;
  /** What its source told of it when it opened. */
  readonly info: CaptureOpen;
  /** Its 5-tuple, and how that is known; undefined while it is not. */
  readonly attribution: Attribution | undefined;
  /** Where it is in its life. */
  readonly state: FlowState;
  /** Its books so far. */
  readonly counters: Counters;
}

/** Told what happens; each call is optional and must not throw. */
export interface AgentObserver {
  /** A flow is mirrored from now on. */
  flowOpened?(flow: MirroredFlow): void;
  /** A flow has ended, mirrored or not. */
  flowClosed?(flow: MirroredFlow, end: FlowEnd): void;
  /**
   * A flow got a forged connection besides its own; `description` is one line with both Community IDs. Where this is
   * absent the line is in the log, at level debug.
   */
  laneOpened?(flow: MirroredFlow, description: string): void;
  /** A codec threw, and the flow goes on as `raw`; it is in the log too. */
  codecFailed?(flow: MirroredFlow, codec: string, error: unknown): void;
  /** A program will tell no more. */
  programEnded?(program: CaptureProgram, end: CaptureProgramEnd): void;
  /**
   * The agent is finishing, and `packets` wait for the collector of this name, for `longestMs` more at most. Where this is
   * absent a line is in the log.
   */
  collectorAwaited?(collector: string, packets: number, longestMs: number): void;
}

/** Logs what went wrong, and passes everything on to `watcher`. */
export function makeObserver(watcher: AgentObserver): PipelineObserver {
  return {
    flowOpened: (flow) => watcher.flowOpened?.(flow),
    flowClosed: (flow, end) => watcher.flowClosed?.(flow, end),
    laneOpened(flow, description) {
      if (watcher.laneOpened) watcher.laneOpened(flow, description);
      else log.debug(`lane: ${printableLine(description)}`);
    },
    codecFailed(flow, codec, error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(`codec ${codec} failed on flow ${flowLine(flow)}, which goes on as raw: ${printable(reason)}`);
      watcher.codecFailed?.(flow, codec, error);
    },
    programEnded(program, end) {
      if (end.stopped !== undefined) {
        log.warn(`${printable(program.comm)}[${program.pid}] is no longer mirrored: ${end.stopped}`);
      }
      watcher.programEnded?.(program, end);
    },
  };
}

/** `curl[4711] 10.0.0.1:40000 > 10.0.0.2:443 example.org TLS 1.3 h2`: what is known of a flow, fit for a terminal. */
export function flowLine({ info, attribution }: MirroredFlow): string {
  const key = attribution ? formatFlowKey(attribution.key).replace(">", " > ") : "unknown addresses";
  const tls = info.tlsVersion ? ` TLS ${tlsName(info.tlsVersion)}` : "";
  const alpn = info.alpn ? ` ${printable(info.alpn)}` : "";
  const sni = info.sni ? ` ${printable(info.sni)}` : "";
  return `${printable(info.comm)}[${info.pid}] ${key}${sni}${tls}${alpn}`;
}
