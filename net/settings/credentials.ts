// SPDX-License-Identifier: MIT
/** Certificates of a running agent or collector: read again when they change, and when asked to. @module */
import type { Credentials, Role } from "../pki/credentials.ts";
import { DAY_MS } from "../pki/issue.ts";
import { LiveCredentials } from "../pki/live_credentials.ts";
import { PKI_DIRECTORY } from "../pki/places.ts";
import { BadSetting } from "./bad_setting.ts";
import { log } from "./log.ts";

/** A certificate with fewer days left is spoken of, once a day. */
export const SOON_DAYS = 14;

/** Whole days that a certificate is valid from now on. */
export function daysLeft(validToMs: number, nowMs: number): number {
  return Math.floor((validToMs - nowMs) / DAY_MS);
}

/** Where certificates are, and which one is shown. */
export interface CredentialSettings {
  /** Directory of the certificates. Default: `/etc/sslcollector/pki`. */
  readonly pki?: string;
  /** Name of the certificate to show. Default: the one whose key is there, which must then be the only one. */
  readonly identity?: string;
  /** Group, by name or number, whose members may read keys too. Default: only their owner may. */
  readonly keyGroup?: string;
}

export interface OpenCredentials {
  readonly current: Credentials;
  /** Reads them again now; keeps those it has when what is on disk is of no use, and says so in the log. */
  reload(): Promise<void>;
  close(): void;
}

/** Throws {@linkcode BadSetting} when there are none of use. `changed` takes others. */
export async function openCredentials(
  { pki = PKI_DIRECTORY, identity, keyGroup }: CredentialSettings,
  role: Role,
  changed: (credentials: Credentials) => void = () => {},
): Promise<OpenCredentials> {
  try {
    const live = await LiveCredentials.open({ directory: pki, role, name: identity, keyGroup }, {
      changed: (credentials) => {
        log.info(`certificates were read again: ${credentials.name}`);
        warnIfSoon(credentials);
        changed(credentials);
      },
      failed: (text) => log.warn(text),
      warned: (text) => log.warn(text),
    });
    warnIfSoon(live.current);
    const daily = setInterval(() => warnIfSoon(live.current), DAY_MS);
    Deno.unrefTimer(daily as unknown as number);
    return {
      get current() {
        return live.current;
      },
      reload: () => live.reload(),
      close() {
        clearInterval(daily);
        live.close();
      },
    };
  } catch (error) {
    throw new BadSetting("pki", (error as Error).message);
  }
}

function warnIfSoon({ name, validToMs }: Credentials): void {
  const days = daysLeft(validToMs, Date.now());
  if (days < SOON_DAYS) {
    log.warn(`certificate ${JSON.stringify(name)} or one of its issuers is valid for ${days} days more`);
  }
}
