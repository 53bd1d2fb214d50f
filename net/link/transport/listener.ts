// SPDX-License-Identifier: MIT
/** Where agents connect: who gets in, and how many may knock at a time. @module */
import * as net from "node:net";
import * as tls from "node:tls";
import type { Credentials } from "../../pki/credentials.ts";
import { Authorities } from "../../pki/verify.ts";
import { AgentLink } from "./agent_link.ts";
import { assertReadingStops } from "./flow_control.ts";
import type { AgentIdentity, IntakePort, LinkPeer } from "../session/intake_port.ts";
import { Knocking } from "./knocking.ts";
import { LINK_ALPN } from "../blocks/link.ts";
import { LinkMemory } from "./link_memory.ts";
import { formatHostPort } from "../target.ts";

/** Longest time of a handshake. */
const HANDSHAKE_MS = 10_000;
/** Handshakes under way at a time; beyond it one is cut, so that those who come later get in. */
const HANDSHAKES_MAX = 256;
/** Agents connected at a time. */
const LINKS_MAX = 2000;
/** Connections of agents of one name; beyond it the oldest is ended. */
export const LINKS_PER_AGENT = 64;

/** Settings that can be sent to another thread. */
export interface ListenerSettings {
  readonly application: string;
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  readonly reusePort: boolean;
  /** Names of certificates that get in; absent: all of the CA's in the agent role. */
  readonly allow: readonly string[] | undefined;
  readonly isPlaintext: boolean;
  /** Bytes of IP packet in the longest frame that is taken. */
  readonly mtu: number;
  readonly heartbeatMs: number;
  /** Number of the first connection. */
  readonly firstLink: number;
}

/** One listening socket and its connections. */
export class Listener implements LinkPeer {
  readonly #settings: ListenerSettings;
  readonly #port: IntakePort;
  readonly #refused: (address: string, reason: string) => void;
  readonly #server: net.Server;
  readonly #links = new Map<number, AgentLink>();
  readonly #knocking: Knocking = new Knocking();
  readonly #sweeper: ReturnType<typeof setInterval>;
  readonly #memory = new LinkMemory();
  #authorities: Authorities | undefined;
  #nextLink: number;
  #isClosed = false;

  /**
   * `refused` takes every connection that did not get in. Credentials are left out for plaintext only. Throws on a runtime
   * whose TLS connections cannot be made to wait.
   */
  constructor(
    settings: ListenerSettings,
    credentials: Credentials | undefined,
    port: IntakePort,
    refused: (address: string, reason: string) => void,
  ) {
    this.#settings = settings;
    this.#port = port;
    this.#refused = refused;
    this.#nextLink = settings.firstLink;
    if (settings.isPlaintext) {
      this.#server = net.createServer((socket) => this.#admitPlaintext(socket));
    } else {
      if (credentials === undefined) throw new Error("a listener with TLS needs a certificate");
      assertReadingStops();
      this.#authorities = new Authorities(credentials.authorities);
      const server = tls.createServer(secureOptions(credentials), (socket) => void this.#admit(socket));
      server.on("connection", (socket: net.Socket) => this.#knocks(socket));
      server.on("tlsClientError", (error, socket) => this.#knockFailed(error, socket));
      this.#server = server;
    }
    this.#sweeper = setInterval(() => this.#sweep(), HANDSHAKE_MS / 4);
  }

  /** Listens; answers the port. Rejects as `node:net` does. */
  listen(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const { hostname: host, port, reusePort } = this.#settings;
    this.#server.once("error", reject);
    this.#server.listen({ host, port, reusePort, backlog: 1024 }, () => {
      this.#server.off("error", reject);
      this.#server.on("error", (error: Error) => this.#refused("listener", error.message));
      resolve((this.#server.address() as net.AddressInfo).port);
    });
    return promise;
  }

  /** Used for connections from now on. */
  setCredentials(credentials: Credentials): void {
    if (!(this.#server instanceof tls.Server)) return;
    this.#authorities = new Authorities(credentials.authorities);
    this.#server.setSecureContext(secureOptions(credentials));
  }

  welcome(link: number, have: number): void {
    this.#links.get(link)?.welcome(have);
  }

  done(link: number): void {
    this.#links.get(link)?.done();
  }

  ack(link: number, have: number): void {
    this.#links.get(link)?.ack(have);
  }

  refuse(link: number, reason: string): void {
    this.#links.get(link)?.refuse(reason);
  }

  /** Takes a buffer back that an {@linkcode IntakePort} has kept. */
  recycle(memory: Uint8Array<ArrayBuffer>): void {
    this.#memory.giveBack(memory);
  }

  /** Listens no more and cuts who is there. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweeper);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { socket } of this.#knocking) socket.destroy();
    const gone = [...this.#links.values()].map(({ socket }) =>
      socket.destroyed ? undefined : new Promise<void>((resolve) => socket.once("close", () => resolve()))
    );
    for (const link of this.#links.values()) link.refuse("the collector ends");
    await Promise.all(gone);
    await closed;
  }

  #knocks(socket: net.Socket): void {
    const address = addressOf(socket);
    this.#knocking.add(address, socket);
    socket.once("close", () => this.#knocking.delete(address, socket));
    if (this.#knocking.size <= HANDSHAKES_MAX) return;
    const cut = this.#knocking.oldestOfMost();
    this.#knocking.delete(cut.address, cut.socket);
    cut.socket.destroy();
    this.#refused(cut.address, `handshake not finished, and ${HANDSHAKES_MAX} others are under way`);
  }

  #knockFailed(error: Error & { code?: string }, socket: tls.TLSSocket): void {
    // The TLS socket is closed already and has forgotten whose it was.
    const raw = (socket as unknown as { _parent?: net.Socket })._parent;
    for (const { address, socket } of this.#knocking) {
      if (socket !== raw) continue;
      this.#knocking.delete(address, socket);
      socket.destroy();
      return this.#refused(address, explain(error));
    }
    // Cut by us and told already, or gone before it said anything.
  }

  #sweep(): void {
    const now = performance.now();
    for (const { address, socket, sinceMs } of this.#knocking) {
      if (now - sinceMs < HANDSHAKE_MS) return;
      this.#knocking.delete(address, socket);
      socket.destroy();
      this.#refused(address, `handshake not finished within ${HANDSHAKE_MS / 1000} s`);
    }
  }

  /**
   * The runtime has verified the peer, or says that it has not; either way the certificate is looked at here, and no
   * byte is read before. A runtime that asks for no certificate lets nobody in.
   */
  async #admit(socket: tls.TLSSocket): Promise<void> {
    const address = addressOf(socket);
    this.#knocking.deleteAddress(address);
    socket.on("error", () => {});
    try {
      const name = await this.#nameOf(socket);
      const { allow } = this.#settings;
      if (allow !== undefined && !allow.includes(name)) {
        throw new Error(`agent ${JSON.stringify(name)} is not on the list of those allowed`);
      }
      this.#open(socket, { name, address, isPlaintext: false });
    } catch (error) {
      this.#refused(address, (error as Error).message);
      socket.destroy();
    }
  }

  async #nameOf(socket: tls.TLSSocket): Promise<string> {
    const der = socket.getPeerCertificate()?.raw;
    if (der === undefined || der.length === 0) throw new Error("no certificate");
    if (socket.getProtocol() !== "TLSv1.3") throw new Error(`${socket.getProtocol()} instead of TLS 1.3`);
    if (socket.alpnProtocol !== LINK_ALPN) throw new Error(`application protocol is not ${LINK_ALPN}`);
    const name = await this.#authorities!.nameOf(new Uint8Array(der), "agent", Date.now());
    if (!socket.authorized) throw new Error(`certificate not verified: ${socket.authorizationError}`);
    return name;
  }

  #admitPlaintext(socket: net.Socket): void {
    const address = addressOf(socket);
    const name = `plaintext ${address.replace(/:\d+$/, "")}`;
    socket.on("error", () => {});
    try {
      this.#open(socket, { name, address, isPlaintext: true });
    } catch (error) {
      this.#refused(address, (error as Error).message);
      socket.destroy();
    }
  }

  #open(socket: net.Socket, agent: AgentIdentity): void {
    // Its certificate may have been looked at meanwhile.
    if (this.#isClosed) socket.destroy();
    if (socket.destroyed) return;
    if (this.#links.size >= LINKS_MAX) throw new Error(`${LINKS_MAX} agents are connected`);
    const own = [...this.#links.values()].filter((link) => link.agent.name === agent.name);
    if (own.length >= LINKS_PER_AGENT) own[0].refuse(`${LINKS_PER_AGENT} newer connections of this name`);
    const id = this.#nextLink++;
    socket.setNoDelay(true);
    this.#links.set(
      id,
      new AgentLink(id, socket, agent, this.#port, {
        application: this.#settings.application,
        mtu: this.#settings.mtu,
        heartbeatMs: this.#settings.heartbeatMs,
        memory: this.#memory,
        now: () => performance.now(),
        gone: (reason, wasOpened) => {
          this.#links.delete(id);
          this.#memory.forget(id);
          if (!wasOpened) this.#refused(agent.address, reason);
        },
      }),
    );
  }
}

function secureOptions(credentials: Credentials): tls.TlsOptions {
  return {
    ca: [...credentials.authorities],
    cert: credentials.certificate,
    key: credentials.key,
    requestCert: true,
    // Refused after the handshake instead, where the certificate can be looked at to say why: see Listener.#admit.
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
    ALPNProtocols: [LINK_ALPN],
    handshakeTimeout: HANDSHAKE_MS,
  };
}

function addressOf(socket: net.Socket): string {
  const { remoteAddress = "unknown", remotePort } = socket;
  const host = remoteAddress.replace(/^::ffff:(?=\d+\.)/, "");
  return formatHostPort(host, remotePort);
}

function explain(error: Error & { code?: string }): string {
  if (/Tls12NotOffered|ProtocolVersion|UNSUPPORTED_PROTOCOL/.test(error.message)) return "no TLS 1.3";
  if (error.code === "ERR_SSL_WRONG_VERSION_NUMBER") return "no TLS at all: rubbish, or plain TCP";
  if (error.code === "ECONNRESET") return "connection closed during the handshake";
  return `handshake failed: ${error.message}`;
}
