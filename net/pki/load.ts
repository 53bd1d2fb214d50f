// SPDX-License-Identifier: MIT
/**
 * What a host shows, trusts and denies, read from a directory: `ca.crt`, its own pair as `ROLE-NAME.crt` and `ROLE-NAME.key` or as
 * `tls.crt` and `tls.key`, `revoked.txt`, revocation lists `*.crl`, and `allowed.txt`.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { parseAllowList } from "./allowed.ts";
import type { Credentials, Role } from "./credentials.ts";
import { certificatesIn, isThere, namesIn, privateKey, readBytes, readKey, readText } from "./files.ts";
import { parseDenyList, readRevocationList } from "./revoked.ts";
import { Authorities } from "./verify.ts";

export const AUTHORITY = "ca";
export const MAKE_AUTHORITY = "sslcollector pki init makes it, on one host; the others get a copy";
/** What Kubernetes and cert-manager call a pair. */
const COMMON_PAIR = "tls";
export const DENY_LIST = "revoked.txt";
const ALLOW_LIST = "allowed.txt";
const MOMENT = "it was there a moment ago";

/** Which credentials: those of a role in a directory. */
export interface CredentialsPlace {
  readonly directory: string;
  readonly role: Role;
  /** Where the directory has keys of several. */
  readonly name?: string;
  /** Group whose members may read keys, by name or number. */
  readonly keyGroup?: string;
}

/**
 * What this host shows in a role: the certificate of that name, or the only one that has its key here. Throws an `Error`
 * of one line that says what is missing and how it is made; `warn` takes what is amiss and can be lived with.
 */
export async function loadCredentials(
  place: CredentialsPlace,
  warn: (message: string) => void = () => {},
): Promise<Credentials> {
  const { directory, role, keyGroup } = place;
  const authorities = certificatesIn(join(directory, `${AUTHORITY}.crt`), MAKE_AUTHORITY);
  const stem = pairOf(place);
  const path = join(directory, stem);
  const chain = certificatesIn(
    `${path}.crt`,
    `sslcollector pki issue ${role} ${stem.replace(/^\w+-/, "")} makes it, where the CA is`,
  );
  const names = namesIn(directory);
  const revoked = await revokedIn(directory, names, [...authorities, ...chain.slice(1)], warn);
  let trusted: Authorities;
  try {
    trusted = new Authorities(authorities, revoked);
  } catch (error) {
    throw new Error(`cannot use ${join(directory, `${AUTHORITY}.crt`)}: ${(error as Error).message}`);
  }
  const key = readKey(`${path}.key`, keyGroup);
  const own = chain.map((pem) => new X509Certificate(pem));
  if (!own[0].checkPrivateKey(privateKey(`${path}.key`, key))) {
    throw new Error(`${path}.key is not the key of ${path}.crt`);
  }
  try {
    const who = await trusted.verify(own.map(({ raw }) => new Uint8Array(raw)), role, Date.now());
    const allowed = names.includes(ALLOW_LIST)
      ? { allowed: parseAllowList(readText(join(directory, ALLOW_LIST), MOMENT)) }
      : {};
    return { ...who, authorities, certificate: chain.join("\n"), key, revoked, ...allowed };
  } catch (error) {
    throw new Error(`${path}.crt: ${(error as Error).message}`);
  }
}

/** Name of the pair's files without what tells them apart. */
function pairOf({ directory, role, name }: CredentialsPlace): string {
  const common = isThere(join(directory, `${COMMON_PAIR}.key`)) ? [COMMON_PAIR] : [];
  if (name !== undefined) {
    return name === COMMON_PAIR && common.length > 0 ? COMMON_PAIR : `${role}-${name}`;
  }
  const own = namesIn(directory).filter((file) => file.startsWith(`${role}-`) && file.endsWith(".key"))
    .map((file) => file.slice(role.length + 1, -".key".length));
  const found = [...own, ...common];
  if (found.length === 1) return own.length === 1 ? `${role}-${own[0]}` : COMMON_PAIR;
  if (found.length > 1) {
    throw new Error(
      `${directory} has keys of several ${role}s: name one of ${found.join(", ")} with --identity`,
    );
  }
  const [whose, more] = role === "collector" ? ["a collector", " --san ADDRESS"] : ["an agent", ""];
  throw new Error(
    `${directory} has no key of ${whose}: sslcollector pki issue ${role} NAME${more} makes one`,
  );
}

/** Entries of the deny list and of the revocation lists in a directory, sorted. */
async function revokedIn(
  directory: string,
  names: readonly string[],
  issuers: readonly string[],
  warn: (message: string) => void,
): Promise<string[]> {
  const entries = names.includes(DENY_LIST) ? deniedIn(directory) : [];
  for (const name of names.filter((name) => name.endsWith(".crl"))) {
    const path = join(directory, name);
    const late = (since: Date) =>
      warn(`${path} should have been followed by another on ${since.toISOString()}`);
    try {
      entries.push(...await readRevocationList(readBytes(path, MOMENT), issuers, Date.now(), late));
    } catch (error) {
      throw new Error(`${path}: ${(error as Error).message}`);
    }
  }
  return entries.sort();
}

/** Entries of the directory's deny list. Throws an `Error` of one line. */
export function deniedIn(directory: string): string[] {
  const path = join(directory, DENY_LIST);
  try {
    return parseDenyList(readText(path, MOMENT));
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}
