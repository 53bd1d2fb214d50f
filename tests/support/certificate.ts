// SPDX-License-Identifier: MIT
/** Certificates for servers of tests. @module */
import { runOk } from "./run.ts";

/** Makes a key and a certificate signed by itself for `localhost`, the loopback addresses, and another address. */
export async function makeCertificate(certificate: string, key: string, address?: string): Promise<void> {
  const names = [
    "DNS:localhost",
    "IP:127.0.0.1",
    "IP:::1",
    ...address === undefined ? [] : [`IP:${address}`],
  ];
  const subject = ["-subj", "/CN=localhost", "-addext", `subjectAltName=${names.join(",")}`];
  // Deno refuses an authority as a server.
  const kind = ["-addext", "basicConstraints=critical,CA:FALSE"];
  const algorithm = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  const files = ["-keyout", key, "-out", certificate];
  await runOk("openssl", "req", "-x509", ...algorithm, ...subject, ...kind, ...files);
}
