// SPDX-License-Identifier: MIT
/** The terminal as a screen to draw on, which is as it was before when that ends, whatever ends it. @module */
import { type Key, KeyReader } from "./keys.ts";

/** Alternate screen, no cursor, no wrapping, the wheel of the mouse. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1000h\x1b[?1006h\x1b[2J";
const LEAVE = "\x1b[?1006l\x1b[?1000l\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l";
/** An ESC alone is the key when nothing follows it for so long. */
const ESCAPE_MS = 50;
/** What is being written has so long to get out of the way, of a terminal that does not read. */
const FLUSH_MS = 500;

const encoder = new TextEncoder();

export class Terminal implements AsyncDisposable {
  readonly #restore = (): void => this.#leave();
  #isEntered = false;
  #drawn: readonly string[] = [];
  #writing: Promise<unknown> | undefined;
  #next: readonly string[] | undefined;

  /** Whether there is one to draw on and to type at. */
  static get isThere(): boolean {
    const kind = Deno.env.get("TERM") ?? "";
    return Deno.stdin.isTerminal() && Deno.stdout.isTerminal() && kind !== "" && kind !== "dumb";
  }

  constructor() {
    for (const event of ["unload", "error", "unhandledrejection"]) {
      globalThis.addEventListener(event, this.#restore);
    }
    this.enter();
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return Deno.consoleSize();
  }

  enter(): void {
    Deno.stdin.setRaw(true);
    this.#isEntered = true;
    this.#write(ENTER);
    this.#drawn = [];
  }

  /** The next frame is drawn whole, on a screen that is cleared. */
  forget(): void {
    this.#drawn = [];
  }

  /** Lines of the whole screen. What a slow terminal has not taken yet is followed by the newest only. */
  draw(lines: readonly string[]): void {
    if (!this.#isEntered) return;
    if (this.#writing !== undefined) {
      this.#next = lines;
      return;
    }
    const text = changes(this.#drawn, lines);
    this.#drawn = lines;
    if (text === "") return;
    this.#writing = writeAll(encoder.encode(text)).finally(() => {
      this.#writing = undefined;
      const next = this.#next;
      this.#next = undefined;
      if (next !== undefined) this.draw(next);
    });
    // Whoever is not there any more is told of by the keys that end.
    this.#writing.catch(() => {});
  }

  /** What is typed, until nobody can type any more. */
  async *keys(): AsyncGenerator<Key[]> {
    const reader = new KeyReader();
    const bytes = new Uint8Array(1024);
    let read = Deno.stdin.read(bytes);
    for (;;) {
      const length = reader.isPartial ? await withinMs(read, ESCAPE_MS) : await read;
      if (length === null) return;
      if (length === "late") yield reader.pause();
      else {
        yield reader.push(bytes.subarray(0, length));
        read = Deno.stdin.read(bytes);
      }
    }
  }

  /** Gives the terminal back, stops, and takes it again when the shell says so. */
  async suspend(): Promise<void> {
    await this.#settle();
    this.#leave();
    Deno.kill(Deno.pid, "SIGSTOP");
    this.enter();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#settle();
    this.#leave();
    for (const event of ["unload", "error", "unhandledrejection"]) {
      globalThis.removeEventListener(event, this.#restore);
    }
  }

  async #settle(): Promise<void> {
    this.#next = undefined;
    if (this.#writing !== undefined) await withinMs(this.#writing.catch(() => {}), FLUSH_MS);
  }

  #leave(): void {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    this.#write(LEAVE);
    try {
      Deno.stdin.setRaw(false);
    } catch {
      // The terminal is gone.
    }
  }

  #write(text: string): void {
    try {
      Deno.stdout.writeSync(encoder.encode(text));
    } catch {
      // The terminal is gone.
    }
  }
}

/** What makes a screen of `before` one of `after`. */
export function changes(before: readonly string[], after: readonly string[]): string {
  const isWhole = before.length !== after.length;
  const lines = after.flatMap((line, at) =>
    !isWhole && line === before[at] ? [] : [`\x1b[${at + 1};1H\x1b[2K${line}`]
  );
  return (isWhole ? "\x1b[2J" : "") + lines.join("");
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

async function withinMs<T>(promise: Promise<T>, ms: number): Promise<T | "late"> {
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
