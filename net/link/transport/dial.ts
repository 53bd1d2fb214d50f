// SPDX-License-Identifier: MIT
/** From the agent to its collector. @module */
import * as net from "node:net";
import * as tls from "node:tls";
import type { Credentials } from "../../pki/credentials.ts";
import { Authorities, type Peer } from "../../pki/verify.ts";
import { LINK_ALPN } from "../blocks/link.ts";
import type { RemoteTarget } from "../target.ts";
import { shownBy } from "./peer.ts";

/** What the runtime calls a certificate that it does not take, whatever the reason. */
const UNVERIFIED: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
]);

type DialError = Error & { readonly code?: string; readonly cert?: tls.PeerCertificate };

/** A connection to a collector; with TLS, whose it is. */
export interface Dialled {
  readonly socket: net.Socket;
  readonly peer?: Peer & { readonly chain: readonly Uint8Array[] };
}

/**
 * A connection whose other end is the collector that was asked for: TLS 1.3, a certificate of our CA for collectors that
 * carries the target's name or address. Rejects with an `Error` that says why it is not to be had.
 */
export async function dial(
  target: RemoteTarget,
  credentials: Credentials | undefined,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Dialled> {
  try {
    return await open(target, credentials, timeoutMs, signal);
  } catch (error) {
    if (!(error instanceof Unverified) || credentials === undefined) throw error;
    throw new Error(await inspect(target, credentials, timeoutMs, signal) ?? error.message);
  }
}

/** The runtime refused the collector's certificate, and does not say why. */
class Unverified extends Error {}

function open(
  target: RemoteTarget,
  credentials: Credentials | undefined,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Dialled> {
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>();
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
  const failed = (error: DialError) => fail(explain(error, target));
  const closed = () => fail(new Error("connection closed during the handshake"));
  const aborted = () => fail(new Error("given up"));
  const timer = setTimeout(() => fail(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  const event = credentials === undefined ? "connect" : "secureConnect";
  const connected = async () => {
    let peer: Dialled["peer"];
    try {
      if (credentials !== undefined) peer = await checkCollector(socket as tls.TLSSocket, credentials);
    } catch (error) {
      return fail(error as Error);
    }
    stopWaiting();
    if (socket.destroyed) return;
    socket.setNoDelay(true);
    resolve({ socket, peer });
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
 * What the runtime should have refused by itself, and what it lets pass: a certificate without a role, one that is revoked, a
 * host name that is the common name alone. Throws an `Error` that says what is wrong.
 */
async function checkCollector(socket: tls.TLSSocket, credentials: Credentials): Promise<Dialled["peer"]> {
  if (!socket.authorized) {
    throw new Error(`collector's certificate is not valid: ${socket.authorizationError}`);
  }
  if (socket.getProtocol() !== "TLSv1.3") {
    throw new Error(`collector speaks ${socket.getProtocol()}, not TLS 1.3`);
  }
  if (socket.alpnProtocol !== LINK_ALPN) throw new Error(`collector does not speak ${LINK_ALPN}`);
  const chain = shownBy(socket);
  const peer = await verifyCollector(chain, credentials);
  if (!socket.getPeerCertificate().subjectaltname) {
    throw new Error("collector's certificate has no subject alternative name");
  }
  return { ...peer, chain };
}

async function verifyCollector(chain: readonly Uint8Array[], credentials: Credentials): Promise<Peer> {
  if (chain.length === 0) throw new Error("collector showed no certificate");
  const { authorities, revoked } = credentials;
  return await new Authorities(authorities, revoked).verify(chain, "collector", Date.now())
    .catch((error: Error) => {
      throw new Error(`collector showed a ${error.message}`);
    });
}

/**
 * What is wrong with the certificate of a collector that was refused, on a connection of its own that shows none of ours and
 * sends nothing; undefined when nothing is found.
 */
async function inspect(
  { hostname: host, port }: RemoteTarget,
  credentials: Credentials,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const socket = tls.connect({
    host,
    port,
    ALPNProtocols: [LINK_ALPN],
    minVersion: "TLSv1.3",
    rejectUnauthorized: false,
    servername: net.isIP(host) ? "" : host,
  });
  const { promise, resolve } = Promise.withResolvers<Uint8Array[]>();
  const over = () => resolve([]);
  const timer = setTimeout(over, timeoutMs);
  signal.addEventListener("abort", over);
  socket.on("error", over).on("close", over).on("secureConnect", () => resolve(shownBy(socket)));
  const chain = await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", over);
  socket.destroy();
  if (chain.length === 0) return undefined;
  return await verifyCollector(chain, credentials).then(() => undefined, ({ message }: Error) => message);
}

function explain(error: DialError, target: RemoteTarget): Error {
  if (error.code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    // As in `IP Address:192.0.2.1, DNS:hub.example`.
    const names = error.cert?.subjectaltname?.replaceAll(/(?:DNS|IP Address):/g, "");
    return new Error(
      `collector's certificate is not for ${target.hostname}${names ? ` but for ${names}` : ""}`,
    );
  }
  const code = error.code && !error.message.includes(error.code) ? ` (${error.code})` : "";
  const isRefused = UNVERIFIED.has(error.code ?? "");
  return new (isRefused ? Unverified : Error)(`${error.message}${code}`);
}
