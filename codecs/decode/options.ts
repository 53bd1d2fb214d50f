// SPDX-License-Identifier: MIT
/** What of `decode` can be set. @module */
import type { CodecSettings, CodecValues } from "../codec.ts";

/** How much is decoded, and what. */
export interface DecodeOptions {
  /** Also bodies in one layer of gzip or deflate, which Suricata decodes itself: of gzip the first member only. */
  readonly gzip: boolean;
  /** Also bodies in brotli. */
  readonly br: boolean;
  /** Messages of WebSockets too, where permessage-deflate was agreed on. */
  readonly websocket: boolean;
  /** Bytes that decoding a message may give, times the encoded ones. */
  readonly ratio: number;
  /** Bytes beyond the ratio that a flow may have in all. */
  readonly extraBytes: number;
  /** Bytes that decoding a message may give. */
  readonly maxMessageBytes: number;
  /** Messages of all flows that are decoded at a time. */
  readonly maxOpen: number;
  /** Bytes that decoders and heads that have not all come hold, of all flows together. */
  readonly maxMemoryBytes: number;
  /** Behind so much of a direction that has decoded bodies, the next request opens the connection anew; 0: never. */
  readonly reopenAfterBytes: number;
}

/**
 * `ratio`: text seldom passes 30, and so much is paid for by its sender. `extraBytes`: small messages of one repeated byte pass any
 * ratio; an IDS inspects no more than 1 MiB of each. `maxMemoryBytes`: a decoder of brotli takes up to 16 MiB and
 * one of zstd 8 MiB where they gave so much, and both far less for small bodies; there is room for 30 downloads in brotli as servers
 * make it, or for 4000 heads of 32 KiB. `maxOpen`: with the least that a decoder takes, half of that. `reopenAfterBytes`: Suricata
 * inspects 1 MiB of a direction, and how long the next body will be is not known before it is decoded.
 */
export const DEFAULT_OPTIONS: DecodeOptions = {
  gzip: true,
  br: true,
  websocket: false,
  ratio: 100,
  extraBytes: 4 * 1024 * 1024,
  maxMessageBytes: 64 * 1024 * 1024,
  maxOpen: 512,
  maxMemoryBytes: 128 * 1024 * 1024,
  reopenAfterBytes: 512 * 1024,
};

/** On the command line. */
export const DECODE_SETTINGS = {
  "gzip": {
    type: "boolean",
    default: DEFAULT_OPTIONS.gzip,
    description: "gzip and deflate too; Suricata decodes them itself, of gzip the first member",
  },
  "br": {
    type: "boolean",
    default: DEFAULT_OPTIONS.br,
    description: "br too; damaged br has the runtime write lines to standard output",
  },
  "websocket": {
    type: "boolean",
    default: DEFAULT_OPTIONS.websocket,
    description: "messages of WebSockets too, without mask and compression",
  },
  "ratio": {
    type: "number",
    default: DEFAULT_OPTIONS.ratio,
    minimum: 1,
    maximum: 1_000_000,
    description: "decoded bytes of a message, times its encoded ones",
  },
  "extra": {
    type: "size",
    default: DEFAULT_OPTIONS.extraBytes,
    description: "beyond the ratio, for all messages of a flow together",
  },
  "decoded": {
    type: "size",
    default: DEFAULT_OPTIONS.maxMessageBytes,
    minimum: 1,
    description: "of a message at most",
  },
  "open": {
    type: "number",
    default: DEFAULT_OPTIONS.maxOpen,
    minimum: 1,
    maximum: 65_536,
    description: "messages of all flows that are decoded at a time",
  },
  "memory": {
    type: "size",
    default: DEFAULT_OPTIONS.maxMemoryBytes,
    description: "what decoders and unfinished heads of all flows may hold; beyond it the largest give way",
  },
  "reopen-after": {
    type: "size",
    default: DEFAULT_OPTIONS.reopenAfterBytes,
    description: "behind so much of a direction the next request opens the connection anew, 0 never",
  },
} as const satisfies CodecSettings;

/** The options that these settings are. */
export const optionsOf = (values: CodecValues<typeof DECODE_SETTINGS>): DecodeOptions => ({
  gzip: values.gzip,
  br: values.br,
  websocket: values.websocket,
  ratio: values.ratio,
  extraBytes: values.extra,
  maxMessageBytes: values.decoded,
  maxOpen: values.open,
  maxMemoryBytes: values.memory,
  reopenAfterBytes: values["reopen-after"],
});
