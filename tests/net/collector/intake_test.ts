// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { AgentBooks } from "../../../net/collector/agent_books.ts";
import { Intake } from "../../../net/collector/intake.ts";
import type { AgentMessage } from "../../../net/link/session/intake_port.ts";
import { LimitedLog } from "../../../net/collector/limited_log.ts";
import { Sessions } from "../../../net/collector/sessions.ts";
import { newSinkCounters, type Sink } from "../../../net/sinks/sink.ts";
import { FileSink } from "../../../net/sinks/file.ts";
import type { FileProgress } from "../../../net/sinks/sink_files.ts";
import { StdoutSink } from "../../../net/sinks/stdout.ts";
import { NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import { withTempDir } from "../../support/run.ts";
import { until } from "../../support/until.ts";

const OPTIONS = { application: "test", interfaceName: "any", mtu: 65535 };
const SESSION = "00112233445566778899aabbccddeeff";

/** An intake without connections, and what it answers. */
class Harness {
  readonly sessions = new Sessions(1);
  readonly commits: { readonly have: number; readonly files: readonly FileProgress[] }[] = [];
  readonly refused = new Map<number, string>();
  readonly welcomed: number[] = [];
  readonly acked: number[] = [];
  readonly books = new AgentBooks("web1");
  readonly lines: string[] = [];
  readonly intake: Intake;
  done = 0;
  failure: Error | undefined;
  canCommit = true;

  constructor(sinks: readonly Sink[], flushes: boolean, flushMaxMs?: number) {
    this.intake = new Intake({
      sinks: () => sinks,
      mtu: () => 65535,
      flushes,
      committed: (session) => this.sessions.get(session),
      mayLack: false,
      files: () => sinks.flatMap(({ files }) => files?.progress ?? []),
      commit: (session, have, files) => {
        if (!this.canCommit) throw new Error("no room");
        this.sessions.set(session, have);
        this.commits.push({ have, files });
      },
      agentLog: (_, line) => this.lines.push(line),
      log() {},
      books: () => this.books,
      failed: (error) => this.failure = error,
      flushMaxMs,
    });
    this.intake.connect({
      welcome: (_, have) => this.welcomed.push(have),
      done: () => this.done++,
      ack: (_, have) => this.acked.push(have),
      refuse: (link, reason) => this.refused.set(link, reason),
    });
  }

  open(link: number, first = 0, session = SESSION): void {
    const hello = { kind: "hello", session, first, next: first, mtu: 1500, name: "" } as const;
    this.intake.opened(link, { name: "web1", isPlaintext: false, address: "" }, hello);
  }

  say(link: number, ...messages: AgentMessage[]): void {
    for (const message of messages) this.intake.message(link, message);
  }

  packets(link: number, frameLength = 200): NumberedPackets {
    return new NumberedPackets(
      ({ blocks, count }) => this.intake.packets(link, blocks, 0, blocks.length, count),
      10,
      frameLength,
    );
  }
}

/** Takes what it is given; flushing lasts until it is let go. */
class SlowSink implements Sink {
  readonly name = "slow";
  readonly mtu = 65535;
  readonly counters = newSinkCounters();
  readonly flushes: (() => void)[] = [];
  isDown = false;

  write({ count }: { count: number }): void {
    this.counters.packets += count;
  }

  flush(): Promise<void> {
    return new Promise((resolve) => this.flushes.push(resolve));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const start: AgentMessage = { kind: "position", next: 0, reason: "" };

/** Lets everything run that needs no event from outside. */
async function settle(): Promise<void> {
  for (let at = 0; at < 20; at++) await Promise.resolve();
}

Deno.test("beside a sink that must be flushed, a file is committed as it was when the packets were written", () =>
  withTempDir(async (folder) => {
    const file = new FileSink(`${folder}/out.pcapng`, true, OPTIONS);
    const slow = new SlowSink();
    const harness = new Harness([file, slow], true);
    harness.open(1);
    harness.say(1, start);
    const packets = harness.packets(1);
    packets.make(10);
    const { size } = Deno.statSync(file.path);
    packets.make(10);
    slow.flushes[0]();
    await settle();
    assert.equal(harness.commits.length, 1);
    assert.equal(harness.commits[0].have, 10);
    assert.equal(harness.commits[0].files[0].size, size);
    slow.flushes[1]();
    await settle();
    assert.equal(harness.commits[1].files[0].size, Deno.statSync(file.path).size);
    await harness.intake.close();
    await file.close();
  }));

Deno.test("what is written and not flushed is not acknowledged to a new connection, nor written again", async () => {
  const slow = new SlowSink();
  const harness = new Harness([slow], true);
  harness.open(1);
  harness.say(1, start);
  harness.packets(1).make(10);
  harness.intake.closed(1, "cut");
  harness.open(2);
  assert.deepEqual(harness.welcomed, [0, 0]);
  harness.say(2, start);
  harness.packets(2).make(10);
  assert.equal(slow.counters.packets, 10);
  for (const flush of slow.flushes) flush();
  await settle();
  slow.flushes.at(-1)!();
  await settle();
  assert.equal(harness.sessions.get(`web1/${SESSION}`), 10);
  await harness.intake.close();
});

Deno.test("an agent's name and what it calls itself stand in the log in quotes, and begin no line", async () => {
  const harness = new Harness([new SlowSink()], false);
  const name = "web1\nsslcollector: error: disk on fire";
  const hello = { kind: "hello", session: SESSION, first: 0, next: 0, mtu: 1500, name } as const;
  harness.intake.opened(1, { name, isPlaintext: false, address: "192.0.2.1:5" }, hello);
  harness.intake.opened(2, { name: "web2", isPlaintext: false, address: "192.0.2.2:5" }, hello);
  harness.intake.closed(1, `${"x".repeat(1000)}\n`);
  await harness.intake.close();
  const quoted = '"web1\\nsslcollector: error: disk on fire"';
  const session = `session ${SESSION.slice(0, 8)}`;
  assert.deepEqual(harness.lines.slice(0, 2), [
    `agent ${quoted} (192.0.2.1:5) connected, ${session}`,
    `agent web2 (192.0.2.2:5) connected, ${session}, calls itself ${quoted}`,
  ]);
  assert.match(harness.lines[2], /^agent "web1\\n.*" \(192\.0\.2\.1:5\) gone: x{300}…; 0 packets/);
  assert.ok(harness.lines.every((line) => !line.includes("\n")));
});

Deno.test("after a commit that failed nothing is written or acknowledged any more", async () => {
  const slow = new SlowSink();
  const harness = new Harness([slow], false);
  harness.open(1);
  harness.say(1, start);
  const packets = harness.packets(1);
  packets.make(10);
  harness.canCommit = false;
  packets.make(10);
  assert.match(harness.failure!.message, /no room/);
  assert.equal(slow.counters.packets, 20);
  harness.canCommit = true;
  packets.make(10);
  assert.equal(slow.counters.packets, 20);
  await harness.intake.close();
  assert.equal(harness.acked.at(-1), 10);
});

Deno.test("many busy agents do not overrun a sink's queue: what it cannot hold waits, and all of it arrives", async () => {
  const parts: Uint8Array[] = [];
  let isReading = false;
  const stdout = new StdoutSink(OPTIONS, {
    write(bytes) {
      if (isReading) parts.push(bytes.slice());
      return isReading ? bytes.length : 0;
    },
  });
  const harness = new Harness([stdout], true);
  const LINKS = 100;
  for (let link = 0; link < LINKS; link++) {
    harness.open(link, 0, link.toString(16).padStart(32, "0"));
    harness.say(link, start);
    harness.packets(link, 1514).make(150);
  }
  assert.ok(stdout.counters.packets * 1514 < 9 << 20, `${stdout.counters.packets} packets given`);
  isReading = true;
  while (harness.commits.length < LINKS) await stdout.flush().then(settle);
  assert.equal(stdout.counters.written, LINKS * 150);
  assert.deepEqual([...stdout.counters.dropped], []);
  await harness.intake.close();
  await stdout.close();
  assert.equal(
    numbersIn(new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer())).length,
    LINKS * 150,
  );
});

Deno.test("what agents send while a sink is down waits in its order, and that of one that goes is dropped", async () => {
  const sink = new SlowSink();
  const harness = new Harness([sink], false);
  for (const link of [1, 2]) {
    harness.open(link, 0, `${link}`.repeat(32));
    harness.say(link, start);
  }
  const { done } = harness;
  sink.isDown = true;
  harness.packets(1).make(10);
  harness.say(1, { kind: "position", next: 15, reason: "queue-full" });
  harness.packets(2).make(7);
  assert.equal(sink.counters.packets, 0);
  assert.equal(harness.done, done);
  harness.intake.closed(2, "cut");
  sink.isDown = false;
  await until("what was held to be taken", () => harness.done >= done + 2);
  assert.equal(sink.counters.packets, 10);
  assert.equal(harness.sessions.get(`web1/${"1".repeat(32)}`), 15);
  await harness.intake.close();
});

Deno.test("what comes while the collector ends is neither written nor acknowledged", async () => {
  const slow = new SlowSink();
  const harness = new Harness([slow], true);
  harness.open(1);
  harness.say(1, start);
  const packets = harness.packets(1);
  packets.make(10);
  slow.isDown = true;
  packets.make(10);
  const closing = harness.intake.close();
  slow.isDown = false;
  // By now the first of these would be taken for those that waited.
  packets.make(10);
  harness.say(1, { kind: "position", next: 40, reason: "" });
  harness.open(2, 0, "f".repeat(32));
  for (const flush of slow.flushes) flush();
  await closing;
  assert.equal(slow.counters.packets, 10);
  assert.deepEqual(harness.commits.map(({ have }) => have), [10]);
  assert.equal(harness.refused.get(2), "the collector ends");
});

Deno.test("closing does not wait for a sink that never empties its queue", async () => {
  const harness = new Harness([new SlowSink()], true, 10);
  harness.open(1);
  harness.say(1, start);
  harness.packets(1).make(10);
  await harness.intake.close();
  assert.deepEqual(harness.commits, []);
});

const contradictions: [string, RegExp, AgentMessage[]][] = [
  ["an end before its last packet", /end at 0 after packet 10/, [{ kind: "end", next: 0 }]],
  ["an end behind its last packet", /end at 11 after packet 10/, [{ kind: "end", next: 11 }]],
  ["a position after the end", /position after the end/, [{ kind: "end", next: 10 }, {
    kind: "position",
    next: 12,
    reason: "",
  }]],
  ["a position that goes back", /position 9 after packet 10/, [{ kind: "position", next: 9, reason: "" }]],
];
for (const [name, reason, messages] of contradictions) {
  Deno.test(`the collector ends a connection with ${name}`, async () => {
    const harness = new Harness([new SlowSink()], false);
    harness.open(1);
    harness.say(1, start);
    harness.packets(1).make(10);
    harness.say(1, ...messages);
    assert.match(harness.refused.get(1)!, reason);
    await harness.intake.close();
  });
}

Deno.test("an end without packets is right where nothing is missing", async () => {
  const harness = new Harness([new SlowSink()], false);
  harness.open(1);
  harness.say(1, { kind: "end", next: 0 });
  harness.open(2, 7, "f".repeat(32));
  harness.say(2, { kind: "end", next: 7 });
  assert.deepEqual([...harness.refused], []);
  assert.deepEqual(harness.acked, [0, 7]);
  harness.open(3, 0, "e".repeat(32));
  harness.say(3, { kind: "end", next: 7 });
  assert.match(harness.refused.get(3)!, /end at 7 after packet 0/);
  await harness.intake.close();
});

Deno.test("a session of which nothing was noted is forgotten with its connection", async () => {
  const harness = new Harness([new SlowSink()], false);
  harness.open(1, 0);
  harness.intake.closed(1, "cut");
  harness.open(2, 50);
  assert.deepEqual(harness.welcomed, [0, 50]);
  await harness.intake.close();
});

Deno.test("reasons of a loss that nobody has heard of are counted as one", async () => {
  const harness = new Harness([new SlowSink()], false);
  harness.open(1);
  harness.say(1, start);
  for (let next = 1; next <= 1000; next++) {
    harness.say(1, { kind: "position", next, reason: `reason ${next}` });
  }
  harness.say(1, { kind: "position", next: 1010, reason: "queue-full" });
  harness.say(1, { kind: "position", next: 1030, reason: "" });
  assert.deepEqual([...harness.books.lost], [["other", 1000], ["queue-full", 10], ["unknown", 20]]);
  await harness.intake.close();
});

Deno.test("an agent that comes and goes in a loop gets so many lines in the log, and the rest as a number", () => {
  const lines: string[] = [];
  const log = new LimitedLog(5, (line) => lines.push(line), (key, left) => `${key}: ${left} left out`);
  for (let at = 0; at < 100; at++) log.add("rude", `rude ${at}`);
  log.add("web1", "web1 connected");
  log.close();
  assert.deepEqual(lines.slice(4), ["rude 4", "web1 connected", "rude: 95 left out"]);
});
