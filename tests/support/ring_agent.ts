// SPDX-License-Identifier: MIT
/**
 * An agent's side of the hook in a process of its own, to be stopped and killed: it checks that the bytes of `ring_program.ts` are
 * where they belong, and answers `books` with a line of JSON, {@linkcode RingBooks}.
 *
 * @module
 */
import assert from "node:assert/strict";
import { HookSource } from "../../net/capture/preload/hook_source.ts";
import type { CaptureTarget } from "../../net/capture/target.ts";
import { TextLineStream } from "./lines.ts";

/** What was told. */
export interface RingBooks {
  programs: number;
  adopted: number;
  /** Where the first flow began for this agent, and how far it has been told. */
  from: number;
  to: number;
  /** Bytes of data, and of gaps, between. */
  data: number;
  gaps: number;
  /** Bytes of flows that nobody opened. */
  unknown: number;
  refused: Record<string, number>;
}

if (import.meta.main) {
  const books: RingBooks = {
    programs: 0,
    adopted: 0,
    from: -1,
    to: -1,
    data: 0,
    gaps: 0,
    unknown: 0,
    refused: {},
  };
  const open = new Set<string>();
  const place = (id: number, flow: number, offset: number, length: number): boolean => {
    if (!open.has(`${id} ${flow}`)) {
      books.unknown += length;
      return false;
    }
    if (books.to < 0) books.from = books.to = offset;
    assert.equal(offset, books.to);
    books.to += length;
    return true;
  };
  const target: CaptureTarget = {
    programStart: () => void books.programs++,
    open: ({ id }, flow) => void open.add(`${id} ${flow}`),
    hello() {},
    wire() {},
    data({ id }, flow, _direction, offset, bytes) {
      assert(bytes.every((byte, i) => byte === ((offset + i) & 0xff)));
      if (place(id, flow, offset, bytes.length)) books.data += bytes.length;
    },
    gap({ id }, flow, { offset, length }) {
      if (place(id, flow, offset, length)) books.gaps += length;
    },
    close() {},
    programEnd() {},
    tick() {},
  };
  const timeBaseNs = BigInt(Date.now()) * 1_000_000n;
  const warn = (message: string) => console.error(message);
  const source = new HookSource({ runtimeDir: Deno.args[0], target, timeBaseNs, warn });
  source.run();
  console.log("ready");
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) {
    if (line === "close") await source.close();
    const { adopted, refused } = source.counters;
    console.log(JSON.stringify({ ...books, adopted, refused: Object.fromEntries(refused) }));
  }
}
