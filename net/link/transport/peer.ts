// SPDX-License-Identifier: MIT
/** Who is at the other end of a TLS connection, now and for as long as it lasts. @module */
import type * as tls from "node:tls";
import type { Credentials, Role } from "../../pki/credentials.ts";
import { Authorities } from "../../pki/verify.ts";

/** Certificates taken of what a peer shows. */
const SHOWN_MAX = 8;
/** How often a connection is held against time and against credentials that may have changed. */
const CHECK_MS = 1000;

type Shown = Partial<tls.DetailedPeerCertificate>;

/** Certificates in DER that the peer showed, its own first; none: it showed none. */
export function shownBy(socket: tls.TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate: Shown | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw?.length && chain.length < SHOWN_MAX) {
    chain.push(new Uint8Array(certificate.raw));
    // The runtime ends a chain with nothing, or with a certificate that is its own issuer.
    const issuer: Shown | undefined = certificate.issuerCertificate;
    certificate = issuer === certificate ? undefined : issuer;
  }
  return chain;
}

export interface PeerWatchOptions {
  readonly chain: readonly Uint8Array[];
  readonly role: Role;
  /** With which the peer was verified. */
  readonly credentials: Credentials;
  /** Those of now. */
  readonly current: () => Credentials;
  /** The peer is no longer one to talk with; told once. */
  readonly gone: (reason: string) => void;
  /** This end has another certificate of its own than on the connection; told once. */
  readonly renewed: () => void;
}

/** Holds a connection's peer against expiry, CA and revocation until stopped. */
export class PeerWatch {
  readonly #options: PeerWatchOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #credentials: Credentials;
  #validToMs: number;

  /** `validToMs`: until when the peer is verified. */
  constructor(options: PeerWatchOptions, validToMs: number) {
    this.#options = options;
    this.#credentials = options.credentials;
    this.#validToMs = validToMs;
    this.#timer = setInterval(() => void this.#check(), CHECK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    const { chain, role, current, gone, renewed } = this.#options;
    const [now, nowMs] = [current(), Date.now()];
    if (now === this.#credentials && nowMs <= this.#validToMs) return;
    const isRenewed = now.certificate !== this.#credentials.certificate;
    this.#credentials = now;
    try {
      const { validToMs } = await new Authorities(now.authorities, now.revoked).verify(chain, role, nowMs);
      this.#validToMs = validToMs;
      if (!isRenewed) return;
      this.stop();
      renewed();
    } catch (error) {
      this.stop();
      gone((error as Error).message);
    }
  }
}
