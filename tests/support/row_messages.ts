// SPDX-License-Identifier: MIT
/** What a page is told of its list. @module */
import type { RowsMessage } from "../../net/page/messages.ts";
import { TextLineStream } from "./lines.ts";

/** Messages as they come, without the empty lines between them. */
export async function* rowMessages({ body }: Response): AsyncGenerator<RowsMessage> {
  const lines = body!.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) if (line !== "") yield JSON.parse(line);
}
