// SPDX-License-Identifier: MIT
/**
 * Whether a flow is HTTP/2: by ALPN, by the connection preface (answered in kind where ALPN says HTTP/1.1), or, for a flow whose start was not seen, by its frames.
 * Other names of ALPN (`grpc-exp`, `h2-14`) are no verdict.
 *
 * @module
 */
import type { CodecSample, CodecVerdict } from "../codec.ts";
import { CONNECTION_PREFACE, DEFAULT_MAX_FRAME_SIZE, FRAME_HEADER_BYTES, FrameType } from "../http2/frame.ts";
import { findFrameBoundary } from "../http2/resync.ts";

/** So much of a flow joined late without any frame boundary: something else. Three frames of the default size fit. */
const LATE_SAMPLE_BYTES = 60 * 1024;

export function detectHttp2({ flow, toServer, toClient, final }: CodecSample): CodecVerdict {
  if (flow.alpn === "h2") return "accept";
  const http1 = flow.alpn === "http/1.1" || flow.alpn === "http/1.0";
  // Another protocol was agreed on: bytes that happen to look like frames are not.
  if (http1 && flow.joinedLate) return "reject";
  const length = Math.min(toServer.length, CONNECTION_PREFACE.length);
  let preface = true;
  for (let i = 0; i < length; i++) if (toServer[i] !== CONNECTION_PREFACE[i]) preface = false;
  if (preface && length === CONNECTION_PREFACE.length) {
    // Some servers (haproxy) take the preface whatever was agreed on; what others say then is no SETTINGS.
    if (!http1 || toClient.length === 0 && final) return "accept";
    if (!maySettings(toClient)) return "reject";
    if (toClient.length >= FRAME_HEADER_BYTES) return "accept";
    return final ? "reject" : "more";
  }
  if (flow.joinedLate) return detectLate(toServer, toClient, final);
  if (!preface || final || !maySettings(toClient)) return "reject";
  return "more";
}

/** Whether a server's first bytes can be its SETTINGS; other servers that speak first need not wait. */
function maySettings(bytes: Uint8Array): boolean {
  if (bytes.length < FRAME_HEADER_BYTES) return bytes.length === 0 || bytes[0] === 0;
  return bytes[0] === 0 && bytes[3] === FrameType.SETTINGS && bytes[4] === 0 &&
    bytes[5] === 0 && bytes[6] === 0 && bytes[7] === 0 && bytes[8] === 0;
}

function detectLate(toServer: Uint8Array, toClient: Uint8Array, final: boolean): CodecVerdict {
  for (const direction of [0, 1] as const) {
    const bytes = direction === 0 ? toServer : toClient;
    if (bytes.length < FRAME_HEADER_BYTES) continue;
    const search = {
      direction,
      maxFrameSize: DEFAULT_MAX_FRAME_SIZE,
      isExpected: () => true,
      mayPreface: true,
    };
    if (findFrameBoundary(bytes, [0], search).isFound) return "accept";
  }
  return final || toServer.length + toClient.length > LATE_SAMPLE_BYTES ? "reject" : "more";
}
