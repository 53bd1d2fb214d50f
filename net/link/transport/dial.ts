// SPDX-License-Identifier: MIT
/** From the agent to its collector. @module */
import * as net from "node:net";
import * as tls from "node:tls";
import type { Credentials } from "../../pki/credentials.ts";
import { Authorities } from "../../pki/verify.ts";
import { LINK_ALPN } from "../blocks/link.ts";
import type { RemoteTarget } from "../target.ts";

type DialError = Error & { readonly code?: string; readonly cert?: tls.PeerCertificate };

/**
 * A connection whose other end is the collector that was asked for: TLS 1.3, a certificate of our CA for collectors that
 * carries the target's name or address. Rejects with an `Error` that says why it is not to be had.
 */
export function dial(
  target: RemoteTarget,
  credentials: Credentials | undefined,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<net.Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const { hostname: host, port } = target;
  const socket: net.Socket = credentials === undefined ? net.connect({ host, port }) : tls.connect({
    host,
    port,
    ca: [...credentials.authorities],
    cert: credentials.certificate,
    key: credentials.key,
    ALPNProtocols: [LINK_ALPN],
    minVersion: "TLSv1.3",
    rejectUnauthorized: true,
    servername: net.isIP(host) ? "" : host,
  });
  const fail = (error: Error) => {
    stopWaiting();
    socket.on("error", () => {});
    socket.destroy();
    reject(error);
  };
  const failed = (error: DialError) => fail(new Error(explain(error, target)));
  const closed = () => fail(new Error("connection closed during the handshake"));
  const aborted = () => fail(new Error("given up"));
  const timer = setTimeout(() => fail(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  const event = credentials === undefined ? "connect" : "secureConnect";
  const connected = async () => {
    try {
      if (credentials !== undefined) await checkCollector(socket as tls.TLSSocket, credentials);
    } catch (error) {
      return fail(error as Error);
    }
    stopWaiting();
    if (socket.destroyed) return;
    socket.setNoDelay(true);
    resolve(socket);
  };
  const stopWaiting = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", aborted);
    socket.off("error", failed).off("close", closed).off(event, connected);
  };
  socket.on("error", failed).on("close", closed).on(event, connected);
  if (signal.aborted) aborted();
  else signal.addEventListener("abort", aborted);
  return promise;
}

/**
 * What the runtime should have refused by itself, and what it lets pass: a certificate without a role, one signed by another
 * than our CA itself, a host name that is the common name alone. Throws an `Error` that says what is wrong.
 */
async function checkCollector(socket: tls.TLSSocket, { authorities }: Credentials): Promise<void> {
  if (!socket.authorized) {
    throw new Error(`collector's certificate is not valid: ${socket.authorizationError}`);
  }
  const { raw, subjectaltname } = socket.getPeerCertificate() ?? {};
  if (raw === undefined || raw.length === 0) throw new Error("collector showed no certificate");
  if (socket.getProtocol() !== "TLSv1.3") {
    throw new Error(`collector speaks ${socket.getProtocol()}, not TLS 1.3`);
  }
  if (socket.alpnProtocol !== LINK_ALPN) throw new Error(`collector does not speak ${LINK_ALPN}`);
  if (!subjectaltname) throw new Error("collector's certificate has no subject alternative name");
  await new Authorities(authorities).nameOf(new Uint8Array(raw), "collector", Date.now())
    .catch((error: Error) => {
      throw new Error(`collector showed a ${error.message}`);
    });
}

function explain(error: DialError, target: RemoteTarget): string {
  if (error.code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    // As in `IP Address:192.0.2.1, DNS:hub.example`.
    const names = error.cert?.subjectaltname?.replaceAll(/(?:DNS|IP Address):/g, "");
    return `collector's certificate is not for ${target.hostname}${names ? ` but for ${names}` : ""}`;
  }
  return `${error.message}${error.code && !error.message.includes(error.code) ? ` (${error.code})` : ""}`;
}
