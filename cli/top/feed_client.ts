// SPDX-License-Identifier: MIT
/** Follows the exchanges of a running agent. @module */
import type { FeedLine } from "../../net/view/feed_lines.ts";

/** No line is longer; whoever sends more is no agent. */
const LINE_LETTERS_MAX = 4 * 1024 * 1024;

/** Lines as they come, those that came together in one; ends with the agent. Throws an `Error` of what it says instead. */
export async function* followExchanges(
  socket: string,
  filter: string,
  signal: AbortSignal,
): AsyncGenerator<FeedLine[]> {
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  const query = new URLSearchParams({ from: "log", filter });
  const headers = { "accept-encoding": "identity" };
  const response = await fetch(`http://localhost/exchanges?${query}`, { client, signal, headers });
  if (!response.ok) throw new Error((await response.text()).trim());
  let rest = "";
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    if (rest.length > LINE_LETTERS_MAX) throw new Error("a line without end came");
    yield lines.map((line) => JSON.parse(line));
  }
}
