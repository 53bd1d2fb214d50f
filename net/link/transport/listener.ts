// SPDX-License-Identifier: MIT
/** Where agents connect: who gets in, and how many may knock at a time. @module */
import * as net from "node:net";
import * as tls from "node:tls";
import type { Credentials } from "../../pki/credentials.ts";
import { Authorities, type Peer, UnwantedPeer } from "../../pki/verify.ts";
import { AcceptWatch } from "./accept_watch.ts";
import { AgentLink } from "./agent_link.ts";
import { assertReadingStops } from "./flow_control.ts";
import type { AgentIdentity, IntakePort, LinkPeer } from "../session/intake_port.ts";
import { Knocking } from "./knocking.ts";
import { COLLECTOR_ENDS, LINK_ALPN, linkBlock, linkHead } from "../blocks/link.ts";
import { Unpacker } from "../blocks/packing.ts";
import { LinkMemory } from "./link_memory.ts";
import { formatHostPort } from "../target.ts";
import { isAllowed } from "../../pki/allowed.ts";
import { shownBy } from "./peer.ts";

/** Longest time of a handshake. */
const HANDSHAKE_MS = 10_000;
/** Handshakes under way at a time; beyond it one is cut, so that those who come later get in. */
const HANDSHAKES_MAX = 256;
/** Agents connected at a time. */
const LINKS_MAX = 2000;
/** Connections of agents of one name; beyond it the oldest is ended. */
export const LINKS_PER_AGENT = 64;

/** Time in which a connection that is turned away may take the reason. */
const LAST_WORD_MS = 2000;

/** Settings that can be sent to another thread. */
export interface ListenerSettings {
  readonly application: string;
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  readonly reusePort: boolean;
  /** Patterns of names that get in, beside those of the credentials; absent where both are: all of the CA's in the agent role. */
  readonly allow: readonly string[] | undefined;
  readonly isPlaintext: boolean;
  readonly heartbeatMs: number;
  /** Whether packets may come packed. */
  readonly unpacks: boolean;
  /** Number of the first connection. */
  readonly firstLink: number;
}

/** Takes a connection that did not get in; `name` is that of the certificate where it is of the CA. */
export type Refused = (address: string, reason: string, name?: string) => void;

/** Whose connection it is, as far as it can change. */
interface Admitted {
  readonly chain: readonly Uint8Array[];
  readonly name: string;
  /** Milliseconds since 1970 until which it is verified. */
  validToMs: number;
}

/** One listening socket and its connections. */
export class Listener implements LinkPeer {
  readonly #settings: ListenerSettings;
  readonly #port: IntakePort;
  readonly #refused: Refused;
  readonly #server: net.Server;
  readonly #links = new Map<number, AgentLink>();
  readonly #knocking: Knocking = new Knocking();
  readonly #sweeper: ReturnType<typeof setInterval>;
  readonly #memory = new LinkMemory();
  readonly #unpacker: Unpacker | undefined;
  /** Of connections with TLS. */
  readonly #admitted: Map<number, Admitted> = new Map();
  #authorities: Authorities | undefined;
  /** Patterns of names that get in; undefined: all do. */
  #allowed: readonly string[] | undefined;
  #nextLink: number;
  #acceptWatch: AcceptWatch | undefined;
  #isClosed = false;

  /**
   * `refused` takes every connection that did not get in. Credentials are left out for plaintext only. Throws on a runtime
   * whose TLS connections cannot be made to wait.
   */
  constructor(
    settings: ListenerSettings,
    credentials: Credentials | undefined,
    port: IntakePort,
    refused: Refused,
  ) {
    this.#settings = settings;
    this.#port = port;
    this.#refused = refused;
    this.#nextLink = settings.firstLink;
    this.#unpacker = settings.unpacks ? new Unpacker() : undefined;
    if (settings.isPlaintext) {
      this.#server = net.createServer((socket) => this.#admitPlaintext(socket));
    } else {
      if (credentials === undefined) throw new Error("a listener with TLS needs a certificate");
      assertReadingStops();
      this.#trust(credentials);
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
    const options = { host, port, reusePort, backlog: 1024 };
    this.#server.once("error", reject);
    this.#server.listen(options, () => {
      this.#server.off("error", reject);
      this.#server.on("error", (error: Error) => this.#refused("listener", error.message));
      const { port } = this.#server.address() as net.AddressInfo;
      this.#acceptWatch = new AcceptWatch(this.#server, { ...options, port });
      resolve(port);
    });
    return promise;
  }

  /** Shown on connections from now on; those that are there go on if they would get in now. */
  setCredentials(credentials: Credentials): void {
    if (!(this.#server instanceof tls.Server)) return;
    this.#trust(credentials);
    this.#server.setSecureContext(secureOptions(credentials));
    for (const id of this.#admitted.keys()) void this.#recheck(id);
  }

  #trust({ authorities, revoked, allowed }: Credentials): void {
    const { allow } = this.#settings;
    this.#authorities = new Authorities(authorities, revoked);
    this.#allowed = allow || allowed ? [...allow ?? [], ...allowed ?? []] : undefined;
  }

  /** Ends the connection if its agent would not get in now. */
  async #recheck(id: number): Promise<void> {
    const admitted = this.#admitted.get(id);
    if (admitted === undefined) return;
    try {
      admitted.validToMs = (await this.#verify(admitted.chain)).validToMs;
    } catch (error) {
      this.#links.get(id)?.refuse((error as Error).message);
    }
  }

  /** Throws an `Error` that says why an agent that shows these certificates does not get in. */
  async #verify(chain: readonly Uint8Array[]): Promise<Peer> {
    const peer = await this.#authorities!.verify(chain, "agent", Date.now());
    if (this.#allowed !== undefined && !isAllowed(peer.name, this.#allowed)) {
      throw new UnwantedPeer(
        peer.name,
        `agent ${JSON.stringify(peer.name)} is not on the list of those allowed`,
      );
    }
    return peer;
  }

  welcome(link: number, have: number, mtu: number): void {
    this.#links.get(link)?.welcome(have, mtu);
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
    for (const link of this.#links.values()) link.refuse(COLLECTOR_ENDS);
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
    if (this.#acceptWatch?.look()) {
      this.#refused("listener", "connections were taken no more; it listens anew");
    }
    const nowMs = Date.now();
    for (const [id, { validToMs }] of this.#admitted) if (nowMs > validToMs) void this.#recheck(id);
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
      const authorities = this.#authorities;
      const admitted = await this.#peerOf(socket);
      const id = this.#open(socket, { name: admitted.name, address, isPlaintext: false });
      if (id === undefined) return;
      this.#admitted.set(id, admitted);
      if (authorities !== this.#authorities) await this.#recheck(id);
    } catch (error) {
      this.#turnAway(socket, address, error as Error);
    }
  }

  /** Says why, to the connection too: whoever has the wrong certificate should learn it where it is. */
  #turnAway(socket: net.Socket, address: string, error: Error): void {
    const { message: reason } = error;
    this.#refused(address, reason, error instanceof UnwantedPeer ? error.peerName : undefined);
    if (socket.destroyed) return;
    const cut = setTimeout(() => socket.destroy(), LAST_WORD_MS);
    socket.once("close", () => clearTimeout(cut));
    socket.write(linkHead(this.#settings.application, "collector", Date.now()));
    socket.end(linkBlock({ kind: "refused", reason }));
    socket.resume();
  }

  async #peerOf(socket: tls.TLSSocket): Promise<Admitted> {
    const chain = shownBy(socket);
    if (chain.length === 0) throw new Error("no certificate");
    if (socket.getProtocol() !== "TLSv1.3") throw new Error(`${socket.getProtocol()} instead of TLS 1.3`);
    if (socket.alpnProtocol !== LINK_ALPN) throw new Error(`application protocol is not ${LINK_ALPN}`);
    const peer = await this.#verify(chain);
    if (!socket.authorized) throw new Error(`certificate not verified: ${socket.authorizationError}`);
    return { ...peer, chain };
  }

  #admitPlaintext(socket: net.Socket): void {
    const address = addressOf(socket);
    const name = `plaintext ${address.replace(/:\d+$/, "")}`;
    socket.on("error", () => {});
    try {
      this.#open(socket, { name, address, isPlaintext: true });
    } catch (error) {
      this.#turnAway(socket, address, error as Error);
    }
  }

  /** Answers its number; undefined: it is no more. */
  #open(socket: net.Socket, agent: AgentIdentity): number | undefined {
    // Its certificate may have been looked at meanwhile.
    if (this.#isClosed) socket.destroy();
    if (socket.destroyed) return undefined;
    if (this.#links.size >= LINKS_MAX) throw new Error(`${LINKS_MAX} agents are connected`);
    const own = [...this.#links.values()].filter((link) => link.agent.name === agent.name);
    if (own.length >= LINKS_PER_AGENT) own[0].refuse(`${LINKS_PER_AGENT} newer connections of this name`);
    const id = this.#nextLink++;
    socket.setNoDelay(true);
    this.#links.set(
      id,
      new AgentLink(id, socket, agent, this.#port, {
        application: this.#settings.application,
        heartbeatMs: this.#settings.heartbeatMs,
        memory: this.#memory,
        unpacker: this.#unpacker,
        now: () => performance.now(),
        gone: (reason, wasOpened) => {
          this.#links.delete(id);
          this.#admitted.delete(id);
          this.#memory.forget(id);
          if (!wasOpened) this.#refused(agent.address, reason, agent.isPlaintext ? undefined : agent.name);
        },
      }),
    );
    return id;
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

/** Ends of what the runtime calls the alerts of an agent that does not take the collector's certificate. */
const AGENT_SAYS = [
  ["_ALERT_UNKNOWN_CA", "is of another CA than its own"],
  // Of a CA with the same name and another key.
  ["_ALERT_DECRYPT_ERROR", "is of another CA than its own"],
  ["_ALERT_CERTIFICATE_EXPIRED", "has expired"],
  ["_ALERT_UNSUPPORTED_CERTIFICATE", "is not for a collector"],
  ["_ALERT_BAD_CERTIFICATE", "is not for the name by which it was reached"],
] as const;

function explain(error: Error & { code?: string }): string {
  if (/Tls12NotOffered|ProtocolVersion|UNSUPPORTED_PROTOCOL/.test(error.message)) return "no TLS 1.3";
  if (error.code === "ERR_SSL_WRONG_VERSION_NUMBER") return "no TLS at all: rubbish, or plain TCP";
  const [, said] = AGENT_SAYS.find(([code]) => error.code?.endsWith(code)) ?? [];
  if (said !== undefined) return `the agent says that this collector's certificate ${said}`;
  if (error.code === "ECONNRESET") return "connection closed during the handshake";
  return `handshake failed: ${error.message}`;
}
