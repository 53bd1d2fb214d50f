// SPDX-License-Identifier: MIT
/**
 * The directory of a CA: `ca.crt`, `ca.key`, for each certificate `ROLE-NAME.crt` and `ROLE-NAME.key`, `issued.txt`, which has
 * what was issued, and `revoked.txt`. A host needs `ca.crt`, its own pair and `revoked.txt`; `ca.key` may stay elsewhere.
 *
 * @module
 */
import { join } from "node:path";
import { type CertificateFacts, certificateFacts, normalSerial } from "./certificate_facts.ts";
import type { Role } from "./credentials.ts";
import * as files from "./files.ts";
import * as issue from "./issue.ts";
import { AUTHORITY, deniedIn, DENY_LIST, MAKE_AUTHORITY } from "./load.ts";
import { Revoked } from "./revoked.ts";
import * as x509 from "./x509.ts";

/** A line for each certificate: serial number, role, name, end. */
const ISSUED = "issued.txt";
/** Names become file names. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;
/** Serial numbers of ours have 16 bytes, those of others up to 20. */
const SERIAL = /^[0-9a-f]{2}(?::?[0-9a-f]{2}){3,19}$/i;

/** One certificate file of a directory. */
export interface Listed extends CertificateFacts {
  /** Its file. */
  readonly path: string;
  /** Whether its key is beside it. */
  readonly hasKey: boolean;
  /** Whether the directory's deny list has it. */
  readonly isRevoked: boolean;
}

/** Makes the directory and a CA in it. Throws an `Error` of one line when there is one already. */
export async function initAuthority(
  directory: string,
  name: string,
  validity: issue.Validity,
): Promise<void> {
  files.attempt(`make ${directory}`, () => Deno.mkdirSync(directory, { recursive: true, mode: 0o755 }));
  writePair(directory, AUTHORITY, await issue.makeAuthority(name, validity), "there is a CA already");
}

/** Issues a certificate with the directory's CA and answers its path. Throws an `Error` of one line. */
export async function issueInto(directory: string, request: issue.CertificateRequest): Promise<string> {
  checkName(request.name);
  const issued = await issue.issueCertificate(authorityOf(directory), request);
  const path = writePair(
    directory,
    `${request.role}-${request.name}`,
    issued,
    "there is one of this name already; pki renew makes it valid for longer, and for one with a new key move both files away",
  );
  note(directory, request.role, issued.certificate);
  return path;
}

/** Issues a certificate anew, for the key that it has, and answers its path: only that file changes. Throws an `Error` of one line. */
export async function renewIn(
  directory: string,
  role: Role,
  name: string,
  validity: issue.Validity,
): Promise<string> {
  checkName(name);
  const path = join(directory, `${role}-${name}.crt`);
  const fix = `sslcollector pki issue ${role} ${name} makes it`;
  const authority = authorityOf(directory);
  const [certificate] = files.certificatesIn(path, fix);
  const renewed = await issue.renewCertificate(authority, certificate, validity);
  files.replace(path, renewed + "\n");
  note(directory, role, renewed);
  return path;
}

/** Makes a key and a request for a certificate that another CA is to sign, and answers the request's path. Throws an `Error` of one line. */
export async function requestInto(
  directory: string,
  request: Omit<issue.CertificateRequest, "validity">,
): Promise<string> {
  checkName(request.name);
  files.attempt(`make ${directory}`, () => Deno.mkdirSync(directory, { recursive: true, mode: 0o755 }));
  const path = join(directory, `${request.role}-${request.name}`);
  const made = await issue.makeRequest(request);
  files.writeNew([
    { path: `${path}.key`, text: made.key, mode: 0o600 },
    { path: `${path}.csr`, text: made.request + "\n", mode: 0o644 },
  ], "there is one of this name already; move it away with its key");
  return `${path}.csr`;
}

/**
 * Puts certificates on the directory's deny list: of a name all that are there or were issued there, or the one with a serial
 * number. Answers the serial numbers that were not on it. Throws an `Error` of one line when the name is not known.
 */
export function revokeIn(directory: string, nameOrSerial: string, when: Date): string[] {
  const serials = serialsOf(directory, nameOrSerial);
  if (serials.length === 0 && !SERIAL.test(nameOrSerial)) {
    throw new Error(
      `${directory} knows no certificate of ${JSON.stringify(nameOrSerial)}: give its serial number`,
    );
  }
  const all = serials.length > 0 ? serials : [normalSerial(nameOrSerial)];
  const path = join(directory, DENY_LIST);
  const denied = new Set(files.isThere(path) ? deniedIn(directory) : []);
  const fresh = [...new Set(all)].filter((serial) => !denied.has(serial));
  const day = when.toISOString().slice(0, 10);
  files.appendLines(path, fresh.map((serial) => `${serial} # ${nameOrSerial}, ${day}`));
  return fresh;
}

/** Serial numbers of a name's certificates. */
function serialsOf(directory: string, name: string): string[] {
  const path = join(directory, ISSUED);
  const issued = files.isThere(path) ? files.readText(path, "it was there a moment ago").split("\n") : [];
  const noted = issued.map((line) => line.split(" ")).filter((words) => words[2] === name).map(([serial]) =>
    serial
  );
  const there = files.namesIn(directory).filter((file) => file.endsWith(`-${name}.crt`))
    .flatMap((file) => files.certificatesIn(join(directory, file), "it was there a moment ago").slice(0, 1))
    .map((pem) => certificateFacts(new x509.X509Certificate(pem)).serial);
  return [...noted, ...there];
}

/** What is in the directory, the CA first. Throws an `Error` of one line. */
export async function listCertificates(directory: string): Promise<Listed[]> {
  const names = files.namesIn(directory);
  const revoked = new Revoked(names.includes(DENY_LIST) ? deniedIn(directory) : []);
  const found: Listed[] = [];
  for (const name of names.filter((name) => name.endsWith(".crt"))) {
    const path = join(directory, name);
    const hasKey = names.includes(name.replace(/\.crt$/, ".key"));
    for (const pem of files.certificatesIn(path, "it was there a moment ago")) {
      const certificate = new x509.X509Certificate(pem);
      const isRevoked = await revoked.reason(certificate) !== undefined;
      found.push({ ...certificateFacts(certificate), path, hasKey, isRevoked });
    }
  }
  return [
    ...found.filter(({ isAuthority }) => isAuthority),
    ...found.filter(({ isAuthority }) => !isAuthority),
  ];
}

function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new RangeError(
    `expected a name of letters, digits, dots, dashes and underscores such as web1.example, got ${
      JSON.stringify(name)
    }`,
  );
}

function authorityOf(directory: string): issue.Issued {
  return {
    certificate: files.readText(join(directory, `${AUTHORITY}.crt`), MAKE_AUTHORITY),
    key: files.readKey(join(directory, `${AUTHORITY}.key`)),
  };
}

/** So that a name can be revoked with all that it was given. */
function note(directory: string, role: Role, pem: string): void {
  const { serial, name, validToMs } = certificateFacts(new x509.X509Certificate(pem));
  files.appendLines(join(directory, ISSUED), [
    `${serial} ${role} ${name} ${new Date(validToMs).toISOString()}`,
  ]);
}

/** Writes `NAME.key` and `NAME.crt`, which must not be there; answers the certificate's path. */
function writePair(directory: string, name: string, pair: issue.Issued, taken: string): string {
  const path = join(directory, name);
  files.writeNew([
    { path: `${path}.key`, text: pair.key, mode: 0o600 },
    { path: `${path}.crt`, text: pair.certificate + "\n", mode: 0o644 },
  ], taken);
  return `${path}.crt`;
}
