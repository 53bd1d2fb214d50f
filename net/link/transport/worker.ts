// SPDX-License-Identifier: MIT
/** A thread of the collector's: connections of some of the agents, up to packets that are checked. @module */
/// <reference lib="deno.worker" />
import { LINK_BLOCK_MAX } from "../blocks/link.ts";
import { Listener } from "./listener.ts";
import type { FromWorker, ToWorker } from "./worker_messages.ts";

/** A buffer of which less is used is copied instead of given away. */
const WORTH_KEEPING_BYTES = LINK_BLOCK_MAX / 4;

let listener: Listener | undefined;

const send = (message: FromWorker, transfer: Transferable[] = []) => self.postMessage(message, transfer);

async function listen(message: Extract<ToWorker, { type: "listen" }>): Promise<void> {
  try {
    listener = new Listener(message.settings, message.credentials, {
      opened: (link, agent, hello) => send({ type: "opened", link, agent, hello }),
      keptBytes: WORTH_KEEPING_BYTES,
      packets: (link, memory, start, end, packets) => {
        const isKept = end - start >= WORTH_KEEPING_BYTES;
        const sent = isKept
          ? { memory, start, end }
          : { memory: memory.slice(start, end), start: 0, end: end - start };
        send({ type: "packets", link, ...sent, packets }, [sent.memory.buffer]);
      },
      message: (link, message) => send({ type: "message", link, message }),
      closed: (link, reason) => send({ type: "closed", link, reason }),
    }, (address, reason, name) => send({ type: "refused", address, reason, name }));
    send({ type: "listening", port: await listener.listen() });
  } catch (error) {
    const { message, code = "" } = error as Error & { code?: string };
    send({ type: "failed", message, code });
  }
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  switch (data.type) {
    case "listen":
      return void listen(data);
    case "credentials":
      return listener?.setCredentials(data.credentials);
    case "welcome":
      return listener?.welcome(data.link, data.have, data.mtu);
    case "done":
      if (data.memory !== undefined) listener?.recycle(data.memory);
      return listener?.done(data.link);
    case "ack":
      return listener?.ack(data.link, data.have);
    case "refuse":
      return listener?.refuse(data.link, data.reason);
    case "close":
      void (listener?.close() ?? Promise.resolve()).finally(() => send({ type: "ended" }));
  }
};
