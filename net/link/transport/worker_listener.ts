// SPDX-License-Identifier: MIT
/** A {@linkcode Listener} on a thread of its own. @module */
import type { Credentials } from "../../pki/credentials.ts";
import type { IntakePort, LinkPeer } from "../session/intake_port.ts";
import type { ListenerSettings, Refused } from "./listener.ts";
import type { FromWorker, ToWorker } from "./worker_messages.ts";

/** Packets arrive by transfer of their buffers, are written by the intake, and the buffers go back. */
export class WorkerListener implements LinkPeer {
  readonly #worker: Worker;
  readonly #settings: ListenerSettings;
  readonly #credentials: Credentials | undefined;
  readonly #port: IntakePort;
  readonly #refused: Refused;
  /** What the intake is done with once it says `done`, by connection, in order: buffers, and nothing for a message. */
  readonly #unanswered: Map<number, (Uint8Array<ArrayBuffer> | undefined)[]> = new Map();
  readonly #listening = Promise.withResolvers<number>();
  readonly #ended = Promise.withResolvers<void>();

  constructor(
    settings: ListenerSettings,
    credentials: Credentials | undefined,
    port: IntakePort,
    refused: Refused,
    failed: (error: Error) => void,
  ) {
    this.#settings = settings;
    this.#credentials = credentials;
    this.#port = port;
    this.#refused = refused;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), {
      type: "module",
      name: "collector-link",
    });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const error = new Error(`a connection thread ended: ${event.message}`);
      this.#listening.reject(error);
      this.#ended.resolve();
      failed(error);
    };
  }

  listen(): Promise<number> {
    this.#send({ type: "listen", settings: this.#settings, credentials: this.#credentials });
    return this.#listening.promise;
  }

  setCredentials(credentials: Credentials): void {
    this.#send({ type: "credentials", credentials });
  }

  welcome(link: number, have: number, mtu: number): void {
    this.#send({ type: "welcome", link, have, mtu });
  }

  done(link: number): void {
    const unanswered = this.#unanswered.get(link);
    if (unanswered === undefined || unanswered.length === 0) return;
    const memory = unanswered.shift();
    this.#send({ type: "done", link, memory }, memory === undefined ? [] : [memory.buffer]);
  }

  ack(link: number, have: number): void {
    this.#send({ type: "ack", link, have });
  }

  refuse(link: number, reason: string): void {
    this.#send({ type: "refuse", link, reason });
  }

  async close(): Promise<void> {
    this.#send({ type: "close" });
    await this.#ended.promise;
    this.#worker.terminate();
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case "listening":
        return this.#listening.resolve(message.port);
      case "failed":
        return this.#listening.reject(Object.assign(new Error(message.message), { code: message.code }));
      case "refused":
        return this.#refused(message.address, message.reason, message.name);
      case "opened":
        this.#unanswered.set(message.link, []);
        return this.#port.opened(message.link, message.agent, message.hello);
      case "packets": {
        this.#unanswered.get(message.link)?.push(message.memory);
        this.#port.packets(message.link, message.memory, message.start, message.end, message.packets);
        return;
      }
      case "message":
        this.#unanswered.get(message.link)?.push(undefined);
        return this.#port.message(message.link, message.message);
      case "closed":
        this.#unanswered.delete(message.link);
        return this.#port.closed(message.link, message.reason);
      case "ended":
        this.#ended.resolve();
    }
  }

  #send(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}
