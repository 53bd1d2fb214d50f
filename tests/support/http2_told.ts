// SPDX-License-Identifier: MIT
/** What a codec has told of generated connections, held against what was sent and what a server acted on. @module */
import assert from "node:assert/strict";
import type { CodecHarness } from "./codec_harness.ts";
import type { GeneratedRequest } from "./http2_generator.ts";
import { fieldOf, type Http1Exchange, type Http1Message } from "./http1_reader.ts";

/** A connection, and what came of it. */
export interface Sent {
  /** Those that were sent. */
  readonly requests: readonly GeneratedRequest[];
  readonly harness: CodecHarness;
  readonly receivedBytes: number;
}

/** Told for each byte that came, a table of 4 KiB for each head that has decisive fields in it, and an allowance. */
const TIMES = 65;
const HEAD_BYTES = 4096 + 512;
const ALLOWANCE_BYTES = 64 * 1024;

/** Fails where a request on one of `paths`, each acted on as often as it is there, is not told, or not whole. */
export function assertTold(sent: readonly Sent[], paths: readonly string[]): void {
  assert.ok(paths.length > 0, "nothing was acted on");
  const acted = new Map<string, number>();
  for (const path of paths) acted.set(path, (acted.get(path) ?? 0) + 1);
  const told = new Map<string, number>();
  for (const { requests, harness, receivedBytes } of sent) {
    const exchanges = harness.exchanges();
    for (const { target, request } of exchanges) {
      const times = Number(fieldOf(request, "x-sslcollector-folded") ?? 1);
      told.set(target, (told.get(target) ?? 0) + times);
    }
    assertFields(requests, exchanges, acted);
    const bytes = harness.connections().reduce(
      (sum, { streams }) => sum + streams[0].length + streams[1].length,
      0,
    );
    const allowed = TIMES * receivedBytes + requests.length * HEAD_BYTES + ALLOWANCE_BYTES;
    assert.ok(bytes <= allowed, `${bytes} bytes told of ${receivedBytes}`);
  }
  for (const [path, times] of acted) {
    assert.ok(
      (told.get(path) ?? 0) >= times,
      `${path}: acted on ${times} times, told ${told.get(path) ?? 0}`,
    );
  }
}

/** Of all lines of the name: a long one is split. */
const valueOf = ({ fields }: Http1Message, name: string): string =>
  fields.flatMap(([of, value]) => of.toLowerCase() === name ? [value] : []).join("");

/** Every field that was sent as bytes is in a request of its path. */
function assertFields(
  requests: readonly GeneratedRequest[],
  exchanges: readonly Http1Exchange[],
  acted: Map<string, number>,
) {
  const byPath = Map.groupBy(exchanges, ({ target }) => target);
  for (const { path, literals } of requests) {
    if (!acted.has(path)) continue;
    const found = (byPath.get(path) ?? []).some(({ request }) =>
      literals.every(([name, value]) => valueOf(request, name).includes(value))
    );
    assert.ok(found, `${path}: ${JSON.stringify(literals)}`);
  }
}
