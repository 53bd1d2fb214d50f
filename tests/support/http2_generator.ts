// SPDX-License-Identifier: MIT
/** Connections of a client that makes what it likes of HTTP/2: references, resets, requests that are the same, long fields. @module */
import {
  clientStart,
  END_STREAM,
  type Fields,
  headers,
  hpackInteger,
  join,
  literal,
  reset,
  settingsAck,
} from "./http2_frames.ts";
import type { Random } from "./random.ts";

/** One request as it was sent. */
export interface GeneratedRequest {
  readonly path: string;
  /** Fields that were sent as bytes. */
  readonly literals: Fields;
}

export interface GeneratedConnection {
  /** In the order in which they are sent. */
  readonly pieces: readonly Uint8Array[];
  readonly requests: readonly GeneratedRequest[];
}

const TABLE_BYTES = 4096;
const STATIC_COUNT = 61;

/** The encoder's table, the newest entry first: sizes are enough. */
class Table {
  readonly sizes: number[] = [];
  #sizeBytes = 0;

  insert(name: string, value: string): void {
    const size = name.length + value.length + 32;
    this.sizes.unshift(size);
    this.#sizeBytes += size;
    while (this.#sizeBytes > TABLE_BYTES) this.#sizeBytes -= this.sizes.pop()!;
  }
}

const NAMES = ["x-a", "x-b", "user-agent", "cookie", "authorization", "accept", "content-type"];

export function generateConnection(random: Random, name: string): GeneratedConnection {
  const table = new Table();
  const pieces = [join(clientStart(), settingsAck())];
  const requests: GeneratedRequest[] = [];
  const count = random.oneIn(10) ? 250 : 1 + random.below(20);
  const isStorm = random.oneIn(2);
  for (let i = 0; i < count; i++) {
    const id = 1 + 2 * i;
    const { block, request } = generateRequest(random, table, name, i);
    requests.push(request);
    const parts = [headers(id, block, END_STREAM)];
    if (isStorm || random.oneIn(4)) parts.push(reset(id));
    pieces.push(join(...parts));
  }
  return { pieces, requests };
}

function generateRequest(random: Random, table: Table, name: string, i: number) {
  // A third of the requests have the path of an earlier one.
  const path = `/${name}/${random.oneIn(3) ? random.below(i + 1) : i}/${"abc"[random.below(3)]}`;
  const literals: [string, string][] = [];
  const parts = [Uint8Array.of(0x82, 0x86), literal(":authority", "localhost"), literal(":path", path)];
  for (let more = random.below(5); more > 0; more--) {
    if (table.sizes.length > 0 && random.oneIn(2)) {
      const index = STATIC_COUNT + 1 + random.below(table.sizes.length);
      const reference = hpackInteger(index, 7, 0x80);
      for (let times = random.oneIn(3) ? 1 + random.below(60) : 1; times > 0; times--) {
        parts.push(Uint8Array.from(reference));
      }
      continue;
    }
    const field = NAMES[random.below(NAMES.length)];
    const value = `${name}-${i}-${more}-`.padEnd(random.oneIn(4) ? random.below(3000) : 0, "v");
    const isIndexed = random.oneIn(2);
    parts.push(literal(field, value, isIndexed));
    if (isIndexed) table.insert(field, value);
    literals.push([field, value]);
  }
  return { block: join(...parts), request: { path, literals } };
}
