// SPDX-License-Identifier: MIT
/** Flows of HTTP/2 through the codec and forging, for an IDS to judge. @module */
import { http2to1 } from "../../codecs/http2to1/codec.ts";
import { Recorder } from "./capture.ts";
import { CodecHarness } from "./codec_harness.ts";
import {
  clientStart,
  data,
  END_STREAM,
  type Fields,
  headers,
  request,
  response,
  serverStart,
} from "./http2_frames.ts";
import type { Exchange } from "../ids/judge.ts";
import { withTempDir } from "./run.ts";

const codec = http2to1();

export const ask = (flow: CodecHarness, id: number, fields: Fields, body?: string | Uint8Array) => {
  flow.data(0, headers(id, fields, body === undefined ? END_STREAM : 0));
  if (body !== undefined) flow.data(0, data(id, body, END_STREAM));
};
export const answer = (flow: CodecHarness, id: number, fields: Fields, body?: string | Uint8Array) => {
  flow.data(1, headers(id, fields, body === undefined ? END_STREAM : 0));
  if (body === undefined) return;
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  for (let at = 0; at < bytes.length; at += 16384) flow.data(1, data(id, bytes.subarray(at, at + 16384)));
  flow.data(1, data(id, "", END_STREAM));
};
/** One exchange: fields of the request, of the response, bodies. */
export const one =
  (asked: Fields, answered: Fields, body?: string | Uint8Array, sent?: string) => (flow: CodecHarness) => {
    ask(flow, 1, asked, sent);
    answer(flow, 1, answered, body);
  };
export const text = (length: number) => "abcdefghij".repeat(Math.ceil(length / 10)).slice(0, length);

/** Runs flows, each with a client address of its own, into one capture and asks Suricata. */
export async function judged(
  flows: ((flow: CodecHarness, i: number) => void)[],
  use: (capture: string) => Promise<void>,
) {
  const recorder = new Recorder();
  flows.forEach((run, i) => {
    const key = {
      client: { ip: Uint8Array.of(10, 1, 0, 1 + i), port: 40_000 + i },
      server: { ip: Uint8Array.of(10, 0, 0, 2), port: 80 },
    };
    const flow = new CodecHarness(codec, { recorder, key }).data(0, clientStart()).data(1, serverStart());
    run(flow, i);
    ask(flow, 9001, request("GET", `/good/${i}`));
    answer(flow, 9001, response(404), text(1000 + i));
    flow.end();
  });
  await withTempDir(async (folder) => {
    await Deno.writeFile(`${folder}/capture.pcapng`, recorder.bytes());
    await use(`${folder}/capture.pcapng`);
  });
}
export const good = (i: number): Exchange => ["GET", `/good/${i}`, 404, 1000 + i];
