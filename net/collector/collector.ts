// SPDX-License-Identifier: MIT
/** A collector out of settings: certificates, state, sinks and listeners. @module */
import { dirname } from "node:path";
import { BadSetting } from "../settings/bad_setting.ts";
import { type OpenCredentials, openCredentials } from "../settings/credentials.ts";
import { log } from "../settings/log.ts";
import { checkFiles } from "../settings/files.ts";
import { checkSinkPlaces, checkSinks } from "../settings/sinks.ts";
import { VERSION } from "../settings/version.ts";
import type { Sink } from "../sinks/sink.ts";
import type { CollectorBooks } from "./books.ts";
import { formatHostPort } from "../link/target.ts";
import { checkPage } from "../settings/page.ts";
import { checkListeners, closeListeners, openListeners } from "../settings/listeners.ts";
import { beginStatus } from "../settings/status.ts";
import type { Page } from "../page/listen.ts";
import type { StatusServer } from "../status/server.ts";
import { LinkServer } from "./link_server.ts";
import { type CollectorNumbers, CollectorStatus } from "./status.ts";
import { type CheckedSettings, checkSettings, type CollectorSettings } from "./settings.ts";

/**
 * Takes packets of agents until {@linkcode Collector.close}. Everything is checked before anything is opened; agents can
 * connect when this is done. What happens meanwhile is logged through LogTape, category `sslcollector`.
 *
 * @throws {BadSetting} for the first setting that is wrong or cannot be had on this machine; nothing is left open then.
 */
export async function startCollector(settings: CollectorSettings): Promise<Collector> {
  return await Collector.start(checkedValues(settings));
}

/**
 * Checks what {@linkcode startCollector} checks before it opens anything, and where it would be asked how it goes, and leaves it at
 * that.
 *
 * @throws {BadSetting} for the first setting that is wrong or cannot be had on this machine.
 */
export async function checkCollector(given: CollectorSettings): Promise<void> {
  const settings = checkedValues(given);
  checkSinkPlaces(settings.sinks);
  checkListeners(settings);
  if (!settings.plaintext) (await openCredentials(settings, "collector", () => {})).close();
}

/**
 * Checks what settings say by themselves and together, and nothing of the machine.
 *
 * @throws {BadSetting} for the first setting that is wrong on any machine.
 */
export function checkCollectorValues(given: CollectorSettings): void {
  checkedValues(given);
}

/** A collector at work, made by {@linkcode startCollector}. */
export class Collector {
  /** Settles with an error when it cannot go on: no sink is left, or its state cannot be kept. */
  readonly failed: Promise<Error>;
  readonly #server: LinkServer;
  readonly #credentials: OpenCredentials | undefined;
  readonly #status: StatusServer | undefined;
  readonly #page: Page | undefined;

  private constructor(
    server: LinkServer,
    credentials: OpenCredentials | undefined,
    status: StatusServer | undefined,
    page: Page | undefined,
  ) {
    this.#server = server;
    this.#credentials = credentials;
    this.#status = status;
    this.#page = page;
    this.failed = server.failed;
  }

  /** Opens everything. @internal */
  static async start(settings: CheckedSettings): Promise<Collector> {
    const { statePath } = settings;
    checkSinkPlaces(settings.sinks);
    let server: LinkServer | undefined;
    const { status, page } = await openListeners(settings);
    let credentials: OpenCredentials | undefined;
    try {
      if (!settings.plaintext) {
        credentials = await openCredentials(
          settings,
          "collector",
          (changed) => server?.setCredentials(changed),
        );
      }
      if (statePath !== undefined) makeFolder(statePath);
      server = await listen(settings, credentials);
      const collector = new Collector(server, credentials, status, page);
      const subject = new CollectorStatus(() => collector.#numbers(settings.hostname));
      await beginStatus(status, settings, `collector-${collector.port}`, subject);
      page?.begin({ report: () => subject.report(), bodyBytes: 0, version: VERSION });
      return collector;
    } catch (error) {
      await closeListeners(status, page);
      credentials?.close();
      throw error instanceof BadSetting ? error : explained(error as Error & { code?: string }, settings);
    }
  }

  /** Where it listens. */
  get port(): number {
    return this.#server.port;
  }

  /** Where packets go. */
  get sinks(): readonly Sink[] {
    return this.#server.sinks;
  }

  /** Whether it shows a certificate to agents, for {@linkcode reloadCertificates}. */
  get hasCertificates(): boolean {
    return this.#credentials !== undefined;
  }

  /** What came and was written so far. */
  books(): CollectorBooks {
    return { agents: [...this.#server.agents.values()], sinks: this.#server.sinks };
  }

  /** Port where metrics are to be had; undefined where they are not. */
  get metricsPort(): number | undefined {
    return this.#status?.metricsPort;
  }

  /** Address of the page, with the token that it asks for; undefined where there is none. */
  get pageUrl(): string | undefined {
    return this.#page?.url;
  }

  /** Reads certificates again at once; they are also when they change. */
  async reloadCertificates(): Promise<void> {
    await this.#credentials?.reload();
  }

  /** Lets agents go, empties and closes the sinks. Answers the last books. */
  async close(): Promise<CollectorBooks> {
    await closeListeners(this.#status, this.#page);
    await this.#server.close();
    this.#credentials?.close();
    return this.books();
  }

  /** {@linkcode close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #numbers(hostname: string): CollectorNumbers {
    const { sinks, stopped, agents, refused, port } = this.#server;
    const current = this.#credentials?.current;
    return {
      place: formatHostPort(hostname, port),
      sinks,
      stopped,
      certificate: current && { name: current.name, validToMs: current.validToMs },
      agents: agents.values(),
      refused,
    };
  }
}

/** Answers what is right as far as settings themselves tell. Throws {@linkcode BadSetting}. */
function checkedValues(given: CollectorSettings): CheckedSettings {
  const settings = checkSettings(given);
  const { statePath, sinks } = settings;
  checkFiles({ sinks, outputs: { statePath } });
  checkSinks(sinks, settings);
  checkPage(settings);
  return settings;
}

function makeFolder(statePath: string): void {
  try {
    Deno.mkdirSync(dirname(statePath), { recursive: true });
  } catch (error) {
    throw new BadSetting(
      "statePath",
      (name) =>
        `cannot keep ${statePath}: ${(error as Error).message}; give another place with ${name("statePath")}`,
    );
  }
}

function listen(
  settings: CheckedSettings,
  credentials: OpenCredentials | undefined,
): Promise<LinkServer> {
  const { hostname, port, sinks, mtu, rotateBytes, rotateMs, keep, allow } = settings;
  const { statePath, agentRate, agentShare, workers } = settings;
  return LinkServer.start({
    application: `sslcollector ${VERSION}`,
    hostname,
    port,
    sinks,
    sinkOptions: { ...mtu === undefined ? {} : { mtu }, rotateBytes, rotateMs, keep },
    credentials: credentials?.current,
    allow: allow.length > 0 ? allow : undefined,
    statePath,
    agentRate,
    agentShare,
    unpacks: settings.compress !== "off",
    workers,
    info: (text) => log.info(text),
    warn: (text) => log.warn(text),
  });
}

function explained(error: Error & { code?: string }, { hostname, port }: CheckedSettings): BadSetting {
  switch (error.code) {
    case "EADDRINUSE":
      return new BadSetting("port", (name) => `port ${port} is taken: give another with ${name("port")}`);
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return new BadSetting("hostname", `${hostname} is no address of this host`);
    case "EACCES":
      return new BadSetting(
        "port",
        `port ${port} needs the capability CAP_NET_BIND_SERVICE, choose one above 1023`,
      );
    case "ENOTFOUND":
      return new BadSetting("hostname", `there is no host ${hostname}`);
    default:
      return new BadSetting("collector", error.message);
  }
}
