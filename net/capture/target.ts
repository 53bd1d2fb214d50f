// SPDX-License-Identifier: MIT
/**
 * What comes out of a hook, in the words of the rest of the program: the seam between capture sources and the
 * pipeline. A source calls one {@linkcode CaptureTarget}; bytes are borrowed for the call.
 *
 * Times are nanoseconds since `timeBaseNs` of the source (a recording's or the agent's start), so that they
 * are exact in a double for 104 days.
 *
 * @module
 */
import type { Direction } from "../../codecs/direction.ts";

/** A mirrored process, as long as one sub-ring belongs to it. */
export interface CaptureProgram {
  /** Number of this program in this run of the source, from 1. */
  readonly id: number;
  /** Process id in the agent's pid namespace. */
  readonly pid: number;
  readonly uid: number;
  /** Name of the process, at most 15 characters. */
  readonly comm: string;
}

export type CaptureGrade = "none" | "socket" | "nested" | "hello";

/** A TCP connection as the program sees it. Addresses are 4 or 16 bytes in network order. */
export interface CaptureAddress {
  readonly grade: CaptureGrade;
  readonly localIp: Uint8Array;
  readonly localPort: number;
  readonly remoteIp: Uint8Array;
  readonly remotePort: number;
}

export interface CaptureOpen {
  /** Absent while the hook does not know it. */
  readonly address: CaptureAddress | undefined;
  /** Lower-case hex of the 32 bytes; empty when unknown. */
  readonly clientRandom: string;
  readonly isServer: boolean;
  /** 0x0303 for TLS 1.2; 0 when unknown. */
  readonly tlsVersion: number;
  /** IANA number; 0 when unknown. */
  readonly cipherSuite: number;
  readonly alpn: string;
  readonly sni: string;
  readonly pid: number;
  readonly uid: number;
  readonly comm: string;
  /** Bytes of each direction that passed before this record: [to server, to client]. */
  readonly offsets: readonly [number, number];
  /** The flow is open already; only the addresses are news. */
  readonly update: boolean;
  /** The process got this flow by fork; it is the continuation of another program's flow of the same client random. */
  readonly inherited: boolean;
  /** The session had begun before the hook looked. */
  readonly late: boolean;
}

export interface CaptureHello {
  readonly address: CaptureAddress | undefined;
  readonly clientRandom: string;
  /** The hello was received: this program is the server. */
  readonly received: boolean;
  /** The flow in whose clear text it was seen (TLS inside TLS), else 0. */
  readonly carrier: number;
}

/** How a flow ended: `orderly` with a close_notify, `abrupt` without, `died` when its process ended without saying. */
export type CaptureEnd = "orderly" | "abrupt" | "died";

/** `flow` is a number below 2^52 that means something only together with its program. */
export interface CaptureTarget {
  programStart(program: CaptureProgram, timeNs: number): void;
  open(program: CaptureProgram, flow: number, open: CaptureOpen, timeNs: number): void;
  hello(program: CaptureProgram, hello: CaptureHello, timeNs: number): void;
  data(
    program: CaptureProgram,
    flow: number,
    direction: Direction,
    offset: number,
    bytes: Uint8Array,
    timeNs: number,
  ): void;
  /** `neverUser`: the bytes never were in user memory (sendfile), else the ring was full. */
  gap(
    program: CaptureProgram,
    flow: number,
    direction: Direction,
    offset: number,
    length: number,
    neverUser: boolean,
    timeNs: number,
  ): void;
  close(program: CaptureProgram, flow: number, end: CaptureEnd, timeNs: number): void;
  /**
   * The program writes no more; its open flows have ended. `unreported` are bytes that its ring had no room for and
   * that no gap told of; `holes` are records that were begun and never finished; `retired` is why the ring was given up,
   * absent when the process just ended.
   */
  programEnd(program: CaptureProgram, end: CaptureProgramEnd, timeNs: number): void;
  /** Time passes; no record is older than this. */
  tick(timeNs: number): void;
}

export interface CaptureProgramEnd {
  readonly unreportedBytes: number;
  readonly holes: number;
  /** Sessions that found no room in the hook's own table. */
  readonly unmirrored: number;
  readonly retired: string | undefined;
}
