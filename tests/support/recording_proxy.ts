// SPDX-License-Identifier: MIT
/** A TCP proxy that remembers what passed: a real conversation as a codec would be given it. @module */
import type { Direction } from "../../codecs/codec.ts";
import type { CodecHarness } from "./codec_harness.ts";

export interface Recorded {
  readonly direction: Direction;
  readonly bytes: Uint8Array;
}

export interface RecordingProxy {
  readonly port: number;
  /** Conversations in the order they began; complete once both ends have closed. */
  readonly conversations: Recorded[][];
  /** Waits for the conversations begun so far to end, and listens no more. */
  close(): Promise<void>;
}

/** Forwards connections on a free local port to `target`. */
export function recordingProxy(target: number): RecordingProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const conversations: Recorded[][] = [];
  const running: Promise<void>[] = [];
  const accept = (async () => {
    for await (const client of listener) {
      const events: Recorded[] = [];
      conversations.push(events);
      running.push(converse(client, target, events));
    }
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    conversations,
    async close() {
      await Promise.all(running);
      listener.close();
      await accept;
    },
  };
}

async function converse(client: Deno.TcpConn, target: number, events: Recorded[]): Promise<void> {
  const server = await Deno.connect({ hostname: "127.0.0.1", port: target });
  const forward = async (from: Deno.TcpConn, to: Deno.TcpConn, direction: Direction) => {
    const buffer = new Uint8Array(16 * 1024);
    try {
      for (;;) {
        const length = await from.read(buffer);
        if (length === null) break;
        // Before it is passed on, so that no answer is remembered ahead of what it answers.
        const bytes = buffer.slice(0, length);
        events.push({ direction, bytes });
        for (let at = 0; at < length;) at += await to.write(bytes.subarray(at));
      }
      await to.closeWrite();
    } catch {
      // Either end was reset; the other direction ends too.
    }
  };
  await Promise.all([forward(client, server, 0), forward(server, client, 1)]);
  for (const connection of [client, server]) {
    try {
      connection.close();
    } catch {
      // Closed by the reset.
    }
  }
}

/** Gives a whole conversation to the codec, and the flow's end. */
export function replay(harness: CodecHarness, conversation: readonly Recorded[]): CodecHarness {
  for (const { direction, bytes } of conversation) harness.data(direction, bytes);
  return harness.end();
}
