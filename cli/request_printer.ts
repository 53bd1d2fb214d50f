// SPDX-License-Identifier: MIT
/** Prints exchanges as they end. @module */
import type { Entry } from "../net/view/exchange.ts";
import type { EntryReader } from "../net/view/view.ts";
import { entryLine, type LineStyle } from "./request_lines.ts";
import { writeText } from "./output.ts";
import type { Paint } from "./paint.ts";
import { entryText } from "./request_text.ts";

export interface RequestPrinterOptions {
  /** A line each, or heads too, or bodies too. */
  readonly what: "requests" | "heads" | "bodies";
  readonly to: { writeSync(bytes: Uint8Array): number };
  readonly paint: Paint;
  readonly showsSecrets: boolean;
}

export class RequestPrinter implements EntryReader {
  readonly #options: RequestPrinterOptions;
  #style: LineStyle;
  #text = "";

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
    if (text !== undefined) this.#text += `${text}\n`;
  }

  missed(count: number): void {
    this.#text += `${
      this.#options.paint.red(`… ${count} more left the exchange log before they could be shown`)
    }\n`;
  }

  /** In one piece: what a batch of records brought. */
  flush(): void {
    if (this.#text === "") return;
    writeText(this.#options.to, this.#text);
    this.#text = "";
  }
}
