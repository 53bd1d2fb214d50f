// SPDX-License-Identifier: MIT
/** Agent and collector as services of systemd (`Type=notify`). @module */
import { IS_LINUX } from "../net/ffi/platform.ts";
import { tellServiceManager } from "../net/ffi/service_manager.ts";
import { printError } from "./output.ts";

/** Where systemd listens; its variables are for this process alone. */
interface Manager {
  readonly socket: string;
  /** How long it waits for a sign of life; none: it does not. */
  readonly watchdogMs?: number;
}

/** What systemd is told; nothing when it does not ask for it. */
export class Service {
  readonly #manager: Manager | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(manager: Manager | undefined = takeManager()) {
    this.#manager = manager;
  }

  /** Programs or agents can connect from now on. Signs of life are sent twice as often as they are waited for, while timers run. */
  ready(status: string): void {
    this.#tell(`READY=1\nSTATUS=${status}`);
    const { watchdogMs } = this.#manager ?? {};
    if (watchdogMs) this.#timer = setInterval(() => this.#tell("WATCHDOG=1"), watchdogMs / 2);
  }

  /** It drains; signs of life go on until {@linkcode release}. */
  stopping(): void {
    this.#tell("STOPPING=1");
  }

  release(): void {
    clearInterval(this.#timer);
  }

  #tell(text: string): void {
    if (this.#manager === undefined) return;
    try {
      tellServiceManager(this.#manager.socket, text);
    } catch (error) {
      printError(`sslcollector: ${(error as Error).message}`);
    }
  }
}

/** From the environment, out of which it is taken: a program that this one starts is another service, or none. */
function takeManager(): Manager | undefined {
  const take = (name: string) => {
    const value = Deno.env.get(name);
    Deno.env.delete(name);
    return value;
  };
  const socket = take("NOTIFY_SOCKET"),
    microseconds = Number(take("WATCHDOG_USEC")),
    pid = take("WATCHDOG_PID");
  if (!socket || !IS_LINUX) return undefined;
  const isWatched = microseconds > 0 && (pid === undefined || pid === String(Deno.pid));
  return { socket, watchdogMs: isWatched ? microseconds / 1000 : undefined };
}
