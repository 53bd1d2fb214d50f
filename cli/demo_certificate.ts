// SPDX-License-Identifier: MIT
/** A self-signed certificate for the demo's server, made on the spot. @module */
import "reflect-metadata"; // what @peculiar/x509 is built on
import * as x509 from "@peculiar/x509";
import { ALGORITHM, DAY_MS } from "../net/pki/issue.ts";

/** PEM of a certificate for `name` and 127.0.0.1, valid for a day, and of its key (PKCS #8). */
export async function makeCertificate(name: string): Promise<{ certificate: string; key: string }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: name }, {
        type: "ip",
        value: "127.0.0.1",
      }]),
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { certificate: certificate.toString("pem"), key: x509.PemConverter.encode(key, "PRIVATE KEY") };
}
