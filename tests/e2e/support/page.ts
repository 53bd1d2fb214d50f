// SPDX-License-Identifier: MIT
/** The page of a program that was started with `--ui`. @module */
import type { PageRow, RowsMessage, StatusMessage } from "../../../net/page/messages.ts";
import { awaited } from "../../support/until.ts";
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

  /** The first `count` rows, waited for. */
  async rows(count: number): Promise<PageRow[]> {
    const response = await this.#ask("/api/rows");
    return await awaited(`${count} rows of the page`, taken(response, count));
  }

  #ask(path: string): Promise<Response> {
    return fetch(`${this.origin}${path}`, { headers: { authorization: this.authorization } });
  }
}

async function taken(response: Response, count: number): Promise<PageRow[]> {
  const rows: PageRow[] = [];
  let rest = "";
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") rows.push(...(JSON.parse(line) as RowsMessage).rows);
    if (rows.length >= count) break;
  }
  return rows;
}
