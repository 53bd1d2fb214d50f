// SPDX-License-Identifier: MIT
/** Making a CA and its certificates: ECDSA on P-256. @module */
import { isIP } from "node:net";
import type { Role } from "./credentials.ts";
import * as x509 from "./x509.ts";

export const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
export const DAY_MS = 86_400_000;
export const AUTHORITY_DAYS = 3650;
export const CERTIFICATE_DAYS = 90;
/** RFC 5280, 4.2.1.1. */
const AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
/** Clocks of two hosts differ. */
const BACKDATED_MS = 3_600_000;

export const USAGES: Readonly<Record<Role, string>> = {
  agent: x509.ExtendedKeyUsage.clientAuth,
  collector: x509.ExtendedKeyUsage.serverAuth,
};

/** PEM of a certificate and of its PKCS #8 key. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** When a certificate counts. */
export interface Validity {
  /** From then on. */
  readonly notBefore: Date;
  /** Until then. */
  readonly notAfter: Date;
}

/** So many days from now on. */
export function daysFrom(nowMs: number, days: number): Validity {
  return { notBefore: new Date(nowMs - BACKDATED_MS), notAfter: new Date(nowMs + days * DAY_MS) };
}

/** A self-signed CA that may sign end certificates only. */
export async function makeAuthority(name: string, validity: Validity): Promise<Issued> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    ...validity,
    serialNumber: serialNumber(),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await keyPem(keys.privateKey) };
}

/** What is to be in a certificate. */
export interface CertificateRequest {
  /** What its host may be. */
  readonly role: Role;
  /** Common name, also of its files. */
  readonly name: string;
  /** Host names and addresses that a collector is reached by. */
  readonly names: readonly string[];
  /** When it counts. */
  readonly validity: Validity;
}

/** Throws an `Error` when the authority's certificate and key do not belong together or are no CA's. */
export async function issueCertificate(authority: Issued, request: CertificateRequest): Promise<Issued> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await sign(authority, {
    subject: [{ CN: [request.name] }],
    ...request.validity,
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      ...requestedExtensions(request),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, key: await keyPem(keys.privateKey) };
}

/**
 * Answers the certificate (PEM) as it is but for serial number and validity: it goes with the key that it had. Throws as {@linkcode issueCertificate}, and
 * when the authority did not sign it.
 */
export async function renewCertificate(
  authority: Issued,
  pem: string,
  validity: Validity,
): Promise<string> {
  const old = new x509.X509Certificate(pem);
  const publicKey = new x509.X509Certificate(authority.certificate);
  if (!await old.verify({ publicKey, signatureOnly: true }).catch(() => false)) {
    throw new Error("the certificate to renew is of another CA");
  }
  const extensions = old.extensions.filter(({ type }) => type !== AUTHORITY_KEY_IDENTIFIER);
  return await sign(authority, {
    subject: old.subjectName.toJSON(),
    ...validity,
    publicKey: old.publicKey,
    extensions,
  });
}

/** A key, and the request for another CA to sign, in PEM. */
export async function makeRequest(
  request: Omit<CertificateRequest, "validity">,
): Promise<{ readonly request: string; readonly key: string }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [request.name] }],
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: requestedExtensions(request),
  });
  return { request: made.toString("pem"), key: await keyPem(keys.privateKey) };
}

/** What a certificate of ours needs to have, whoever signs it. */
function requestedExtensions({ role, names }: Omit<CertificateRequest, "validity">): x509.Extension[] {
  const alternatives = names.map((value) => ({ type: isIP(value) ? "ip" : "dns", value }) as const);
  return [
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([USAGES[role]], true),
    ...alternatives.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternatives)] : [],
  ];
}

type ToSign =
  & Required<Pick<x509.X509CertificateCreateWithKeyParams, "subject" | "publicKey" | "extensions">>
  & Validity;

async function sign(authority: Issued, what: ToSign): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certificate);
  if (!issuer.getExtension(x509.BasicConstraintsExtension)?.ca) {
    throw new Error("the certificate that should sign is not a CA's");
  }
  const certificate = await x509.X509CertificateGenerator.create({
    ...what,
    issuer: issuer.subjectName.toJSON(),
    serialNumber: serialNumber(),
    signingAlgorithm: ALGORITHM,
    signingKey: await readKey(authority.key),
    extensions: [...what.extensions, await x509.AuthorityKeyIdentifierExtension.create(issuer)],
  });
  if (!await certificate.verify({ publicKey: issuer, signatureOnly: true })) {
    throw new Error("the CA's certificate and key do not belong together");
  }
  return certificate.toString("pem");
}

async function keyPem(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY") + "\n";
}

async function readKey(pem: string): Promise<CryptoKey> {
  const [der] = x509.PemConverter.decode(pem);
  return await crypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
}

/** 16 random bytes, positive (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = bytes[0] & 0x7f | 0x40;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
