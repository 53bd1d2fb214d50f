// SPDX-License-Identifier: MIT
/**
 * The link between agent and collector: a pcapng stream each way, packets as Enhanced Packet Blocks, everything else in
 * Custom Blocks. docs/link.md is the specification; this file is its constants, writers and parsers.
 *
 * @module
 */
import {
  block,
  BLOCK_LENGTH,
  BLOCK_OVERHEAD,
  OPTION_COMMENT,
  OPTION_END,
  OPTION_USER_APPLICATION,
  padded,
  pcapngHead,
} from "../../wire/pcapng.ts";

export const LINK_PORT = 3005;
export const LINK_ALPN = "sslcollector/1";
const LINK_VERSION = 1;

/** Reason of a collector that ends while agents are connected. */
export const COLLECTOR_ENDS = "the collector ends";

/** Longest time after which either end says something. */
export const HEARTBEAT_MS = 5000;
/** Heartbeats of silence after which either end gives the other up. */
export const SILENT_HEARTBEATS = 3;

/** Custom Block that programs which rewrite a capture must not copy: its contents would no longer be true. */
export const BLOCK_CUSTOM_NO_COPY = 0x40000bad;
/** Example enterprise number (RFC 5612): told from others' experiments by {@linkcode LINK_MAGIC}. */
const LINK_ENTERPRISE = 32473;
/** `SSLC` in the order of the bytes. */
const LINK_MAGIC = 0x434c5353;

/** Longest block on a link: the longest IP packet there is, with room for comments. */
export const LINK_BLOCK_MAX = 128 * 1024;
const SESSION_ID_LENGTH = 16;
/** UTF-8 bytes of a name or reason; longer ones are cut. */
const TEXT_MAX = 512;

const KIND_HELLO = 1;
const KIND_POSITION = 2;
const KIND_HEARTBEAT = 3;
const KIND_END = 4;
const KIND_WELCOME = 5;
const KIND_ACK = 6;
const KIND_REFUSED = 7;
/** Packets in fewer bytes (packing.ts). */
export const KIND_PACKED = 8;
/** In segments of a spool only: what a run of packets is (session/spool_run.ts). */
export const KIND_RUN = 9;
const KIND_STATUS = 10;

/** Begins the comment with a collector's clock, in ISO 8601. */
const CLOCK = "clock ";
/** Offset of the options in a Section Header Block. */
const SECTION_OPTIONS = 24;

/** Word of a collector that takes `status`. */
export const STATUS = "status";

/**
 * What is not a packet. Packets of a session are numbered from 0 in the order in which the agent was given them, lost
 * ones included; numbers are below 2^53.
 */
export type LinkMessage =
  /** Agent, once, before anything else: packets below `first` it no longer has, `next` is the number it gives out next. */
  | {
    readonly kind: "hello";
    /** 16 random bytes, in hexadecimal. */
    readonly session: string;
    readonly first: number;
    readonly next: number;
    /** Bytes of IP packet in the longest frame that it will send. */
    readonly mtu: number;
    /** What it calls itself; the name that counts is the certificate's. */
    readonly name: string;
  }
  /** Agent: the next packet has this number. Those skipped are lost for this reason; empty: the collector has them. */
  | { readonly kind: "position"; readonly next: number; readonly reason: string }
  /** Agent, at least every few seconds: numbers given out so far, and how long the oldest unacknowledged packet has waited. */
  | { readonly kind: "heartbeat"; readonly next: number; readonly waitedMs: number }
  /** Agent, with every heartbeat: what its queue and its spool hold for this collector, and what it is. */
  | {
    readonly kind: "status";
    /** Bytes of memory. */
    readonly queuedBytes: number;
    /** Bytes on disk. */
    readonly spooledBytes: number;
    /** Program and version. */
    readonly application: string;
  }
  /** Agent: the session has this many packets and ends here. */
  | { readonly kind: "end"; readonly next: number }
  /**
   * Collector, in answer to `hello`: it has all packets below `have`; frames of more than `mtu` bytes of IP packet end the link. `takes`
   * are words for what it understands beyond what every version does.
   */
  | {
    readonly kind: "welcome";
    readonly have: number;
    readonly mtu: number;
    readonly takes?: readonly string[];
  }
  /** Collector, at least every few seconds: it has safely written all packets below `have`. */
  | { readonly kind: "ack"; readonly have: number }
  /** Collector: why it closes the link. */
  | { readonly kind: "refused"; readonly reason: string };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What opens either direction; a collector tells its clock in it, milliseconds since 1970. */
export function linkHead(
  application: string,
  interfaceName: string,
  clockMs?: number,
): Uint8Array<ArrayBuffer> {
  const comment = clockMs === undefined ? undefined : CLOCK + new Date(clockMs).toISOString();
  return pcapngHead({ application, interfaceName, comment });
}

/** What {@linkcode linkHead} says of the other end. */
export interface LinkHead {
  /** Program and version; empty where it does not say. */
  readonly application: string;
  /** Milliseconds since 1970 by its clock; undefined where it does not say. */
  readonly clockMs: number | undefined;
}

/** Reads the Section Header Block that a link begins with; undefined: it is not all there. */
export function parseLinkHead(bytes: Uint8Array): LinkHead | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < SECTION_OPTIONS || bytes.length < view.getUint32(BLOCK_LENGTH, true)) return undefined;
  const end = view.getUint32(BLOCK_LENGTH, true) - 4;
  let application = "";
  let clockMs: number | undefined;
  for (let at = SECTION_OPTIONS; at + 4 <= end;) {
    const [code, length] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (code === OPTION_END || at + 4 + length > end) break;
    const text = printableText(decoder.decode(bytes.subarray(at + 4, at + 4 + length)));
    if (code === OPTION_USER_APPLICATION) application = text;
    const time = text.startsWith(CLOCK) ? Date.parse(text.slice(CLOCK.length)) : NaN;
    if (code === OPTION_COMMENT && !Number.isNaN(time)) clockMs = time;
    at += 4 + padded(length);
  }
  return { application, clockMs };
}

/** The message as one block; a new array. */
export function linkBlock(message: LinkMessage): Uint8Array<ArrayBuffer> {
  switch (message.kind) {
    case "hello": {
      const fields = new Uint8Array(SESSION_ID_LENGTH + 20);
      fields.set(fromHex(message.session));
      const view = new DataView(fields.buffer);
      view.setBigUint64(16, BigInt(message.first), true);
      view.setBigUint64(24, BigInt(message.next), true);
      view.setUint32(32, message.mtu, true);
      return controlBlock(KIND_HELLO, fields, message.name);
    }
    case "position":
      return controlBlock(KIND_POSITION, number(message.next), message.reason);
    case "heartbeat": {
      const fields = new Uint8Array(12);
      const view = new DataView(fields.buffer);
      view.setBigUint64(0, BigInt(message.next), true);
      view.setUint32(8, Math.min(message.waitedMs, 0xffff_ffff), true);
      return controlBlock(KIND_HEARTBEAT, fields);
    }
    case "status": {
      const fields = new Uint8Array(16);
      const view = new DataView(fields.buffer);
      view.setBigUint64(0, BigInt(message.queuedBytes), true);
      view.setBigUint64(8, BigInt(message.spooledBytes), true);
      return controlBlock(KIND_STATUS, fields, message.application);
    }
    case "end":
      return controlBlock(KIND_END, number(message.next));
    case "welcome": {
      const fields = new Uint8Array(12);
      const view = new DataView(fields.buffer);
      view.setBigUint64(0, BigInt(message.have), true);
      view.setUint32(8, message.mtu, true);
      return controlBlock(KIND_WELCOME, fields, message.takes?.join(" "));
    }
    case "ack":
      return controlBlock(KIND_ACK, number(message.have));
    case "refused":
      return controlBlock(KIND_REFUSED, new Uint8Array(0), message.reason);
  }
}

/**
 * The message in the body of a {@linkcode BLOCK_CUSTOM_NO_COPY} block (all between its two lengths); undefined for a
 * block of somebody else's or of a kind that a later version may have added: it is skipped. Throws a `RangeError` on a
 * body that contradicts itself.
 */
export function parseLinkBody(body: Uint8Array): LinkMessage | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (body.length < 12 || view.getUint32(0, true) !== LINK_ENTERPRISE) return undefined;
  if (view.getUint32(4, true) !== LINK_MAGIC) return undefined;
  const version = view.getUint16(10, true);
  const fields = FIELDS_LENGTH.get(view.getUint16(8, true));
  if (fields === undefined) return undefined;
  if (version !== LINK_VERSION) throw new RangeError(`link version ${version}`);
  if (body.length < 12 + fields + 4) throw new RangeError("control block is too short");
  const textLength = view.getUint32(12 + fields, true);
  if (textLength > TEXT_MAX || 16 + fields + textLength > body.length) {
    throw new RangeError(`control block with a text of ${textLength} bytes`);
  }
  const text = () => printableText(decoder.decode(body.subarray(16 + fields, 16 + fields + textLength)));
  const count = (at: number) => {
    const value = view.getBigUint64(12 + at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`a number as large as ${value}`);
    return Number(value);
  };
  switch (view.getUint16(8, true)) {
    case KIND_HELLO: {
      const session = toHex(body.subarray(12, 12 + SESSION_ID_LENGTH));
      const [first, next] = [count(16), count(24)];
      if (first > next) throw new RangeError(`hello with first ${first} over next ${next}`);
      return { kind: "hello", session, first, next, mtu: view.getUint32(12 + 32, true), name: text() };
    }
    case KIND_POSITION:
      return { kind: "position", next: count(0), reason: text() };
    case KIND_HEARTBEAT:
      return { kind: "heartbeat", next: count(0), waitedMs: view.getUint32(12 + 8, true) };
    case KIND_STATUS:
      return { kind: "status", queuedBytes: count(0), spooledBytes: count(8), application: text() };
    case KIND_END:
      return { kind: "end", next: count(0) };
    case KIND_WELCOME:
      return {
        kind: "welcome",
        have: count(0),
        mtu: view.getUint32(12 + 8, true),
        takes: text().split(" ").filter((word) => word !== ""),
      };
    case KIND_ACK:
      return { kind: "ack", have: count(0) };
    default:
      return { kind: "refused", reason: text() };
  }
}

/** Bytes of fixed fields by kind; a text follows each. */
const FIELDS_LENGTH = new Map([
  [KIND_HELLO, SESSION_ID_LENGTH + 20],
  [KIND_POSITION, 8],
  [KIND_HEARTBEAT, 12],
  [KIND_STATUS, 16],
  [KIND_END, 8],
  [KIND_WELCOME, 12],
  [KIND_ACK, 8],
  [KIND_REFUSED, 0],
]);

/** A block of the link's own: enterprise number, magic, kind, version, fields, length of the text, text, padding. */
export function controlBlock(kind: number, fields: Uint8Array, text = ""): Uint8Array<ArrayBuffer> {
  const textBytes = new Uint8Array(TEXT_MAX);
  const textLength = encoder.encodeInto(text, textBytes).written;
  const body = new Uint8Array(12 + fields.length + 4 + (textLength + 3 & ~3));
  const view = new DataView(body.buffer);
  view.setUint32(0, LINK_ENTERPRISE, true);
  view.setUint32(4, LINK_MAGIC, true);
  view.setUint16(8, kind, true);
  view.setUint16(10, LINK_VERSION, true);
  body.set(fields, 12);
  view.setUint32(12 + fields.length, textLength, true);
  body.set(textBytes.subarray(0, textLength), 16 + fields.length);
  return block(BLOCK_CUSTOM_NO_COPY, [body]);
}

/** Whether the block at the beginning of the view, which has 20 bytes at least, is one of the link's own of this kind and version. */
export function isControlBlock(view: DataView, kind: number): boolean {
  return view.getUint32(8, true) === LINK_ENTERPRISE && view.getUint32(12, true) === LINK_MAGIC &&
    view.getUint16(16, true) === kind && view.getUint16(18, true) === LINK_VERSION;
}

/** Bytes of the body within a whole block. */
export function bodyOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(8, bytes.length - BLOCK_OVERHEAD + 8);
}

function number(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

/** Texts go to logs and terminals. */
function printableText(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, "_");
}

export function newSessionId(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(SESSION_ID_LENGTH)));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array {
  if (!/^[0-9a-f]{32}$/.test(text)) {
    throw new RangeError(`Cannot use session id ${JSON.stringify(text)}: expected 32 hex digits`);
  }
  return Uint8Array.from({ length: 16 }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}
