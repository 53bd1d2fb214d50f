// SPDX-License-Identifier: MIT
/** A body as people and tools read it: without its content codings, as far as it was kept. @module */
import { FlowBudget, MessageBudget } from "../../codecs/decode/budget.ts";
import { type Coding, ContentDecoder, MAX_CODINGS } from "../../codecs/decode/content_decoder.ts";
import { isKnownCoding } from "../../codecs/decode/decoded_message.ts";
import { DEFAULT_OPTIONS } from "../../codecs/decode/options.ts";
import type { HeadText, KeptBody } from "./exchange.ts";

/** What is shown of a body, decoded, at most. */
const SHOWN_BYTES_MAX = 4 * 1024 * 1024;
/**
 * And in proportion to what was kept of it, beyond what small bodies may have: text seldom passes 30. Who sends bodies pays for their
 * decoding then, and for writing them.
 */
const SHOWN_RATIO_MAX = 32;
const SHOWN_SMALL_BYTES = 64 * 1024;

/** A body without its codings. */
export interface PlainBody {
  /** As far as they could be decoded. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Codings that were undone, outermost last; empty: there were none. */
  readonly codings: readonly string[];
  /** Why it is not all of the body; empty when it is. */
  readonly trouble: string;
}

/** Undoes what `Content-Encoding` says. What cannot be undone is answered as it came, with the reason. */
export function plainBody(head: HeadText, body: KeptBody): PlainBody {
  const codings = head.get("content-encoding").toLowerCase().split(",").map((one) => one.trim())
    .filter((one) => one !== "" && one !== "identity");
  const missing = body.missingBytes > 0 ? `${body.missingBytes} bytes more were not kept` : "";
  if (codings.length === 0 || body.bytes.length === 0) {
    return { bytes: body.bytes, codings: [], trouble: missing };
  }
  if (!codings.every(isKnownCoding) || codings.length > MAX_CODINGS) {
    return { bytes: body.bytes, codings: [], trouble: `encoded as ${codings.join(", ")}` };
  }
  return decoded(codings as Coding[], body.bytes, missing);
}

function decoded(codings: Coding[], encoded: Uint8Array, missing: string): PlainBody {
  const options = { ...DEFAULT_OPTIONS, maxMessageBytes: SHOWN_BYTES_MAX, ratio: SHOWN_RATIO_MAX };
  const decoder = new ContentDecoder(codings, new MessageBudget(new FlowBudget(SHOWN_SMALL_BYTES), options));
  const pieces: Uint8Array[] = [];
  try {
    const stop = decoder.push(encoded, (piece) => pieces.push(piece.slice()));
    const trouble = missing || TROUBLE[stop] || (decoder.isWhole() ? "" : "cut before its end");
    return { bytes: joined(pieces), codings, trouble };
  } finally {
    decoder.close();
  }
}

const TROUBLE: Readonly<Record<string, string>> = {
  "malformed": "damaged from here on",
  "trailing": "more follows behind its end",
  "size": `more than ${SHOWN_BYTES_MAX} bytes when decoded`,
  "ratio": `more than ${SHOWN_RATIO_MAX} times as much when decoded`,
};

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
