// SPDX-License-Identifier: MIT
// What the programs with HTTP/2 tunnels tell of an exchange.
import { createHash } from "node:crypto";

/** Collects what passes in one direction of a tunnel. */
export class Meter {
  #hash = createHash("sha256");
  bytes = 0;

  add(bytes) {
    this.#hash.update(bytes);
    this.bytes += bytes.length;
    return bytes;
  }

  get digest() {
    return this.#hash.digest("hex").slice(0, 16);
  }
}

const NONE = new Meter().digest;

/** `path` is the authority of a plain CONNECT. */
export function tell(method, path, status, toServer, toClient) {
  const bodies = { requestBody: NONE, responseBody: NONE, requestBytes: 0, responseBytes: 0 };
  const tunnel = [toServer, toClient].map(({ bytes, digest }) => `${bytes} ${digest}`);
  console.log(JSON.stringify({ method, path, status, ...bodies, tunnel }));
}
