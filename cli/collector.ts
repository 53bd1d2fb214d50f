// SPDX-License-Identifier: MIT
/** `-C`: the collector. @module */
import { dirname } from "node:path";
import type { AgentBooks } from "../net/collector/agent_books.ts";
import { RemoteReceiver } from "../net/collector/collector.ts";
import { formatHostPort, parseListenAddress } from "../net/link/target.ts";
import type { Sink } from "../net/sinks/sink.ts";
import { BadInput } from "./bad_input.ts";
import { type OpenCredentials, openCredentials } from "../net/settings/credentials.ts";
import { configureLog, log, printError } from "./log.ts";
import type { CollectorCommand } from "./remote_options.ts";
import { Shutdown } from "./shutdown.ts";
import { checkSinks, fileOf } from "../net/settings/sinks.ts";
import { sinkJson } from "../net/settings/sink_books.ts";
import { formatBytes, sinkLine } from "./summary.ts";
import { VERSION } from "../net/settings/version.ts";

/** Connection threads beyond which more would not help the one that writes. */
const WORKERS_MAX = 4;

/** Answers the exit status: 1 when it could not go on. */
export async function runCollector(command: CollectorCommand): Promise<number> {
  configureLog(command.logLevel ?? "info");
  check(command);
  const { hostname, port } = command.listen ?? parseListenAddress("*");
  const statePath = command.state ?? defaultStatePath(port);
  if (fileOf(command.output, statePath) !== undefined) {
    throw new BadInput(`--state: ${JSON.stringify(statePath)} is a sink already, give another file`);
  }
  let receiver: RemoteReceiver | undefined;
  const credentials = command.insecurePlaintext
    ? undefined
    : await openCredentials(command, "collector", (changed) => receiver?.setCredentials(changed));
  try {
    receiver = await start(command, hostname, port, statePath, credentials);
  } catch (error) {
    credentials?.close();
    throw new BadInput(explain(error as Error & { code?: string }, hostname, port));
  }
  const shutdown = new Shutdown({ onHangUp: credentials && (() => credentials.reload()) });
  const names = receiver.sinks.map(({ name }) => name).join(", ");
  log.info(`collecting on ${formatHostPort(hostname, receiver.port)} into ${names}; stop with Ctrl-C`);
  if (command.insecurePlaintext) {
    log.warn("agents are taken IN PLAINTEXT: anybody may send, and on the way read and forge");
  }
  const failure = await Promise.race([shutdown.asked, receiver.failed]);
  if (failure) log.error(failure.message);
  await receiver.close();
  credentials?.close();
  shutdown.release();
  summarize(command.summary ?? "text", [...receiver.agents.values()], receiver.sinks);
  return failure ? 1 : 0;
}

function check(command: CollectorCommand): void {
  if (command.output.length === 0) {
    throw new BadInput("--collector: needs a place for the packets: -o INTERFACE or -o FILE.pcapng");
  }
  if (command.insecurePlaintext && command.allow.length > 0) {
    throw new BadInput("--allow: looks at certificates, and there are none with --insecure-plaintext");
  }
  checkSinks(command.output, {
    rotateBytes: command.rotateSize,
    rotateMs: command.rotateTime,
    keep: command.keep,
  });
}

async function start(
  command: CollectorCommand,
  hostname: string,
  port: number,
  statePath: string,
  credentials: OpenCredentials | undefined,
): Promise<RemoteReceiver> {
  try {
    Deno.mkdirSync(dirname(statePath), { recursive: true });
  } catch (error) {
    throw new Error(
      `cannot keep ${statePath}: ${(error as Error).message}; give another place with --state FILE`,
    );
  }
  return await RemoteReceiver.start({
    application: `sslcollector ${VERSION}`,
    hostname,
    port,
    sinks: command.output,
    sinkOptions: {
      ...command.mtu === undefined ? {} : { mtu: command.mtu },
      rotateBytes: command.rotateSize,
      rotateMs: command.rotateTime,
      keep: command.keep,
    },
    credentials: credentials?.current,
    allow: command.allow.length > 0 ? command.allow : undefined,
    statePath,
    workers: command.workers ?? Math.min(WORKERS_MAX, navigator.hardwareConcurrency - 1),
    info: (text) => log.info(text),
    warn: (text) => log.warn(text),
  });
}

/** Throws {@linkcode BadInput} where this user has no place of its own. */
export function defaultStatePath(
  port: number,
  isRoot = Deno.build.os !== "windows" && Deno.uid() === 0,
  environment: Pick<typeof Deno.env, "get"> = Deno.env,
): string {
  const name = `collector-${port}.state`;
  if (isRoot) return `/var/lib/sslcollector/${name}`;
  const stateHome = environment.get("XDG_STATE_HOME");
  if (stateHome) return `${stateHome}/sslcollector/${name}`;
  const home = environment.get("HOME");
  if (home) return `${home}/.local/state/sslcollector/${name}`;
  throw new BadInput("--state: needs a FILE where HOME is not set");
}

function explain(error: Error & { code?: string }, hostname: string, port: number): string {
  switch (error.code) {
    case "EADDRINUSE":
      return `--listen: port ${port} is taken: give another with -L ADDR:PORT`;
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return `--listen: ${hostname} is no address of this host`;
    case "EACCES":
      return `--listen: port ${port} needs the capability CAP_NET_BIND_SERVICE, choose one above 1023`;
    case "ENOTFOUND":
      return `--listen: there is no host ${hostname}`;
    default:
      return `--collector: ${error.message}`;
  }
}

function summarize(
  form: "text" | "json" | "none",
  agents: readonly AgentBooks[],
  sinks: readonly Sink[],
): void {
  if (form === "json") printError(JSON.stringify(jsonCollectorSummary(agents, sinks)));
  if (form === "text") {
    for (const line of textCollectorSummary(agents, sinks)) printError(`sslcollector: ${line}`);
  }
}

/** Lines for people: one for each agent, one for each sink. */
export function textCollectorSummary(agents: readonly AgentBooks[], sinks: readonly Sink[]): string[] {
  const list = (lost: ReadonlyMap<string, number>) =>
    [...lost].map(([reason, packets]) => `, ${packets} lost there: ${reason}`).join("");
  return [
    ...agents.map(({ name, address, packets, bytes, lost, duplicates, lagPackets, lagMs }) =>
      `agent ${name} (${address}): ${packets} packets, ${formatBytes(bytes)}${list(lost)}` +
      (duplicates > 0 ? `, ${duplicates} came twice and were left out` : "") +
      (lagPackets > 0 ? `, ${lagPackets} still there (${lagMs} ms)` : "")
    ),
    ...sinks.map(sinkLine),
  ];
}

/** The same as one object. */
export function jsonCollectorSummary(
  agents: readonly AgentBooks[],
  sinks: readonly Sink[],
): Record<string, unknown> {
  return {
    agents: agents.map(({ name, address, packets, bytes, lost, duplicates, lagPackets, lagMs }) => ({
      name,
      address,
      packets,
      bytes,
      lost: Object.fromEntries(lost),
      duplicates,
      lagPackets,
      lagMs,
    })),
    sinks: sinks.map(sinkJson),
  };
}
