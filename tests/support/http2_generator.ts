// SPDX-License-Identifier: MIT
/**
 * Connections of a client that makes what it likes of HTTP/2: references, resets, requests that are the same, long fields, bodies
 * in any frames.
 *
 * @module
 */
import { Flag, FrameType } from "../../codecs/http2/frame.ts";
import { HpackWriter } from "./hpack_writer.ts";
import {
  bytesOf,
  clientStart,
  END_HEADERS,
  END_STREAM,
  type Fields,
  frame,
  join,
  literal,
  reset,
  settingsAck,
} from "./http2_frames.ts";
import type { Random } from "./random.ts";

/** One request as it was sent. */
export interface GeneratedRequest {
  readonly streamId: number;
  readonly path: string;
  /** Fields that were sent as bytes. */
  readonly literals: Fields;
}

export interface GeneratedConnection {
  /** In the order in which they are sent: the start, then a piece for each request. */
  readonly pieces: readonly Uint8Array[];
  readonly requests: readonly GeneratedRequest[];
}

const NAMES = ["x-a", "x-b", "user-agent", "cookie", "authorization", "accept", "content-type"];
/** One in so many connections is long, with long fields; one in four of those repeats them for all that it is worth. */
const LONG_ONE_IN = 30;

export function generateConnection(random: Random, name: string): GeneratedConnection {
  const writer = new HpackWriter();
  const pieces = [join(clientStart(), settingsAck())];
  const requests: GeneratedRequest[] = [];
  const isLong = random.oneIn(LONG_ONE_IN);
  const count = isLong && random.oneIn(3) ? 250 : 1 + random.below(isLong ? 20 : 6);
  const isStorm = random.oneIn(2);
  const maxTimes = !isLong ? 6 : random.oneIn(4) ? 400 : 60;
  for (let i = 0; i < count; i++) {
    const streamId = 1 + 2 * i;
    // A third of the requests have the path of an earlier one.
    const path = `/${name}/${random.oneIn(3) ? random.below(i + 1) : i}/${"abc"[random.below(3)]}`;
    const body = random.oneIn(4) ? "b".repeat(1 + random.below(40)) : undefined;
    const { block, literals } = generateHead(random, writer, {
      method: body === undefined ? "GET" : "POST",
      path,
      value: `${name}-${i}-`,
      maxValueBytes: isLong ? 3000 : 100,
      maxTimes,
    });
    requests.push({ streamId, path, literals });
    const parts = [headFrames(random, streamId, block, body === undefined ? END_STREAM : 0)];
    if (body !== undefined) parts.push(bodyFrames(random, streamId, body));
    if (random.oneIn(4)) parts.push(idleFrame(random, streamId));
    if (isStorm || random.oneIn(4)) parts.push(reset(streamId));
    pieces.push(join(...parts));
  }
  return { pieces, requests };
}

interface HeadPlan {
  readonly method: string;
  readonly path: string;
  /** Values begin with it. */
  readonly value: string;
  readonly maxValueBytes: number;
  /** A reference is repeated so often at most. */
  readonly maxTimes: number;
}

function generateHead(random: Random, writer: HpackWriter, plan: HeadPlan) {
  const literals: [string, string][] = [];
  const method = Uint8Array.of(plan.method === "GET" ? 0x82 : 0x83);
  const pseudo = [literal(":authority", "localhost"), literal(":path", plan.path)];
  const parts = [method, Uint8Array.of(0x86), ...pseudo];
  for (let more = random.below(5); more > 0; more--) {
    if (writer.hasEntries && random.oneIn(2)) {
      const times = random.oneIn(3) ? 1 + random.below(plan.maxTimes) : 1;
      parts.push(writer.reference(random, times));
      continue;
    }
    const name = NAMES[random.below(NAMES.length)];
    const value = `${plan.value}${more}-`.padEnd(random.oneIn(4) ? random.below(plan.maxValueBytes) : 0, "v");
    parts.push(writer.literal(name, value, random.oneIn(2)));
    literals.push([name, value]);
  }
  return { block: join(...parts), literals };
}

/** A block as HEADERS, and CONTINUATION where it is cut; padded or with a priority now and then. */
export function headFrames(
  random: Random,
  streamId: number,
  block: Uint8Array,
  flags: number,
): Uint8Array<ArrayBuffer> {
  const cut = random.oneIn(6) ? random.below(block.length) : block.length;
  const isWhole = cut === block.length;
  let payload: Uint8Array<ArrayBuffer> = block.slice(0, cut) as Uint8Array<ArrayBuffer>;
  if (random.oneIn(8)) {
    payload = join(Uint8Array.of(0, 0, 0, 0, 15), payload);
    flags |= Flag.PRIORITY;
  }
  if (random.oneIn(8)) {
    const padding = random.below(20);
    payload = join(Uint8Array.of(padding), payload, new Uint8Array(padding));
    flags |= Flag.PADDED;
  }
  const head = frame(FrameType.HEADERS, flags | (isWhole ? END_HEADERS : 0), streamId, payload);
  return isWhole ? head : join(head, frame(FrameType.CONTINUATION, END_HEADERS, streamId, block.slice(cut)));
}

/** A body in DATA frames of any length, the last of which ends the stream. */
export function bodyFrames(random: Random, streamId: number, body: string): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(body);
  const step = random.oneIn(4) ? 1 : bytes.length;
  const frames = [];
  for (let at = 0; at < bytes.length; at += step) {
    const flags = at + step >= bytes.length ? END_STREAM : 0;
    const piece = bytes.subarray(at, at + step);
    const isPadded = random.oneIn(4);
    const payload = isPadded ? join(Uint8Array.of(3), piece, new Uint8Array(3)) : piece;
    frames.push(frame(FrameType.DATA, flags | (isPadded ? Flag.PADDED : 0), streamId, payload));
  }
  return join(...frames);
}

/** A frame that belongs to no message. */
function idleFrame(random: Random, streamId: number): Uint8Array<ArrayBuffer> {
  switch (random.below(3)) {
    case 0:
      return frame(FrameType.PING, 0, 0, bytesOf("generate"));
    case 1:
      return frame(FrameType.PRIORITY, 0, streamId + 2, Uint8Array.of(0, 0, 0, 0, 7));
    default:
      return frame(0xfa, 0, 0, bytesOf("of an extension"));
  }
}
