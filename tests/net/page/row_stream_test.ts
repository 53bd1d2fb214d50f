// SPDX-License-Identifier: MIT
/** Rows are told when the agent looks: the first of long at once, then no more often than people read. */
import assert from "node:assert/strict";
import type { RowsMessage } from "../../../net/page/messages.ts";
import { RowStream } from "../../../net/page/row_stream.ts";
import { RowFeed } from "../../../net/page/rows.ts";
import { ExchangeLog } from "../../../net/view/exchange_log.ts";
import { UNKNOWN_FLOW } from "../../../net/view/flow_facts.ts";
import type { Filter } from "../../../net/view/filter.ts";
import { FOLLOW_MANY_MS, FOLLOW_MS, Followers } from "../../../net/view/followers.ts";
import { LOG_BYTES_MIN, Protocol, RowKind } from "../../../net/view/log_layout.ts";

/** Followers look only when a test has them. */
const NEVER_MS = 2 ** 30;

/** A log, and one who reads its rows. */
class Followed implements AsyncDisposable {
  readonly followers = new Followers(NEVER_MS);
  readonly #log = new ExchangeLog(4 * LOG_BYTES_MIN, 0);
  readonly #flowAt: number;
  readonly stream: RowStream;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  /** How often the log was brought up to date. */
  updates = 0;

  constructor(filter?: Filter) {
    const flow = new TextEncoder().encode(`${JSON.stringify(UNKNOWN_FLOW)}\n`);
    this.#flowAt = this.#log.text(flow, 0, flow.length);
    const { buffer, update } = this.#log.readable;
    const countedUpdate = () => {
      this.updates++;
      update?.();
    };
    const log = { buffer, update: countedUpdate, timeBaseNs: 0n, showsSecrets: false, portMap: new Map() };
    const feed = new RowFeed(log, filter);
    this.stream = new RowStream(feed, this.followers, () => {});
    this.#reader = new ReadableStream(this.stream, { highWaterMark: 0 }).getReader();
  }

  /** Something is logged. */
  add(): void {
    const row = this.#log.begin(RowKind.MESSAGE, Protocol.WEBSOCKET, this.#flowAt, 0);
    this.#log.setMessage(row, 0, 1);
    this.#log.end(row, 1);
  }

  /** Numbers of the rows of the next message. */
  async next(): Promise<number[]> {
    const { value } = await this.#reader.read();
    const { rows }: RowsMessage = JSON.parse(new TextDecoder().decode(value));
    return rows.map(({ number }) => number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}

/** Until the reader is known to wait. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("page: the first row of long is told as soon as the agent looks, what comes then together", async () => {
  await using followed = new Followed();
  assert.deepEqual(await followed.next(), [], "all that there was has been told");
  const toldMs = Math.ceil(performance.now());
  const first = followed.next();
  await turn();
  followed.stream.look(toldMs + FOLLOW_MS);
  followed.add();
  followed.stream.look(toldMs + FOLLOW_MS + 1);
  assert.deepEqual(await first, [0]);
  const second = followed.next();
  await turn();
  followed.add();
  followed.stream.look(toldMs + FOLLOW_MS + 2);
  followed.add();
  followed.stream.look(toldMs + 2 * FOLLOW_MS);
  followed.add();
  followed.stream.look(toldMs + 2 * FOLLOW_MS + 1);
  assert.deepEqual(await second, [1, 2, 3]);
});

Deno.test("page: of more than anybody reads a sample is told, the less often the more it is", async () => {
  await using followed = new Followed();
  await followed.next();
  let nowMs = Math.ceil(performance.now()) + FOLLOW_MS;
  let rows = 0;
  const add = (count: number) => {
    for (let row = 0; row < count; row++) followed.add();
    rows += count;
  };
  for (const [many, pauseMs] of [[200, 2 * FOLLOW_MS], [900, FOLLOW_MANY_MS]] as const) {
    const sample = followed.next();
    await turn();
    add(many);
    followed.stream.look(nowMs);
    assert.deepEqual(await sample, Array.from({ length: 10 }, (_, at) => rows - 10 + at));
    const few = followed.next();
    await turn();
    add(1);
    followed.stream.look(nowMs + pauseMs - 1);
    add(1);
    followed.stream.look(nowMs += pauseMs);
    assert.deepEqual(await few, [rows - 2, rows - 1]);
    nowMs += FOLLOW_MS;
  }
});

Deno.test("page: a filter that holds for nothing has no log brought up to date more often than others", async () => {
  await using followed = new Followed(() => false);
  await followed.next();
  const toldMs = Math.ceil(performance.now());
  const next = followed.next().catch(() => {});
  await turn();
  followed.add();
  followed.stream.look(toldMs + FOLLOW_MS);
  const { updates } = followed;
  followed.add();
  followed.stream.look(toldMs + 2 * FOLLOW_MS - 1);
  assert.equal(followed.updates, updates);
  followed.stream.look(toldMs + 2 * FOLLOW_MS);
  assert.ok(followed.updates > updates);
  followed.stream.end();
  await next;
});

Deno.test("page: a list that cannot be told ends, and neither the agent nor another list with it", async () => {
  const followed = new Followed(() => {
    throw new Error("no row");
  });
  let looks = 0;
  const other = { look: () => void looks++, readsAll: false, dueMs: 0, fail() {} };
  await followed.next();
  followed.followers.add(other);
  const next = followed.next();
  await turn();
  followed.add();
  const look = followed.stream.look.bind(followed.stream);
  followed.stream.look = () => look(Infinity);
  followed.followers.look();
  await assert.rejects(next, /no row/);
  followed.followers.look();
  assert.equal(looks, 2);
  followed.followers.delete(other);
});

Deno.test("page: all who follow a log look when the agent does, and no timer is left by the last", () => {
  const followers = new Followers(NEVER_MS);
  const looks: string[] = [];
  const [one, other] = ["one", "other"].map((name) => ({
    look: () => void looks.push(name),
    readsAll: false,
    dueMs: 0,
    fail() {},
  }));
  followers.look();
  followers.add(one);
  followers.add(other);
  followers.look();
  followers.delete(one);
  followers.look();
  followers.delete(other);
  followers.look();
  assert.deepEqual(looks, ["one", "other", "other"]);
});

Deno.test("page: nobody looks before the first of all who follow is due", () => {
  const followers = new Followers(NEVER_MS);
  const looks: string[] = [];
  const follower = (name: string, dueMs: number) => ({
    ...{ look: () => void looks.push(name), readsAll: false, dueMs, fail() {} },
  });
  const one = follower("one", 200);
  const other = follower("other", 100);
  for (const each of [one, other]) followers.add(each);
  for (const nowMs of [0, 99, 100, 150]) followers.look(nowMs);
  assert.deepEqual(looks, ["one", "other", "one", "other", "one", "other"]);
  looks.length = 0;
  other.dueMs = 300;
  for (const nowMs of [160, 199, 200]) followers.look(nowMs);
  assert.deepEqual(looks, ["one", "other", "one", "other"]);
  for (const each of [one, other]) followers.delete(each);
});
