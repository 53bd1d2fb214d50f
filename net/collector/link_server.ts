// SPDX-License-Identifier: MIT
/** What a collector serves: links of many agents in, sinks out. @module */
import * as net from "node:net";
import { resolve } from "node:path";
import type { Credentials } from "../pki/credentials.ts";
import type { Sink } from "../sinks/sink.ts";
import type { CaptureFile, SinkSpec } from "../sinks/kind.ts";
import { splitName } from "../sinks/rotated_path.ts";
import type { FileProgress, NumberedFile, SinkFiles } from "../sinks/sink_files.ts";
import type { SinkOptions } from "../sinks/sink_options.ts";
import type { RefusedReport } from "../status/report.ts";
import { shown, shownText } from "../wire/printable.ts";
import { AgentBooks } from "./agent_books.ts";
import { CollectorState } from "./collector_state.ts";
import { cutToCommit, keepAside, resumeFile } from "./file_progress.ts";
import { Intake } from "./intake.ts";
import type { LinkPeer } from "../link/session/intake_port.ts";
import {
  LINKS_PER_AGENT,
  Listener,
  type ListenerSettings,
  type Refused,
} from "../link/transport/listener.ts";
import { LimitedLog } from "./limited_log.ts";
import { HEARTBEAT_MS } from "../link/blocks/link.ts";
import { MTU_MAX } from "../settings/limits.ts";
import { AgentRates, AgentShares } from "./quotas.ts";
import { RefusedAgents } from "./refused_agents.ts";
import { Sessions } from "./sessions.ts";
import { WorkerListener } from "../link/transport/worker_listener.ts";

/** Numbers of connections that each thread has for itself. */
const LINKS_PER_WORKER = 2 ** 40;
/** Agents whose books are kept; those longest gone are forgotten first. */
const BOOKS_MAX = 10_000;
/** Lines in the log in ten seconds on connections that did not get in, and on those of one agent. */
const REFUSAL_LINES = 20;
const AGENT_LINES = 50;

export interface LinkServerOptions {
  readonly application: string;
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  readonly sinks: readonly SinkSpec[];
  readonly sinkOptions?: Pick<SinkOptions, "mtu" | "rotateBytes" | "rotateMs" | "keep">;
  /** Absent: plaintext. */
  readonly credentials?: Credentials;
  readonly allow?: readonly string[];
  /** Keeps what must outlive the collector; absent: nothing does, and an interrupted collector gets packets twice. */
  readonly statePath?: string;
  /** Bytes a second of one agent, and bytes of one in files; absent: any. */
  readonly agentRate?: number;
  readonly agentShare?: number;
  /** Threads for connections; 0: the caller's. */
  readonly workers: number;
  /** Whether agents may pack what they send; they may when absent. */
  readonly unpacks?: boolean;
  readonly heartbeatMs?: number;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
}

/** State, sinks and listeners of a collector: open and at work until closed. */
export class LinkServer {
  readonly sinks: readonly Sink[];
  /** Books of agents by the name in their certificate, in the order in which they came. */
  readonly agents: Map<string, AgentBooks> = new Map();
  /** Settles with an error when the collector cannot go on: no sink is left, or its state cannot be kept. */
  readonly failed: Promise<Error>;
  readonly #fail: (error: Error) => void;
  readonly #options: LinkServerOptions;
  readonly #state: CollectorState | undefined;
  /** Sessions of the state file; without such a file, kept for this run. */
  readonly #sessions: Sessions;
  /** Files of the sinks whose files grow. */
  readonly #sinkFiles: readonly SinkFiles[];
  /** Progress of `#sinkFiles` at the last commit. */
  #committedFiles: readonly NumberedFile[] = [];
  readonly #intake: Intake;
  readonly #refusals: LimitedLog;
  readonly #refusedAgents = new RefusedAgents();
  readonly #agentLog: LimitedLog;
  #listeners: (Listener | WorkerListener)[] = [];
  #atWork: Sink[];
  #port = 0;

  /** Opens state and sinks, then listens. Throws an `Error` of one line, or as `node:net` does, before any file is touched. */
  static async start(options: LinkServerOptions): Promise<LinkServer> {
    await checkFree(options.hostname, options.port);
    const server = new LinkServer(options);
    try {
      await server.#listen();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  private constructor(options: LinkServerOptions) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.failed = promise;
    this.#fail = resolve;
    this.#options = options;
    this.#refusals = new LimitedLog(REFUSAL_LINES, options.warn, (_, lines) => `refused ${lines} more`);
    this.#agentLog = new LimitedLog(
      AGENT_LINES,
      options.info,
      (name, lines) => `agent ${shown(name)}: ${lines} more lines on its connections are left out`,
    );
    const links = LINKS_PER_AGENT * Math.max(1, options.workers);
    this.#state = options.statePath === undefined ? undefined : new CollectorState(options.statePath, links);
    const { damagedLines = 0 } = this.#state ?? {};
    if (damagedLines > 0) {
      options.warn(
        `${options.statePath}: ${damagedLines} lines are not as they were written; packets may come twice, and no capture is cut`,
      );
    }
    this.#sessions = this.#state?.sessions ?? new Sessions(links);
    const sinks: Sink[] = [];
    try {
      for (const spec of options.sinks) sinks.push(this.#open(spec));
      this.#sinkFiles = sinks.flatMap((sink) => sink.files ?? []);
      this.#commitFiles();
    } catch (error) {
      for (const sink of sinks) void sink.close();
      this.#state?.close();
      throw error;
    }
    this.sinks = sinks;
    this.#atWork = [...sinks];
    this.#intake = new Intake({
      sinks: () => this.#atWork,
      mtu: () => this.mtu,
      flushes: options.sinks.some(({ flushes }) => flushes),
      committed: (session) => this.#sessions.get(session),
      mayLack: this.#state?.mayLack ?? false,
      files: () => this.#files(),
      commit: (session, have, files) => this.#commit(session, have, files),
      agentLog: (name, line) => this.#agentLog.add(name, line),
      log: options.info,
      books: (name) => this.#booksOf(name),
      rates: options.agentRate === undefined ? undefined : new AgentRates(options.agentRate),
      shares: options.agentShare === undefined
        ? undefined
        : new AgentShares(options.agentShare, this.#sinkFiles),
      failed: (error) => this.#fail(error),
    });
  }

  /** Where it listens. */
  get port(): number {
    return this.#port;
  }

  /** Sinks that take no packets any more. */
  get stopped(): ReadonlySet<Sink> {
    return new Set(this.sinks.filter((sink) => !this.#atWork.includes(sink)));
  }

  /** Bytes of IP packet in the longest frame that every sink takes. */
  get mtu(): number {
    return Math.min(...this.sinks.map((sink) => sink.mtu));
  }

  /** Agents of the CA that did not get in lately, and have not come since. */
  get refused(): RefusedReport[] {
    return this.#refusedAgents.recent(Date.now()).filter(({ name, lastMs }) => {
      const books = this.agents.get(name);
      return books === undefined || books.connections === 0 || books.turnedMs <= lastMs;
    });
  }

  /** Used for connections from now on; those that are there go on. */
  setCredentials(credentials: Credentials): void {
    for (const listener of this.#listeners) listener.setCredentials(credentials);
  }

  /** Lets agents go, empties and closes the sinks. */
  async close(): Promise<void> {
    try {
      await this.#intake.close();
      await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()));
      for (const sink of this.sinks) await sink.close();
      // A file that stopped, or whose packets could not be noted, may end in some that were not acknowledged: the last
      // commit stands.
      if (this.#atWork.length === this.sinks.length && !this.#state?.hasFailed) this.#commitFiles();
    } catch (error) {
      this.#options.warn(`ending: ${(error as Error).message}`);
      this.#fail(error as Error);
    } finally {
      this.#refusals.close();
      this.#agentLog.close();
      this.#state?.close();
    }
  }

  #open(spec: SinkSpec): Sink {
    const { application, sinkOptions, info, warn } = this.#options;
    return spec.open({
      application,
      interfaceName: "collector",
      // Where a sink sets no bound.
      mtu: MTU_MAX,
      ...sinkOptions,
      continueAt: spec.file && this.#resume(spec.file),
      begun: () => this.#anotherFileBegan(),
      info,
      warn,
      stopped: (sink, message) => this.#stopped(sink, message),
    });
  }

  /** Makes the files of a sink as they were at the last commit; answers where its one file is to be gone on with, if it is. */
  #resume(file: CaptureFile): number | undefined {
    // The state outlives the working directory.
    const path = resolve(file.path);
    const { sinkOptions, warn } = this.#options;
    const rotates = sinkOptions?.rotateBytes !== undefined || sinkOptions?.rotateMs !== undefined;
    const { files = [], mayLack = false } = this.#state ?? {};
    const isHere = (file: FileProgress) => !rotates && resolve(file.path) === path;
    for (const file of files) {
      if (!isHere(file) && isOf(path, resolve(file.path)) && !mayLack) cutToCommit(file);
    }
    const here = files.filter(isHere);
    const continueAt = here.length > 0 ? resumeFile(path, here, file.format, mayLack, warn) : undefined;
    if (!rotates && continueAt === undefined) keepAside(path, warn);
    return continueAt;
  }

  async #listen(): Promise<void> {
    const { application, hostname, allow, credentials, workers, heartbeatMs = HEARTBEAT_MS } = this.#options;
    let { port } = this.#options;
    const refused: Refused = (address, reason, name) => {
      this.#refusals.add("", `refused ${address}: ${shownText(reason)}`);
      if (name !== undefined) this.#refusedAgents.add(name, address, reason, Date.now());
    };
    this.#intake.connect(this.#peer());
    for (let at = 0; at < Math.max(1, workers); at++) {
      const settings: ListenerSettings = {
        application,
        hostname,
        port,
        reusePort: workers > 1,
        allow,
        isPlaintext: credentials === undefined,
        heartbeatMs,
        unpacks: this.#options.unpacks ?? true,
        firstLink: at * LINKS_PER_WORKER,
      };
      const listener = workers === 0
        ? new Listener(settings, credentials, this.#intake, refused)
        : new WorkerListener(settings, credentials, this.#intake, refused, (error) => this.#fail(error));
      this.#listeners.push(listener);
      port = this.#port = await listener.listen();
    }
  }

  /** Answers go to the thread that has the connection. */
  #peer(): LinkPeer {
    const of = (link: number) => this.#listeners[Math.floor(link / LINKS_PER_WORKER)];
    return {
      welcome: (link, have, mtu) => of(link)?.welcome(link, have, mtu),
      done: (link) => of(link)?.done(link),
      ack: (link, have) => of(link)?.ack(link, have),
      refuse: (link, reason) => of(link)?.refuse(link, reason),
    };
  }

  #files(): NumberedFile[] {
    return this.#sinkFiles.map(({ progress }) => progress);
  }

  /** Throws when it cannot be kept. */
  #commit(session: string, have: number, files: readonly NumberedFile[]): void {
    if (this.#state === undefined) return this.#sessions.set(session, have);
    this.#state.commit(session, have, this.#withBegun(files));
    this.#committedFiles = files;
  }

  #commitFiles(): void {
    this.#committedFiles = this.#files();
    this.#state?.commitFiles(this.#committedFiles);
  }

  /** Notes a new file before packets go into it: if the collector is killed then, none counts as committed. */
  #anotherFileBegan(): void {
    try {
      this.#state?.commitFiles(this.#withBegun(this.#committedFiles));
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** Adds files that each sink has begun since: nothing of them is committed. */
  #withBegun(files: readonly NumberedFile[]): readonly FileProgress[] {
    const begun = this.#sinkFiles.flatMap((sink, at) => sink.begunAfter(files[at].number));
    return begun.length === 0 ? files : [...files, ...begun];
  }

  #booksOf(name: string): AgentBooks {
    let books = this.agents.get(name);
    if (books === undefined) {
      books = new AgentBooks(name);
      this.agents.set(name, books);
      if (this.agents.size > BOOKS_MAX) {
        for (const [other, { connections }] of this.agents) {
          if (connections > 0) continue;
          this.agents.delete(other);
          break;
        }
      }
    }
    return books;
  }

  #stopped(sink: Sink, message: string): void {
    this.#options.warn(message);
    this.#atWork = this.#atWork.filter((other) => other !== sink);
    if (this.#atWork.length === 0) this.#fail(new Error(`no sink is left: ${message}`));
  }
}

/** Rejects as `node:net` does when nobody can listen there: also because another collector does, whose threads share the port. */
async function checkFree(host: string, port: number): Promise<void> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}

/** Whether `path` is that of a sink's file, or of one of its series. */
function isOf(sinkPath: string, path: string): boolean {
  const [stem] = splitName(sinkPath);
  return path === sinkPath || path.startsWith(`${stem}_`);
}
