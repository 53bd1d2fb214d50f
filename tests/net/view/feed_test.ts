// SPDX-License-Identifier: MIT
/** Those who look at a running mirror see what ends from then on, bounded, without secrets; nobody looks when they have gone. */
import assert from "node:assert/strict";
import type { Flow } from "../../../net/mirror/flow.ts";
import { Followers } from "../../../net/view/followers.ts";
import { ExchangeFeed } from "../../../net/view/feed.ts";
import { answerFeed } from "../../../net/view/feed_answer.ts";
import type { ExchangeDetail, ExchangeLine, FeedBegin, FeedTick } from "../../../net/view/feed_lines.ts";
import { LiveView } from "../../../net/view/live.ts";
import { View } from "../../../net/view/view.ts";
import { makeOpen, PipelineHarness } from "../../support/pipeline_harness.ts";

const RESPONSE = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: sid=s3cret\r\n\r\nhi";

const failed = (error: unknown): never => assert.fail(String(error));

/** A mirror, and who looks at it. */
class Looked {
  readonly mirror = new PipelineHarness({ tap: (flow) => this.live.tap(flow) });
  readonly live: LiveView = new LiveView(
    undefined,
    () => new View({ logBytes: 1 << 20, bodyBytes: 1024, failed }, []),
    () => this.mirror.pipeline.tapAgain(),
  );
  readonly feed: ExchangeFeed;
  readonly #offsets = [0, 0];
  #timeNs = 1e9;

  constructor(showsSecrets = false) {
    const flows = () => this.mirror.pipeline.flows();
    this.feed = new ExchangeFeed({
      live: this.live,
      followers: new Followers(),
      timeBaseMs: 1000,
      showsSecrets,
      flows,
    });
    this.mirror.pipeline.open(this.mirror.program, 1, makeOpen(), this.#timeNs);
  }

  send(direction: 0 | 1, text: string): void {
    const offset = this.#offsets[direction];
    this.#offsets[direction] += text.length;
    this.mirror.data(1, direction, offset, text, this.#timeNs += 1e6);
  }

  exchange(target: string): void {
    this.send(0, `GET ${target} HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer s3cret\r\n\r\n`);
    this.send(1, RESPONSE);
  }

  get tapped(): boolean {
    return Array.from(this.mirror.pipeline.flows()).some((flow: Flow) => flow.tap !== undefined);
  }

  ask(page: string): Response {
    return answerFeed(this.feed, new URL(page, "http://localhost"))!;
  }

  follow(page = ""): Follower {
    return new Follower(this.ask(`/exchanges${page}`));
  }
}

type Line = FeedBegin | FeedTick | ExchangeLine;

class Follower {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(response: Response) {
    assert.equal(response.status, 200);
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  async next(): Promise<Line | undefined> {
    while (!this.#text.includes("\n")) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = JSON.parse(this.#text.slice(0, end));
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  /** Rows up to the next tick that has any, or tells of missed ones, and that. */
  async batch(): Promise<{ rows: ExchangeLine[]; tick: FeedTick }> {
    const rows: ExchangeLine[] = [];
    for (;;) {
      const line = await this.next();
      assert(line, "the feed has ended");
      if (line.kind === "tick" && rows.length + line.missed > 0) return { rows, tick: line };
      if (line.kind === "exchange") rows.push(line);
    }
  }

  leave(): Promise<void> {
    return this.#reader.cancel();
  }
}

Deno.test("a flow is looked at while somebody follows, from the next request on if it was there before", async () => {
  const looked = new Looked();
  looked.exchange("/before");
  looked.send(0, "GET /half HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(looked.tapped, false);
  const follower = looked.follow();
  assert.equal(looked.tapped, true);
  looked.send(1, RESPONSE);
  looked.exchange("/after");
  assert.deepEqual(await follower.next(), {
    kind: "begin",
    timeBaseMs: 1000,
    bodyBytes: 1024,
    showsSecrets: false,
  });
  const { rows, tick } = await follower.batch();
  const { target, host, status, flow, remarks } = rows.at(-1)!;
  assert.deepEqual([target, host, status, flow.joinedLate], ["/after", "shop.test", 200, true]);
  assert.deepEqual(remarks, ["resynced"]);
  assert(rows.every(({ target }) => target !== "/before"));
  assert.equal(tick.counts.exchanges, rows.length);
  await follower.leave();
  assert.equal(looked.tapped, false);
  looked.exchange("/unseen");
  const unfollowed = looked.ask("/exchanges/1");
  assert.deepEqual(
    [unfollowed.status, await unfollowed.text()],
    [404, "nobody follows: follow /exchanges meanwhile\n"],
  );
});

Deno.test("two who look see one log, and it goes with the last of them", async () => {
  const looked = new Looked();
  const first = looked.follow();
  looked.exchange("/1");
  const second = looked.follow("?from=log");
  await first.next();
  await second.next();
  const batches = [await first.batch(), await second.batch()];
  assert.deepEqual(batches.map(({ rows }) => rows.map(({ target }) => target)), [["/1"], ["/1"]]);
  await first.leave();
  assert.equal(looked.tapped, true);
  await second.leave();
  assert.equal(looked.tapped, false);
});

Deno.test("secrets leave the agent, and are found by a filter, only where it shows them, in rows, heads and targets", async () => {
  for (const showsSecrets of [false, true]) {
    const looked = new Looked(showsSecrets);
    const filter = `${showsSecrets ? "" : "not "}path contains "s3cret"`;
    const follower = looked.follow(`?filter=${encodeURIComponent(filter)}`);
    looked.exchange("/?token=s3cret");
    await follower.next();
    const { rows: [row] } = await follower.batch();
    const text = await looked.ask(`/exchanges/${row.number}`).text();
    assert.equal(JSON.stringify(row).includes("s3cret"), showsSecrets);
    assert.equal(text.includes("s3cret"), showsSecrets);
    const detail: ExchangeDetail = JSON.parse(text);
    assert.match(detail.requestHead, /^GET \/\?token=.* HTTP\/1\.1\nHost: shop\.test\nAuthorization: /);
    assert.equal(atob(detail.responseBody.base64), "hi");
    await follower.leave();
  }
});

Deno.test("the newest rows are sent when more come than were asked for, and the others counted", async () => {
  const looked = new Looked();
  const [few, chosen] = [
    looked.follow("?rows=5"),
    looked.follow(`?filter=${encodeURIComponent('path == "/7"')}`),
  ];
  await few.next();
  await chosen.next();
  // Only behind the first look the rate counts.
  looked.exchange("/first");
  await few.batch();
  for (let number = 0; number < 10; number++) looked.exchange(`/${number}`);
  const { rows, tick } = await few.batch();
  assert.deepEqual(rows.map(({ target }) => target), ["/9"]);
  assert.deepEqual([tick.skipped, tick.counts.exchanges, tick.counts.statuses[2]], [9, 11, 11]);
  assert.deepEqual((await chosen.batch()).rows.map(({ target }) => target), ["/7"]);
  await few.leave();
  await chosen.leave();
});

Deno.test("what has left the log before it was looked at is counted", async () => {
  const looked = new Looked();
  const follower = looked.follow("?rows=100000");
  await follower.next();
  const name = "x".repeat(3000);
  let sent = 0;
  while (sent < 2000) looked.exchange(`/${name}${sent++}`);
  let told = 0;
  for (let missed = 0; told + missed < sent;) {
    const { rows, tick } = await follower.batch();
    told += rows.length;
    missed = tick.missed;
  }
  assert(told < sent, "all of them were in a log of 1 MiB");
  await follower.leave();
});

Deno.test("flows that are open are told of without anybody following, those that are chosen", async () => {
  const looked = new Looked();
  looked.exchange("/");
  const ask = async (query: string) => await looked.ask(`/flows${query}`).json();
  const { timeBaseMs, count, flows: [{ flow, openedNs, lastNs, toServer, toClient }] } = await ask("");
  assert.deepEqual([timeBaseMs, count, flow.program, flow.sni], [1000, 1, "program1", "example.test"]);
  assert.deepEqual([openedNs, lastNs, toServer, toClient], [1e9, 1.002e9, 65, RESPONSE.length]);
  const chosen = await ask(`?filter=${encodeURIComponent('program == "program1" and size > 100')}`);
  assert.equal(chosen.count, 1);
  const none = await ask(`?filter=${encodeURIComponent('sni == "other.test"')}`);
  assert.deepEqual([none.count, none.flows], [0, []]);
  assert.equal(looked.tapped, false);
});

Deno.test("mistakes are said, and so is that too many look", async () => {
  const looked = new Looked();
  const bad = looked.ask(`/exchanges?filter=${encodeURIComponent("status >=")}`);
  assert.deepEqual([bad.status, await bad.text()], [
    400,
    "expected a value after >= at character 9\nstatus >=\n         ^\n",
  ]);
  for (const query of ["from=then", "rows=0", "rows=x"]) {
    assert.equal(looked.ask(`/exchanges?${query}`).status, 400, query);
  }
  const followers = Array.from({ length: 16 }, () => looked.follow());
  assert.equal(looked.ask("/exchanges").status, 503);
  looked.feed.close();
  for (const follower of followers) {
    await follower.next();
    assert.equal(await follower.next(), undefined);
  }
  assert.equal(looked.tapped, false);
});
