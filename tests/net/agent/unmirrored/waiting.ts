// SPDX-License-Identifier: MIT
/** Programs that are there to be looked at. @module */
import { until } from "../../../support/until.ts";

interface Command {
  readonly command: readonly string[];
  /** `LD_PRELOAD` is empty where it has none. */
  readonly env?: Readonly<Record<string, string>>;
  /** How often `loaded` is printed until all is as it is to be; 1 when absent. */
  readonly times?: number;
  /** What is printed instead of `loaded`, by a program that does not heed its input and is ended. */
  readonly says?: string;
}

/** A program that waits for the end of its input. */
export class Waiting implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;

  readonly #heedsInput: boolean;
  /** Who writes more must find somebody who reads. */
  readonly #drained: Promise<void>;

  private constructor(
    process: Deno.ChildProcess,
    reader: ReadableStreamDefaultReader<string>,
    heedsInput: boolean,
  ) {
    this.#process = process;
    this.#drained = drain(reader);
    this.#heedsInput = heedsInput;
  }

  static async start({ command: [program, ...args], env, times = 1, says }: Command): Promise<Waiting> {
    const process = new Deno.Command(program, {
      args,
      env: { LD_PRELOAD: "", ...env },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    await until(`${program} to be loaded`, async () => {
      const { done, value = "" } = await reader.read();
      if (done) throw new Error(`${program} ended: ${text}`);
      text += value;
      return text.split(says ?? "loaded").length > times;
    });
    return new Waiting(process, reader, says === undefined);
  }

  get pid(): number {
    return this.#process.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.close();
    if (!this.#heedsInput) this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#drained;
  }
}

async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  let isOver = false;
  while (!isOver) isOver = (await reader.read()).done;
}
