// SPDX-License-Identifier: MIT
/** `-C`: the collector. @module */
import { type CollectorBooks, collectorBooksJson } from "../net/collector/books.ts";
import { checkCollector, startCollector } from "../net/collector/collector.ts";
import { defaultStatePath } from "../net/collector/state_path.ts";
import { giveBackAfterStart } from "../net/ffi/own_memory.ts";
import { IS_WINDOWS } from "../net/ffi/platform.ts";
import { formatHostPort, parseListenAddress } from "../net/link/target.ts";
import { shown } from "../net/wire/printable.ts";
import { BadInput } from "./bad_input.ts";
import { configureLog, log, logsJson, tell } from "./log.ts";
import { tellMetrics } from "./metrics_line.ts";
import { print, printError } from "./output.ts";
import type { CollectorCommand } from "./remote_options.ts";
import { Service } from "./service.ts";
import { refresher, Shutdown } from "./shutdown.ts";
import { statusFolder } from "./status_places.ts";
import { formatBytes } from "./format.ts";
import { sinkLine, type SummaryForm } from "./summary.ts";

/** Answers the exit status: 1 when it could not go on. */
export async function runCollector(command: CollectorCommand): Promise<number> {
  configureLog(command);
  if (command.output.length === 0) {
    throw new BadInput("--collector: needs a place for the packets: -o INTERFACE or -o FILE.pcapng");
  }
  const settings = collectorSettings(command);
  const { hostname, port } = settings;
  if (command.dryRun) {
    await checkCollector(settings);
    const sinks = command.output.map(({ name }) => name).join(", ");
    print(`would collect on ${formatHostPort(hostname, port)} into ${sinks}`);
    return 0;
  }
  const collector = await startCollector(settings);
  const shutdown = new Shutdown({ onHangUp: refresher(collector) });
  const names = collector.sinks.map(({ name }) => name).join(", ");
  const service = new Service();
  const places = `collecting on ${formatHostPort(hostname, collector.port)} into ${names}`;
  log.info(`${places}; stop with Ctrl-C`);
  tellMetrics(command, collector);
  if (collector.pageUrl !== undefined) tell(`page: ${collector.pageUrl}`);
  if (command.insecurePlaintext) {
    log.warn("agents are taken IN PLAINTEXT: anybody may send, and on the way read and forge");
  }
  service.ready(places);
  giveBackAfterStart();
  const failure = await Promise.race([shutdown.asked, collector.failed]);
  service.stopping();
  if (failure) log.error(failure.message);
  const books = await collector.close();
  shutdown.release();
  service.release();
  summarize(books, command.summary);
  return failure ? 1 : 0;
}

/** The settings of a collector, by the options of its command. Throws a `BadSetting` where its state has no place. */
export function collectorSettings(command: CollectorCommand) {
  const { hostname, port } = command.listen ?? parseListenAddress("*");
  return {
    sinks: command.output,
    rotateBytes: command.rotateSize,
    rotateMs: command.rotateTime,
    keep: command.keep,
    hostname,
    port,
    mtu: command.mtu,
    pki: command.pki,
    identity: command.identity,
    keyGroup: command.keyGroup,
    allow: command.allow,
    compress: command.compress,
    plaintext: command.insecurePlaintext,
    statePath: command.state ?? defaultStatePath(port),
    agentRate: command.agentRate,
    agentShare: command.agentShare,
    workers: command.workers,
    statusFolder: IS_WINDOWS ? undefined : statusFolder(command.runtimeDir),
    metrics: command.metrics,
    ui: command.ui,
    uiHosts: command.uiHost,
  };
}

function summarize(books: CollectorBooks, form: SummaryForm = logsJson() ? "json" : "text"): void {
  if (form === "json") printError(JSON.stringify(collectorBooksJson(books)));
  if (form === "text") {
    for (const line of textCollectorSummary(books)) tell(`sslcollector: ${line}`);
  }
}

/** Lines for people: one for each agent, one for each sink. */
function textCollectorSummary({ agents, sinks }: CollectorBooks): string[] {
  const list = (counts: ReadonlyMap<string, number>, what: string) =>
    [...counts].map(([reason, packets]) => `, ${packets} ${what}: ${reason}`).join("");
  return [
    ...agents.map((agent) =>
      `agent ${shown(agent.name)} (${agent.address}): ${agent.packets} packets, ${formatBytes(agent.bytes)}` +
      list(agent.lost, "lost there") +
      list(agent.dropped, "in no file") +
      (agent.elsewhere > 0 ? `, ${agent.elsewhere} are with another collector` : "") +
      (agent.duplicates > 0 ? `, ${agent.duplicates} came twice and were left out` : "") +
      (agent.heldMs > 0 ? `, held to its rate for ${Math.round(agent.heldMs)} ms` : "") +
      (agent.lagPackets > 0 ? `, ${agent.lagPackets} still there (${agent.lagMs} ms)` : "")
    ),
    ...sinks.map(sinkLine),
  ];
}
