// SPDX-License-Identifier: MIT
/** Codecs are warmed up with flows of their own, and none can hold the start up or stop it. */
import assert from "node:assert/strict";
import type { Codec, CodecWarmUp } from "../../../codecs/codec.ts";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { raw } from "../../../codecs/raw.ts";
import { warmUp } from "../../../net/agent/warm_up.ts";
import type { Entry } from "../../../net/view/exchange.ts";
import { View } from "../../../net/view/view.ts";
import { textOf } from "../../support/http2_frames.ts";
import { runOk } from "../../support/run.ts";

const MIB = 2 ** 20;
/** So many flows of each kind. */
const FLOWS = 8;

/** A codec that counts the bytes of each flow that it takes, by ALPN. */
function counting(sample?: () => CodecWarmUp): { codec: Codec; bytes: Map<string, number> } {
  const bytes = new Map<string, number>();
  const codec: Codec = {
    name: "counting",
    contract: 1,
    warmUp: sample,
    probe: () => "accept",
    open: ({ alpn }) => ({
      data: (_direction, { length }) => void bytes.set(alpn, (bytes.get(alpn) ?? 0) + length),
      gap() {},
      end() {},
    }),
  };
  return { codec, bytes };
}

/** One flow of HTTP/2 has all exchanges, and the others the first ones. */
function assertSomeOfEach(exchanges: number): void {
  const first = (exchanges - 1001) / (FLOWS - 1);
  assert.ok(Number.isInteger(first) && first > 0 && first < 10, `${exchanges} exchanges`);
}

function warnings(codecs: readonly Codec[]): string[] {
  const lines: string[] = [];
  warmUp(codecs, (line) => lines.push(line));
  return lines;
}

Deno.test("warm-up: every codec gets plain bytes, and its own flow behind them", () => {
  const records = [[0, new Uint8Array(5)], [1, new Uint8Array(7)]] as const;
  const { codec, bytes } = counting(() => ({ alpn: "own", records }));
  assert.deepEqual(warnings([codec]), []);
  assert.ok(bytes.get("")! > 4 * MIB);
  assert.equal(bytes.get("own"), FLOWS * 12);
});

Deno.test("warm-up: http2to1 writes HTTP/1.1 for the codec behind it", () => {
  let requests = 0;
  const reader: Codec = {
    ...counting().codec,
    open: () => ({
      data: (direction, bytes) => {
        if (direction === 0 && textOf(bytes).startsWith("GET / HTTP/1.1\r\n")) requests++;
      },
      gap() {},
      end() {},
    }),
  };
  assert.deepEqual(warnings([http2to1(), reader]), []);
  assertSomeOfEach(requests);
  assert.deepEqual(warnings([raw]), []);
});

Deno.test("warm-up: a flow without an end is cut, by bytes and by records", () => {
  function* endless(length: number): Generator<readonly [0, Uint8Array]> {
    const record = new Uint8Array(length);
    while (true) yield [0, record];
  }
  const large = counting(() => ({ alpn: "own", records: endless(MIB) }));
  assert.deepEqual(warnings([large.codec]), []);
  assert.equal(large.bytes.get("own"), 16 * MIB);
  const small = counting(() => ({ alpn: "own", records: endless(1) }));
  assert.deepEqual(warnings([small.codec]), []);
  assert.equal(small.bytes.get("own"), 65_536 + (FLOWS - 1) * 4096);
});

Deno.test("warm-up: a flow that cannot be had is a warning, and the next codec has its own", () => {
  const failing = counting(() => {
    throw new Error("no\nluck");
  });
  const wrong = counting(() => ({ records: [[2, new Uint8Array(1)]] } as unknown as CodecWarmUp));
  const good = counting(() => ({ alpn: "own", records: [[1, new Uint8Array(3)]] }));
  const names = (codec: Codec, name: string) => ({ ...codec, name });
  const pass = (codec: Codec): Codec => ({ ...codec, probe: () => "reject" });
  assert.deepEqual(warnings([pass(names(failing.codec, "a")), pass(names(wrong.codec, "b")), good.codec]), [
    "codec a begins cold, its warmUp failed: Error: no_luck",
    "codec b begins cold, its warmUp failed: TypeError: a record must be a direction, 0 or 1, and a Uint8Array",
  ]);
  assert.equal(good.bytes.get("own"), FLOWS * 3);
});

Deno.test("warm-up: who looks at exchanges gets some of HTTP/1, and the codec's own of HTTP/2", () => {
  const counts = new Map<string, number>();
  const take = (entry: Entry) => {
    if (entry.kind === "exchange") counts.set(entry.version, (counts.get(entry.version) ?? 0) + 1);
  };
  const view = new View({ failed: (error) => assert.fail(String(error)) }, [{ take }]);
  warmUp([http2to1()], assert.fail, view);
  view.flush();
  assert.equal(counts.get("HTTP/1.1"), 1000);
  assertSomeOfEach(counts.get("HTTP/2")!);
});

Deno.test("warm-up: of what is made behind it nothing is a dictionary, though all that it made has been collected", async () => {
  const script = new URL("support/settled_fields.ts", import.meta.url).pathname;
  const flags = "--v8-flags=--expose-gc,--allow-natives-syntax";
  assert.equal(await runOk(Deno.execPath(), "run", "--allow-all", "--quiet", flags, script), "");
});
