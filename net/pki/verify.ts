// SPDX-License-Identifier: MIT
/** Who a peer is, from the certificate that it showed. @module */
import type { Role } from "./credentials.ts";
import { USAGES } from "./issue.ts";
import * as x509 from "./x509.ts";

/** What a certificate says; times are milliseconds since 1970. */
export interface CertificateFacts {
  /** Common name; empty when there is none. */
  readonly name: string;
  /** What its host may be. */
  readonly roles: readonly Role[];
  /** Whether it may sign others. */
  readonly isAuthority: boolean;
  /** Host names and addresses that it is for. */
  readonly names: readonly string[];
  /** Counts from then on. */
  readonly validFromMs: number;
  /** Counts until then. */
  readonly validToMs: number;
}

export function certificateFacts(certificate: x509.X509Certificate): CertificateFacts {
  const usages = certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [];
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  return {
    name: certificate.subjectName.getField("CN")[0] ?? "",
    roles: (["agent", "collector"] as const).filter((role) => usages.includes(USAGES[role])),
    isAuthority: certificate.getExtension(x509.BasicConstraintsExtension)?.ca === true,
    names: names.filter(({ type }) => type === "dns" || type === "ip").map(({ value }) => value),
    validFromMs: certificate.notBefore.getTime(),
    validToMs: certificate.notAfter.getTime(),
  };
}

/** Certificates of the CA, ready to check others against. */
export class Authorities {
  readonly #certificates: readonly x509.X509Certificate[];

  /** `pems`: one certificate each. Throws an `Error` when one is none, or is not a CA's. */
  constructor(pems: readonly string[]) {
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
   * The peer's name when `der` is a certificate that one of these signed itself, valid at `nowMs`, for this role. The
   * peer's possession of the key is TLS's to prove. Throws an `Error` that says what is wrong.
   */
  async nameOf(der: Uint8Array, role: Role, nowMs: number): Promise<string> {
    let certificate: x509.X509Certificate;
    try {
      certificate = new x509.X509Certificate(der.slice());
    } catch {
      throw new Error("certificate that cannot be read");
    }
    const facts = certificateFacts(certificate);
    const shown = JSON.stringify(facts.name);
    if (!await this.#areIssuersOf(certificate, nowMs)) throw new Error(`certificate ${shown} of another CA`);
    if (nowMs < facts.validFromMs) {
      throw new Error(`certificate ${shown} is not valid before ${iso(facts.validFromMs)}`);
    }
    if (nowMs > facts.validToMs) throw new Error(`certificate ${shown} expired on ${iso(facts.validToMs)}`);
    if (facts.isAuthority || !facts.roles.includes(role)) {
      const is = facts.isAuthority ? "a CA" : facts.roles.join(", ") || "nothing";
      throw new Error(`certificate ${shown} is for ${is}, not for ${role === "agent" ? "an" : "a"} ${role}`);
    }
    if (facts.name === "") throw new Error("certificate without a common name");
    return facts.name;
  }

  async #areIssuersOf(certificate: x509.X509Certificate, nowMs: number): Promise<boolean> {
    for (const authority of this.#certificates) {
      if (certificate.issuer !== authority.subject) continue;
      if (nowMs < authority.notBefore.getTime() || nowMs > authority.notAfter.getTime()) continue;
      if (await certificate.verify({ publicKey: authority, signatureOnly: true }).catch(() => false)) {
        return true;
      }
    }
    return false;
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
