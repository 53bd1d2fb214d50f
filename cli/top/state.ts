// SPDX-License-Identifier: MIT
/** Everything that the screen of `top` is drawn from. @module */
import type { StatusReport } from "../../net/status/report.ts";
import type { FeedBegin, FeedTick } from "../../net/view/feed_lines.ts";
import type { FlowLine } from "../../net/view/flow_lines.ts";
import { Chosen } from "./chosen.ts";
import type { Line } from "./line.ts";
import { RequestList } from "./request_list.ts";

/** What is looked at. `status` is what `sslcollector status` prints, of a collector with its agents. */
export type Page =
  | { readonly kind: "requests" | "flows"; readonly name: string }
  | { readonly kind: "status"; readonly name: string; readonly socket: string };

/** Lines over the page that can be scrolled. */
export interface TextPane {
  readonly kind: "text";
  readonly title: string;
  readonly lines: readonly Line[];
  /** Of the row that it tells of. */
  readonly number?: number;
  /** What can be written into a file. */
  readonly command?: string;
  top: number;
  left: number;
  /** Where something was found last; it may stand below the top. */
  found?: number;
}

/** A line that is typed, and why it cannot be taken. */
export interface Prompt {
  readonly kind: "prompt";
  readonly asks: "filter" | "search";
  text: string;
  mistake?: { readonly message: string; readonly expression: string; readonly position: number };
}

/** Over the page, for as long as it is open. */
export type Pane = TextPane | Prompt;

export class TopState {
  readonly pages: readonly Page[];
  pageIndex = 0;
  columns = 80;
  rows = 24;
  readonly requests = new RequestList();
  readonly chosenRequest = new Chosen<number>();
  flows: readonly FlowLine[] = [];
  readonly chosenFlow = new Chosen<number>();
  /** By socket; a text where it does not answer. */
  readonly reports = new Map<string, StatusReport | string>();
  /** Scrolled away of a page of status. */
  statusTop = 0;
  statusLeft = 0;
  begin: FeedBegin | undefined;
  readonly ticks: FeedTick[] = [];
  filter = "";
  search = "";
  /** The last opened is on top. */
  readonly panes: Pane[] = [];
  /** News, until the next key. */
  news = "";
  nowMs = 0;

  constructor(pages: readonly Page[]) {
    this.pages = pages;
  }

  get page(): Page {
    return this.pages[this.pageIndex];
  }

  get pane(): Pane | undefined {
    return this.panes.at(-1);
  }

  /** Rows of the screen that a page has for its lines: two of numbers, one of titles and one of hints are not. */
  get listRows(): number {
    return Math.max(1, this.rows - 4);
  }

  takeTick(tick: FeedTick): void {
    this.ticks.push(tick);
    while (this.ticks.length > 2 && tick.nowMs - this.ticks[1].nowMs >= RATE_MS) this.ticks.shift();
  }

  /** Exchanges a second over the last seconds. */
  get rate(): number {
    const [first, last] = [this.ticks[0], this.ticks.at(-1)];
    if (first === undefined || last === undefined || first === last) return 0;
    return 1000 * (last.counts.exchanges - first.counts.exchanges) / (last.nowMs - first.nowMs);
  }
}

const RATE_MS = 3000;
