// SPDX-License-Identifier: MIT
/** `pki`: certificates for agents and collectors. @module */
import { PKI_DIRECTORY } from "../net/pki/places.ts";
import { isIP } from "node:net";
import { join } from "node:path";
import { AUTHORITY_DAYS, CERTIFICATE_DAYS, daysFrom } from "../net/pki/issue.ts";
import {
  initAuthority,
  issueInto,
  listCertificates,
  type Listed,
  renewIn,
  requestInto,
  revokeIn,
} from "../net/pki/store.ts";
import { BadInput } from "./bad_input.ts";
import { daysLeft, SOON_DAYS } from "../net/settings/credentials.ts";
import { oneLine } from "../net/wire/printable.ts";
import { print, printError } from "./output.ts";
import type { PkiCommand } from "./remote_options.ts";

const AUTHORITY_NAME = "sslcollector CA";

/** Answers the exit status. */
export async function runPki(command: PkiCommand): Promise<number> {
  const directory = command.pki ?? PKI_DIRECTORY;
  try {
    switch (command.command) {
      case "pki init":
        await initAuthority(directory, AUTHORITY_NAME, daysFrom(Date.now(), command.days ?? AUTHORITY_DAYS));
        print(join(directory, "ca.crt"));
        break;
      case "pki issue":
        for (const path of await issue(directory, command)) print(path);
        break;
      case "pki renew": {
        const validity = daysFrom(Date.now(), command.days ?? CERTIFICATE_DAYS);
        print(await renewIn(directory, command.role, command.name, validity));
        break;
      }
      case "pki csr":
        print(await requestInto(directory, { ...command, names: namesFor(command) }));
        break;
      case "pki revoke": {
        const serials = revokeIn(directory, command.which, new Date());
        for (const serial of serials) print(serial);
        if (serials.length === 0) printError("nothing was added: the deny list has it already");
        break;
      }
      case "pki show":
        for (const line of table(await listCertificates(directory), Date.now())) print(line);
    }
  } catch (error) {
    throw new BadInput(`${command.command}: ${(error as Error).message}`);
  }
  return 0;
}

/** Answers where certificate and key are: both are for the host that it is about. */
async function issue(
  directory: string,
  command: Extract<PkiCommand, { command: "pki issue" }>,
): Promise<readonly string[]> {
  const { role, name, days = CERTIFICATE_DAYS } = command;
  const validity = daysFrom(Date.now(), days);
  const certificate = await issueInto(directory, { role, name, names: namesFor(command), validity });
  return [certificate, join(directory, `${role}-${name}.key`)];
}

/** Names and addresses for a certificate. Throws a `RangeError` where they would be of no use. */
function namesFor({ role, name, san }: Extract<PkiCommand, { command: "pki issue" | "pki csr" }>): string[] {
  if (role === "collector" && san.length === 0 && !name.includes(".")) {
    throw new RangeError(
      `a collector needs a name or address that agents reach it by: --san ADDRESS, or a host name instead of ${
        JSON.stringify(name)
      }`,
    );
  }
  // A name of digits and dots alone is no host name: a certificate for it would match nothing.
  const bad = san.find((value) =>
    value === "" || /[\s,/]/.test(value) || (/^[\d.]+$/.test(value) && isIP(value) === 0)
  );
  if (bad !== undefined) {
    throw new RangeError(`--san: expected a host name or an address, got ${JSON.stringify(bad)}`);
  }
  return role === "collector" ? [...new Set([...name.includes(".") ? [name] : [], ...san])] : [...san];
}

function table(certificates: readonly Listed[], nowMs: number): string[] {
  const rows = certificates.map((certificate) => {
    const { name, roles, isAuthority, names, validFromMs, validToMs, hasKey, isRevoked, serial } =
      certificate;
    const days = daysLeft(validToMs, nowMs);
    const left = isRevoked
      ? "revoked"
      : validToMs < nowMs
      ? "expired"
      : validFromMs > nowMs
      ? "not valid yet"
      : `${days} days left${days < SOON_DAYS ? " (soon)" : ""}`;
    return [
      isAuthority ? "ca" : roles.join("+") || "-",
      oneLine(name),
      left,
      oneLine(names.join(", ")) || "-",
      hasKey ? "key here" : "no key",
      serial,
    ];
  });
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(0, ...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd());
}
