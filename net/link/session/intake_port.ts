// SPDX-License-Identifier: MIT
/** Between the connections of agents and the one place that writes their packets: one thread, or two. @module */
import type { LinkMessage } from "../blocks/link.ts";

export type Hello = Extract<LinkMessage, { kind: "hello" }>;
/** What an agent says once it is welcome. */
export type AgentMessage = Extract<LinkMessage, { kind: "position" | "heartbeat" | "status" | "end" }>;

/** Whose connection it is. */
export interface AgentIdentity {
  /** Common name of the verified certificate; `plaintext ADDRESS` where there is none. */
  readonly name: string;
  /** Nothing about it is verified. */
  readonly isPlaintext: boolean;
  /** `192.0.2.1:40000`. */
  readonly address: string;
}

/** Takes what connections receive; each connection has a number of its own. */
export interface IntakePort {
  /** Bytes from which a run of packets is kept with its memory; shorter runs are borrowed for the call. */
  readonly keptBytes: number;
  /** Answered by {@linkcode LinkPeer.welcome} or {@linkcode LinkPeer.refuse}. */
  opened(link: number, agent: AgentIdentity, hello: Hello): void;
  /**
   * Checked packet blocks in `memory` from `start` to `end`, answered by {@linkcode LinkPeer.done}, perhaps before it
   * returns.
   */
  packets(link: number, memory: Uint8Array<ArrayBuffer>, start: number, end: number, packets: number): void;
  /** A message of an agent, answered as packets are. */
  message(link: number, message: AgentMessage): void;
  /** The connection is no more; told once for each that was opened. */
  closed(link: number, reason: string): void;
}

/** Takes what the intake answers to connections. Numbers of connections that are no more are ignored. */
export interface LinkPeer {
  /** `mtu`: bytes of IP packet in the longest frame that is taken. */
  welcome(link: number, have: number, mtu: number): void;
  /** One call of {@linkcode IntakePort.packets} or {@linkcode IntakePort.message} is done with, in their order. */
  done(link: number): void;
  ack(link: number, have: number): void;
  refuse(link: number, reason: string): void;
}
