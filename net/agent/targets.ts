// SPDX-License-Identifier: MIT
/** The sink that mirrors to collectors. @module */
import { hostname } from "node:os";
import type { RemoteSink, RemoteSinkOptions } from "../link/remote_sink.ts";
import { RouterSink } from "../link/router_sink.ts";
import { hasSegments } from "../link/session/spool.ts";
import { type RemoteTarget, spoolFolder } from "../link/target.ts";
import type { Sink } from "../sinks/sink.ts";
import { BadSetting } from "../settings/bad_setting.ts";
import type { OpenCredentials } from "../settings/credentials.ts";
import { log } from "../settings/log.ts";
import { VERSION } from "../settings/version.ts";
import type { CheckedSettings } from "./settings.ts";

type Values = Pick<
  CheckedSettings,
  | "targets"
  | "queueBytes"
  | "compress"
  | "spool"
  | "spoolMaxBytes"
  | "pki"
  | "identity"
  | "keyGroup"
  | "mtu"
  | "observer"
>;

/** Collectors, or none, checked; not yet connected to. */
export interface TargetPlan {
  readonly values: Values;
  readonly credentials: OpenCredentials | undefined;
}

/** Looks at values, not at the machine. Throws {@linkcode BadSetting}. */
export function checkTargets(values: Values): void {
  const { targets } = values;
  const needing = (["queueBytes", "compress", "spool", "spoolMaxBytes"] as const).find((name) =>
    values[name] !== undefined
  );
  if (targets.length === 0 && needing !== undefined) {
    throw new BadSetting(needing, (name) => `needs a collector to mirror to: ${name("targets")}`);
  }
  if (values.spoolMaxBytes !== undefined && values.spool === undefined) {
    throw new BadSetting("spoolMaxBytes", (name) => `needs ${name("spool")}`);
  }
  const ends = targets.map(({ hostname, port }) => `${hostname}:${port}`);
  const twice = ends.findIndex((end, at) => ends.indexOf(end) !== at);
  if (twice >= 0) throw new BadSetting("targets", `${targets[twice].name} is given twice`);
}

/** Reads the certificates of values that are checked. Throws {@linkcode BadSetting}. */
export async function planTargets(values: Values): Promise<TargetPlan> {
  const { targets } = values;
  if (targets.every(({ isPlaintext }) => isPlaintext)) return { values, credentials: undefined };
  // Imported on demand, as all of the link: TLS and certificates take as long to load as everything else together.
  const { openCredentials } = await import("../settings/credentials.ts");
  return { values, credentials: await openCredentials(values, "agent") };
}

/**
 * The sink for all collectors; undefined when none is asked for. Connects at once. Throws {@linkcode BadSetting}. The
 * caller closes the credentials after the sink.
 */
export async function openTargets(plan: TargetPlan, interfaceName: string): Promise<Sink | undefined> {
  const { targets, spool } = plan.values;
  if (targets.length === 0) return undefined;
  const { RemoteSink } = await import("../link/remote_sink.ts");
  if (spool !== undefined) warnOfOthers(spool, targets);
  const sinks: RemoteSink[] = [];
  for (const target of targets) {
    if (target.isPlaintext) {
      log.warn(`${target.name}: packets go out IN PLAINTEXT: anybody on the way can read and forge them`);
    }
    try {
      sinks.push(new RemoteSink(target, optionsFor(target, plan, interfaceName)));
    } catch (error) {
      for (const sink of sinks) await sink.close();
      throw new BadSetting("spool", (error as Error).message);
    }
  }
  return sinks.length > 1 ? new RouterSink(sinks) : sinks[0];
}

function optionsFor(
  target: RemoteTarget,
  { values, credentials }: TargetPlan,
  interfaceName: string,
): RemoteSinkOptions {
  const { mtu, queueBytes, compress, spool, spoolMaxBytes } = values;
  return {
    application: `sslcollector ${VERSION}`,
    interfaceName,
    mtu,
    agentName: hostname(),
    credentials: credentials && (() => credentials.current),
    queueBytes,
    compress,
    spool: spool === undefined ? undefined : {
      directory: `${spool}/${spoolFolder(target)}`,
      maxBytes: spoolMaxBytes,
    },
    info: (text) => log.info(text),
    warn: (text) => log.warn(text),
    waiting: (packets, longestMs) => tellWaiting(values, target.name, packets, longestMs),
  };
}

function tellWaiting({ observer }: Values, collector: string, packets: number, longestMs: number): void {
  if (observer.collectorAwaited) return observer.collectorAwaited(collector, packets, longestMs);
  const seconds = Math.round(longestMs / 1000);
  log.info(`${collector}: ${packets} packets wait for the collector, for ${seconds} s more at most`);
}

/** What is in the spool for collectors that are not among these stays there: somebody should know. */
function warnOfOthers(spool: string, targets: readonly RemoteTarget[]): void {
  const own = new Set(targets.map(spoolFolder));
  let names: string[] = [];
  try {
    names = [...Deno.readDirSync(spool)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  } catch {
    // Where there is no directory yet, there are no packets.
  }
  for (const name of names.filter((name) => !own.has(name) && hasSegments(`${spool}/${name}`)).sort()) {
    log.warn(
      `${spool}/${name} has packets for a collector that this run does not mirror to; they wait for one that does`,
    );
  }
  if (hasSegments(spool)) {
    log.warn(
      `${spool} itself has packets that no run sends; each collector has a directory of its own in it`,
    );
  }
}
