/** SIGINT and SIGTERM: the first asks to drain, the second ends at once. */
export class Shutdown {
  readonly asked: Promise<void>;
  readonly #onSignal: () => void;

  /** `onRepeat` is called for every signal after the first; by default the process ends. */
  constructor(onRepeat: () => void = () => Deno.exit(130)) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.asked = promise;
    let count = 0;
    this.#onSignal = () => ++count === 1 ? resolve() : onRepeat();
    for (const signal of SIGNALS) Deno.addSignalListener(signal, this.#onSignal);
  }

  /** Signals have their usual effect again. */
  release(): void {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, this.#onSignal);
  }
}

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
