// SPDX-License-Identifier: MIT
/**
 * A program of its own that joins the agent in the directory given, writes, and waits to be killed: an open flow with
 * `finished` bytes, one record begun and not finished, one after it.
 *
 * @module
 */
import { KIND } from "../../net/capture/record/layout.ts";
import { joinAgent } from "./ring_writer.ts";

if (import.meta.main) {
  const { ring } = joinAgent(Deno.args[0]);
  const payload = new TextEncoder().encode("finished");
  ring.write({ kind: KIND.data, flow: 5, payload });
  ring.write({ kind: KIND.gap, flow: 5, offset: payload.length, amount: 30 });
  ring.reserve(10);
  ring.write({ kind: KIND.data, flow: 6, payload });
  ring.drop(100);
  console.log("ready");
  await new Promise(() => setInterval(() => {}, 1e6));
}
