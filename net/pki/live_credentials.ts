// SPDX-License-Identifier: MIT
/** Credentials that are read again when they change on disk. @module */
import type { Credentials } from "./credentials.ts";
import { type CredentialsPlace, loadCredentials } from "./load.ts";

/** Quiet before files are read again: those of one renewal are written one after the other. */
const QUIET_MS = 300;
/** How often files are read without any notice: the system gives none of a directory that took the place of the watched one. */
const EVERY_MS = 60_000;

export interface LiveCredentialsEvents {
  /** Other credentials are in use from now on. */
  changed(credentials: Credentials): void;
  /** The credentials on disk are of no use, the ones before stay. */
  failed(message: string): void;
  /** Something is amiss that can be lived with; each is told once. */
  warned(message: string): void;
}

/** Follows a directory until closed. SIGHUP is the caller's to listen for: {@linkcode LiveCredentials.reload}. */
export class LiveCredentials {
  #current: Credentials;
  readonly #watcher: Deno.FsWatcher | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #every: ReturnType<typeof setInterval>;
  /** Message of the last failure that was told, while it is not mended. */
  #trouble = "";
  #isClosed = false;

  private constructor(
    current: Credentials,
    readonly place: CredentialsPlace,
    readonly events: LiveCredentialsEvents,
    everyMs: number,
  ) {
    this.#current = current;
    try {
      this.#watcher = Deno.watchFs(place.directory, { recursive: false });
    } catch (error) {
      this.#unnoticed(error as Error);
    }
    void this.#watch();
    this.#every = setInterval(() => void this.reload(), everyMs);
    Deno.unrefTimer(this.#every as unknown as number);
  }

  /** Throws an `Error` of one line when there are none to begin with. */
  static async open(
    place: CredentialsPlace,
    events: LiveCredentialsEvents,
    everyMs: number = EVERY_MS,
  ): Promise<LiveCredentials> {
    const told = new Set<string>();
    const once = (message: string) => {
      if (!told.has(message)) events.warned(message);
      told.add(message);
    };
    return new LiveCredentials(
      await loadCredentials(place, once),
      place,
      { ...events, warned: once },
      everyMs,
    );
  }

  get current(): Credentials {
    return this.#current;
  }

  /** Reads what is on disk; keeps what it has when that is of no use. */
  async reload(): Promise<void> {
    try {
      const found = await loadCredentials(this.place, this.events.warned);
      this.#trouble = "";
      if (this.#isClosed || isSame(found, this.#current)) return;
      this.#current = found;
      this.events.changed(found);
    } catch (error) {
      const { message } = error as Error;
      if (this.#isClosed || message === this.#trouble) return;
      this.#trouble = message;
      this.events.failed(`certificates stay as they were: ${message}`);
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#every);
    this.#watcher?.close();
  }

  /** SIGHUP still works. */
  #unnoticed({ message }: Error): void {
    this.events.failed(`changes in ${this.place.directory} go unnoticed: ${message}`);
  }

  async #watch(): Promise<void> {
    if (this.#watcher === undefined) return;
    try {
      for await (const { kind } of this.#watcher) {
        if (kind === "access" || this.#isClosed) continue;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => void this.reload(), QUIET_MS);
      }
    } catch (error) {
      if (!this.#isClosed) this.#unnoticed(error as Error);
    }
  }
}

function isSame(a: Credentials, b: Credentials): boolean {
  return a.certificate === b.certificate && a.key === b.key &&
    a.authorities.join() === b.authorities.join() &&
    a.revoked.join() === b.revoked.join() && a.allowed?.join() === b.allowed?.join();
}
