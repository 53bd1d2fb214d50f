// SPDX-License-Identifier: MIT
/** The one question of every end-to-end test: does the capture show what really passed? @module */
import assert from "node:assert/strict";
import { type Exchange, judgeStrict } from "../../ids/judge.ts";
import { captureFacts } from "./capture_facts.ts";
import type { Summary } from "./sslcollector.ts";
import type { Seen } from "./exchange.ts";

export interface MirrorExpectation {
  /** Name of the mirrored process. */
  readonly program: string;
  /** Which side of TLS it was. */
  readonly role: "client" | "server";
  /** Bodies are over some megabytes. */
  readonly isLarge?: boolean;
  /** How the addresses are known; `hello` unless something keeps the hook from seeing one. */
  readonly attribution?: "hello" | "socket" | "nested";
  /** Names of events that the real peer caused. */
  readonly allow?: readonly string[];
}

/**
 * Fails unless capture and summary agree with what the unmirrored side saw: 5-tuples, bodies, exchanges, bytes. tshark and
 * Suricata judge the capture.
 */
export async function checkMirror(
  capture: string,
  summary: Summary,
  seen: Seen,
  expectation: MirrorExpectation,
): Promise<void> {
  checkBooks(summary, seen);
  const ports = seen.connections.flatMap(({ client, server }) => [client, server]).map(portOf);
  const [facts, verdict] = await Promise.all([
    captureFacts(capture, [...new Set(ports)], seen.connections.length, expectation.isLarge ?? false),
    judgeStrict(capture, { expect: exchangesOf(seen), allow: expectation.allow }),
  ]);
  assert.deepEqual(sorted(facts.connections), sorted(seen.connections), "5-tuples");
  assert.deepEqual(
    facts.bodies.sort(),
    seen.exchanges.map(({ sha256 }) => sha256).sort(),
    "SHA-256 of bodies",
  );
  assert.deepEqual(facts.warnings, [], "tshark's warnings");
  const { program, role, attribution = "hello" } = expectation;
  for (const comment of facts.comments) {
    assert.deepEqual(
      { program: comment.program, role: comment.role, attribution: comment.attribution },
      { program, role, attribution },
    );
  }
  if (verdict) {
    assert.equal(verdict.http.length, seen.exchanges.length, "requests that Suricata counts");
    assert.equal(verdict.packets, summary.total.packets, "packets that Suricata counts");
  }
}

/** What Suricata is to find. */
export function exchangesOf({ exchanges }: Seen): Exchange[] {
  return exchanges.map(({ method, path, status, requestBytes, responseBytes }) => [
    method,
    path,
    status,
    requestBytes || responseBytes,
  ]);
}

/** Nothing lost, nothing invented, and every sum holds. */
function checkBooks(summary: Summary, seen: Seen): void {
  const { flows, captured, forged, lost, unforged, imbalance } = summary.total;
  const bytes = { toServer: seen.bytes[0], toClient: seen.bytes[1] };
  assert.deepEqual(
    { flows, captured, forged, lost, unforged, imbalance },
    { flows: seen.connections.length, captured: bytes, forged: bytes, lost: {}, unforged: {}, imbalance: 0 },
    "summary against what the peer counted",
  );
  for (const program of summary.programs) assert.equal(program.imbalance, 0, program.program);
  for (const sink of summary.sinks) {
    assert.deepEqual({ packets: sink.packets, written: sink.written }, {
      packets: summary.total.packets,
      written: summary.total.packets,
    });
  }
}

function portOf(endpoint: string): number {
  return Number(endpoint.split(":").at(-1));
}

function sorted(connections: Seen["connections"]): string[] {
  return connections.map(({ client, server }) => `${client}>${server}`).sort();
}
