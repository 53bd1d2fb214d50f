// SPDX-License-Identifier: MIT
/** The packets of all agents into the sinks, each once. @module */
import type { PacketBatch } from "../forge/packet_batch.ts";
import type { Sink } from "../sinks/sink.ts";
import type { NumberedFile } from "../sinks/sink_files.ts";
import { offsetAfter } from "../link/blocks/batch_walker.ts";
import { COLLECTOR_ENDS } from "../link/blocks/link.ts";
import { quoted, shown, shownText } from "../wire/printable.ts";
import type { AgentBooks } from "./agent_books.ts";
import { Backlog, type Held } from "./backlog.ts";
import type { AgentRates, AgentShares } from "./quotas.ts";
import { RateGate } from "./rate_gate.ts";
import type {
  AgentIdentity,
  AgentMessage,
  Hello,
  IntakePort,
  LinkPeer,
} from "../link/session/intake_port.ts";

/** Bytes written after which an acknowledgement goes at once. */
const ACK_BYTES = 1024 * 1024;
/** Time from the first unacknowledged write to its acknowledgement, where fewer bytes come. */
const ACK_MS = 20;
/** How long closing waits for sinks to empty their queues: what is in them is not acknowledged, and comes again. */
const FLUSH_MAX_MS = 5000;
/** Why packets of an agent are in no file. */
const SHARE_REASON = "agent-share";

interface OpenLink {
  readonly agent: AgentIdentity;
  readonly session: string;
  readonly books: AgentBooks;
  /** Packets below are the agent's no more. */
  readonly first: number;
  /** Bytes of IP packet in the longest frame of its present run. */
  readonly mtu: number;
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
  readonly bytes: number;
  /** Progress of the files after the write: what came later is not flushed with it. */
  readonly files: readonly NumberedFile[];
}

export interface IntakeOptions {
  /** Sinks that are at work; empty: nothing may be acknowledged any more. */
  readonly sinks: () => readonly Sink[];
  /** Bytes of IP packet in the longest frame that every sink takes now. */
  readonly mtu: () => number;
  /** Whether some sink keeps packets in a queue of its own, so that only flushing tells what has left. */
  readonly flushes: boolean;
  /** Packets of a session that the collector had before it was started; undefined: it knows nothing of the session. */
  readonly committed: (session: string) => number | undefined;
  /** Whether it may be less than the collector once acknowledged. */
  readonly mayLack: boolean;
  /** How far the files of the sinks are. */
  readonly files: () => readonly NumberedFile[];
  /** Keeps what the collector has now. May throw: nothing is written or acknowledged any more then. */
  readonly commit: (session: string, have: number, files: readonly NumberedFile[]) => void;
  /** Takes lines on an agent by its name, of which there may be many. */
  readonly agentLog: (name: string, line: string) => void;
  readonly log: (message: string) => void;
  /** Books of an agent by its name, made when needed. */
  readonly books: (name: string) => AgentBooks;
  /** What an agent may send; absent: all that it can. */
  readonly rates?: AgentRates;
  /** What of an agent may go into files; absent: all that it sends. */
  readonly shares?: AgentShares;
  /** Something went wrong that the collector cannot go on with. */
  readonly failed: (error: Error) => void;
  /** {@linkcode FLUSH_MAX_MS} when absent. */
  readonly flushMaxMs?: number;
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
  /** Sessions without a connection of which something is written and not flushed: it must not be written again. */
  readonly #left: Set<string> = new Set();
  readonly #backlog: Backlog;
  readonly #gate: RateGate;
  /** A commit has failed. */
  #isBroken = false;
  /** What comes from now on stays unanswered: its agents send it again. */
  #isClosed = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#gate = new RateGate(options.rates, (link) => this.#peer!.done(link));
    this.#backlog = new Backlog(options.sinks, (held) => this.#handleHeld(held), options.log);
  }

  /** Where answers go; before anything is opened. */
  connect(peer: LinkPeer): void {
    this.#peer = peer;
  }

  opened(link: number, agent: AgentIdentity, hello: Hello): void {
    if (this.#isClosed) return this.#peer!.refuse(link, COLLECTOR_ENDS);
    const session = `${agent.name}/${hello.session}`;
    for (const [other, open] of this.#links) {
      if (open.session === session) this.#end(other, "the agent has a newer connection");
    }
    const books = this.#options.books(agent.name);
    books.connected(agent.address);
    // What is written and not flushed may still be lost: the agent must keep it.
    const committed = this.#options.committed(session) ?? hello.first;
    const have = this.#have.get(session) ?? committed;
    this.#have.set(session, have);
    this.#left.delete(session);
    books.told(hello.next - Math.max(have, hello.first), 0);
    this.#links.set(link, {
      agent,
      session,
      books,
      first: hello.first,
      mtu: hello.mtu,
      cursor: undefined,
      unackedBytes: 0,
      isAckDue: false,
      hasEnded: false,
    });
    const resumes = committed > hello.first || hello.first > 0
      ? `, goes on at packet ${Math.max(committed, hello.first)}`
      : "";
    const called = hello.name === agent.name || hello.name === ""
      ? ""
      : `, calls itself ${quoted(hello.name)}`;
    const plain = agent.isPlaintext ? ", IN PLAINTEXT: neither verified nor secret" : "";
    this.#options.agentLog(
      agent.name,
      `agent ${shown(agent.name)} (${agent.address}) connected, session ${
        hello.session.slice(0, 8)
      }${resumes}${called}${plain}`,
    );
    this.#peer!.welcome(link, committed, this.#options.mtu());
  }

  packets(
    link: number,
    memory: Uint8Array<ArrayBuffer>,
    start: number,
    end: number,
    packets: number,
  ): void {
    if (this.#isClosed) return;
    if (!this.#backlog.isHolding) this.#handlePackets(link, memory, start, end, packets);
    else if (this.#links.has(link)) {
      this.#backlog.hold({ link, message: undefined, blocks: memory.slice(start, end), packets });
    }
  }

  message(link: number, message: AgentMessage): void {
    if (this.#isClosed) return;
    if (!this.#backlog.isHolding) this.#handleMessage(link, message);
    else if (this.#links.has(link)) this.#backlog.hold({ link, message });
  }

  #handleHeld(held: Held): void {
    if (held.message) this.#handleMessage(held.link, held.message);
    else this.#handlePackets(held.link, held.blocks, 0, held.blocks.length, held.packets);
  }

  #handlePackets(
    link: number,
    memory: Uint8Array<ArrayBuffer>,
    start: number,
    end: number,
    packets: number,
  ): void {
    const open = this.#links.get(link);
    if (open === undefined || this.#isBroken) return;
    if (open.cursor === undefined || open.hasEnded) {
      return this.#end(link, "bad data: packets without a position");
    }
    const mtu = this.#options.mtu();
    if (open.mtu > mtu) return this.#end(link, `packets of at most ${mtu} bytes are taken from now on`);
    const { books, session } = open;
    const first = open.cursor;
    open.cursor += packets;
    const have = this.#have.get(session)!;
    const known = Math.min(packets, Math.max(0, have - first));
    books.duplicates += known;
    if (known < packets) {
      const from = known === 0 ? start : start + offsetAfter(memory.subarray(start, end), known);
      const batch: PacketBatch = { count: packets - known, blocks: memory.subarray(from, end) };
      this.#write(link, open, batch);
    } else if (this.#options.flushes) {
      this.#flushLater(link, session, 0);
    } else {
      this.#gate.done(link);
    }
  }

  #handleMessage(link: number, message: AgentMessage): void {
    const open = this.#links.get(link);
    if (open === undefined || this.#isBroken) return;
    const have = this.#have.get(open.session)!;
    switch (message.kind) {
      case "position": {
        if (open.hasEnded) return this.#end(link, "bad data: a position after the end");
        if (open.cursor !== undefined && message.next < open.cursor) {
          return this.#end(link, `bad data: position ${message.next} after packet ${open.cursor}`);
        }
        open.cursor = message.next;
        if (message.next <= have) break;
        // Somebody has said of those below `first` that he has them: another collector, or this one, if it can have forgotten.
        const before = Math.max(0, Math.min(message.next, open.first) - have);
        if (!this.#options.mayLack) open.books.elsewhere += before;
        else if (before > 0) open.books.lose("", before);
        if (message.next > open.first) open.books.lose(message.reason, message.next - have - before);
        return this.#note(link, open, message.next, 0);
      }
      case "heartbeat":
        open.books.told(message.next - have, message.waitedMs);
        break;
      case "status":
        open.books.state = message;
        break;
      case "end": {
        const isAtEnd = open.cursor === undefined
          ? message.next <= Math.max(have, open.first)
          : message.next === open.cursor;
        if (!isAtEnd) {
          return this.#end(link, `bad data: end at ${message.next} after packet ${open.cursor ?? have}`);
        }
        open.hasEnded = true;
        this.#ack(link, open);
      }
    }
    this.#peer!.done(link);
  }

  closed(link: number, reason: string): void {
    this.#forget(link, reason);
  }

  /** Acknowledges what was written, as far as it may be, and ends all connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#backlog.close();
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, this.#options.flushMaxMs ?? FLUSH_MAX_MS);
    await Promise.race([this.#flushing, patience.promise]);
    clearTimeout(timer);
    for (const [link, open] of this.#links) {
      this.#ack(link, open);
      this.#end(link, COLLECTOR_ENDS);
    }
    clearTimeout(this.#ackTimer);
    this.#gate.close();
  }

  #write(link: number, open: OpenLink, batch: PacketBatch): void {
    const { shares, sinks } = this.#options;
    const bytes = batch.blocks.length;
    const hasRoom = shares === undefined || shares.take(open.agent.name, bytes);
    for (const sink of sinks()) if (hasRoom || sink.files === undefined) sink.write(batch);
    if (sinks().length === 0) return;
    if (hasRoom) open.books.wrote(batch.count, bytes);
    else this.#leaveOut(open, batch);
    if (this.#gate.took(link, open.books, bytes)) {
      const line = "sends more than its rate (--agent-rate): it is held to that, its packets wait there";
      this.#options.agentLog(open.agent.name, `agent ${shown(open.agent.name)} ${line}`);
    }
    this.#note(link, open, open.cursor!, batch.blocks.length);
  }

  /** Notes how far the session is, and then tells the connection that the call is done with. */
  #note(link: number, open: OpenLink, have: number, bytes: number): void {
    this.#have.set(open.session, have);
    open.unackedBytes += bytes;
    if (this.#options.flushes) this.#flushLater(link, open.session, bytes);
    else if (this.#commit(link, open.session, have, this.#options.files())) this.#gate.done(link);
  }

  /** The agent has its share of the files: the sinks without files have got the packets. */
  #leaveOut({ agent, books }: OpenLink, { count }: PacketBatch): void {
    if (!books.dropped.has(SHARE_REASON)) {
      const line = "has its share of the files (--agent-share): packets are left out there, and counted";
      this.#options.agentLog(agent.name, `agent ${shown(agent.name)} ${line}`);
    }
    books.drop(SHARE_REASON, count);
  }

  #commit(link: number, session: string, have: number, files: readonly NumberedFile[]): boolean {
    if (this.#isBroken) return false;
    try {
      this.#options.commit(session, have, files);
    } catch (error) {
      this.#isBroken = true;
      this.#options.failed(error as Error);
      return false;
    }
    const open = this.#links.get(link);
    if (open !== undefined) this.#ackSoon(link, open);
    return true;
  }

  #flushLater(link: number, session: string, bytes: number): void {
    this.#unflushed.push({
      link,
      session,
      have: this.#have.get(session)!,
      bytes,
      files: this.#options.files(),
    });
    this.#backlog.unflushedBytes += bytes;
    this.#flushing ??= this.#flush();
  }

  async #flush(): Promise<void> {
    while (this.#unflushed.length > 0) {
      const written = this.#unflushed;
      this.#unflushed = [];
      await Promise.all(this.#options.sinks().map((sink) => sink.flush()));
      if (this.#options.sinks().length === 0) break;
      for (const { link, session, have, bytes, files } of written) {
        this.#backlog.unflushedBytes -= bytes;
        if (this.#commit(link, session, have, files)) this.#gate.done(link);
      }
      for (const session of this.#left) {
        if (!this.#unflushed.some((later) => later.session === session)) this.#forgetSession(session);
      }
      this.#backlog.resume();
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
    this.#peer!.ack(link, this.#options.committed(open.session) ?? open.first);
  }

  #end(link: number, reason: string): void {
    this.#forget(link, reason);
    this.#peer!.refuse(link, reason);
  }

  #forget(link: number, reason: string): void {
    const open = this.#links.get(link);
    if (open === undefined) return;
    this.#links.delete(link);
    this.#gate.forget(link);
    const { books, agent, session } = open;
    books.disconnected(agent.address);
    this.#backlog.forget(link);
    if (this.#flushing) this.#left.add(session);
    else this.#forgetSession(session);
    this.#options.agentLog(
      agent.name,
      `agent ${shown(agent.name)} (${agent.address}) gone: ${
        open.hasEnded ? "it ended" : shownText(reason)
      }; ${books.describe()}`,
    );
  }

  /** What is committed of it stays known. */
  #forgetSession(session: string): void {
    this.#left.delete(session);
    this.#have.delete(session);
  }
}
