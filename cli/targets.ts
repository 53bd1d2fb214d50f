/** `-t`: the sink that mirrors to collectors. @module */
import { hostname } from "node:os";
import { QUEUE_BYTES, RemoteSink, SPOOL_BYTES } from "../net/remote/remote_sink.ts";
import { RouterSink } from "../net/remote/router_sink.ts";
import type { Sink } from "../net/sink.ts";
import { BadInput } from "./bad_input.ts";
import { type OpenCredentials, openCredentials } from "./credentials.ts";
import { log } from "./log.ts";
import type { RemoteValues } from "./remote_options.ts";
import { VERSION } from "./version.ts";

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
  const needsTls = targets.some(({ isPlaintext }) => !isPlaintext);
  return {
    values,
    credentials: needsTls ? await openCredentials(values.pki, "agent", values.identity) : undefined,
  };
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
  const { target: targets, queue = QUEUE_BYTES, spool, spoolMax = SPOOL_BYTES } = plan.values;
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
            directory: targets.length > 1 ? `${spool}/${target.hostname}-${target.port}` : spool,
            maxBytes: spoolMax,
          },
          info: (text) => log.info(text),
          warn: (text) => log.warn(text),
        }),
      );
    } catch (error) {
      for (const sink of sinks) await sink.close();
      throw new BadInput(`--spool: ${(error as Error).message}`);
    }
  }
  return sinks.length > 1 ? new RouterSink(sinks) : sinks[0];
}
