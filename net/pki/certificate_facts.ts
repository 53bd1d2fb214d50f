// SPDX-License-Identifier: MIT
/** What a certificate says of itself. @module */
import type { Role } from "./credentials.ts";
import { USAGES } from "./issue.ts";
import * as x509 from "./x509.ts";

/** What a certificate says; times are milliseconds since 1970. */
export interface CertificateFacts {
  /** Common name, or the first of its subject alternative names: a URI such as SPIFFE's before a host name; empty when there is none. */
  readonly name: string;
  /** What its host may be. */
  readonly roles: readonly Role[];
  /** Whether it may sign others. */
  readonly isAuthority: boolean;
  /** Host names and addresses that it is for. */
  readonly names: readonly string[];
  /** In hexadecimal, without zeros in front. */
  readonly serial: string;
  /** Counts from then on. */
  readonly validFromMs: number;
  /** Counts until then. */
  readonly validToMs: number;
}

export function certificateFacts(certificate: x509.X509Certificate): CertificateFacts {
  const usages = certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [];
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const ofType = (...types: string[]) =>
    names.filter(({ type }) => types.includes(type)).map(({ value }) => value);
  const [commonName] = certificate.subjectName.getField("CN");
  return {
    name: commonName || (ofType("url")[0] ?? ofType("dns", "ip")[0] ?? ofType("email")[0] ?? ""),
    roles: (["agent", "collector"] as const).filter((role) => usages.includes(USAGES[role])),
    isAuthority: certificate.getExtension(x509.BasicConstraintsExtension)?.ca === true,
    names: ofType("dns", "ip"),
    serial: normalSerial(certificate.serialNumber),
    validFromMs: certificate.notBefore.getTime(),
    validToMs: certificate.notAfter.getTime(),
  };
}

/** A serial number as it is compared: of `00:9A:3F` it is `9a3f`. */
export function normalSerial(hexadecimal: string): string {
  return hexadecimal.toLowerCase().replaceAll(":", "").replace(/^0+(?=.)/, "");
}
