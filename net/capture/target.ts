// SPDX-License-Identifier: MIT
/**
 * What comes out of a capture source, in the words of the rest of the program: the seam between sources and the
 * pipeline. Several sources may feed one {@linkcode CaptureTarget} through `sources.ts`; bytes are borrowed for the call.
 *
 * Times are nanoseconds since `timeBaseNs` of the source (a recording's or the agent's start), so that they
 * are exact in a double for 104 days.
 *
 * What a program is asked about itself is a claim. Who it is (`pid`, `uid`, `networkNamespace`, `ancestors`) and what is
 * `confirmed` of its addresses is the kernel's word.
 *
 * @module
 */
import type { Direction } from "../../codecs/direction.ts";
import type { FlowKey } from "../wire/flow_key.ts";

/** A mirrored process, as long as its source reads what it tells. */
export interface CaptureProgram {
  /** Number of this program among those of all sources of the run, from 1. */
  readonly id: number;
  /** Process id in the agent's pid namespace. */
  readonly pid: number;
  /** User id, as the kernel tells it. */
  readonly uid: number;
  /** Name of the process, at most 15 characters. */
  readonly comm: string;
  /** Container that it is in, by its short id or name; absent: none, or it is not known. */
  readonly container?: string;
  /** Kubernetes' id of the pod that it is in; absent: none, or it is not known. */
  readonly pod?: string;
  /** What that container's runtime calls it; absent: that is not known. */
  readonly containerName?: string;
  /** Kubernetes' namespace and name of the pod; absent: they are not known. */
  readonly podName?: string;
  /** Path of its program, as it reaches it; absent: it is not known. */
  readonly executable?: string;
  /** Path of its control group, as of version 2; absent: it is not known. */
  readonly cgroup?: string;
  /** Inode number of its network namespace; absent when it is not known: the process had gone. */
  readonly networkNamespace?: number;
  /**
   * Process ids of its parent, its parent's parent and so on, and of those it was seen to share memory with by fork; absent
   * when the source does not know.
   */
  readonly ancestors?: readonly number[];
  /** What tells of it; absent: the hook inside it. */
  readonly source?: "probes";
  /** No session of it is wanted: the source copies none, and tells only how much passed. */
  readonly isUnwanted?: true;
  /** Nobody asked the kernel, and what it claims is to be taken as it is: a recording of a version that kept no more. */
  readonly isTrusted?: true;
}

/**
 * How an address was found: on the `socket` of the session, on a `nested` one that its calls used, or on the one that
 * its `hello` passed; `none`: not at all.
 */
export type CaptureGrade = "none" | "socket" | "nested" | "hello";

/** A TCP connection as the program sees it. Addresses are 4 or 16 bytes in network order. */
export interface CaptureAddress {
  /** How it was found. */
  readonly grade: CaptureGrade;
  /** 4 or 16 bytes. */
  readonly localIp: Uint8Array;
  /** Of the program's own end. */
  readonly localPort: number;
  /** 4 or 16 bytes. */
  readonly remoteIp: Uint8Array;
  /** Of its peer. */
  readonly remotePort: number;
  /** Whether the kernel says that the program's user has this connection; absent when it could not be asked. */
  readonly confirmed?: boolean;
}

/** A session as its source tells it when it opens, or when more is known of it. */
export interface CaptureOpen {
  /** Absent while the source does not know it. */
  readonly address: CaptureAddress | undefined;
  /** It runs over a Unix socket, as far as the source knows: there are no addresses to come. */
  readonly overUnixSocket?: boolean;
  /** Lower-case hex of the 32 bytes; empty when unknown. */
  readonly clientRandom: string;
  /** Whether the program is the server. */
  readonly isServer: boolean;
  /** 0x0303 for TLS 1.2; 0 when unknown. */
  readonly tlsVersion: number;
  /** IANA number; 0 when unknown. */
  readonly cipherSuite: number;
  /** ALPN protocol agreed on; empty when none or unknown. */
  readonly alpn: string;
  /** Server name that the client asked for; empty when unknown. */
  readonly sni: string;
  /** Process id, as the program says. */
  readonly pid: number;
  /** User id, as the program says. */
  readonly uid: number;
  /** Name of the process, as the program says. */
  readonly comm: string;
  /** Bytes of each direction that passed before this record: [to server, to client]. */
  readonly offsets: readonly [number, number];
  /** The flow is open already; only the addresses are news. */
  readonly update: boolean;
  /** The process got this flow by fork; it is the continuation of another program's flow, the one that has its client random. */
  readonly inherited: boolean;
  /** The session had begun before the source looked. */
  readonly late: boolean;
  /** Random and name are unknown, since the source kept no ClientHello of so many that came at the same time. */
  readonly isHelloGone?: boolean;
}

/** A ClientHello that was seen on a connection, to find the addresses of its session. */
export interface CaptureHello {
  /** The connection that it was seen on; absent when the source does not know. */
  readonly address: CaptureAddress | undefined;
  /** It was seen on a Unix socket, which has no addresses. */
  readonly overUnixSocket?: boolean;
  /** Lower-case hex of the 32 bytes. */
  readonly clientRandom: string;
  /** The hello was received: this program is the server. */
  readonly received: boolean;
  /** The flow in whose clear text it was seen (TLS inside TLS), else 0. */
  readonly carrier: number;
}

/** Bytes of a flow that passed and that nobody has. */
export interface CaptureGap {
  /** Which way they went. */
  readonly direction: Direction;
  /** Bytes of the direction that passed before. */
  readonly offset: number;
  /** How many, above 0. */
  readonly length: number;
  /** Why they are missing, kebab-case: `ring-full`, `not-in-memory`, `sendfile`. */
  readonly reason: string;
}

/** How a flow ended: `orderly` with a close_notify, `abrupt` without, `died` when its process ended without saying. */
export type CaptureEnd = "orderly" | "abrupt" | "died";

/** What a source missed of a program, besides what gaps told of. */
export interface CaptureLoss {
  /** Kebab-case. */
  readonly reason: string;
  /** What `amount` counts. */
  readonly unit: "bytes" | "records" | "sessions";
  /** More than 0. */
  readonly amount: number;
}

/** How a program's telling ended. */
export interface CaptureProgramEnd {
  /** In no order; gaps have told of the rest. */
  readonly losses: readonly CaptureLoss[];
  /** Why its source stopped reading, one line for people; undefined when the process just ended. */
  readonly stopped: string | undefined;
}

/** An interface that flows have to cross to be mirrored. */
export interface CaptureInterface {
  /** As the system calls it. */
  readonly name: string;
  /** Texts of its addresses. */
  readonly addresses: readonly string[];
  /** Whether ClientHellos are looked for on it; else its addresses are all that is known. */
  readonly isSeen: boolean;
}

/** The ends of a TCP connection on an Ethernet link. */
export interface CaptureLink {
  /** 6 bytes: who sends the client's frames. */
  readonly clientMac: Uint8Array;
  /** 6 bytes: whom they go to. */
  readonly serverMac: Uint8Array;
  /** Id of its VLAN, 0 to 4094; absent: none. */
  readonly vlan?: number;
}

/** A ClientHello that an interface saw. */
export interface CaptureSighting {
  /** Tells it from other news. */
  readonly kind: "hello";
  /** Lower-case hex of the 32 bytes, or of as many of them as the hello's first packet has. */
  readonly clientRandom: string;
  /** 5-tuple of its packet. */
  readonly key: FlowKey;
  /** Absent on an interface without Ethernet addresses. */
  readonly link?: CaptureLink;
  /** The host sent it there; absent: it received it. */
  readonly isSent?: true;
}

/**
 * What interfaces say. `interfaces`: from now on only flows that cross one of these count; told again when their addresses
 * change. `lost`: hellos passed that nobody has, so that a flow without one may have crossed nevertheless.
 */
export type CaptureWire =
  | { readonly kind: "interfaces"; readonly interfaces: readonly CaptureInterface[] }
  | CaptureSighting
  | { readonly kind: "lost"; readonly hellos: number };

/** `flow` is a number below 2^52 that means something only together with its program. */
export interface CaptureTarget {
  /** A program begins to tell. */
  programStart(program: CaptureProgram, timeNs: number): void;
  /** A session opens, or (`update`) its addresses are known now. */
  open(program: CaptureProgram, flow: number, open: CaptureOpen, timeNs: number): void;
  /** A ClientHello was seen. */
  hello(program: CaptureProgram, hello: CaptureHello, timeNs: number): void;
  /** Called for every record: its arguments are no object, so that none is made. */
  data(
    program: CaptureProgram,
    flow: number,
    direction: Direction,
    offset: number,
    bytes: Uint8Array,
    timeNs: number,
  ): void;
  /** Interfaces have something to tell. */
  wire(news: CaptureWire, timeNs: number): void;
  /** Bytes are missing; flow 0 stands for sessions that the source could tell nothing of. */
  gap(program: CaptureProgram, flow: number, gap: CaptureGap, timeNs: number): void;
  /** A session has ended. */
  close(program: CaptureProgram, flow: number, end: CaptureEnd, timeNs: number): void;
  /** The program tells no more; its open flows have ended. */
  programEnd(program: CaptureProgram, end: CaptureProgramEnd, timeNs: number): void;
  /** Time passes; no record is older than this. */
  tick(timeNs: number): void;
}
