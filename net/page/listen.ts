// SPDX-License-Identifier: MIT
/** The page's listener. @module */
import { cannotListen } from "../status/cannot_listen.ts";
import { HttpListener } from "../status/http_listener.ts";
import { pageFiles } from "./files.ts";
import { Guard, newToken } from "./guard.ts";
import { PageServer, type PageSubject } from "./server.ts";

export interface PagePlace {
  readonly hostname: string;
  /** 0 is any free one. */
  readonly port: number;
  /** What this host is called besides. */
  readonly names: readonly string[];
}

/** A listener at work. */
export class Page {
  /** Its address, with the token that it asks for. */
  readonly url: string;
  readonly #server: PageServer;
  readonly #listener: HttpListener;

  private constructor(url: string, server: PageServer, listener: HttpListener) {
    this.url = url;
    this.#server = server;
    this.#listener = listener;
  }

  /** Rejects with an `Error` of one line. */
  static async listen({ hostname, port, names }: PagePlace): Promise<Page> {
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    const guard = new Guard(newToken(), [host, ...names]);
    const server = new PageServer(guard, await pageFiles());
    try {
      const listener = Deno.listen({ hostname, port });
      const url = `http://${host}:${listener.addr.port}/#token=${guard.token}`;
      return new Page(url, server, new HttpListener(listener, server.answer));
    } catch (error) {
      throw cannotListen({ hostname, port }, error);
    }
  }

  /** There is something to show now. */
  begin(subject: PageSubject): void {
    this.#server.begin(subject);
  }

  /** Answers no more. */
  async close(): Promise<void> {
    this.#server.close();
    await this.#listener.close();
  }
}
