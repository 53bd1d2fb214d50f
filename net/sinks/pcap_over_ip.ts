// SPDX-License-Identifier: MIT
/** PCAP-over-IP: a TCP server; every client gets a pcapng stream from the moment it connects. @module */
import type { PacketBatch } from "../forge/packet_batch.ts";
import {
  countDropped,
  DEFAULT_MTU,
  eventLoopTurn,
  FLUSH_STALLED_MS,
  newSinkCounters,
  type Sink,
  type SinkCounters,
} from "./sink.ts";
import { pcapngHead } from "../wire/pcapng.ts";
import { PORT_MAX } from "../wire/tcp.ts";
import { systemError } from "../ffi/system_error.ts";
import { type SinkKind, wrongForm } from "./kind.ts";
import { connectionWriter } from "../ffi/connection_writer.ts";
import { Outlet, Parcel } from "./outlet.ts";
import { type OutletWriter, PieceWriter } from "./outlet_writer.ts";
import { Patience } from "./patience.ts";
import type { SinkOptions } from "./sink_options.ts";

const PREFIX = "pcap-over-ip:";
const FORM = `${PREFIX}[ADDR:]PORT`;
/** Mirrored clear text is not shown to the network unless asked for. */
const DEFAULT_HOSTNAME = "127.0.0.1";

export const pcapOverIpKind: SinkKind = {
  form: FORM,
  description:
    `a TCP server, on ${DEFAULT_HOSTNAME} unless an address is given; each client gets pcapng from when it connects`,
  parse(text) {
    if (!text.startsWith(PREFIX)) return undefined;
    const { hostname, port } = parseAddress(text);
    const listening = <T>(listen: () => T): T => {
      try {
        return listen();
      } catch (error) {
        throw new Error(listenError(text, hostname, port, error));
      }
    };
    return {
      name: text,
      flushes: true,
      check: () => listening(() => Deno.listen({ hostname, port })).close(),
      open: (options) => listening(() => new PcapOverIpSink(text, hostname, port, options)),
    };
  },
};

/** Port 0: any free one. Throws as {@linkcode wrongForm} does. */
function parseAddress(text: string): { hostname: string; port: number } {
  const parts = /^(?:(\[[^\]]+\]|[^[\]]+):)?(\d{1,5})$/.exec(text.slice(PREFIX.length));
  const port = Number(parts?.[2] ?? NaN);
  if (!(port <= PORT_MAX)) {
    throw wrongForm(`${FORM} with a port from 1 to ${PORT_MAX}, such as ${PREFIX}57012`, text);
  }
  return { hostname: parts?.[1]?.replace(/^\[|\]$/g, "") ?? DEFAULT_HOSTNAME, port };
}

function listenError(name: string, hostname: string, port: number, error: unknown): string {
  const shown = JSON.stringify(name);
  switch (systemError(error).code) {
    case "EADDRINUSE":
      return `cannot listen for ${shown}: port ${port} is taken, choose another`;
    case "EADDRNOTAVAIL":
      return `cannot listen for ${shown}: ${hostname} is no address of this host`;
    case "EACCES":
      return `cannot listen for ${shown}: port ${port} needs the capability CAP_NET_BIND_SERVICE, choose one above 1023`;
    default:
      return `cannot listen for ${shown}: ${systemError(error).text}`;
  }
}

/** Bytes that wait for one slow client; batches beyond it are left out whole, so that its stream stays valid. */
const CLIENT_QUEUE_BYTES = 16 << 20;
/** Clients at a time: with their queues full they hold 512 MiB at most, shared blocks counted once for each. */
const CLIENTS_MAX = 32;

/** One batch for all clients, settled when the first of them has it or the last has lost it. */
class SharedParcel extends Parcel {
  /** Clients that are to get it, and one more while it is offered to them. */
  holders = 1;
  /** Some client has had room for it. */
  isTaken = false;
  isDelivered = false;
}

interface Client {
  readonly connection: Deno.TcpConn;
  /** Closed beside the connection. */
  readonly writer: OutletWriter & { close?(): void };
  readonly outlet: Outlet<SharedParcel>;
  readonly address: string;
  warned: boolean;
  /** What it had taken when it was last given up on: not waited for until it takes more. */
  stalledAt: number;
}

export interface PcapOverIpLimits {
  /** {@linkcode CLIENT_QUEUE_BYTES} when absent. */
  readonly queueBytes?: number;
  /**
   * Time after which a client that took nothing is not waited for when flushing, and cut when closing;
   * {@linkcode FLUSH_STALLED_MS} when absent.
   */
  readonly stalledMs?: number;
  /** That of {@linkcode Patience} when absent. */
  readonly patienceMs?: number;
}

/**
 * A packet counts as written when at least one client got it whole, else as dropped: `no-client`, `slow-client` when
 * no queue had room, `client-gone` when all that it was queued for went before they had it.
 */
export class PcapOverIpSink implements Sink {
  readonly name: string;
  readonly mtu: number;
  readonly counters: SinkCounters = newSinkCounters();
  readonly #listener: Deno.TcpListener;
  readonly #clients = new Set<Client>();
  readonly #head: Uint8Array<ArrayBuffer>;
  readonly #options: SinkOptions;
  readonly #queueBytes: number;
  readonly #stalledMs: number;
  readonly #patience: Patience;
  readonly #accepting: Promise<void>;
  #isClosed = false;

  /** Listens at once; port 0 takes any free one. Throws what `Deno.listen` throws. */
  constructor(
    name: string,
    hostname: string,
    port: number,
    options: SinkOptions,
    limits: PcapOverIpLimits = {},
  ) {
    this.name = name;
    this.mtu = options.mtu ?? DEFAULT_MTU;
    this.#options = options;
    this.#queueBytes = limits.queueBytes ?? CLIENT_QUEUE_BYTES;
    this.#stalledMs = limits.stalledMs ?? FLUSH_STALLED_MS;
    this.#patience = new Patience(limits.patienceMs);
    this.#head = pcapngHead(options);
    this.#listener = Deno.listen({ hostname, port });
    this.#accepting = this.#accept();
  }

  /** Where it listens. */
  get address(): Deno.NetAddr {
    return this.#listener.addr as Deno.NetAddr;
  }

  write(batch: PacketBatch): void {
    const packets = batch.count;
    this.counters.packets += packets;
    if (this.#isClosed) return countDropped(this.counters, "sink-closed", packets);
    if (this.#clients.size === 0) return countDropped(this.counters, "no-client", packets);
    const parcel = new SharedParcel(batch.blocks, packets);
    const slow = [...this.#clients].filter((client) => !this.#offer(client, parcel));
    // Where one takes it the others set no pace; where none does, the first that reads is waited for.
    for (const client of slow) {
      if (parcel.isTaken || !this.#offer(client, parcel, this.#patience)) this.#warnSlow(client);
    }
    this.#book(parcel, false);
  }

  #offer({ outlet }: Client, parcel: SharedParcel, patience?: Patience): boolean {
    // It may be delivered before the call returns.
    parcel.holders++;
    if (outlet.offer(parcel, patience)) return parcel.isTaken = true;
    parcel.holders--;
    return false;
  }

  #warnSlow(client: Client): void {
    if (client.warned) return;
    client.warned = true;
    this.#options.warn?.(
      `${this.name}: client ${client.address} is too slow, it gets no more than it reads`,
    );
  }

  async flush(): Promise<void> {
    // A packet is written when one client has it: the slowest must not set the pace for all.
    const drained = [...this.#clients].map(async (client) => {
      if (!await this.#drained(client)) throw new Error(`${client.address} did not take all`);
    });
    await Promise.any(drained).catch(() => {});
  }

  async close(): Promise<void> {
    if (this.#isClosed) return await this.#accepting;
    this.#isClosed = true;
    this.#listener.close();
    await this.#accepting;
    await Promise.all([...this.#clients].map(async (client) => {
      await this.#drained(client);
      this.#end(client);
    }));
  }

  async #accept(): Promise<void> {
    while (!this.#isClosed) {
      let connection: Deno.TcpConn;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (this.#isClosed) return;
        // A client that went before it was accepted, or no descriptor left: the next may do better.
        this.#options.warn?.(`${this.name}: a client could not be accepted: ${(error as Error).message}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      if (this.#isClosed || this.#clients.size >= CLIENTS_MAX) {
        connection.close();
        continue;
      }
      this.#welcome(connection);
    }
  }

  #welcome(connection: Deno.TcpConn): void {
    const { hostname, port } = connection.remoteAddr as Deno.NetAddr;
    const writer = connectionWriter(connection) ?? new PieceWriter((bytes) => connection.write(bytes));
    const outlet = new Outlet<SharedParcel>(writer, this.#queueBytes, {
      delivered: (parcel) => this.#book(parcel, true),
      lost: (parcel) => this.#book(parcel, false),
      broken: () => this.#end(client),
    });
    const client: Client = {
      connection,
      writer,
      outlet,
      address: `${hostname}:${port}`,
      warned: false,
      stalledAt: -1,
    };
    outlet.enqueue(new SharedParcel(this.#head, 0));
    this.#clients.add(client);
    void this.#watch(client);
  }

  /** A client sends nothing; reading tells when it goes. */
  async #watch(client: Client): Promise<void> {
    const buffer = new Uint8Array(256);
    try {
      while (await client.connection.read(buffer) !== null);
    } catch {
      this.#end(client);
    }
    // Otherwise it has closed its sending side only; writing tells the rest.
  }

  #end(client: Client): void {
    if (!this.#clients.delete(client)) return;
    client.outlet.cut();
    client.writer.close?.();
    client.connection.close();
  }

  /** One that held the parcel has it, or will not get it. */
  #book(parcel: SharedParcel, isDelivered: boolean): void {
    parcel.holders--;
    if (parcel.isDelivered) return;
    if (isDelivered) {
      parcel.isDelivered = true;
      this.counters.written += parcel.packets;
      if (parcel.packets > 0) this.counters.writtenBytes += parcel.length;
    } else if (parcel.holders === 0) {
      countDropped(this.counters, parcel.isTaken ? "client-gone" : "slow-client", parcel.packets);
    }
  }

  /** Settles when the client has it all (true), is gone, or took nothing for `#stalledMs`. */
  async #drained(client: Client): Promise<boolean> {
    const { outlet } = client;
    if (outlet.writtenBytes === client.stalledAt) {
      await eventLoopTurn();
      return false;
    }
    const drained = outlet.drained();
    let timer: ReturnType<typeof setInterval> | undefined;
    const stalled = new Promise<false>((resolve) => {
      let before = outlet.writtenBytes;
      timer = setInterval(() => {
        if (outlet.writtenBytes === before) {
          client.stalledAt = before;
          resolve(false);
        }
        before = outlet.writtenBytes;
      }, this.#stalledMs);
    });
    const hasAll = await Promise.race([drained.then(() => true), stalled]);
    clearInterval(timer);
    return hasAll && this.#clients.has(client);
  }
}
