// SPDX-License-Identifier: MIT
/**
 * `decode`: bodies of HTTP/1.1 without their content codings, for an IDS that does not know them or not all of them.
 *
 * @module
 */
import {
  type Codec,
  CODEC_CONTRACT,
  type CodecFace,
  type CodecFlow,
  type CodecSample,
  type CodecVerdict,
  type CodecWithSettings,
} from "../codec.ts";
import { TO_CLIENT, TO_SERVER } from "../direction.ts";
import { ByteWriter } from "../http1/byte_writer.ts";
import { MemoryBudget } from "../memory_budget.ts";
import { DecoderPool, FlowBudget } from "./budget.ts";
import { mayBeHead } from "./message_reader.ts";
import { DECODE_SETTINGS, type DecodeOptions, DEFAULT_OPTIONS, optionsOf } from "./options.ts";
import { DecodeSession } from "./session.ts";

export type { DecodeOptions } from "./options.ts";

const FACE: CodecFace = {
  name: "decode",
  contract: CODEC_CONTRACT,
  description: "bodies of HTTP/1.1 in br, zstd, gzip and deflate as they were before",
};

/** As `--codec` finds it. */
export const decodeCodec: CodecWithSettings<typeof DECODE_SETTINGS> = {
  ...FACE,
  settings: DECODE_SETTINGS,
  configure: (values) => decode(optionsOf(values)),
};

/** Makes the codec; what is left out of the options is as the settings have it. */
export function decode(given: Partial<DecodeOptions> = {}): Codec {
  const options = { ...DEFAULT_OPTIONS, ...given };
  const memory = new MemoryBudget(options.maxMemoryBytes);
  const pool = new DecoderPool(options.maxOpen, memory);
  const scratch = { decoded: new ByteWriter(), written: new ByteWriter() };
  // Every connection of a flow is a session, and all of them pay out of one purse.
  const budgets = new WeakMap<CodecFlow, FlowBudget>();
  const budgetOf = (flow: CodecFlow) => {
    let budget = budgets.get(flow);
    if (budget === undefined) budgets.set(flow, budget = new FlowBudget(options.extraBytes));
    return budget;
  };
  return {
    ...FACE,
    probe: detectHttp1,
    open: (flow, output) =>
      new DecodeSession(output, {
        options,
        pool,
        scratch,
        memory,
        budget: budgetOf(flow),
        count: (reason, amount) => output.count(reason, amount),
      }),
  };
}

/** The first bytes decide; what turns out to be something else passes as it comes. */
function detectHttp1({ toServer, toClient }: CodecSample): CodecVerdict {
  const isHttp = toServer.length > 0
    ? mayBeHead(TO_SERVER, toServer, leadingLine(toServer), toServer.length)
    : mayBeHead(TO_CLIENT, toClient, 0, toClient.length);
  return isHttp ? "accept" : "reject";
}

/** `http2to1` writes an empty line before unusual methods. */
const leadingLine = (bytes: Uint8Array) => bytes[0] === 13 && bytes[1] === 10 ? 2 : 0;
