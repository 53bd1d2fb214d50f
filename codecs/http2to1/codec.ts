// SPDX-License-Identifier: MIT
/**
 * `http2to1`: each HTTP/2 exchange of a flow as one HTTP/1.1 request and response that an IDS pairs rightly.
 *
 * @module
 */
import {
  type Codec,
  CODEC_CONTRACT,
  type CodecFace,
  type CodecFlow,
  type CodecOutput,
  type CodecSession,
  type CodecWithSettings,
} from "../codec.ts";
import { ByteWriter } from "../http1/byte_writer.ts";
import { MessageWriter } from "../http1/message_writer.ts";
import { Http2Connection, newSharedByConnections } from "../http2/connection.ts";
import { detectHttp2 } from "./detect.ts";
import { Exchanges } from "./exchanges.ts";
import { HTTP2TO1_SETTINGS, type Http2To1Options, optionsOf, resolveOptions } from "./options.ts";
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
export function http2to1(options: Http2To1Options = {}): Codec {
  const resolved = resolveOptions(options);
  const shared = newSharedByConnections();
  const writeScratch = { head: new ByteWriter(), writer: new MessageWriter() };

  function open(flow: CodecFlow, output: CodecOutput): CodecSession {
    const exchanges = new Exchanges(output, resolved, writeScratch);
    const connection = new Http2Connection(exchanges, shared, resolved, flow.joinedLate);
    const ended: [boolean, boolean] = [false, false];
    const beginCall = (timeNs: number) => {
      exchanges.timeNs = timeNs;
      connection.advance(timeNs);
    };
    const endCall = (timeNs: number) => {
      exchanges.lanes.flush();
      exchanges.lanes.age(timeNs);
    };
    return {
      data(direction, bytes, timeNs) {
        beginCall(timeNs);
        connection.data(direction, bytes);
        endCall(timeNs);
      },
      gap(direction, lengthBytes, timeNs) {
        beginCall(timeNs);
        connection.gap(direction, lengthBytes);
        exchanges.rawGap(direction, lengthBytes);
        endCall(timeNs);
      },
      end(direction, timeNs) {
        if (ended[direction]) return;
        ended[direction] = true;
        beginCall(timeNs);
        connection.end(direction);
        endCall(timeNs);
        if (ended[0] && ended[1]) exchanges.close();
      },
      tick(timeNs) {
        beginCall(timeNs);
        endCall(timeNs);
      },
    };
  }

  return { ...FACE, probe: detectHttp2, open };
}
