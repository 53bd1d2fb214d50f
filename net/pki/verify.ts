// SPDX-License-Identifier: MIT
/** Who a peer is, from the certificates that it showed. @module */
import type { Role } from "./credentials.ts";
import { type CertificateFacts, certificateFacts } from "./certificate_facts.ts";
import { Revoked } from "./revoked.ts";
import * as x509 from "./x509.ts";

/** Certificates between a leaf and the CA that is trusted: companies have two or three. */
const CHAIN_MAX = 8;
/** Signatures checked for one peer, whatever it shows. */
const SIGNATURES_MAX = 32;
/** Characters of a name: it is a key in books and state. */
const NAME_LENGTH_MAX = 256;

type Path = readonly x509.X509Certificate[] | undefined;

/** A peer that was verified. */
export interface Peer {
  readonly name: string;
  /** Milliseconds since 1970 until which all of its chain is valid. */
  readonly validToMs: number;
}

/** Why a peer whose certificate is of the CA does not get in. */
export class UnwantedPeer extends Error {
  /** `peerName` is that in its certificate. */
  constructor(readonly peerName: string, message: string) {
    super(message);
  }
}

/** Certificates of the CA, roots or issuing ones, ready to check others against. */
export class Authorities {
  readonly #certificates: readonly x509.X509Certificate[];
  readonly #revoked: Revoked;

  /** `pems`: one certificate each; `revoked` as in `Credentials`. Throws an `Error` when one is none, or is not a CA's. */
  constructor(pems: readonly string[], revoked: readonly string[] = []) {
    this.#revoked = new Revoked(revoked);
    this.#certificates = pems.map((pem, at) => {
      try {
        return new x509.X509Certificate(pem);
      } catch {
        throw new Error(`certificate ${at + 1} of the CA's cannot be read`);
      }
    });
    if (this.#certificates.length === 0) throw new Error("there is no CA certificate");
    for (const certificate of this.#certificates) {
      const { isAuthority, name } = certificateFacts(certificate);
      if (!isAuthority) throw new Error(`certificate ${JSON.stringify(name)} is not a CA's`);
    }
  }

  /**
   * Who the peer is when the first of `chain`, its own certificate in DER, leads to one of these by the others that it showed:
   * signed, valid at `nowMs`, not revoked, and the peer's for this role. The peer's possession of the key is TLS's to prove.
   * Throws an `Error` that says what is wrong, an {@linkcode UnwantedPeer} where the certificate leads to one of these.
   */
  async verify(chain: readonly Uint8Array[], role: Role, nowMs: number): Promise<Peer> {
    let shown: x509.X509Certificate[];
    try {
      shown = chain.slice(0, CHAIN_MAX).map((der) => new x509.X509Certificate(der.slice()));
    } catch {
      throw new Error("certificate that cannot be read");
    }
    const [own, ...between] = shown;
    const facts = certificateFacts(own);
    const called = JSON.stringify(facts.name.slice(0, NAME_LENGTH_MAX));
    const path = await this.#pathOf(own, between, nowMs);
    if (path === undefined) throw new Error(`certificate ${called} of another CA`);
    try {
      await this.#assertGood(path, facts, role, nowMs);
    } catch (error) {
      throw new UnwantedPeer(facts.name.slice(0, NAME_LENGTH_MAX), (error as Error).message);
    }
    return { name: facts.name, validToMs: Math.min(...path.map(({ notAfter }) => notAfter.getTime())) };
  }

  /** Throws an `Error` that says why a peer with this certificate and way to the CA is not one for `role`. */
  async #assertGood(
    path: readonly x509.X509Certificate[],
    facts: CertificateFacts,
    role: Role,
    nowMs: number,
  ): Promise<void> {
    const [own] = path;
    const called = JSON.stringify(facts.name.slice(0, NAME_LENGTH_MAX));
    for (const certificate of path) checkTime(certificate, certificate === own ? facts : undefined, nowMs);
    if (facts.isAuthority || !facts.roles.includes(role)) {
      throw new Error(`certificate ${called} ${rolesText(facts, role)}`);
    }
    for (const certificate of path.slice(0, -1)) {
      const why = await this.#revoked.reason(certificate);
      if (why === undefined) continue;
      const whose = certificate === own ? called : `${called}: that of its issuer ${nameOf(certificate)}`;
      throw new Error(`certificate ${whose} is revoked (${why})`);
    }
    if (facts.name === "") throw new Error("certificate without a name, common or alternative");
    if (facts.name.length > NAME_LENGTH_MAX) throw new Error(`certificate ${called} has too long a name`);
  }

  /** From a certificate to one of these, that one included, by issuers that are valid if there are such; undefined: there is no way. */
  async #pathOf(
    own: x509.X509Certificate,
    between: readonly x509.X509Certificate[],
    nowMs: number,
  ): Promise<Path> {
    const isValid = ({ notBefore, notAfter }: x509.X509Certificate) =>
      notBefore.getTime() <= nowMs && nowMs <= notAfter.getTime();
    const budget = { signatures: SIGNATURES_MAX };
    return await this.#goOn([own], between.filter(isValid), this.#certificates.filter(isValid), budget) ??
      await this.#goOn([own], between, this.#certificates, budget);
  }

  async #goOn(
    path: readonly x509.X509Certificate[],
    between: readonly x509.X509Certificate[],
    authorities: readonly x509.X509Certificate[],
    budget: { signatures: number },
  ): Promise<Path> {
    const last = path[path.length - 1];
    const isIssuer = async (issuer: x509.X509Certificate) =>
      last.issuer === issuer.subject && budget.signatures-- > 0 &&
      await last.verify({ publicKey: issuer, signatureOnly: true }).catch(() => false);
    for (const authority of authorities) if (await isIssuer(authority)) return [...path, authority];
    if (path.length === CHAIN_MAX) return undefined;
    for (const issuer of between) {
      if (path.includes(issuer) || !maySignBelow(issuer, path.length - 1) || !await isIssuer(issuer)) {
        continue;
      }
      const found = await this.#goOn([...path, issuer], between, authorities, budget);
      if (found) return found;
    }
    return undefined;
  }
}

/** Whether a peer's certificate may stand for a CA with so many others between it and the leaf. */
function maySignBelow(certificate: x509.X509Certificate, between: number): boolean {
  const constraints = certificate.getExtension(x509.BasicConstraintsExtension);
  const usages = certificate.getExtension(x509.KeyUsagesExtension)?.usages;
  return constraints?.ca === true && (constraints.pathLength ?? Infinity) >= between &&
    (usages === undefined || (usages & x509.KeyUsageFlags.keyCertSign) !== 0);
}

function checkTime(
  certificate: x509.X509Certificate,
  own: CertificateFacts | undefined,
  nowMs: number,
): void {
  const called = own === undefined ? `of the issuer ${nameOf(certificate)}` : JSON.stringify(own.name);
  const [from, to] = [certificate.notBefore.getTime(), certificate.notAfter.getTime()];
  if (nowMs < from) throw new Error(`certificate ${called} is not valid before ${iso(from)}`);
  if (nowMs > to) throw new Error(`certificate ${called} expired on ${iso(to)}`);
}

function rolesText({ isAuthority, roles }: CertificateFacts, role: Role): string {
  const is = isAuthority ? "a CA" : roles.join(", ") || "nothing";
  return `is for ${is}, not for ${role === "agent" ? "an" : "a"} ${role}`;
}

function nameOf(certificate: x509.X509Certificate): string {
  return JSON.stringify(certificateFacts(certificate).name || certificate.subject);
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
