// SPDX-License-Identifier: MIT
/** Between the collector's thread and those that hold connections. @module */
import type { Credentials } from "../../pki/credentials.ts";
import type { AgentIdentity, AgentMessage, Hello } from "../session/intake_port.ts";
import type { ListenerSettings } from "./listener.ts";

/** To a connection thread. */
export type ToWorker =
  | {
    readonly type: "listen";
    readonly settings: ListenerSettings;
    readonly credentials: Credentials | undefined;
  }
  | { readonly type: "credentials"; readonly credentials: Credentials }
  | { readonly type: "welcome"; readonly link: number; readonly have: number; readonly mtu: number }
  /** The intake is done with a message or run of packets; `memory` is the buffer that it kept, if any. */
  | { readonly type: "done"; readonly link: number; readonly memory: Uint8Array<ArrayBuffer> | undefined }
  | { readonly type: "ack"; readonly link: number; readonly have: number }
  | { readonly type: "refuse"; readonly link: number; readonly reason: string }
  | { readonly type: "close" };

/** From a connection thread. */
export type FromWorker =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "failed"; readonly message: string; readonly code: string }
  | {
    readonly type: "refused";
    readonly address: string;
    readonly reason: string;
    readonly name: string | undefined;
  }
  | { readonly type: "opened"; readonly link: number; readonly agent: AgentIdentity; readonly hello: Hello }
  | {
    readonly type: "packets";
    readonly link: number;
    readonly memory: Uint8Array<ArrayBuffer>;
    readonly start: number;
    readonly end: number;
    readonly packets: number;
  }
  | { readonly type: "message"; readonly link: number; readonly message: AgentMessage }
  | { readonly type: "closed"; readonly link: number; readonly reason: string }
  | { readonly type: "ended" };
