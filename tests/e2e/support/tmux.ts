// SPDX-License-Identifier: MIT
/** A terminal that a test looks at: tmux, with a server of its own. @module */
import { runOk } from "../../support/run.ts";
import { until } from "../../support/until.ts";
import type { Fixture } from "./fixture.ts";

/** A command in a terminal of some size, with what the terminal was before it and is after. */
export class Tmux implements AsyncDisposable {
  readonly #name: string;
  readonly #folder: string;

  private constructor(name: string, folder: string) {
    this.#name = name;
    this.#folder = folder;
  }

  /** Starts `command` in a terminal; `name` is nobody else's in this fixture. */
  static async start(
    fixture: Fixture,
    name: string,
    [columns, rows]: readonly [number, number],
    command: readonly string[],
  ): Promise<Tmux> {
    const terminal = new Tmux(name, fixture.path(name));
    await Deno.mkdir(terminal.#folder);
    const words = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const script = [
      `cd ${terminal.#folder}`,
      "stty -g > before",
      // The shell's process id stays the command's.
      `sh -c 'echo $$ > pid; exec "$@"' sh ${words}`,
      "echo status=$?",
      "stty -g > after",
      "read line",
    ];
    await Deno.writeTextFile(`${terminal.#folder}/script`, script.join("\n"));
    await terminal.#tmux(
      "new-session",
      "-d",
      "-x",
      `${columns}`,
      "-y",
      `${rows}`,
      "sh",
      `${terminal.#folder}/script`,
    );
    await terminal.#tmux("pipe-pane", "-o", `cat >> ${terminal.#folder}/raw`);
    return terminal;
  }

  /** What stands on it. */
  screen(): Promise<string> {
    return this.#tmux("capture-pane", "-p");
  }

  /** Waits until that is so; answers what stands there then. */
  async shows(pattern: RegExp): Promise<string> {
    return await until(`${this.#name} to show ${pattern}`, async () => {
      const screen = await this.screen();
      return pattern.test(screen) && screen;
    }, 20);
  }

  /** Types keys, by tmux's names of them. */
  async type(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** Process id of the command. */
  get pid(): number {
    return Number(Deno.readTextFileSync(`${this.#folder}/pid`));
  }

  /** Everything that was written to the terminal. */
  get raw(): string {
    return Deno.readTextFileSync(`${this.#folder}/raw`);
  }

  /** Waits for the end of the command. Its exit status, and whether the terminal is as it was before. */
  async ended(): Promise<{ readonly status: number; readonly isWhole: boolean; readonly screen: string }> {
    const screen = await this.shows(/^status=\d+$/m);
    const after = await until("the terminal's state", () => this.#file("after"));
    // Alternate screen, mouse, cursor, wrapping.
    const flags = await this.#tmux(
      "display-message",
      "-p",
      "#{alternate_on} #{mouse_any_flag} #{cursor_flag} #{wrap_flag}",
    );
    return {
      status: Number(/^status=(\d+)$/m.exec(screen)![1]),
      isWhole: after === this.#file("before") && flags.trim() === "0 0 1 1",
      screen,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server");
  }

  /** Undefined while it has no line. */
  #file(name: string): string | undefined {
    try {
      return Deno.readTextFileSync(`${this.#folder}/${name}`) || undefined;
    } catch {
      return undefined;
    }
  }

  #tmux(...words: string[]): Promise<string> {
    return runOk("tmux", "-u", "-f", "/dev/null", "-S", `${this.#folder}/socket`, ...words);
  }
}
