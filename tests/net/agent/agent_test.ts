// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CaptureTarget } from "../../../net/capture/target.ts";
import { startAgent } from "../../../net/agent/agent.ts";
import { booksJson, totalOf } from "../../../net/agent/books.ts";
import { type CaptureSource, hookSource, openRecording } from "../../../net/agent/source.ts";
import { FrameCursor, type PacketBatch } from "../../../net/forge/packet_batch.ts";
import { BadSetting } from "../../../net/settings/bad_setting.ts";
import { newSinkCounters, type Sink } from "../../../net/sinks/sink.ts";
import { parseSegment } from "../../../net/wire/segment.ts";
import { rowMessages } from "../../support/row_messages.ts";
import { withTempDir } from "../../support/run.ts";
import { scriptedSource, TIME_BASE_NS } from "../../support/scripted_source.ts";

const REQUESTS = ["GET /a HTTP/1.1\r\n\r\n", "GET /b HTTP/1.1\r\n\r\n"];
const RESPONSE = "HTTP/1.1 204 No Content\r\n\r\n";
/** More than may wait unread. */
const MANY_REQUESTS = Array.from(
  { length: 3000 },
  (_, n) => `GET /${n} HTTP/1.1\r\nX: ${"x".repeat(3900)}\r\n\r\n`,
);
const BYTES = REQUESTS.join("").length + 2 * RESPONSE.length;
const decoder = new TextDecoder();

/** A sink that keeps frames. */
class KeptFrames implements Sink {
  readonly name = "kept";
  mtu = 1500;
  readonly counters = newSinkCounters();
  readonly frames: Uint8Array[] = [];
  isClosed = false;

  write({ blocks, count }: PacketBatch): void {
    this.counters.packets += count;
    this.counters.written += count;
    const cursor = new FrameCursor();
    for (cursor.reset(blocks); cursor.next();) {
      this.frames.push(blocks.slice(cursor.frameOffset, cursor.frameOffset + cursor.frameLength));
    }
  }

  flush = () => Promise.resolve();

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

/** Takes shorter packets as soon as it has got some. */
class ShrinkingSink extends KeptFrames {
  override write(batch: PacketBatch): void {
    super.write(batch);
    this.mtu = 600;
  }
}

const payloads = (frames: readonly Uint8Array[]) =>
  frames.map((frame) => decoder.decode(parseSegment(frame)!.payload)).filter((text) => text !== "");

Deno.test("what is forged follows the MTU of a sink that changes while it is at work", async () => {
  const sink = new ShrinkingSink();
  // Several batches, so that the sink has had one when the second session comes.
  const response = `${RESPONSE}${"x".repeat(600_000)}`;
  const agent = await startAgent({ sources: [scriptedSource(REQUESTS, response)], sinks: [sink] });
  await agent.ended;
  await agent.finish();
  const lengths = sink.frames.map((frame) => ({ frame, port: parseSegment(frame)!.destination.port }))
    .filter(({ port }) => port >= 40_000);
  const longest = (of: number) =>
    Math.max(...lengths.filter(({ port }) => port === of).map(({ frame }) => frame.length));
  assert.deepEqual([longest(40_000), longest(40_001)], [1514, 614]);
});

Deno.test("an agent takes a source, a sink and a function of the caller's own", async () => {
  const kept = new KeptFrames();
  const times = new Set<bigint>();
  const seen: Uint8Array[] = [];
  const agent = await startAgent({
    sources: [scriptedSource(REQUESTS, RESPONSE)],
    sinks: [kept, ({ frame, timeNs }) => {
      seen.push(frame.slice());
      times.add(timeNs - TIME_BASE_NS);
    }],
  });
  await agent.ended;
  const books = await agent.finish();
  assert.deepEqual(payloads(kept.frames), [REQUESTS[0], RESPONSE, REQUESTS[1], RESPONSE]);
  assert.deepEqual(seen, kept.frames);
  assert(times.has(1000n) && times.has(2000n), [...times].join());
  assert(kept.isClosed);
  const total = totalOf(books);
  assert.deepEqual([total.flows, total.captured[0] + total.captured[1], total.imbalance()], [2, BYTES, 0]);
  assert.deepEqual(books.sinks.map(({ counters }) => counters.written), [seen.length, seen.length]);
  assert.deepEqual(booksJson(books).programEvents, { "script-refused": 2 });
  assert.equal(agent.programs, 1);
});

Deno.test("an agent finishes once, whoever asks, and its books stay", async () => {
  const kept = new KeptFrames();
  const agent = await startAgent({ sources: [scriptedSource(REQUESTS, RESPONSE)], sinks: [kept] });
  const [books, again] = await Promise.all([agent.finish(), agent.finish()]);
  assert.equal(books, again);
  assert.equal(totalOf(agent.books()).packets, kept.frames.length);
});

Deno.test("what stands between sources and pipeline decides what is mirrored", async () => {
  const kept = new KeptFrames();
  const withoutA = (pipeline: CaptureTarget): CaptureTarget =>
    new Proxy(pipeline, {
      get: (target, name: keyof CaptureTarget) =>
        name === "data"
          ? (...args: Parameters<CaptureTarget["data"]>) => args[1] === 1 || target.data(...args)
          : target[name].bind(target),
    });
  await using agent = await startAgent({
    sources: [scriptedSource(REQUESTS, RESPONSE)],
    sinks: [kept],
    intercept: withoutA,
  });
  await agent.ended;
  await agent.finish();
  assert.deepEqual(payloads(kept.frames), [REQUESTS[1], RESPONSE]);
});

Deno.test("a recording gives the same packets again", () =>
  withTempDir(async (folder) => {
    const [first, second] = [new KeptFrames(), new KeptFrames()];
    const record = `${folder}/run.sslc`;
    const agent = await startAgent({ sources: [scriptedSource(REQUESTS, RESPONSE)], sinks: [first], record });
    await agent.ended;
    await agent.finish();
    const replay = await startAgent({ sources: [await openRecording(record)], sinks: [second] });
    await replay.ended;
    await replay.finish();
    assert(first.frames.length > 0);
    assert.deepEqual(second.frames, first.frames);
  }));

Deno.test("a page has all of a recording, and of what programs said fast while nobody followed the newest", async () => {
  const told = async (source: CaptureSource) => {
    const sinks = [new KeptFrames()];
    await using agent = await startAgent({
      sources: [source],
      sinks,
      ui: { hostname: "localhost", port: 0 },
    });
    await agent.ended;
    return await rowsOf(agent.pageUrl!);
  };
  const recorded = scriptedSource(MANY_REQUESTS, RESPONSE);
  const all = await told(recorded);
  assert.deepEqual([all.rows, all.missed], [MANY_REQUESTS.length, 0]);
  const some = await told({ ...recorded, timeBaseNs: undefined });
  assert.ok(some.rows > 0 && some.missed > 0, JSON.stringify(some));
  assert.equal(some.rows + some.missed, MANY_REQUESTS.length);
});

/** What a page is told of before its list goes on with what comes. */
async function rowsOf(url: string): Promise<{ rows: number; missed: number }> {
  const { origin, hash } = new URL(url);
  const headers = { authorization: `Bearer ${hash.slice("#token=".length)}` };
  const told = { rows: 0, missed: 0 };
  for await (const message of rowMessages(await fetch(`${origin}/api/rows`, { headers }))) {
    told.rows += message.rows.length;
    told.missed += message.missed;
    if (message.isLive) break;
  }
  return told;
}

Deno.test({
  name: "a source that cannot be opened leaves none, and no sink, open",
  sanitizeResources: true,
  fn: () =>
    withTempDir(async (folder) => {
      const record = `${folder}/run.sslc`;
      const agent = await startAgent({
        sources: [scriptedSource(REQUESTS, RESPONSE)],
        sinks: [() => {}],
        record,
      });
      await agent.ended;
      await agent.finish();
      const kept = new KeptFrames();
      const refusing: CaptureSource = {
        name: "refusing",
        open: () => {
          throw new BadSetting("sources", "refused");
        },
      };
      for (
        const sources of [[refusing, await openRecording(record)], [await openRecording(record), refusing]]
      ) {
        await assert.rejects(startAgent({ sources, sinks: [kept] }), /^BadSetting: sources: refused$/);
      }
      await assert.rejects(
        startAgent({ sources: [await openRecording(record)] }),
        /^BadSetting: sinks: nowhere/,
      );
      assert(kept.isClosed);
      assert.deepEqual(kept.frames, []);
    }),
});

Deno.test("a function that throws gets no more, and an agent that has no other sink has failed", async () => {
  let calls = 0;
  const agent = await startAgent({
    sources: [scriptedSource(REQUESTS, RESPONSE)],
    sinks: [() => {
      calls++;
      throw new Error("enough");
    }],
  });
  await agent.failed;
  const { sinks: [{ counters }] } = await agent.finish();
  assert.equal(calls, 1);
  assert.equal(counters.dropped.get("callback-failed"), counters.packets);
});

Deno.test("a source that fails is told by `ended`, and what it told before is mirrored", async () => {
  const kept = new KeptFrames();
  const whole = scriptedSource(REQUESTS, RESPONSE);
  const agent = await startAgent({
    sources: [{
      ...whole,
      open(target, context) {
        const source = whole.open(target, context);
        return { ...source, run: () => source.run().then(() => Promise.reject(new Error("cut"))) };
      },
    }],
    sinks: [kept],
  });
  await assert.rejects(agent.ended, /^Error: cut$/);
  await agent.finish();
  assert.equal(payloads(kept.frames).length, 4);
});

Deno.test("a source is asked whether it could be opened when nothing else is wrong, before any sink is opened", async () => {
  const kept = new KeptFrames();
  let asked = 0;
  const refusing: CaptureSource = {
    ...scriptedSource([], ""),
    check: () => {
      asked++;
      throw new BadSetting("sources", "refused");
    },
  };
  const start = (settings: Parameters<typeof startAgent>[0]) =>
    startAgent({ sources: [refusing], ...settings });
  await assert.rejects(start({ sinks: [kept], queueBytes: 2 ** 20 }), /^BadSetting: queueBytes: needs/);
  assert.equal(asked, 0);
  await assert.rejects(start({ sinks: [kept] }), /^BadSetting: sources: refused$/);
  assert.equal(asked, 1);
  assert(!kept.isClosed, "it was never opened");
});

Deno.test("settings that are wrong are named before anything is opened", () =>
  withTempDir(async (folder) => {
    const kept = new KeptFrames();
    const source = scriptedSource([], "");
    const output = `${folder}/out.pcapng`;
    const mistakes: [Parameters<typeof startAgent>[0], string][] = [
      [{}, "sinks: nowhere to write: give a place for packets, or a collector as targets"],
      [{ sinks: [`${folder}/`] }, `sinks: expected a file name, got "${folder}/"`],
      [{ sinks: [{}] } as never, "sinks: expected a sink with name, mtu, counters, write, flush and close"],
      [{ sinks: [5] } as never, "sinks: got 5"],
      [
        { targets: ["collector:"] },
        'targets: expected HOST[:PORT] such as collector.example:3005 or [2001:db8::1]:3005, got "collector:"',
      ],
      [
        { targets: [{ name: "a", hostname: "a", port: 0, isPlaintext: true }] },
        "targets: expected a whole number from 1 to 65535, got 0",
      ],
      [{ sinks: [output], idleMs: 0.5 }, "idleMs: expected at least 1 milliseconds, got 0.5"],
      [{ sinks: [kept, kept] }, "sinks: kept is given twice"],
      [{ sinks: [output], mtu: 100 }, "mtu: expected a whole number from 576 to 65535, got 100"],
      [{ sinks: [output], vlan: 1.5 }, "vlan: expected a whole number from 1 to 4094, got 1.5"],
      [{ sinks: [output], keep: 3 }, "keep: needs rotateBytes or rotateMs, without which there is one file"],
      [{ sinks: [output], spool: folder }, "spool: needs a collector to mirror to: targets"],
      [{ sinks: [output], record: output }, `record: "${output}" is a sink already, give another file`],
      [{ sinks: [output], starttls: "yes" } as never, 'starttls: expected none or greet, got "yes"'],
      [
        { sinks: [output], portMap: new Map([[443, 0]]) },
        "portMap: expected a whole number from 1 to 65535, got 0",
      ],
      [
        { sinks: [output], markMac: Uint8Array.of(1, 0, 0, 0, 0, 1) },
        "markMac: expected a unicast MAC address of 6 bytes",
      ],
      [{ sinks: [output], outptu: 1 } as never, "outptu: there is no such setting"],
      [
        { sinks: [output], sources: [source, source] },
        "sources: only one may have a time base of its own",
      ],
    ];
    for (const [settings, message] of mistakes) {
      await assert.rejects(startAgent({ sources: [source], ...settings }), (error) => {
        assert(error instanceof BadSetting);
        assert.equal(error.message, message);
        return true;
      });
    }
    assert.throws(
      () => hookSource({ memoryBytes: 1000 }),
      /^BadSetting: memoryBytes: expected a whole number from 1048576/,
    );
    assert.deepEqual([...Deno.readDirSync(folder)], [], "nothing may be left behind");
    assert(!kept.isClosed);
  }));
