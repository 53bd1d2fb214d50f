// SPDX-License-Identifier: MIT
/** The collector's end of a link without a collector: says what the test wants it to say. @module */
import { linkBlock, linkHead, type LinkMessage } from "../../net/link/blocks/link.ts";

/** On a free port of 127.0.0.1, without TLS. It reads and forgets what agents send. */
export class FakeCollector implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #links = new Set<Deno.TcpConn>();
  readonly #serving: Promise<void>;

  /** `talk` is called with each new link and its `say`, and again every 20 ms until the link is gone; `turn` counts from 0. */
  constructor(
    readonly talk: (turn: number, say: (message: LinkMessage) => void) => void,
    readonly head: Uint8Array<ArrayBuffer> = linkHead("test", "any"),
  ) {
    this.#serving = this.#serve();
  }

  get target(): string {
    return `tcp://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  async #serve(): Promise<void> {
    const links: Promise<void>[] = [];
    for await (const link of this.#listener) links.push(this.#serveOne(link));
    await Promise.all(links);
  }

  async #serveOne(link: Deno.TcpConn): Promise<void> {
    this.#links.add(link);
    let turn = 0;
    let writing = link.write(this.head).then(() => {}, () => {});
    const say = (message: LinkMessage) => {
      writing = writing.then(() => link.write(linkBlock(message))).then(() => {}, () => {});
    };
    const timer = setInterval(() => this.talk(turn++, say), 20);
    try {
      const buffer = new Uint8Array(65536);
      while (await link.read(buffer) !== null);
    } catch {
      // The agent has gone.
    }
    clearInterval(timer);
    await writing;
    if (this.#links.delete(link)) link.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const link of this.#links) link.close();
    this.#links.clear();
    await this.#serving;
  }
}
