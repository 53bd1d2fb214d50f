// SPDX-License-Identifier: MIT
/** Who looks at a part of what comes fast is told how much all of it is, and finds the rest when he asks for it. */
import assert from "node:assert/strict";
import type { Entry } from "../../../net/view/exchange.ts";
import type { Filter } from "../../../net/view/filter.ts";
import { LogReader } from "../../../net/view/log_reader.ts";
import { RowChoice } from "../../../net/view/row_choice.ts";
import { RowCounts } from "../../../net/view/row_counts.ts";
import { raw } from "../../../codecs/raw.ts";
import { withSeed } from "../../support/random.ts";
import { ViewHarness } from "../../support/view_harness.ts";
import { byFlow, MOSTLY_SMALL, viewScript } from "../../support/view_script.ts";

const STEPS = 6000;
const MANY = 100_000;
/** Rows of a look, and of a sample where more come. */
const ROWS = 100;
const SAMPLE = 10;

/** A mirror of which one looks at a part. */
class Sampled {
  readonly harness: ViewHarness;
  readonly choice: RowChoice;
  readonly told: Entry[] = [];
  readonly #reader: LogReader;

  constructor(logBytes: number, rowsLive: number, filter?: Filter) {
    const { followers } = this;
    this.harness = new ViewHarness({ logBytes, followers }, [raw], "later");
    this.#reader = new LogReader(this.harness.view.readable);
    this.choice = new RowChoice(this.#reader, filter, { entriesBefore: MANY, rowsBefore: MANY, rowsLive });
    this.choice.next();
  }

  get followers() {
    const readAll = () => this.choice.readsAll;
    return {
      isEmpty: false,
      get readAll() {
        return readAll();
      },
    };
  }

  /** Answers how many rows it was told. */
  look(): number {
    const rows = this.choice.next();
    this.told.push(...rows.map(({ number }) => this.#reader.entry(number)!));
    return rows.length;
  }

  /** Another one who looks, without a filter. */
  again(entriesBefore = MANY): RowChoice {
    const reader = new LogReader(this.harness.view.readable);
    const choice = new RowChoice(reader, undefined, { entriesBefore, rowsBefore: MANY, rowsLive: ROWS });
    choice.next();
    return choice;
  }

  /** A small exchange. */
  exchange(flow: number, target: string): void {
    this.harness.send(flow, 0, `GET ${target} HTTP/1.1\r\n\r\n`);
    this.harness.send(flow, 1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  }

  targets(): string[] {
    return this.told.flatMap((entry) => entry.kind === "exchange" ? [entry.target] : []);
  }
}

/** With a log that has room for all, and with one of which a block of what waits is passed over now and then. */
for (const [name, logBytes] of [["waits", 64 * 1024 * 1024], ["is passed over", 4 * 1024 * 1024]] as const) {
  Deno.test(`what a sample leaves out is counted as if it had been read, where it ${name}`, () =>
    withSeed((random) => {
      const atOnce = new ViewHarness({ logBytes: 64 * 1024 * 1024 });
      const all = new LogReader(atOnce.view.readable);
      const counts = new RowCounts();
      const sampled = new Sampled(logBytes, 4);
      for (const step of viewScript(random, STEPS, MOSTLY_SMALL)) {
        step(atOnce);
        step(sampled.harness);
        if (!random.oneIn(100)) continue;
        atOnce.read();
        sampled.look();
        all.take(MANY, counts);
        assert.deepEqual(sampled.choice.counts, counts.copy());
      }
      atOnce.read();
      assert.deepEqual([...sampled.harness.failures, ...atOnce.failures], []);
      assert.ok(sampled.choice.skipped > STEPS / 20, `${sampled.choice.skipped} left out`);
      const newcomer = new LogReader(sampled.harness.view.readable);
      newcomer.update();
      newcomer.take(MANY);
      assert.equal(newcomer.missed > 0, name === "is passed over");
      const known = new Set([...byFlow(atOnce).values()].flat().map((entry) => JSON.stringify(entry)));
      for (const { number: _, ...entry } of sampled.told) {
        assert.ok(known.has(JSON.stringify(entry)), JSON.stringify(entry));
      }
    }));
}

Deno.test("what a sample left to wait is there for whoever asks", () =>
  withSeed((random) => {
    const atOnce = new ViewHarness({ logBytes: 64 * 1024 * 1024 });
    const sampled = new Sampled(64 * 1024 * 1024, 4);
    for (const step of viewScript(random, STEPS, MOSTLY_SMALL)) {
      step(atOnce);
      step(sampled.harness);
      if (random.oneIn(100)) sampled.look();
    }
    atOnce.read();
    sampled.harness.read();
    const sorted = (harness: ViewHarness) =>
      [...byFlow(harness).values()].flat().map((entry) => JSON.stringify(entry)).sort();
    const [all, found] = [sorted(atOnce), sorted(sampled.harness)];
    assert.equal(found.length, all.length);
    for (const [at, entry] of all.entries()) assert.equal(found[at], entry);
  }));

Deno.test("a sample is of all that passes, and tells how much that was", () => {
  const sampled = new Sampled(64 * 1024 * 1024, ROWS);
  for (let flow = 0; flow < 40; flow++) sampled.harness.open(flow);
  const looks: number[] = [];
  for (let look = 0; look < 5; look++) {
    for (let at = 0; at < 4000; at++) sampled.exchange(at % 40, `/${look}/${at}`);
    looks.push(sampled.look());
  }
  // At the first look nobody had known that so much would come.
  for (const rows of looks.slice(2)) assert.ok(rows >= SAMPLE - 1 && rows <= SAMPLE, `${looks}`);
  const last = sampled.targets().slice(-looks.at(-1)!).map((target) => Number(target.split("/")[2]));
  assert.ok(last[0] < 500 && last.at(-1)! > 3500, `spread over what came: ${last}`);
  assert.deepEqual(last, last.toSorted((one, other) => one - other));
  const { counts, skipped } = sampled.choice;
  assert.deepEqual([counts.exchanges, counts.statuses[2], counts.bytes], [20_000, 20_000, 40_000]);
  assert.equal(skipped + sampled.targets().length, 20_000);
});

Deno.test("as soon as no more comes than can be told, all of it is", () => {
  const sampled = new Sampled(64 * 1024 * 1024, ROWS);
  sampled.harness.open(1);
  for (let look = 0; look < 3; look++) {
    for (let at = 0; at < 2000; at++) sampled.exchange(1, `/${look}`);
    sampled.look();
  }
  sampled.exchange(1, "/alone");
  sampled.look();
  assert.equal(sampled.targets().at(-1), "/alone");
  sampled.told.length = 0;
  sampled.exchange(1, "/one");
  sampled.exchange(1, "/two");
  sampled.look();
  assert.deepEqual(sampled.targets(), ["/one", "/two"]);
});

Deno.test("what is no whole exchange of HTTP/1.1 is read at every look, however much comes", () => {
  const sampled = new Sampled(64 * 1024 * 1024, ROWS);
  const { harness } = sampled;
  for (const flow of [1, 2, 3]) harness.open(flow);
  const inLog = () => new Set(harness.lines());
  const log = new LogReader({ buffer: harness.view.readable.buffer });
  const found = () =>
    log.take(MANY).flatMap((number) => {
      const row = log.row(number)!;
      return row.kind === "exchange" ? [row.target] : [];
    });
  for (let look = 0; look < 4; look++) {
    for (let at = 0; at < 2000; at++) sampled.exchange(1, "/flood");
    harness.send(2, 0, `GET /chunked/${look} HTTP/1.1\r\n\r\n`);
    harness.send(2, 1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
    harness.send(3, 0, `HEAD /head/${look} HTTP/1.1\r\n\r\n`);
    harness.send(3, 1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    sampled.look();
    const targets = found();
    assert.ok(targets.includes(`/chunked/${look}`) && targets.includes(`/head/${look}`), `${look}`);
    if (look > 1) assert.ok(targets.length < 20, `${targets.length} of a flood`);
  }
  assert.ok(inLog().has("GET /flood 200 2"));
});

Deno.test("who sees a list again is told as many rows as the first time", () => {
  const sampled = new Sampled(64 * 1024 * 1024, ROWS);
  sampled.harness.open(1);
  for (let at = 0; at < 40_000; at++) sampled.exchange(1, "/before");
  sampled.look();
  const again = sampled.again();
  const looks: number[] = [];
  for (let look = 0; look < 6; look++) {
    for (let at = 0; at < 2000; at++) sampled.exchange(1, `/${look}`);
    looks.push(again.next().length);
  }
  for (const rows of looks.slice(1)) assert.ok(rows >= SAMPLE - 1 && rows <= SAMPLE, `${looks}`);
});

Deno.test("what comes before the first look of one who was told what there was is counted, too", () => {
  const sampled = new Sampled(4 * 1024 * 1024, ROWS);
  sampled.harness.open(1);
  for (let at = 0; at < 4000; at++) sampled.exchange(1, "/first");
  const rows = sampled.look();
  assert.deepEqual([sampled.choice.counts.exchanges, sampled.choice.skipped + rows], [4000, 4000]);
});

Deno.test("what was left out is in no sum of one who is told what was there before", () => {
  const sampled = new Sampled(64 * 1024 * 1024, ROWS);
  sampled.harness.open(1);
  for (let look = 0; look < 2; look++) {
    for (let at = 0; at < 2000; at++) sampled.exchange(1, "/flood");
    sampled.look();
  }
  const again = sampled.again(1000);
  for (let seen = again.counts.exchanges; !again.isLive;) {
    seen += again.next().length;
    assert.deepEqual([again.skipped, again.counts.exchanges], [0, seen]);
  }
});

Deno.test("a flow whose exchanges were passed over is one of HTTP/1.1 still, and read on in step", () => {
  const sampled = new Sampled(4 * 1024 * 1024, ROWS);
  const { harness } = sampled;
  const flood = () => {
    for (let at = 0; at < 1600; at++) sampled.exchange(1, "/flood");
  };
  for (const flow of [1, 2, 3]) harness.open(flow);
  for (let look = 0; look < 2; look++) {
    flood();
    sampled.look();
  }
  sampled.exchange(2, "/passed");
  sampled.exchange(3, "/passed");
  flood();
  harness.close(2);
  harness.gap(3, 1, 10);
  harness.send(3, 0, "GET /behind HT");
  harness.send(3, 0, "TP/1.1\r\n\r\n");
  harness.send(3, 1, "HTTP/1.1 204 No Content\r\n\r\n");
  harness.read();
  const of = (flow: number) => harness.entries.filter((entry) => entry.flow.client.port === 40_000 + flow);
  assert.deepEqual(of(2).map((entry) => entry.kind === "flow end" && entry.isHttp), [false, true]);
  assert.deepEqual(
    of(3).flatMap((entry) => entry.kind === "exchange" ? [[entry.target, entry.status, entry.remarks]] : []),
    [["/behind", 204, ["resynced"]]],
  );
});

Deno.test("flows that say nothing are listed or counted, too", () => {
  const sampled = new Sampled(64 * 1024 * 1024, ROWS);
  sampled.harness.open(1);
  let told = 0;
  for (let look = 0; look < 3; look++) {
    for (let at = 0; at < 1000; at++) sampled.exchange(1, "/flood");
    for (let flow = 0; flow < 20; flow++) {
      sampled.harness.open(100 * look + flow + 10);
      sampled.harness.close(100 * look + flow + 10);
    }
    told += sampled.look();
  }
  assert.equal(told + sampled.choice.skipped, 3060);
  assert.equal(sampled.choice.counts.flows, 60);
});

Deno.test("a filter holds for what comes, however much that is", () => {
  const sampled = new Sampled(
    64 * 1024 * 1024,
    ROWS,
    (row) => row.kind === "exchange" && row.target === "/rare",
  );
  sampled.harness.open(1);
  for (let look = 0; look < 3; look++) {
    for (let at = 0; at < 1000; at++) sampled.exchange(1, "/flood");
    sampled.exchange(1, "/rare");
    assert.equal(sampled.look(), 1);
  }
});
