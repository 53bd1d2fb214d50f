// SPDX-License-Identifier: MIT
/** What one end of a link shows and trusts. @module */

/** PEM texts, checked to belong together. */
export interface Credentials {
  /** Of the certificate: common name, or the first alternative one. */
  readonly name: string;
  /** Certificates of the CA, roots or issuing ones. */
  readonly authorities: readonly string[];
  /** The own certificate, and behind it those that lead to the CA. */
  readonly certificate: string;
  readonly key: string;
  /** Milliseconds since 1970 until which all of them are valid. */
  readonly validToMs: number;
  /** Certificates that count no more, one a text: `SERIAL`, `sha256:FINGERPRINT`, `SERIAL ISSUER`. */
  readonly revoked: readonly string[];
  /** Patterns of names that a collector takes; absent: there is no such list beside the certificates. */
  readonly allowed?: readonly string[];
}

/** Who may do what: the extended key usages of a certificate. */
export type Role = "agent" | "collector";
