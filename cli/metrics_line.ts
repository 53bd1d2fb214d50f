// SPDX-License-Identifier: MIT
/** Where the metrics of an agent or a collector are. @module */
import { formatHostPort } from "../net/link/target.ts";
import { log } from "./log.ts";

/** `metrics`: where they were asked for, port 0 being any free one. */
export function tellMetrics(
  { metrics }: { readonly metrics?: { readonly hostname: string } },
  { metricsPort }: { readonly metricsPort?: number },
): void {
  if (metrics === undefined || metricsPort === undefined) return;
  log.info(`metrics on ${formatHostPort(metrics.hostname, metricsPort)}`);
}
