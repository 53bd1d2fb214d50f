// SPDX-License-Identifier: MIT
/** What a running agent or collector says of itself, as it goes over its status socket: plain data for `JSON.stringify`. @module */
import type { RemoteState } from "../sinks/sink.ts";

/** Bytes or packets per direction. */
export interface BothWays {
  /** From client to server. */
  readonly toServer: number;
  /** From server to client. */
  readonly toClient: number;
}

/** What was lost for one reason. */
export interface LossReport {
  /** Bytes or packets so far. */
  readonly amount: number;
  /** Milliseconds since 1970 when it was last seen to grow; absent: not since it is looked at. */
  readonly lastMs?: number;
}

/** Losses by reason, kebab-case. */
export type LossReports = Readonly<Record<string, LossReport>>;

/** Where packets go, and how that goes. */
export interface SinkReport {
  /** As the settings name it. */
  readonly name: string;
  /** `down` drops what it is given and may take it later; `stopped` takes none any more. */
  readonly state: "working" | "down" | "stopped";
  /** Packets given to it. */
  readonly packets: number;
  /** Packets known to have left. */
  readonly written: number;
  /** Their bytes. */
  readonly writtenBytes: number;
  /** Packets. */
  readonly dropped: LossReports;
  /** Of a sink that mirrors to a collector. */
  readonly remote?: RemoteState;
}

/** Whether all is well. */
export interface Health {
  /** `degraded` when there is a reason. */
  readonly state: "healthy" | "degraded";
  /** One line each. */
  readonly reasons: readonly string[];
}

/** The certificate that is shown to the other side. */
export interface CertificateReport {
  /** Its common name. */
  readonly name: string;
  /** Milliseconds since 1970 up to which it is valid. */
  readonly validToMs: number;
}

/** What agents and collectors both say. */
export interface ReportHead {
  /** Of the program. */
  readonly version: string;
  /** Of the process. */
  readonly pid: number;
  /** Milliseconds since 1970 when it began. */
  readonly startedMs: number;
  /** Milliseconds since 1970 of the report. */
  readonly nowMs: number;
  /** Runtime directory of an agent, listening address of a collector. */
  readonly place: string;
  /** Whether all is well. */
  readonly health: Health;
  /** Absent where it has none. */
  readonly certificate?: CertificateReport;
  /** In the order of the settings; several collectors are one each. */
  readonly sinks: readonly SinkReport[];
}

/** An agent. */
export interface AgentReport extends ReportHead {
  /** Tells it from a collector. */
  readonly role: "agent";
  /** What tells it of programs; absent in reports of older versions. */
  readonly captures?: readonly ("hook" | "probes")[];
  /** Programs that pass clear text. */
  readonly programs: {
    /** That tell now. */
    readonly mirrored: number;
    /** That have told since the start. */
    readonly soFar: number;
    /** Not mirrored, by reason, kebab-case. */
    readonly refused: Readonly<Record<string, number>>;
  };
  /** Sessions. */
  readonly flows: {
    /** At present. */
    readonly open: number;
    /** Since the start. */
    readonly soFar: number;
    /** Of these, those whose addresses the kernel did not confirm. */
    readonly claimed: number;
  };
  /** Bytes that programs passed through their TLS libraries. */
  readonly captured: BothWays;
  /** Bytes that went out in packets. */
  readonly forged: BothWays;
  /** Packets forged. */
  readonly packets: number;
  /** Captured bytes that no codec got. */
  readonly lost: LossReports;
  /** Bytes of codecs that no packet carries. */
  readonly unforged: LossReports;
  /** What happened, by reason: no bytes. */
  readonly events: Readonly<Record<string, number>>;
  /** Over the last seconds. */
  readonly rates: {
    /** How many milliseconds these are; 0: too few to tell. */
    readonly overMs: number;
    /** Captured, both ways, a second. */
    readonly bytes: number;
    /** Forged, a second. */
    readonly packets: number;
  };
  /** Memory that programs share with the agent; absent where no source has rings. */
  readonly rings?: RingReport;
}

/** A program that tells an agent of its sessions now. */
export interface ProgramReport {
  /** Process id, as the agent sees it. */
  readonly pid: number;
  /** User id. */
  readonly uid: number;
  /** Name of the process. */
  readonly comm: string;
  /** Container and pod that it is in, by id and by name; absent: none, or it is not known. */
  readonly container?: string;
  readonly containerName?: string;
  readonly pod?: string;
  readonly podName?: string;
  /** What tells of it; absent: the hook inside it. */
  readonly source?: "probes";
  /** What was chosen leaves out all of its sessions. */
  readonly isUnwanted?: true;
  /** Sessions so far. */
  readonly flows: number;
  /** Of these, those whose addresses the kernel did not confirm. */
  readonly claimed: number;
  /** Bytes that it passed so far, both ways. */
  readonly captured: number;
  /** Bytes of these that no packet carries, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** Memory that programs share with the agent. */
export interface RingReport {
  /** Rings that are read. */
  readonly count: number;
  /** Bytes in use. */
  readonly usedBytes: number;
  /** Bytes that may be in use. */
  readonly maxBytes: number;
}

/** One agent as its collector knows it. */
export interface RemoteAgentReport {
  /** Of its certificate. */
  readonly name: string;
  /** Where it is, or was last. */
  readonly address: string;
  /** At present. */
  readonly connections: number;
  /** Milliseconds for which it has been connected, or away. */
  readonly forMs: number;
  /** Packets written. */
  readonly packets: number;
  /** Bytes of their blocks. */
  readonly bytes: number;
  /** Packets that it lost before they could be sent. */
  readonly lost: LossReports;
  /** Packets that came and are in no file, by reason: `agent-share`. */
  readonly dropped: LossReports;
  /** Packets that came again after a break and were left out. */
  readonly duplicates: number;
  /** Packets that another collector has, since the session was there meanwhile. */
  readonly elsewhere: number;
  /** Packets that it had when it last said so, and the collector has not. */
  readonly lagPackets: number;
  /** Milliseconds that the oldest of them had waited then. */
  readonly lagMs: number;
  /** Bytes of memory that wait there; absent: it does not say, or is away. */
  readonly queuedBytes?: number;
  /** Bytes on disk that do. */
  readonly spooledBytes?: number;
  /** Program and version there. */
  readonly application?: string;
}

/** An agent that did not get in, by the name in a certificate that is the CA's and whose key it has. */
export interface RefusedReport {
  /** Of its certificate. */
  readonly name: string;
  /** Where it was last. */
  readonly address: string;
  /** Why it did not get in then. */
  readonly reason: string;
  /** How often it tried, never ten minutes apart. */
  readonly times: number;
  /** Milliseconds since 1970 of the last time. */
  readonly lastMs: number;
}

/** A collector. */
export interface CollectorReport extends ReportHead {
  /** Tells it from an agent. */
  readonly role: "collector";
  /** In the order in which they came. */
  readonly agents: readonly RemoteAgentReport[];
  /** Those that did not get in during the last ten minutes, the last of them at the end; absent: it is of a version that does not say. */
  readonly refused?: readonly RefusedReport[];
}

/** What the status socket answers. */
export type StatusReport = AgentReport | CollectorReport;
