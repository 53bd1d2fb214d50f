// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** The rows that the page has, as they come. @module */
import type { FilterMistake, PageRow, RowsMessage } from "../messages.ts";
import { ask } from "./session.ts";

/** More would fill the browser's memory; the oldest go first, many at once. */
const ROWS_MAX = 100_000;
const ROWS_DROPPED = 5_000;
const RETRY_MS = 2_000;

/** `connecting ──▶ live ──▶ lost ──▶ connecting …`; refused and mistaken stay so until something else is asked for. */
export type StoreState = "connecting" | "live" | "lost" | "refused" | "mistaken";

export class RowStore {
  /** Oldest first. */
  rows: PageRow[] = [];
  /** Rows that stood before the first, and are gone. */
  dropped = 0;
  /** Rows that the server could not tell: they had left its log. */
  missed = 0;
  /** Rows that the server left out, since too many came at once. */
  skipped = 0;
  state: StoreState = "connecting";
  mistake: FilterMistake | undefined;
  /** Why it is refused. */
  trouble = "";
  /** Told of every change, at most once a frame. */
  changed: () => void = () => {};
  #asked = new AbortController();
  #isDue = false;

  /** Shows what fits the filter, from the oldest that there is. */
  open(filter: string): void {
    this.close();
    this.#asked = new AbortController();
    void this.#follow(filter, this.#asked.signal);
  }

  close(): void {
    this.#asked.abort();
  }

  async #follow(filter: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#become("connecting");
      try {
        const response = await ask(`/api/rows?filter=${encodeURIComponent(filter)}`, signal);
        if (response.ok) await this.#read(response, signal);
        else if (await this.#isFinal(response)) return;
      } catch {
        // No answer, or one that broke off: it is asked again.
      }
      if (signal.aborted) return;
      this.#become("lost");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async #isFinal(response: Response): Promise<boolean> {
    if (response.status === 400) {
      this.mistake = await response.json();
      this.#become("mistaken");
      return true;
    }
    this.trouble = (await response.text()).trim();
    if (response.status === 503) return false;
    this.#become("refused");
    return true;
  }

  async #read(response: Response, signal: AbortSignal): Promise<void> {
    this.rows = [];
    this.dropped = this.missed = this.skipped = 0;
    this.mistake = undefined;
    this.#become("live");
    let rest = "";
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
      if (signal.aborted) return;
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line !== "") this.#take(JSON.parse(line));
    }
  }

  #take({ rows, missed, skipped }: RowsMessage): void {
    for (const row of rows) this.rows.push(row);
    this.missed += missed;
    this.skipped += skipped;
    if (this.rows.length > ROWS_MAX) {
      const count = this.rows.length - ROWS_MAX + ROWS_DROPPED;
      this.rows.splice(0, count);
      this.dropped += count;
    }
    this.#tell();
  }

  #become(state: StoreState): void {
    this.state = state;
    this.#tell();
  }

  #tell(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.changed();
    });
  }
}
