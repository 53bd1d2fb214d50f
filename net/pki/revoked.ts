// SPDX-License-Identifier: MIT
/** Certificates that count no more: a deny list and lists of the CA. @module */
import { certificateFacts, normalSerial } from "./certificate_facts.ts";
import * as x509 from "./x509.ts";

/** Texts of one certificate each: `SERIAL`, `sha256:FINGERPRINT`, or `SERIAL ISSUER` of a CA's list. */
export class Revoked {
  readonly #entries: ReadonlySet<string>;

  constructor(entries: readonly string[]) {
    this.#entries = new Set(entries);
  }

  /** Where the certificate is listed; undefined: nowhere. */
  async reason(certificate: x509.X509Certificate): Promise<string | undefined> {
    if (this.#entries.size === 0) return undefined;
    const { serial } = certificateFacts(certificate);
    if (this.#entries.has(serial)) return `serial ${serial}`;
    if (this.#entries.has(`${serial} ${certificate.issuer}`)) return `serial ${serial} of its CA's list`;
    const fingerprint = hexadecimal(await certificate.getThumbprint("SHA-256"));
    return this.#entries.has(`sha256:${fingerprint}`) ? `fingerprint ${fingerprint}` : undefined;
  }
}

/**
 * Entries of a deny list: a serial number or `sha256:` and a fingerprint a line, in hexadecimal with or without colons; what
 * follows a blank or `#` is a comment. Throws an `Error` on a line that is neither: left out, it would let somebody in.
 */
export function parseDenyList(text: string): string[] {
  return text.split("\n").flatMap((line, at) => {
    const [word] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (word === "") return [];
    const [, kind, digits] = /^(sha256:)?([0-9a-f:]+)$/i.exec(word) ?? [];
    const plain = digits?.replaceAll(":", "").toLowerCase();
    if (!plain || (kind && plain.length !== 64)) {
      throw new Error(
        `line ${at + 1}: expected a serial number or sha256:FINGERPRINT, got ${JSON.stringify(word)}`,
      );
    }
    return [kind ? `sha256:${plain}` : normalSerial(plain)];
  });
}

/**
 * Entries of a CA's revocation list, in PEM or DER, when one of `issuers` (PEM) signed it. Throws an `Error` that says what is
 * wrong with it; `late` is told when its next issue is due.
 */
export async function readRevocationList(
  bytes: Uint8Array,
  issuers: readonly string[],
  nowMs: number,
  late: (since: Date) => void,
): Promise<string[]> {
  let list: x509.X509Crl;
  try {
    const text = new TextDecoder().decode(bytes);
    list = new x509.X509Crl(text.includes("-----BEGIN") ? text : bytes.slice());
  } catch {
    throw new Error("no revocation list in PEM or DER");
  }
  const issuer = issuers.map((pem) => new x509.X509Certificate(pem)).filter(({ subject }) =>
    subject === list.issuer
  );
  if (issuer.length === 0) {
    throw new Error(`revocation list of ${JSON.stringify(list.issuer)}, of whom ca.crt has no certificate`);
  }
  const signed = await Promise.all(issuer.map((publicKey) => list.verify({ publicKey }).catch(() => false)));
  if (!signed.includes(true)) {
    throw new Error(`revocation list that ${JSON.stringify(list.issuer)} did not sign`);
  }
  if (list.nextUpdate && list.nextUpdate.getTime() < nowMs) late(list.nextUpdate);
  return list.entries.map(({ serialNumber }) => `${normalSerial(serialNumber)} ${list.issuer}`);
}

function hexadecimal(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
