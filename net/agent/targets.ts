// SPDX-License-Identifier: MIT
/** `-t`: the sink that mirrors to collectors. @module */
import { hostname } from "node:os";
import type { RemoteSink } from "../link/remote_sink.ts";
import { RouterSink } from "../link/router_sink.ts";
import { hasSegments } from "../link/session/spool.ts";
import { type RemoteTarget, spoolFolder } from "../link/target.ts";
import type { Sink } from "../sinks/sink.ts";
import { BadInput } from "../../cli/bad_input.ts";
import type { OpenCredentials } from "../settings/credentials.ts";
import { log } from "../../cli/log.ts";
import type { RemoteValues } from "../../cli/remote_options.ts";
import { VERSION } from "../../cli/version.ts";

/** Collectors, or none, checked; not yet connected to. */
export interface TargetPlan {
  readonly values: RemoteValues;
  readonly credentials: OpenCredentials | undefined;
}

/** Checks everything that can be wrong before anything starts. Throws {@linkcode BadInput}. */
export async function planTargets(values: RemoteValues): Promise<TargetPlan> {
  const { target: targets } = values;
  const needing = (["queue", "spool", "spoolMax"] as const).find((name) => values[name] !== undefined);
  if (targets.length === 0 && needing !== undefined) {
    throw new BadInput(`--${needing.replace("M", "-m")}: needs a collector to mirror to: -t HOST`);
  }
  if (values.spoolMax !== undefined && values.spool === undefined) {
    throw new BadInput("--spool-max: needs --spool DIR");
  }
  const ends = targets.map(({ hostname, port }) => `${hostname}:${port}`);
  const twice = ends.findIndex((end, at) => ends.indexOf(end) !== at);
  if (twice >= 0) throw new BadInput(`--target: ${targets[twice].name} is given twice`);
  if (targets.every(({ isPlaintext }) => isPlaintext)) return { values, credentials: undefined };
  // Imported on demand, as all of the link: TLS and certificates take as long to load as everything else together.
  const { openCredentials } = await import("../settings/credentials.ts");
  return { values, credentials: await openCredentials(values.pki, "agent", values.identity) };
}

/**
 * The sink for all collectors; undefined when none is asked for. Connects at once. Throws {@linkcode BadInput}. The
 * caller closes the credentials after the sink.
 */
export async function openTargets(
  plan: TargetPlan,
  interfaceName: string,
  mtu: number | undefined,
): Promise<Sink | undefined> {
  const { target: targets, queue, spool, spoolMax } = plan.values;
  if (targets.length === 0) return undefined;
  const { RemoteSink } = await import("../link/remote_sink.ts");
  if (spool !== undefined) warnOfOthers(spool, targets);
  const sinks: RemoteSink[] = [];
  for (const target of targets) {
    if (target.isPlaintext) {
      log.warn(`${target.name}: packets go out IN PLAINTEXT: anybody on the way can read and forge them`);
    }
    try {
      sinks.push(
        new RemoteSink(target, {
          application: `sslcollector ${VERSION}`,
          interfaceName,
          mtu,
          agentName: hostname(),
          credentials: plan.credentials && (() => plan.credentials!.current),
          queueBytes: queue,
          spool: spool === undefined ? undefined : {
            directory: `${spool}/${spoolFolder(target)}`,
            maxBytes: spoolMax,
          },
          info: (text) => log.info(text),
          warn: (text) => log.warn(text),
          waiting: (packets, longestMs) =>
            log.info(
              `${target.name}: ${packets} packets wait for the collector, as long as it takes some every 5 s, for ${
                Math.round(longestMs / 1000)
              } s more at most; Ctrl-C or SIGTERM now ends this at once`,
            ),
        }),
      );
    } catch (error) {
      for (const sink of sinks) await sink.close();
      throw new BadInput(`--spool: ${(error as Error).message}`);
    }
  }
  return sinks.length > 1 ? new RouterSink(sinks) : sinks[0];
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
      `--spool: ${spool}/${name} has packets for a collector that no -t of this run names; they wait for a run with it`,
    );
  }
  if (hasSegments(spool)) {
    log.warn(
      `--spool: ${spool} itself has packets that no run sends; each collector has a directory of its own in it`,
    );
  }
}
