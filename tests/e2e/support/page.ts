// SPDX-License-Identifier: MIT
/** The page of a program that was started with `--ui`. @module */
import type { PageRow, StatusMessage } from "../../../net/page/messages.ts";
import { rowMessages } from "../../support/row_messages.ts";
import { until } from "../../support/until.ts";
import type { Child } from "./child.ts";

export class PageOfProgram {
  private constructor(readonly origin: string, readonly authorization: string) {}

  /** As it tells its address. */
  static async of(child: Child): Promise<PageOfProgram> {
    const [, origin, token] = await child.found("stderr", /^page: (http:[^#]+)\/#token=(\S+)$/m);
    return new PageOfProgram(origin, `Bearer ${token}`);
  }

  async text(path: string): Promise<string> {
    return await (await this.#ask(path)).text();
  }

  async status(): Promise<StatusMessage> {
    return await (await this.#ask("/api/status")).json();
  }

  /** Rows of the log, as soon as there are `count`. */
  async rows(count: number): Promise<PageRow[]> {
    return await until(`${count} rows of the page`, async () => {
      const response = await this.#ask("/api/rows");
      if (!response.ok) {
        await response.body?.cancel(); // There is nothing to be shown yet.
        return false;
      }
      const rows = await rowsSoFar(response);
      return rows.length >= count && rows;
    });
  }

  #ask(path: string): Promise<Response> {
    return fetch(`${this.origin}${path}`, { headers: { authorization: this.authorization } });
  }
}

/** What there was when it was asked for. */
async function rowsSoFar(response: Response): Promise<PageRow[]> {
  const rows: PageRow[] = [];
  for await (const message of rowMessages(response)) {
    rows.push(...message.rows);
    if (message.isLive) break;
  }
  return rows;
}
