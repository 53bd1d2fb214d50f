// SPDX-License-Identifier: MIT
/**
 * The exchange log's memory: one `SharedArrayBuffer` that the agent's thread writes and any thread reads, without a lock.
 *
 * ```
 * head    numbers of the log, then the fence
 * columns one array for each field of a row; row NUMBER is at NUMBER modulo the rows
 * ended   numbers of the rows that have ended, in that order; a ring too
 * arena   heads, trailers, bodies, flows: a ring of bytes; a position counts all bytes that were ever given out
 * ```
 *
 * Nothing is freed: what is new takes the place of what is oldest. A reader copies first and looks then whether what it copied had
 * been overtaken, by the end of the rows and of the arena, which the writer moves, some way ahead, before it writes. A store by
 * `Atomics` behind that keeps the order; numbers of 64 bits are written in one piece on the machines there are.
 *
 * @module
 */

import type { Cut, Remark } from "./exchange.ts";

/** What a row tells of. */
export const RowKind = {
  /** An HTTP request with its response. */
  EXCHANGE: 1,
  /** A TLS session begins to be mirrored. */
  FLOW_BEGIN: 2,
  /** It has ended. */
  FLOW_END: 3,
  /** A message of a WebSocket. */
  MESSAGE: 4,
} as const;
export type RowKind = typeof RowKind[keyof typeof RowKind];

/** Why an exchange is not whole; the index is what the log has. */
export const CUTS: readonly Cut[] = ["", "reset", "gap", "malformed", "closed", "bound", "goaway"];

/**
 * The column `facts`: what would be columns of their own is one number, so that a row touches less memory.
 *
 * ```
 * bits 0 to 2  RowKind
 *      3 to 5  Protocol
 *      6 to 9  why it is not whole, an index of CUTS
 *     10 on    Mark
 * ```
 */
export const FACT = { KIND: 0b111, PROTOCOL_SHIFT: 3, PROTOCOL: 0b111, CUT_SHIFT: 6, CUT: 0b1111 } as const;

/** What the row at a place tells of. */
export const kindOf = ({ facts }: LogMemory, at: number): RowKind => (facts[at] & FACT.KIND) as RowKind;

export const protocolOf = ({ facts }: LogMemory, at: number): Protocol =>
  (facts[at] >> FACT.PROTOCOL_SHIFT & FACT.PROTOCOL) as Protocol;

/** Bits of `facts`. */
export const Mark = {
  /** The request, or the response, was seen to its end. */
  REQUEST_ENDED: 1 << 10,
  RESPONSE_ENDED: 1 << 11,
  /** Nothing more comes of the row. */
  ENDED: 1 << 12,
  /** Its request was not seen. */
  NO_REQUEST: 1 << 13,
  /** It was found behind bytes that were lost: which message it is, is what fits best. */
  RESYNCED: 1 << 14,
  /** Readers may differ about where one of its messages ends. */
  AMBIGUOUS: 1 << 15,
  /** The server promised it; no client asked. */
  PUSHED: 1 << 16,
  /** Fields of it stood in lost entries of the HPACK table. */
  LOST_FIELDS: 1 << 17,
  /** It has trailers. */
  REQUEST_TRAILERS: 1 << 18,
  RESPONSE_TRAILERS: 1 << 19,
} as const;

/** What readers are told of them. */
export const REMARKS: readonly (readonly [mark: number, remark: Remark])[] = [
  [Mark.NO_REQUEST, "request-unseen"],
  [Mark.RESYNCED, "resynced"],
  [Mark.AMBIGUOUS, "ambiguous-framing"],
  [Mark.PUSHED, "pushed"],
  [Mark.LOST_FIELDS, "lost-fields"],
];

/** Rows by which `protocol` an exchange came, or what a flow was found to be. */
export const Protocol = { OTHER: 0, HTTP_1_0: 1, HTTP_1_1: 2, HTTP_2: 3, WEBSOCKET: 4 } as const;
export type Protocol = typeof Protocol[keyof typeof Protocol];

const HEAD_NUMBERS = 16;
/** Behind them the fence, which is stored to order what is around it. */
const HEAD_BYTES = HEAD_NUMBERS * 8 + 64;

/** Places in the head. */
export const Head = {
  ROWS: 0,
  ARENA_BYTES: 1,
  NEXT_ROW: 2,
  ENDED: 3,
  ARENA_END: 4,
  FELL_OUT: 5,
  ROWS_END: 6,
  /** Pieces to servers that nobody has read: a request each, mostly. */
  PASSED_OVER: 7,
} as const;

/** Columns of 64 bits; times are nanoseconds since the log's time base, sizes and places bytes. */
const WIDE = [
  /** First byte of the request; of a flow its first byte. */
  "startNs",
  /** The response's head. */
  "responseNs",
  "endNs",
  /** Bytes of the bodies as they came, lost ones included; of a flow those of each direction. */
  "requestBytes",
  "responseBytes",
  /** Place of the flow's description. */
  "flowAt",
  "requestHeadAt",
  "responseHeadAt",
  "requestTrailersAt",
  "responseTrailersAt",
  /** The last piece of each body, where some of it was kept. */
  "requestBodyAt",
  "responseBodyAt",
] as const;

/** Columns of 32 bits. */
const NARROW = [
  "facts",
  /** 0: none was seen. */
  "status",
  /** Number of the stream in HTTP/2. */
  "stream",
  "requestHeadBytes",
  "responseHeadBytes",
  /** Where there are any. */
  "requestTrailersBytes",
  "responseTrailersBytes",
  /** Bytes of each body that were kept. */
  "requestKept",
  "responseKept",
] as const;

type Columns =
  & { readonly [Name in typeof WIDE[number]]: Float64Array }
  & { readonly [Name in typeof NARROW[number]]: Int32Array };

/** The log's memory as arrays. */
export interface LogMemory extends Columns {
  readonly buffer: SharedArrayBuffer;
  /** Of {@linkcode Head}. */
  readonly head: Float64Array;
  readonly fence: Int32Array;
  readonly rows: number;
  readonly ended: Float64Array;
  readonly arena: Uint8Array;
  readonly arenaWords: Int32Array;
  readonly arenaView: DataView;
}

const ROW_BYTES = WIDE.length * 8 + NARROW.length * 4 + 8;
/** A row comes with so much arena: heads of both messages, mostly. */
const ARENA_PER_ROW = 1024;
/** The least that a log can be. */
export const LOG_BYTES_MIN = 1024 * 1024;
/** Where nothing else is said. */
export const LOG_BYTES_DEFAULT = 64 * 1024 * 1024;

/** Memory for a log of `bytes` at most; as many rows as a power of two allows. */
export function newLogMemory(bytes: number): LogMemory {
  const rows = 2 ** Math.floor(Math.log2((bytes - HEAD_BYTES) / (ROW_BYTES + ARENA_PER_ROW)));
  const arenaBytes = Math.floor((bytes - HEAD_BYTES - rows * ROW_BYTES) / 8) * 8;
  const buffer = new SharedArrayBuffer(HEAD_BYTES + rows * ROW_BYTES + arenaBytes);
  const head = new Float64Array(buffer, 0, HEAD_NUMBERS);
  head[Head.ROWS] = rows;
  head[Head.ARENA_BYTES] = arenaBytes;
  return logMemory(buffer);
}

/** The arrays of a log that is there, in whatever thread. */
export function logMemory(buffer: SharedArrayBuffer): LogMemory {
  const head = new Float64Array(buffer, 0, HEAD_NUMBERS);
  const rows = head[Head.ROWS];
  let at = HEAD_BYTES;
  const columns: Record<string, Float64Array | Int32Array> = {};
  for (const name of WIDE) {
    columns[name] = new Float64Array(buffer, at, rows);
    at += 8 * rows;
  }
  const ended = new Float64Array(buffer, at, rows);
  at += 8 * rows;
  for (const name of NARROW) {
    columns[name] = new Int32Array(buffer, at, rows);
    at += 4 * rows;
  }
  const arenaBytes = head[Head.ARENA_BYTES];
  return {
    ...columns as unknown as Columns,
    buffer,
    head,
    fence: new Int32Array(buffer, HEAD_NUMBERS * 8, 1),
    rows,
    ended,
    arena: new Uint8Array(buffer, at, arenaBytes),
    arenaWords: new Int32Array(buffer, at, arenaBytes >> 2),
    arenaView: new DataView(buffer, at, arenaBytes),
  };
}

/** What stands before each piece of a body in the arena: place of the piece before it, -1 for none, and its length. */
export const PIECE_HEAD_BYTES = 16;
export const PIECE_PREVIOUS = 0;
export const PIECE_LENGTH = 8;
