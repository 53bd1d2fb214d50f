// SPDX-License-Identifier: MIT
/** What a codec has told of generated connections, held against what was sent and what a server acted on. @module */
import assert from "node:assert/strict";
import type { CodecHarness } from "./codec_harness.ts";
import type { GeneratedRequest } from "./http2_generator.ts";
import { textOf } from "./http2_frames.ts";
import { readHttp2, type ReadStream } from "./http2_reader.ts";
import { fieldOf, type Http1Exchange, type Http1Message } from "./http1_reader.ts";

/** A connection, and what came of it. */
export interface Sent {
  /** Those that were sent. */
  readonly requests: readonly GeneratedRequest[];
  readonly exchanges: readonly Http1Exchange[];
  /** Of both directions, to the codec and from it. */
  readonly receivedBytes: number;
  readonly toldBytes: number;
}

/** What has come of a connection that has ended. */
export function sentThrough(
  harness: CodecHarness,
  requests: readonly GeneratedRequest[],
  receivedBytes: number,
): Sent {
  const toldBytes = harness.connections().reduce(
    (sum, { streams }) => sum + streams[0].length + streams[1].length,
    0,
  );
  return { requests, exchanges: harness.exchanges(), receivedBytes, toldBytes };
}

const PARTIAL = "x-sslcollector-partial";
/** Told for each byte that came, a table of 4 KiB for each head that has decisive fields in it, and an allowance. */
const TIMES = 65;
const HEAD_BYTES = 4096 + 512;
const ALLOWANCE_BYTES = 64 * 1024;

/** How many exchanges one stands for. */
const timesOf = ({ request }: Http1Exchange): number =>
  Number(fieldOf(request, "x-sslcollector-folded") ?? 1);

const add = (counts: Map<string, number>, key: string, times: number) =>
  counts.set(key, (counts.get(key) ?? 0) + times);

/** Fails where a request on one of `paths`, each acted on as often as it is there, is not told, or not whole. */
export function assertTold(sent: readonly Sent[], paths: readonly string[]): void {
  assert.ok(paths.length > 0, "nothing was acted on");
  const acted = new Map<string, number>();
  for (const path of paths) add(acted, path, 1);
  const told = new Map<string, number>();
  for (const { requests, exchanges, receivedBytes, toldBytes } of sent) {
    for (const exchange of exchanges) add(told, exchange.target, timesOf(exchange));
    assertFields(requests, exchanges, acted);
    const allowed = TIMES * receivedBytes + requests.length * HEAD_BYTES + ALLOWANCE_BYTES;
    assert.ok(toldBytes <= allowed, `${toldBytes} bytes told of ${receivedBytes}`);
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

/** Both directions of a connection as they were sent. */
export type Wire = readonly [toServer: Uint8Array, toClient: Uint8Array];

/**
 * Fails where a field of a request is missing that must not be, or is without being counted, where a response that is whole on the
 * wire is not told as whole, or a field is told that was not sent: by a reader of its own.
 */
export function assertWire({ exchanges }: Sent, [toServer, toClient]: Wire): void {
  const requests = readHttp2(toServer, true);
  const responses = readHttp2(toClient, false);
  const told = new Map<string, number>();
  for (const exchange of exchanges) add(told, answerKey(exchange), timesOf(exchange));
  const sent = new Map<string, number>();
  for (const [id, request] of requests) {
    const response = responses.get(id);
    if (response && isWhole(response)) add(sent, sentKey(request, response), 1);
  }
  for (const [key, times] of sent) {
    assert.ok((told.get(key) ?? 0) >= times, `${key}: sent ${times} times, told ${told.get(key) ?? 0}`);
  }
  assertNothingHidden(exchanges, requests);
  assertNothingForged(exchanges.map(({ request }) => request), requests);
  assertNothingForged(exchanges.flatMap(({ response }) => response ?? []), responses);
}

const headOf = ({ blocks }: ReadStream): Map<string, string> =>
  new Map(
    blocks.find((block) =>
      block.some(([name, value]) => name === ":status" ? value >= "200" : name === ":path")
    ),
  );

/** It has ended, or all that it declares is there. */
function isWhole(response: ReadStream): boolean {
  return response.hasEnded || Number(headOf(response).get("content-length") ?? NaN) === response.body.length;
}

const sentKey = (request: ReadStream, response: ReadStream) =>
  `${headOf(request).get(":path")} ${headOf(response).get(":status")} ${response.body}`;

/** As {@linkcode sentKey}, of a response that is told as whole. */
function answerKey({ target, status, response }: Http1Exchange): string {
  const isPartial = response === undefined || response.cut ||
    [...response.fields, ...response.trailers].some(([name]) => name.toLowerCase() === PARTIAL);
  return isPartial ? "partial" : `${target} ${status} ${textOf(response.body)}`;
}

/** Never left out, however they were sent. */
const DECISIVE = ["user-agent", "cookie", "authorization", "content-type"];

/** Every request is there with all its fields, or with those that decide and the number of what is left out. */
function assertNothingHidden(exchanges: readonly Http1Exchange[], requests: Map<number, ReadStream>): void {
  const told = Map.groupBy(exchanges, ({ target }) => target);
  for (const request of requests.values()) {
    const fields = request.blocks[0].filter(([name]) => !name.startsWith(":"));
    const path = headOf(request).get(":path")!;
    const found = (told.get(path) ?? []).some((exchange) => {
      const values = valuesOf(exchange.request);
      const isElided = values.has("x-sslcollector-elided");
      return fields.every(([name, value]) =>
        isElided && !DECISIVE.includes(name) || values.get(name)?.includes(value)
      );
    });
    assert.ok(found, `${path}: ${JSON.stringify(fields)}`);
  }
}

/** By name, the values of all its lines. */
function valuesOf({ fields }: Http1Message): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    values.set(lower, (values.get(lower) ?? "") + value);
  }
  return values;
}

/** Every field of the messages, but those that frame them and those of the codec itself, was sent. */
function assertNothingForged(messages: readonly Http1Message[], streams: Map<number, ReadStream>): void {
  const sent = new Set<string>();
  for (const { blocks } of streams.values()) {
    for (const block of blocks) for (const [name, value] of block) sent.add(`${name} ${value}`);
  }
  for (const { fields, trailers } of messages) {
    for (const [name, value] of [...fields, ...trailers]) {
      const lower = name.toLowerCase();
      if (/^(x-sslcollector-|host$|content-length$|transfer-encoding$|cookie$)/.test(lower)) continue;
      assert.ok(sent.has(`${lower} ${value}`), `${name} of ${value} was not sent`);
    }
  }
}
