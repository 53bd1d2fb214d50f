// SPDX-License-Identifier: MIT
/** Signals of the commands that run until they are told to end. @module */
import { IS_WINDOWS } from "../net/ffi/platform.ts";
import type { Sink } from "../net/sinks/sink.ts";

/** What SIGHUP can be for: files that were rotated, certificates that were renewed. */
interface Refreshable {
  readonly sinks: readonly Sink[];
  readonly hasCertificates: boolean;
  reloadCertificates(): Promise<void>;
}

/** Opens anew what others moved, and reads certificates again; undefined where there is neither. */
export function refresher(of: Refreshable): (() => void) | undefined {
  if (!of.hasCertificates && of.sinks.every((sink) => sink.reopen === undefined)) return undefined;
  return () => {
    for (const sink of of.sinks) sink.reopen?.();
    void of.reloadCertificates();
  };
}

export interface ShutdownOptions {
  readonly onHangUp?: () => unknown;
  readonly onRepeat?: () => void;
}

/** SIGINT, SIGTERM and SIGHUP: the first asks to drain, the second ends at once. */
export class Shutdown {
  readonly asked: Promise<void>;
  readonly #onSignal: () => void;
  readonly #onHangUp: () => void;

  /**
   * `onRepeat` is called for every signal after the first; by default the process ends. With `onHangUp`, SIGHUP calls it and asks
   * for nothing, unless the terminal that the process was started on is gone.
   */
  constructor({ onHangUp, onRepeat = () => Deno.exit(130) }: ShutdownOptions = {}) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.asked = promise;
    let count = 0;
    this.#onSignal = () => ++count === 1 ? resolve() : onRepeat();
    const hadTerminal = hasTerminal();
    this.#onHangUp = () => {
      if (onHangUp === undefined || (hadTerminal && !hasTerminal())) this.#onSignal();
      else onHangUp();
    };
    for (const signal of SIGNALS) Deno.addSignalListener(signal, this.#onSignal);
    if (HANG_UP) Deno.addSignalListener(HANG_UP, this.#onHangUp);
  }

  /** Signals have their usual effect again. */
  release(): void {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, this.#onSignal);
    if (HANG_UP) Deno.removeSignalListener(HANG_UP, this.#onHangUp);
  }
}

const SIGNALS: readonly Deno.Signal[] = IS_WINDOWS ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
const HANG_UP: Deno.Signal | undefined = IS_WINDOWS ? undefined : "SIGHUP";

/** Whether there is a terminal that controls this process. */
function hasTerminal(): boolean {
  try {
    Deno.openSync("/dev/tty").close();
    return true;
  } catch {
    return false;
  }
}
