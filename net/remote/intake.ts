/** The packets of all agents into the sinks, each once. @module */
import type { PacketBatch } from "../packet_batch.ts";
import type { Sink } from "../sink.ts";
import { offsetAfter } from "./batch_walker.ts";
import type { AgentBooks } from "./agent_books.ts";
import type { AgentIdentity, AgentMessage, Hello, IntakePort, LinkPeer } from "./intake_port.ts";

/** Bytes written after which an acknowledgement goes at once. */
const ACK_BYTES = 1024 * 1024;
/** Otherwise it goes so long after the first write that it is for. */
const ACK_MS = 20;

interface OpenLink {
  readonly agent: AgentIdentity;
  readonly session: string;
  readonly books: AgentBooks;
  /** Number that the next packet has; undefined until the agent says it. */
  cursor: number | undefined;
  /** Bytes written and not yet acknowledged. */
  unackedBytes: number;
  isAckDue: boolean;
  hasEnded: boolean;
}

interface Unflushed {
  readonly link: number;
  readonly session: string;
  readonly have: number;
  /** Whether the connection waits to be told that a run of packets is done with. */
  readonly isRun: boolean;
}

export interface IntakeOptions {
  /** Those that are at work; empty: nothing may be acknowledged any more. */
  readonly sinks: () => readonly Sink[];
  /** Whether some sink keeps packets in a queue of its own, so that only flushing tells what has left. */
  readonly flushes: boolean;
  /** Packets of a session that the collector had before it was started; undefined: it knows nothing of the session. */
  readonly committed: (session: string) => number | undefined;
  /** Keeps what the collector has now. May throw: the packets are then not acknowledged. */
  readonly commit: (session: string, have: number) => void;
  readonly log: (message: string) => void;
  /** Books of an agent by its name, made when needed. */
  readonly books: (name: string) => AgentBooks;
  /** Something went wrong that the collector cannot go on with. */
  readonly failed: (error: Error) => void;
}

/** Sessions belong to the name of a certificate: no agent can spoil another's. */
export class Intake implements IntakePort {
  /** Sinks copy what they do not write at once. */
  readonly keptBytes = Infinity;
  readonly #options: IntakeOptions;
  readonly #links = new Map<number, OpenLink>();
  /** Packets written, by session; at least what is committed. */
  readonly #have = new Map<string, number>();
  #peer: LinkPeer | undefined;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  /** Written, and waiting for a flush. */
  #unflushed: Unflushed[] = [];
  #flushing: Promise<void> | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Where answers go; before anything is opened. */
  connect(peer: LinkPeer): void {
    this.#peer = peer;
  }

  opened(link: number, agent: AgentIdentity, hello: Hello): void {
    const session = `${agent.name}/${hello.session}`;
    for (const [other, open] of this.#links) {
      if (open.session === session) this.#end(other, "the agent has a newer connection");
    }
    const books = this.#options.books(agent.name);
    books.connected(agent.address);
    const have = this.#have.get(session) ?? this.#options.committed(session) ?? hello.first;
    this.#have.set(session, have);
    books.told(hello.next - have, 0);
    this.#links.set(link, {
      agent,
      session,
      books,
      cursor: undefined,
      unackedBytes: 0,
      isAckDue: false,
      hasEnded: false,
    });
    const resumes = have > hello.first || hello.first > 0 ? `, goes on at packet ${have}` : "";
    const plain = agent.isPlaintext ? ", IN PLAINTEXT: neither verified nor secret" : "";
    this.#options.log(
      `agent ${agent.name} (${agent.address}) connected, session ${
        hello.session.slice(0, 8)
      }${resumes}${plain}`,
    );
    this.#peer!.welcome(link, have);
  }

  packets(
    link: number,
    memory: Uint8Array<ArrayBuffer>,
    start: number,
    end: number,
    packets: number,
  ): void {
    const open = this.#links.get(link);
    if (open === undefined) return;
    if (open.cursor === undefined || open.hasEnded) {
      return this.#end(link, "bad data: packets without a position");
    }
    const { books, session } = open;
    const first = open.cursor;
    open.cursor += packets;
    const have = this.#have.get(session)!;
    const known = Math.min(packets, Math.max(0, have - first));
    books.duplicates += known;
    if (known < packets) {
      const from = known === 0 ? start : start + offsetAfter(memory.subarray(start, end), known);
      const batch: PacketBatch = { count: packets - known, blocks: memory.subarray(from, end) };
      if (!this.#write(link, open, batch)) return;
    }
    if (!this.#options.flushes) this.#peer!.taken(link);
    else this.#flushLater({ link, session, have: this.#have.get(session)!, isRun: true });
  }

  message(link: number, message: AgentMessage): void {
    const open = this.#links.get(link);
    if (open === undefined) return;
    const have = this.#have.get(open.session)!;
    switch (message.kind) {
      case "position": {
        if (open.cursor !== undefined && message.next < open.cursor) {
          return this.#end(link, `bad data: position ${message.next} after packet ${open.cursor}`);
        }
        open.cursor = message.next;
        if (message.next > have) {
          open.books.lose(message.reason || "unknown", message.next - have);
          this.#advance(link, open, message.next, 0);
          if (this.#options.flushes) {
            this.#flushLater({ link, session: open.session, have: message.next, isRun: false });
          }
        }
        break;
      }
      case "heartbeat":
        open.books.told(message.next - have, message.waitedMs);
        break;
      case "end":
        open.hasEnded = true;
        this.#ack(link, open);
    }
  }

  closed(link: number, reason: string): void {
    this.#forget(link, reason);
  }

  /** Acknowledges what was written, as far as it may be, and ends all connections. */
  async close(): Promise<void> {
    await this.#flushing;
    for (const [link, open] of this.#links) {
      this.#ack(link, open);
      this.#end(link, "the collector ends");
    }
    clearTimeout(this.#ackTimer);
  }

  /** False: no sink has taken it, or that could not be noted. */
  #write(link: number, open: OpenLink, batch: PacketBatch): boolean {
    for (const sink of this.#options.sinks()) sink.write(batch);
    if (this.#options.sinks().length === 0) return false;
    open.books.took(batch.count, batch.blocks.length);
    return this.#advance(link, open, open.cursor!, batch.blocks.length);
  }

  #advance(link: number, open: OpenLink, have: number, bytes: number): boolean {
    this.#have.set(open.session, have);
    open.unackedBytes += bytes;
    return this.#options.flushes || this.#commit(link, open.session, have);
  }

  #commit(link: number, session: string, have: number): boolean {
    try {
      this.#options.commit(session, have);
    } catch (error) {
      this.#options.failed(error as Error);
      return false;
    }
    const open = this.#links.get(link);
    if (open !== undefined) this.#ackSoon(link, open);
    return true;
  }

  #flushLater(written: Unflushed): void {
    this.#unflushed.push(written);
    this.#flushing ??= this.#flush();
  }

  async #flush(): Promise<void> {
    while (this.#unflushed.length > 0) {
      const written = this.#unflushed;
      this.#unflushed = [];
      await Promise.all(this.#options.sinks().map((sink) => sink.flush()));
      if (this.#options.sinks().length === 0) break;
      for (const { link, session, have, isRun } of written) {
        if (this.#commit(link, session, have) && isRun) this.#peer!.taken(link);
      }
    }
    this.#flushing = undefined;
  }

  #ackSoon(link: number, open: OpenLink): void {
    if (open.unackedBytes >= ACK_BYTES) return this.#ack(link, open);
    open.isAckDue = true;
    this.#ackTimer ??= setTimeout(() => {
      this.#ackTimer = undefined;
      for (const [each, { isAckDue }] of this.#links) if (isAckDue) this.#ack(each, this.#links.get(each)!);
    }, ACK_MS);
  }

  #ack(link: number, open: OpenLink): void {
    open.isAckDue = false;
    open.unackedBytes = 0;
    this.#peer!.ack(link, this.#options.committed(open.session) ?? 0);
  }

  #end(link: number, reason: string): void {
    this.#forget(link, reason);
    this.#peer!.refuse(link, reason);
  }

  #forget(link: number, reason: string): void {
    const open = this.#links.get(link);
    if (open === undefined) return;
    this.#links.delete(link);
    const { books, agent, session } = open;
    books.disconnected();
    const committed = this.#options.committed(session);
    if (this.#options.flushes) this.#keepUnflushed(session);
    else if (committed !== undefined) this.#have.delete(session);
    this.#options.log(
      `agent ${agent.name} (${agent.address}) gone: ${
        open.hasEnded ? "it ended" : reason
      }; ${books.describe()}`,
    );
  }

  /** What is written and not flushed stays known until it is: it must not be written again. */
  #keepUnflushed(session: string): void {
    void (this.#flushing ?? Promise.resolve()).then(() => {
      const isOpen = [...this.#links.values()].some((open) => open.session === session);
      if (!isOpen && this.#options.committed(session) === this.#have.get(session)) this.#have.delete(session);
    });
  }
}
