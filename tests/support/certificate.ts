// SPDX-License-Identifier: MIT
/** Certificates for servers of tests. @module */
import { runOk } from "./run.ts";

/** Makes a key and a certificate signed by itself for `localhost` and the loopback addresses. */
export async function makeCertificate(certificate: string, key: string): Promise<void> {
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"];
  // Deno refuses an authority as a server.
  const kind = ["-addext", "basicConstraints=critical,CA:FALSE"];
  const algorithm = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  const files = ["-keyout", key, "-out", certificate];
  await runOk("openssl", "req", "-x509", ...algorithm, ...subject, ...kind, ...files);
}
