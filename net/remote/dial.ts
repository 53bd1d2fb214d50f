/** From the agent to its collector. @module */
import * as net from "node:net";
import * as tls from "node:tls";
import type { Credentials } from "../pki/credentials.ts";
import { LINK_ALPN } from "./link.ts";
import type { RemoteTarget } from "./target.ts";

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
    settle();
    socket.on("error", () => {});
    socket.destroy();
    reject(error);
  };
  const failed = (error: DialError) => fail(new Error(explain(error, target)));
  const closed = () => fail(new Error("connection closed during the handshake"));
  const aborted = () => fail(new Error("given up"));
  const timer = setTimeout(() => fail(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  const event = credentials === undefined ? "connect" : "secureConnect";
  const connected = () => {
    const wrong = socket instanceof tls.TLSSocket ? whyUntrusted(socket) : undefined;
    if (wrong !== undefined) return fail(new Error(wrong));
    settle();
    socket.setNoDelay(true);
    resolve(socket);
  };
  const settle = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", aborted);
    socket.off("error", failed).off("close", closed).off(event, connected);
  };
  socket.on("error", failed).on("close", closed).on(event, connected);
  if (signal.aborted) aborted();
  else signal.addEventListener("abort", aborted);
  return promise;
}

/** What the runtime should have refused by itself. */
function whyUntrusted(socket: tls.TLSSocket): string | undefined {
  if (!socket.authorized) return `collector's certificate is not valid: ${socket.authorizationError}`;
  if (!(socket.getPeerCertificate()?.raw?.length > 0)) return "collector showed no certificate";
  if (socket.getProtocol() !== "TLSv1.3") return `collector speaks ${socket.getProtocol()}, not TLS 1.3`;
  if (socket.alpnProtocol !== LINK_ALPN) return `collector does not speak ${LINK_ALPN}`;
  return undefined;
}

function explain(error: DialError, target: RemoteTarget): string {
  if (error.code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    // As in `IP Address:192.0.2.1, DNS:hub.example`.
    const names = error.cert?.subjectaltname?.replaceAll(/(?:DNS|IP Address):/g, "");
    return `collector's certificate is not for ${target.hostname}${names ? ` but for ${names}` : ""}`;
  }
  return `${error.message}${error.code && !error.message.includes(error.code) ? ` (${error.code})` : ""}`;
}
