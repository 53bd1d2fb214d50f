// SPDX-License-Identifier: MIT
/** What programs may say, at random, for mirrors that are looked at in several ways. */
import type { Direction } from "../../codecs/direction.ts";
import {
  clientStart,
  data,
  END_STREAM,
  headers,
  join,
  request,
  response,
  serverStart,
} from "./http2_frames.ts";
import type { Random } from "./random.ts";
import type { ViewHarness } from "./view_harness.ts";

const encoder = new TextEncoder();
/** That are open at a time. */
const FLOWS = 6;

/** Something that happens to a flow, of either of two mirrors alike. */
type Step = (harness: ViewHarness) => void;

type Message = readonly [Direction, string];

const SMALL: readonly Message[] = [
  [0, "GET /small HTTP/1.1\r\nHost: shop.test\r\n\r\n"],
  [1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"],
];

const HTTP1: readonly Message[] = [
  ...SMALL,
  [
    0,
    "POST /chunked HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
  ],
  [1, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"],
  [0, "HEAD /two HTTP/1.1\r\n\r\nGET /pipelined HTTP/1.1\r\n\r\n"],
  [
    1,
    `HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n${
      "x".repeat(9000)
    }`,
  ],
  [0, `GET /${"long".repeat(1200)} HTTP/1.1\r\n\r\n`],
  [1, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"],
];

/** An exchange of a connection of HTTP/2, a piece each. */
export function http2Piece(number: number): readonly (readonly [Direction, Uint8Array])[] {
  const stream = 2 * number + 1;
  return [
    [0, headers(stream, request("GET", `/${number}`), END_STREAM)],
    [1, join(headers(stream, response(200), 0), data(stream, `body ${number}`, END_STREAM))],
  ];
}

/** Mostly what need not be read to know what it is. */
export const MOSTLY_SMALL: ScriptOptions = {
  messages: [
    ...Array.from({ length: 12 }, () => SMALL).flat(),
    [0, "POST /body HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"],
    [1, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"],
    ...HTTP1,
    [0, "GET /two HTTP/1.1\r\n\r\n"],
    [0, "GET /more HTTP/1.1\r\n\r\n"],
    [1, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"],
    [1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"],
    [1, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"],
    ...SMALL,
  ],
  troubleIn: 400,
};

export interface ScriptOptions {
  /** What flows of HTTP/1.1 say in turn. */
  readonly messages: readonly Message[];
  /** One of so many is cut in two, and of ten times as many is lost. */
  readonly troubleIn: number;
}

/** Pieces, some cut in two, some lost, of flows that open and close meanwhile; odd flows speak HTTP/2. */
export function* viewScript(
  random: Random,
  steps: number,
  { messages, troubleIn }: ScriptOptions = { messages: HTTP1, troubleIn: 4 },
): Generator<Step> {
  const sent = new Map<number, number>();
  let flows = 0;
  const open = function* (): Generator<Step> {
    const flow = ++flows;
    sent.set(flow, 0);
    yield (harness) => harness.open(flow, { alpn: flow % 2 === 1 ? "h2" : "", offsets: [0, 0] });
    if (flow % 2 === 0) return;
    yield (harness) => harness.send(flow, 0, clientStart());
    yield (harness) => harness.send(flow, 1, serverStart());
  };
  while (flows < FLOWS) yield* open();
  for (let step = 0; step < steps; step++) {
    const flow = [...sent.keys()][random.below(sent.size)];
    const number = sent.get(flow)!;
    sent.set(flow, number + 1);
    const pieces = flow % 2 === 1 ? http2Piece(number) : [messages[number % messages.length]];
    if (random.oneIn(10 * troubleIn)) {
      const direction = random.below(2) as Direction;
      yield (harness) => harness.gap(flow, direction, 10);
    }
    for (const [direction, piece] of pieces) {
      const bytes = typeof piece === "string" ? encoder.encode(piece) : piece;
      const cut = random.oneIn(troubleIn) ? random.below(bytes.length) : 0;
      if (cut > 0) yield (harness) => harness.send(flow, direction, bytes.slice(0, cut));
      yield (harness) => harness.send(flow, direction, bytes.slice(cut));
    }
    if (random.oneIn(50)) {
      sent.delete(flow);
      yield (harness) => harness.close(flow);
      yield* open();
    }
  }
  for (const flow of sent.keys()) yield (harness) => harness.close(flow);
}

/** All that is known of what each flow had, in its order. */
export function byFlow({ entries }: ViewHarness): Map<number, unknown[]> {
  const flows = new Map<number, unknown[]>();
  for (const { number: _, ...entry } of entries) {
    const { flow } = entry;
    flows.set(flow.id, [...flows.get(flow.id) ?? [], entry]);
  }
  return flows;
}
