// SPDX-License-Identifier: MIT
/** A program that a test starts, waits for by what it prints, and ends. @module */
import { awaited } from "../../support/until.ts";

/** Between asking a program to end and ending it. */
const GRACE_MS = 5_000;

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it reads from standard input; absent: nothing. */
  readonly input?: Uint8Array<ArrayBuffer>;
}

export interface Ended {
  readonly code: number;
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly stderr: string;
}

export class Child implements AsyncDisposable {
  readonly #ended: Promise<Ended>;
  readonly #process: Deno.ChildProcess;
  readonly #name: string;
  readonly #outputs: Record<"stdout" | "stderr", Output>;
  #running = true;

  constructor(command: string, options: ChildOptions = {}) {
    this.#name = command;
    this.#process = new Deno.Command(command, {
      args: [...options.args ?? []],
      env: options.env,
      cwd: options.cwd,
      stdin: options.input ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
      // Its own process group, which a stuck program is ended with.
      detached: true,
    }).spawn();
    this.#outputs = { stdout: new Output(this.#process.stdout), stderr: new Output(this.#process.stderr) };
    this.#ended = this.#end(options.input);
    // A test that fails earlier never asks.
    this.#ended.catch(() => {});
  }

  /** Resolves when it has ended and all that it printed is read. */
  get ended(): Promise<Ended> {
    return awaited(`the end of ${this.#name}`, this.#ended);
  }

  get pid(): number {
    return this.#process.pid;
  }

  async #end(input: Uint8Array<ArrayBuffer> | undefined): Promise<Ended> {
    if (input) {
      const writer = this.#process.stdin.getWriter();
      // It may have ended without reading it all.
      await writer.write(input).then(() => writer.close()).catch(() => {});
    }
    const [{ code }, stdout, stderr] = await Promise.all([
      this.#process.status.finally(() => this.#running = false),
      this.#outputs.stdout.all,
      this.#outputs.stderr.all,
    ]);
    return { code, stdout, stderr: new TextDecoder().decode(stderr) };
  }

  /** What `pattern` finds in the output so far, or as soon as it does. Rejects when the output ends without. */
  async found(stream: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray> {
    const match = await awaited(`${pattern} from ${this.#name}`, this.#outputs[stream].found(pattern));
    if (match) return match;
    const { code, stdout, stderr } = await this.ended;
    throw new Error(
      `${this.#name} ended with status ${code} without ${pattern}: ${stderr}${
        new TextDecoder().decode(stdout)
      }`,
    );
  }

  kill(signal: Deno.Signal): void {
    if (this.#running) this.#process.kill(signal);
  }

  /** Ends it and what it has started. */
  #killGroup(): void {
    try {
      Deno.kill(-this.#process.pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGTERM");
    const impatience = setTimeout(() => this.#killGroup(), GRACE_MS);
    await this.ended;
    clearTimeout(impatience);
  }
}

/** Runs a program to its end; throws what it said when its status is not `code`. */
export async function runChild(command: string, options: ChildOptions = {}, code = 0): Promise<Ended> {
  await using child = new Child(command, options);
  const ended = await child.ended;
  if (ended.code !== code) {
    throw new Error(`${command} ended with status ${ended.code}, not ${code}: ${ended.stderr}`);
  }
  return ended;
}

/** Patterns are looked for in so much of an output. */
const SEARCHED_BYTES = 1 << 16;

class Output {
  readonly all: Promise<Uint8Array<ArrayBuffer>>;
  #text = "";
  #over = false;
  #waiting: (() => void)[] = [];

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.all = this.#read(stream);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Uint8Array<ArrayBuffer>> {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      chunks.push(chunk);
      if (this.#text.length < SEARCHED_BYTES) this.#text += decoder.decode(chunk, { stream: true });
      this.#wake();
    }
    this.#over = true;
    this.#wake();
    return new Uint8Array(await new Blob(chunks).arrayBuffer());
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  async found(pattern: RegExp): Promise<RegExpExecArray | undefined> {
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match || this.#over) return match ?? undefined;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}
