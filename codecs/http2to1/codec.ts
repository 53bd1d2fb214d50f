// SPDX-License-Identifier: MIT
/**
 * `http2to1`: each HTTP/2 exchange of a flow as one HTTP/1.1 request and response that an IDS pairs rightly.
 *
 * @module
 */
import { type Codec, CODEC_CONTRACT, type CodecFace, type CodecWithSettings } from "../codec.ts";
import { ByteWriter } from "../http1/byte_writer.ts";
import { MessageWriter } from "../http1/message_writer.ts";
import { newSharedByConnections } from "../http2/connection.ts";
import { detectHttp2 } from "./detect.ts";
import { MemoryBudget } from "../memory_budget.ts";
import { HTTP2TO1_SETTINGS, type Http2To1Options, optionsOf, resolveOptions } from "./options.ts";
import { Http2To1Session, type SharedByFlows } from "./session.ts";
import { madeUpHttp2 } from "./warm_up.ts";

export type { Http2To1Options, LanePolicy } from "./options.ts";

const FACE: CodecFace = {
  name: "http2to1",
  contract: CODEC_CONTRACT,
  description: "HTTP/2 exchanges as HTTP/1.1, in an order that an IDS pairs rightly",
  warmUp: () => ({ alpn: "h2", records: madeUpHttp2() }),
};

/** As `--codec` finds it. */
export const http2to1Codec: CodecWithSettings<typeof HTTP2TO1_SETTINGS> = {
  ...FACE,
  settings: HTTP2TO1_SETTINGS,
  configure: (values) => http2to1(optionsOf(values)),
  followedBy: ({ encodings }) => encodings === "decode" ? "decode" : undefined,
};

/** Makes the codec; without options it keeps the defaults of the design. */
export function http2to1(given: Http2To1Options = {}): Codec {
  const options = resolveOptions(given);
  const shared: SharedByFlows = {
    options,
    connections: newSharedByConnections(),
    writing: { head: new ByteWriter(), writer: new MessageWriter() },
    memory: new MemoryBudget(options.maxMemoryBytes),
  };
  return {
    ...FACE,
    probe: detectHttp2,
    open: (flow, output) => new Http2To1Session(flow, output, shared),
  };
}
