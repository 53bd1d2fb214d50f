// SPDX-License-Identifier: MIT
/** Where a running agent or collector answers who asks how it goes. @module */
import * as v from "valibot";
import { StatusServer, type StatusSubject } from "../status/server.ts";
import { PORT_MAX } from "../wire/tcp.ts";
import { BadSetting } from "./bad_setting.ts";
import { log } from "./log.ts";
import { wholeNumber } from "./schema.ts";

/** Places to ask how it goes. */
export interface StatusSettings {
  /**
   * Folder of the Unix socket for `sslcollector status`, `agent.sock` or `collector-PORT.sock`; it is made, and kept from other
   * users. Default: none.
   */
  readonly statusFolder?: string;
  /** Where Prometheus finds `/metrics`; also `/healthz` and `/readyz`. No TLS, and nobody is asked who he is. Default: nowhere. */
  readonly metrics?: { readonly hostname: string; readonly port: number };
}

/** Entries of a schema. */
export const statusEntries = {
  statusFolder: v.optional(v.string()),
  metrics: v.optional(v.strictObject({ hostname: v.string(), port: wholeNumber(0, PORT_MAX) })),
};

/** Listens for who wants metrics; undefined where nobody is to be answered. Throws {@linkcode BadSetting}. */
export async function openStatus(
  { statusFolder, metrics }: StatusSettings,
): Promise<StatusServer | undefined> {
  if (statusFolder === undefined && metrics === undefined) return undefined;
  const server = new StatusServer();
  try {
    if (metrics !== undefined) server.serveMetrics(metrics);
  } catch (error) {
    await server.close();
    throw new BadSetting("metrics", (error as Error).message);
  }
  return server;
}

/** Answers from now on, also on the socket `name`; one that cannot be had is a warning: the mirror goes on without. */
export async function beginStatus(
  server: StatusServer | undefined,
  { statusFolder }: StatusSettings,
  name: string,
  subject: StatusSubject,
): Promise<void> {
  server?.begin(subject);
  if (server === undefined || statusFolder === undefined) return;
  try {
    await server.serveSocket(`${statusFolder}/${name}.sock`);
  } catch (error) {
    log.warn(`sslcollector status will not reach this process: ${(error as Error).message}`);
  }
}
