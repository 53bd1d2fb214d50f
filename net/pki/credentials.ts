// SPDX-License-Identifier: MIT
/** What one end of a link shows and trusts. @module */

/** PEM texts, checked to belong together. */
export interface Credentials {
  /** Common name of the certificate. */
  readonly name: string;
  /** Certificates of the CA, one or (while it changes) several. */
  readonly authorities: readonly string[];
  readonly certificate: string;
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly validToMs: number;
}

/** Who may do what: the extended key usages of a certificate. */
export type Role = "agent" | "collector";
