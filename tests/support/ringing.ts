// SPDX-License-Identifier: MIT
/** `ring_program.ts` and `ring_agent.ts` at work. @module */
import { TextLineStream } from "./lines.ts";

const HERE = new URL("./", import.meta.url).pathname;

/** A program that answers each line with a line. */
export class Answering implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(child: Deno.ChildProcess) {
    this.child = child;
    const text = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    this.#lines = text.getReader();
    this.#input = child.stdin.getWriter();
  }

  /** Starts a file of this folder and waits until it is ready. */
  static async start(file: string, ...args: string[]): Promise<Answering> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", HERE + file, ...args],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const answering = new Answering(child);
    await answering.#lines.read();
    return answering;
  }

  async do(...words: (string | number)[]): Promise<string> {
    await this.#input.write(new TextEncoder().encode(`${words.join(" ")}\n`));
    return (await this.#lines.read()).value ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async kill(): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.child.status;
    await this.#input.close().catch(() => {});
    await this.#lines.cancel();
  }
}

/** A program with rings. */
export const startProgram = (directory: string) => Answering.start("ring_program.ts", "commanded", directory);
/** A program with two regions that no agent takes. */
export const startRefused = (directory: string) => Answering.start("ring_program.ts", "refused", directory);
/** An agent that keeps books. */
export const startAgent = (directory: string) => Answering.start("ring_agent.ts", directory);
