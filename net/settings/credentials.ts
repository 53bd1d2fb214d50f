// SPDX-License-Identifier: MIT
/** Certificates of a running command: read again on SIGHUP and when they change. @module */
import type { Credentials, Role } from "../pki/credentials.ts";
import { LiveCredentials } from "../pki/live_credentials.ts";
import { PKI_DIRECTORY } from "../pki/store.ts";
import { BadInput } from "../../cli/bad_input.ts";
import { log } from "../../cli/log.ts";

const DAY_MS = 86_400_000;
/** A certificate with fewer days left is spoken of. */
export const SOON_DAYS = 30;

/** Whole days that a certificate is valid from now on. */
export function daysLeft(validToMs: number, nowMs: number): number {
  return Math.floor((validToMs - nowMs) / DAY_MS);
}

export interface OpenCredentials {
  readonly current: Credentials;
  close(): void;
}

/** Throws {@linkcode BadInput} when there are none of use. `changed` takes others. */
export async function openCredentials(
  directory: string = PKI_DIRECTORY,
  role: Role,
  identity: string | undefined,
  changed: (credentials: Credentials) => void = () => {},
): Promise<OpenCredentials> {
  let live: LiveCredentials;
  try {
    live = await LiveCredentials.open(directory, role, identity, {
      changed: (credentials) => {
        log.info(`certificates were read again: ${credentials.name}`);
        warnIfSoon(credentials);
        changed(credentials);
      },
      failed: (text) => log.warn(text),
    });
  } catch (error) {
    throw new BadInput(`--pki: ${(error as Error).message}`);
  }
  warnIfSoon(live.current);
  const onHangUp = () => void live.reload();
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", onHangUp);
  return {
    get current() {
      return live.current;
    },
    close: () => {
      if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGHUP", onHangUp);
      live.close();
    },
  };
}

function warnIfSoon({ name, validToMs }: Credentials): void {
  const days = daysLeft(validToMs, Date.now());
  if (days < SOON_DAYS) log.warn(`certificate ${name} is valid for ${days} days more`);
}
