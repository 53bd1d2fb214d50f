// SPDX-License-Identifier: MIT
/**
 * The directory with certificates and keys: `ca.crt`, `ca.key`, and for each certificate `ROLE-NAME.crt` and
 * `ROLE-NAME.key`. A host needs `ca.crt` and its own pair; `ca.key` may stay elsewhere.
 *
 * @module
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { systemError } from "../ffi/system_error.ts";
import type { Credentials, Role } from "./credentials.ts";
import * as issue from "./issue.ts";
import { Authorities, type CertificateFacts, certificateFacts } from "./verify.ts";
import * as x509 from "./x509.ts";

export const PKI_DIRECTORY = "/etc/sslcollector/pki";
const AUTHORITY = "ca";
const MAKE_AUTHORITY = "sslcollector pki init makes it, on one host; the others get a copy";
/** Names become file names. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;
const CERTIFICATE_PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** One certificate file of a directory. */
export interface Listed extends CertificateFacts {
  /** Its file. */
  readonly path: string;
  /** Whether its key is beside it. */
  readonly hasKey: boolean;
}

/** Makes the directory and a CA in it. Throws an `Error` of one line when there is one already. */
export async function initAuthority(
  directory: string,
  name: string,
  validity: issue.Validity,
): Promise<void> {
  attempt(`make ${directory}`, () => Deno.mkdirSync(directory, { recursive: true, mode: 0o755 }));
  writePair(directory, AUTHORITY, await issue.makeAuthority(name, validity), "there is a CA already");
}

/** Issues a certificate with the directory's CA and answers its path. Throws an `Error` of one line. */
export async function issueInto(directory: string, request: issue.CertificateRequest): Promise<string> {
  if (!NAME.test(request.name)) {
    throw new RangeError(
      `expected a name of letters, digits, dots, dashes and underscores such as web1.example, got ${
        JSON.stringify(request.name)
      }`,
    );
  }
  const authority = {
    certificate: readText(`${directory}/${AUTHORITY}.crt`, MAKE_AUTHORITY),
    key: readKey(`${directory}/${AUTHORITY}.key`),
  };
  const issued = await issue.issueCertificate(authority, request);
  return writePair(
    directory,
    `${request.role}-${request.name}`,
    issued,
    "there is one of this name already; to make a new one, move it away with its key",
  );
}

/** What is in the directory, the CA first. Throws an `Error` of one line. */
export function listCertificates(directory: string): Listed[] {
  const names = attempt(`read ${directory}`, () => [...Deno.readDirSync(directory)]).map(({ name }) => name);
  const found = names.filter((name) => name.endsWith(".crt")).sort().flatMap((name) => {
    const path = `${directory}/${name}`;
    const hasKey = names.includes(name.replace(/\.crt$/, ".key"));
    return certificatesIn(path, "it was there a moment ago").map((pem) => ({
      ...certificateFacts(new x509.X509Certificate(pem)),
      path,
      hasKey,
    }));
  });
  return [
    ...found.filter(({ isAuthority }) => isAuthority),
    ...found.filter(({ isAuthority }) => !isAuthority),
  ];
}

/**
 * What this host shows in a role: the certificate of that name, or the only one that has its key here. Throws an `Error`
 * of one line that says what is missing and how it is made.
 */
export async function loadCredentials(directory: string, role: Role, name?: string): Promise<Credentials> {
  const authorities = certificatesIn(`${directory}/${AUTHORITY}.crt`, MAKE_AUTHORITY);
  const trusted = attempt(`use ${directory}/${AUTHORITY}.crt`, () => new Authorities(authorities));
  const ownName = name ?? onlyName(directory, role);
  const path = `${directory}/${role}-${ownName}`;
  const [certificate] = certificatesIn(
    `${path}.crt`,
    `sslcollector pki issue ${role} ${ownName} makes it, where the CA is`,
  );
  const key = readKey(`${path}.key`);
  const own = new X509Certificate(certificate);
  if (!own.checkPrivateKey(privateKey(`${path}.key`, key))) {
    throw new Error(`${path}.key is not the key of ${path}.crt`);
  }
  try {
    const who = await trusted.nameOf(new Uint8Array(own.raw), role, Date.now());
    const validToMs = new x509.X509Certificate(certificate).notAfter.getTime();
    return { name: who, authorities, certificate, key, validToMs };
  } catch (error) {
    throw new Error(`${path}.crt: ${(error as Error).message}`);
  }
}

function onlyName(directory: string, role: Role): string {
  const files = attempt(`read ${directory}`, () => [...Deno.readDirSync(directory)]).map(({ name }) => name);
  const names = files.filter((file) => file.startsWith(`${role}-`) && file.endsWith(".key"))
    .map((file) => file.slice(role.length + 1, -".key".length)).sort();
  if (names.length === 1) return names[0];
  if (names.length > 1) {
    throw new Error(`${directory} has keys of several ${role}s: name one of ${names.join(", ")}`);
  }
  const [whose, more] = role === "collector" ? ["a collector", " --san ADDRESS"] : ["an agent", ""];
  throw new Error(
    `${directory} has no key of ${whose}: sslcollector pki issue ${role} NAME${more} makes one`,
  );
}

function privateKey(path: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error(`${path} is no private key in PEM without a passphrase`);
  }
}

function certificatesIn(path: string, fix: string): string[] {
  const found = readText(path, fix).match(CERTIFICATE_PEM);
  if (found === null) throw new Error(`${path} has no certificate`);
  return found;
}

function readText(path: string, fix: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(`there is no ${path}: ${fix}`);
    throw new Error(`cannot read ${path}: ${systemError(error).text}`);
  }
}

/** A key that others than its owner can read is no secret. */
function readKey(path: string): string {
  const text = readText(path, "it is kept where the certificate was made");
  const { mode } = Deno.statSync(path);
  if (Deno.build.os !== "windows" && mode !== null && (mode & 0o077) !== 0) {
    throw new Error(
      `others can read ${path} (mode ${(mode & 0o777).toString(8).padStart(4, "0")}): chmod 600 ${path}`,
    );
  }
  return text;
}

/** Writes `NAME.key` and `NAME.crt`, which must not be there; answers the certificate's path. */
function writePair(directory: string, name: string, pair: issue.Issued, taken: string): string {
  const path = `${directory}/${name}`;
  // Both before either: half a pair that does not belong to the other half would be worse than none.
  for (const file of [`${path}.key`, `${path}.crt`]) {
    if (isThere(file)) throw new Error(`cannot write ${file}: ${taken}`);
  }
  for (
    const [file, text, mode] of [[`${path}.key`, pair.key, 0o600], [
      `${path}.crt`,
      pair.certificate + "\n",
      0o644,
    ]] as const
  ) {
    try {
      Deno.writeTextFileSync(file, text, { createNew: true, mode });
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) throw new Error(`cannot write ${file}: ${taken}`);
      throw new Error(`cannot write ${file}: ${systemError(error).text}`);
    }
  }
  return `${path}.crt`;
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new Error(`cannot look for ${path}: ${systemError(error).text}`);
  }
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new Error(`cannot ${what}: ${systemError(error).text}`);
  }
}
