// SPDX-License-Identifier: MIT
/** Forged HTTP/1.1 judged by outsiders: Suricata and tshark. */
import assert from "node:assert/strict";
import { TO_CLIENT, TO_SERVER } from "../../../codecs/codec.ts";
import { communityId } from "../../../net/mirror/community_id.ts";
import type { FlowKey } from "../../../net/wire/flow_key.ts";
import type { ForgeSettings } from "../../../net/forge/settings.ts";
import { Connection } from "../../../net/forge/connection.ts";
import { InitialSequenceNumbers } from "../../../net/forge/isn.ts";
import { IPV4_KEY, IPV6_KEY, Recorder, testSettings } from "../../support/capture.ts";
import { type Exchange, judge, judgeMissing, judgeStrict } from "../../ids/judge.ts";
import { Random } from "../../support/random.ts";
import { missing, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import {
  sha256,
  tsharkFields,
  tsharkFollow,
  tsharkHttpBodies,
  tsharkWarnings,
} from "../../support/tshark.ts";

const noJudge = judgeMissing();
const noTshark = missing("tshark");

const MS = 1e6;
/** Bytes that a program writes in one TLS record at most. */
const RECORD = 16384;

/** HTTP/1.1 on one lane, and what an IDS should say of it. */
class Conversation {
  readonly exchanges: Exchange[] = [];
  readonly hashes = new Map<string, string>();
  timeNs = 0;
  readonly lane: Connection;

  constructor(recorder: Recorder, key: FlowKey, settings: ForgeSettings, readonly prefix: string) {
    this.lane = new Connection(key, recorder.buffer, settings);
  }

  get(bytes: Uint8Array): void {
    const name = `${this.prefix}get${this.exchanges.length}`;
    this.#write(TO_SERVER, `GET /${name} HTTP/1.1\r\nHost: test.example\r\nUser-Agent: test\r\n\r\n`);
    this.#respond(name, bytes);
    this.exchanges.push(["GET", `/${name}`, 200, bytes.length]);
  }

  post(sent: Uint8Array, answered: Uint8Array): void {
    const name = `${this.prefix}post${this.exchanges.length}`;
    this.#write(
      TO_SERVER,
      `POST /${name} HTTP/1.1\r\nHost: test.example\r\nContent-Type: application/octet-stream\r\n` +
        `Content-Length: ${sent.length}\r\n\r\n`,
    );
    this.#body(TO_SERVER, sent);
    this.#respond(name, answered);
    this.exchanges.push(["POST", `/${name}`, 200, null]);
  }

  close(how: "fin" | "reset"): void {
    this.timeNs += MS;
    this.lane.close(how, this.timeNs, TO_CLIENT);
  }

  #respond(name: string, bytes: Uint8Array): void {
    this.timeNs += MS;
    this.#write(
      TO_CLIENT,
      `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bytes.length}\r\n\r\n`,
    );
    this.#body(TO_CLIENT, bytes);
    this.hashes.set(name, sha256(bytes));
  }

  #body(direction: 0 | 1, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += RECORD) {
      this.timeNs += MS / 10;
      this.lane.write(direction, bytes.subarray(at, at + RECORD), this.timeNs);
    }
  }

  #write(direction: 0 | 1, text: string): void {
    this.lane.write(direction, new TextEncoder().encode(text), this.timeNs);
  }
}

/** Suricata inspects 1 MiB a direction: of bodies it reports at most 100 KB, so larger ones are not sized. */
function forgeAll(recorder: Recorder, settings: ForgeSettings): Conversation[] {
  const random = new Random(7);
  return [IPV4_KEY, IPV6_KEY].map((key, at) => {
    const conversation = new Conversation(recorder, key, settings, `${"ab"[at]}-`);
    for (const length of [1, 2, 1459, 1460, 1461, 16384, 60000]) {
      conversation.get(random.bytes(length));
      conversation.post(random.bytes(length), random.bytes(length + 1));
    }
    conversation.close("fin");
    for (let times = 0; times < 100; times++) conversation.get(random.bytes(1 + random.below(3000)));
    conversation.close("reset");
    conversation.get(random.bytes(200_000));
    conversation.timeNs += 20e9;
    conversation.lane.tick(conversation.timeNs);
    conversation.timeNs += 26e9;
    conversation.lane.tick(conversation.timeNs);
    conversation.get(random.bytes(500));
    conversation.close("fin");
    conversation.get(random.bytes(1_500_000));
    conversation.close("fin");
    return conversation;
  });
}

const VARIANTS: [string, Partial<ForgeSettings>][] = [
  ["as it comes", {}],
  ["with a VLAN tag and a marked MAC", { vlan: 100, markMac: Uint8Array.of(2, 0, 0, 0, 0, 0x99) }],
  ["at MTU 9000", { mtu: 9000 }],
  ["at MTU 65535", { mtu: 65535 }],
];

for (const [name, changes] of VARIANTS) {
  Deno.test({
    name: `HTTP/1.1 ${name}: no fault for Suricata, every exchange seen, every body whole in tshark`,
    ...skipIf(noJudge, noTshark),
    fn: () =>
      withTempDir(async (folder) => {
        const recorder = new Recorder();
        const conversations = forgeAll(recorder, testSettings(changes));
        const path = `${folder}/http.pcapng`;
        await Deno.writeFile(path, recorder.bytes());
        const verdict = await judgeStrict(path, {
          expect: conversations.flatMap(({ exchanges }) => exchanges),
        });
        assert.equal(verdict.packets, recorder.segments().length);
        assert.equal(verdict.tcp_sessions, 8);
        assert.equal(verdict.http.length, 234);
        assert.deepEqual(await tsharkWarnings(path), []);
        const bodies = new Map((await tsharkHttpBodies(path)).map((body) => [body.sha256, body.name]));
        for (const { hashes } of conversations) {
          for (const [url, hash] of hashes) assert.ok(bodies.has(hash), `body of ${url} differs`);
        }
      }),
  });
}

Deno.test({
  name: "sequence wrap in the middle of a body: no fault, the body whole",
  ...skipIf(noJudge, noTshark),
  fn: () =>
    withTempDir(async (folder) => {
      let seed = 0;
      let numbers: InitialSequenceNumbers;
      do numbers = new InitialSequenceNumbers(seed++); while (
        numbers.initial(numbers.hash(IPV4_KEY), 0, TO_CLIENT) < 2 ** 32 - 100_000
      );
      const recorder = new Recorder();
      const settings = testSettings({ initialSequenceNumbers: numbers });
      const conversation = new Conversation(recorder, IPV4_KEY, settings, "wrap-");
      conversation.get(new Random(1).bytes(150_000));
      conversation.get(new Random(2).bytes(1000));
      conversation.close("fin");
      assert.ok(recorder.segments().some(({ tcp }) => tcp.sourcePort === 80 && tcp.sequence < 100_000));
      const path = `${folder}/wrap.pcapng`;
      await Deno.writeFile(path, recorder.bytes());
      await judgeStrict(path, { expect: conversation.exchanges });
      const hashes = (await tsharkHttpBodies(path)).map((body) => body.sha256);
      assert.ok([...conversation.hashes.values()].every((hash) => hashes.includes(hash)));
    }),
});

Deno.test({
  name: "a 5-tuple opened 60 times: Suricata sees every exchange",
  ...skipIf(noJudge),
  fn: () =>
    withTempDir(async (folder) => {
      const recorder = new Recorder();
      const conversation = new Conversation(recorder, IPV4_KEY, testSettings(), "again-");
      for (let times = 0; times < 60; times++) {
        conversation.get(new Random(times).bytes(700));
        conversation.close(times % 2 ? "fin" : "reset");
      }
      const path = `${folder}/again.pcapng`;
      await Deno.writeFile(path, recorder.bytes());
      const verdict = await judgeStrict(path, { expect: conversation.exchanges });
      assert.equal(verdict.tcp_sessions, 60);
    }),
});

Deno.test({
  name:
    "a gap inside a body: one gap for Suricata, the file marked, later exchanges right; tshark measures it",
  ...skipIf(noJudge, noTshark),
  fn: () =>
    withTempDir(async (folder) => {
      for (const [length, later] of [[50_000, 3], [900_000, 3], [20_000_000, 0]]) {
        const recorder = new Recorder();
        const conversation = new Conversation(recorder, IPV4_KEY, testSettings(), "gap-");
        conversation.get(new Random(1).bytes(1000));
        const { lane } = conversation;
        const write = (direction: 0 | 1, text: string) =>
          lane.write(direction, new TextEncoder().encode(text), conversation.timeNs);
        write(TO_SERVER, "GET /holed HTTP/1.1\r\nHost: test.example\r\n\r\n");
        write(TO_CLIENT, `HTTP/1.1 200 OK\r\nContent-Length: ${length + 2000}\r\n\r\n`);
        lane.write(TO_CLIENT, new Uint8Array(1000), conversation.timeNs);
        assert.equal(lane.gap(TO_CLIENT, length, conversation.timeNs), "skip");
        lane.write(TO_CLIENT, new Uint8Array(1000), conversation.timeNs);
        for (let times = 0; times < later; times++) conversation.get(new Random(times).bytes(1000));
        conversation.close("fin");
        const path = `${folder}/gap.pcapng`;
        await Deno.writeFile(path, recorder.bytes());
        const verdict = await judge(path);
        const { reassembly_gap: gaps, ...faults } = verdict.faults;
        assert.ok(Object.values(faults).every((count) => count === 0), JSON.stringify(verdict));
        assert.deepEqual(
          verdict.http.map(({ url, status }) => [url, status]),
          [
            ...conversation.exchanges.slice(0, 1),
            ["GET", "/holed", 200, null],
            ...conversation.exchanges.slice(1),
          ].map(([, url, status]) => [url, status]),
        );
        // Beyond the reassembly depth it stops looking instead.
        assert.deepEqual([gaps, verdict.depth_reached], length < 2 ** 20 ? [1, 0] : [0, 1]);
        const rows = await tsharkFields(path, "tcp.srcport == 80 and tcp.len > 0", ["tcp.seq", "tcp.len"]);
        let missingBytes = 0;
        for (let at = 1; at < rows.length; at++) {
          missingBytes += Number(rows[at][0]) - Number(rows[at - 1][0]) - Number(rows[at - 1][1]);
        }
        assert.equal(missingBytes, length);
      }
    }),
});

Deno.test({
  name: "an opaque flow arrives whole in both directions; comments and Community IDs as tshark has them",
  ...skipIf(noTshark),
  fn: () =>
    withTempDir(async (folder) => {
      const random = new Random(3);
      const recorder = new Recorder();
      const sides: [Uint8Array[], Uint8Array[]] = [[], []];
      for (const [at, key] of [IPV4_KEY, IPV6_KEY].entries()) {
        const lane = new Connection(key, recorder.buffer, testSettings());
        lane.comment(`community ${communityId(key)}`);
        for (let times = 0; times < 200; times++) {
          const direction = random.below(2) as 0 | 1;
          const bytes = random.bytes(1 + random.below(5000));
          if (at === 0) sides[direction].push(bytes);
          lane.write(direction, bytes, times * MS);
        }
        lane.close("fin", 1e9);
      }
      const path = `${folder}/opaque.pcapng`;
      await Deno.writeFile(path, recorder.bytes());
      const followed = await tsharkFollow(path, 0);
      for (const [direction, name] of [[TO_SERVER, "toServer"], [TO_CLIENT, "toClient"]] as const) {
        const expected = Uint8Array.from(sides[direction].flatMap((bytes) => [...bytes]));
        assert.equal(sha256(followed[name]), sha256(expected));
      }
      const rows = await tsharkFields(
        path,
        "tcp.flags.syn == 1 and tcp.flags.ack == 0",
        ["communityid", "frame.comment"],
        "--enable-protocol",
        "communityid",
      );
      assert.deepEqual(
        rows,
        [IPV4_KEY, IPV6_KEY].map((key) => [communityId(key), `community ${communityId(key)}`]),
      );
    }),
});
