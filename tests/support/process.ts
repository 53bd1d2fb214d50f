// SPDX-License-Identifier: MIT
/** Programs of the tests' own that run beside a test. @module */
import { fileURLToPath } from "node:url";
import { awaited } from "./until.ts";

/** A `tests/support` program under Deno, its output line by line. */
export class TestProcess {
  readonly lines: string[] = [];
  readonly child: Deno.ChildProcess;
  /** Settles when its output has ended. */
  readonly drained: Promise<void>;
  #waiting: (() => void)[] = [];
  #isOver = false;

  /**
   * `program` is relative to this file and gets `args` as JSON; `before` are words in front of the command, `flags` are for
   * Deno.
   */
  constructor(program: string, args: unknown, before: readonly string[] = [], flags: readonly string[] = []) {
    const path = fileURLToPath(new URL(program, import.meta.url));
    const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
    const deno = [Deno.execPath(), "run", "-A", "--no-check", ...flags, "--config", config];
    const command = [...before, ...deno, path, JSON.stringify(args)];
    this.child = new Deno.Command(command[0], {
      args: command.slice(1),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.drained = this.#read();
  }

  /** The first line that matches, now or later; fails when the program ends without one. */
  async find(pattern: RegExp): Promise<RegExpExecArray> {
    while (true) {
      for (const line of this.lines) {
        const found = pattern.exec(line);
        if (found) return found;
      }
      if (this.#isOver) throw new Error(`it ended without ${pattern}: ${this.lines.join("\n")}`);
      await awaited(`a line ${pattern}`, new Promise<void>((resolve) => this.#waiting.push(resolve)));
    }
  }

  /** Ends it at once, wherever it is. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.status;
    await this.drained;
    await this.child.stdin.abort().catch(() => {});
  }

  /** Ends its standard input and waits until it is over; answers its exit status. */
  async finish(): Promise<number> {
    await this.child.stdin.close().catch(() => {});
    const { code } = await awaited("the program's end", this.child.status);
    await this.drained;
    return code;
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const text of this.child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      this.lines.push(...lines);
      for (const wake of this.#waiting.splice(0)) wake();
    }
    this.#isOver = true;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
