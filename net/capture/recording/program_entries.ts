// SPDX-License-Identifier: MIT
/**
 * Bodies of the entries that begin and end a program, both ways. The layout is in `format.ts`.
 *
 * @module
 */
import type { CaptureLoss, CaptureProgram, CaptureProgramEnd } from "../target.ts";
import { numberOf, paddedText, RecordError } from "../record/layout.ts";
import { END, END_1, LOSS, LOSS_UNITS, START, START_1, UNKNOWN } from "./format.ts";
import { setUint64 } from "./record_writer.ts";

const ANCESTORS_MAX = 1024;
/** Container, pod, program's path and control group. */
const PLACE_BYTES_MAX = 8192;
const LOSSES_MAX = 64;
const REASON_BYTES_MAX = 64;
const STOPPED_BYTES_MAX = 4096;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A 64-bit number of a body. @throws {RecordError} for 2^52 and more. */
export function readUint64(view: DataView, at: number): number {
  const value = numberOf(view.getInt32(at, true), view.getInt32(at + 4, true));
  if (Number.isNaN(value)) throw new RecordError("a number is out of range");
  return value;
}

export function encodeStart(program: CaptureProgram, timeNs: number): Uint8Array<ArrayBuffer> {
  const ancestors = program.ancestors?.slice(0, ANCESTORS_MAX);
  const place = encoder.encode(placeText(program)).subarray(0, PLACE_BYTES_MAX);
  const placeAt = START.size + 4 * (ancestors?.length ?? 0);
  const bytes = new Uint8Array(placeAt + place.length);
  const view = new DataView(bytes.buffer);
  setUint64(view, START.timeNs, timeNs);
  view.setUint32(START.pid, program.pid, true);
  view.setUint32(START.uid, program.uid, true);
  bytes.set(encoder.encode(program.comm).subarray(0, 16), START.comm);
  setUint64(view, START.networkNamespace, program.networkNamespace ?? 0);
  view.setUint32(START.ancestors, ancestors?.length ?? UNKNOWN, true);
  view.setUint32(START.trusted, program.isTrusted ? 1 : 0, true);
  ancestors?.forEach((pid, i) => view.setUint32(START.size + 4 * i, pid, true));
  bytes.set(place, placeAt);
  return bytes;
}

/**
 * Program `id` and the time of its start, from the body of a recording of any version.
 *
 * @throws {RecordError} for what no writer makes.
 */
export function decodeStart(body: Uint8Array, id: number, version: number): [CaptureProgram, timeNs: number] {
  const view = viewOf(body, version === 1 ? START_1.size : START.size, "a program's start");
  const timeNs = readUint64(view, START.timeNs);
  const program = {
    id,
    pid: view.getUint32(START.pid, true),
    uid: view.getUint32(START.uid, true),
    comm: paddedText(body, START.comm, 16),
  };
  if (version === 1) {
    if (body.length !== START_1.size) throw new RecordError("a program's start is of the wrong size");
    return [{ ...program, isTrusted: true }, timeNs];
  }
  const networkNamespace = readUint64(view, START.networkNamespace);
  const count = view.getUint32(START.ancestors, true);
  const known = count === UNKNOWN ? 0 : count;
  const placeAt = START.size + 4 * known;
  const placeBytes = body.length - placeAt;
  if (known > ANCESTORS_MAX || placeBytes < 0 || placeBytes > (version === 2 ? 0 : PLACE_BYTES_MAX)) {
    throw new RecordError("a program's start is of the wrong size");
  }
  const ancestors = Array.from({ length: known }, (_, i) => view.getUint32(START.size + 4 * i, true));
  return [{
    ...program,
    ...networkNamespace === 0 ? {} : { networkNamespace },
    ...count === UNKNOWN ? {} : { ancestors },
    ...placeOf(decoder.decode(body.subarray(placeAt))),
    ...view.getUint32(START.trusted, true) === 0 ? {} : { isTrusted: true },
  }, timeNs];
}

const PLACES = ["container", "pod", "executable", "cgroup", "source", "containerName", "podName"] as const;
const SOURCES: readonly string[] = ["probes"];

/** A name may have a line feed of its own. */
function placeText(program: CaptureProgram): string {
  return PLACES.map((name) => program[name]?.replaceAll("\n", "?") ?? "").join("\n").trimEnd();
}

function placeOf(text: string): Pick<CaptureProgram, typeof PLACES[number]> {
  const lines = text.split("\n");
  const known = PLACES.map((name, at) => [name, lines[at] ?? ""]).filter(([, value]) => value !== "");
  return Object.fromEntries(known.filter(([name, value]) => name !== "source" || SOURCES.includes(value)));
}

export function encodeEnd(end: CaptureProgramEnd, timeNs: number): Uint8Array<ArrayBuffer> {
  const losses = end.losses.slice(0, LOSSES_MAX).map((loss) => ({
    ...loss,
    reasonBytes: encoder.encode(loss.reason).subarray(0, REASON_BYTES_MAX),
  }));
  const stopped = encoder.encode(end.stopped ?? "").subarray(0, STOPPED_BYTES_MAX);
  const lossBytes = losses.reduce((sum, { reasonBytes }) => sum + LOSS.size + reasonBytes.length, 0);
  const bytes = new Uint8Array(END.size + lossBytes + stopped.length);
  const view = new DataView(bytes.buffer);
  setUint64(view, END.timeNs, timeNs);
  view.setUint32(END.stopped, end.stopped === undefined ? 0 : 1, true);
  view.setUint32(END.losses, losses.length, true);
  let at: number = END.size;
  for (const { unit, amount, reasonBytes } of losses) {
    view.setUint32(at + LOSS.unit, LOSS_UNITS.indexOf(unit), true);
    view.setUint32(at + LOSS.reasonBytes, reasonBytes.length, true);
    setUint64(view, at + LOSS.amount, amount);
    bytes.set(reasonBytes, at + LOSS.size);
    at += LOSS.size + reasonBytes.length;
  }
  bytes.set(stopped, at);
  return bytes;
}

/**
 * How a program ended and when, from the body of a recording of version 1 or 2.
 *
 * @throws {RecordError} for what no writer makes.
 */
export function decodeEnd(body: Uint8Array, version: number): [CaptureProgramEnd, timeNs: number] {
  return version === 1 ? decodeEnd1(body) : decodeEnd2(body);
}

function decodeEnd1(body: Uint8Array): [CaptureProgramEnd, timeNs: number] {
  const view = viewOf(body, END_1.size, "a program's end");
  const losses: CaptureLoss[] = [
    { reason: "ring-full", unit: "bytes", amount: readUint64(view, END_1.unreported) },
    { reason: "unfinished-records", unit: "records", amount: readUint64(view, END_1.holes) },
    { reason: "sessions-unmirrored", unit: "sessions", amount: readUint64(view, END_1.unmirrored) },
  ];
  const hasStopped = view.getUint32(END_1.retired, true) !== 0;
  return [{
    losses: losses.filter(({ amount }) => amount > 0),
    stopped: hasStopped ? decoder.decode(body.subarray(END_1.size)) : undefined,
  }, readUint64(view, END_1.timeNs)];
}

function decodeEnd2(body: Uint8Array): [CaptureProgramEnd, timeNs: number] {
  const view = viewOf(body, END.size, "a program's end");
  const count = view.getUint32(END.losses, true);
  if (count > LOSSES_MAX) throw new RecordError("a program's end tells too many losses");
  const losses: CaptureLoss[] = [];
  let at: number = END.size;
  for (let i = 0; i < count; i++) {
    if (at + LOSS.size > body.length) throw new RecordError("a program's end is of the wrong size");
    const unit = LOSS_UNITS[view.getUint32(at + LOSS.unit, true)];
    const reasonEnd = at + LOSS.size + view.getUint32(at + LOSS.reasonBytes, true);
    if (unit === undefined || reasonEnd > body.length) throw new RecordError("a loss is damaged");
    const reason = decoder.decode(body.subarray(at + LOSS.size, reasonEnd));
    losses.push({ reason, unit, amount: readUint64(view, at + LOSS.amount) });
    at = reasonEnd;
  }
  const hasStopped = view.getUint32(END.stopped, true) !== 0;
  const stopped = hasStopped ? decoder.decode(body.subarray(at)) : undefined;
  return [{ losses, stopped }, readUint64(view, END.timeNs)];
}

/** A view of a body that is at least `size` bytes long. */
function viewOf(body: Uint8Array, size: number, what: string): DataView {
  if (body.length < size) throw new RecordError(`${what} is of the wrong size`);
  return new DataView(body.buffer, body.byteOffset, body.length);
}
