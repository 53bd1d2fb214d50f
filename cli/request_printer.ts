// SPDX-License-Identifier: MIT
/** Prints exchanges as they end. @module */
import type { Entry } from "../net/view/exchange.ts";
import type { LineOutput } from "../net/view/line_output.ts";
import type { EntryReader } from "../net/view/view.ts";
import { entryLine, type LineStyle } from "./request_lines.ts";
import type { Paint } from "./paint.ts";
import { entryText } from "./request_text.ts";

export interface RequestPrinterOptions {
  /** A line each, or heads too, or bodies too. */
  readonly what: "requests" | "heads" | "bodies";
  readonly output: LineOutput;
  readonly paint: Paint;
  readonly showsSecrets: boolean;
}

export class RequestPrinter implements EntryReader {
  readonly #options: RequestPrinterOptions;
  #style: LineStyle;
  #text = "";
  #entries = 0;

  constructor(options: RequestPrinterOptions) {
    this.#options = options;
    this.#style = { ...options, timeBaseMs: 0 };
  }

  begin(timeBaseNs: bigint): void {
    this.#style = { ...this.#style, timeBaseMs: Number(timeBaseNs / 1000n) / 1000 };
  }

  take(entry: Entry): void {
    const { what } = this.#options;
    const text = what === "requests"
      ? entryLine(entry, this.#style)
      : entryText(entry, this.#style, what === "bodies");
    if (text === undefined) return;
    this.#text += `${text}\n`;
    this.#entries++;
  }

  missed(count: number): void {
    this.#text += `${
      this.#options.paint.red(`… ${count} more left the exchange log before they could be shown`)
    }\n`;
  }

  /** In one piece: what a batch of records brought. */
  flush(): void {
    if (this.#text === "") return;
    this.#options.output.write(this.#text, this.#entries);
    this.#text = "";
    this.#entries = 0;
  }

  drain(): Promise<void> {
    return this.#options.output.drained();
  }

  close(): Promise<void> {
    return this.#options.output.close();
  }
}
