// SPDX-License-Identifier: MIT
/** Whether a collector takes what this host's agent would send, and fits it. @module */
import { visit, type Visited } from "../../link/transport/visit.ts";
import type { RemoteTarget } from "../../link/target.ts";
import type { Credentials } from "../../pki/credentials.ts";
import { DEFAULT_MTU } from "../../sinks/sink.ts";
import { broken, type Finding, ok, warning } from "./finding.ts";

const ANSWER_MS = 5000;
/** Clocks that are further apart date packets so that others of the IDS's do not fit them. */
const APART_MS = 1000;

/** What this host's agent would be. */
export interface OwnAgent {
  /** Program and version. */
  readonly application: string;
  /** Bytes of IP packet in its longest frame; absent: as an agent has it by itself. */
  readonly mtu?: number;
  /** Absent for plaintext. */
  readonly credentials: Credentials | undefined;
}

/** Connects as the agent would. */
export async function collectorFindings(target: RemoteTarget, own: OwnAgent): Promise<Finding[]> {
  const subject = `collector ${target.name}`;
  try {
    return visitFindings(subject, await visit(target, own.credentials, own.application, ANSWER_MS), own);
  } catch (error) {
    const { message } = error as Error;
    const fix = /speaks TLS/.test(message)
      ? `-t ${target.name.replace(/^tcp:\/\//, "")}, and certificates as docs/certificates.md says`
      : /refuses|certificate/.test(message)
      ? "sslcollector pki show, here and there"
      : `start sslcollector -C there, and let port ${target.port} through`;
    return [broken(subject, `takes nothing of this host: ${message}`, fix)];
  }
}

/** What was said fits, or not. */
export function visitFindings(
  subject: string,
  visited: Visited,
  { application, mtu = DEFAULT_MTU }: OwnAgent,
): Finding[] {
  const { aheadMs } = visited;
  const version = visited.application === application
    ? "the version of this host"
    : `${visited.application || "a version that does not say"}, this host has ${application}`;
  const findings = [
    visited.mtu < mtu
      ? broken(
        subject,
        `takes packets of at most ${visited.mtu} bytes, this host's agent sends up to ${mtu}`,
        `set mtu = ${visited.mtu} in /etc/sslcollector.toml`,
      )
      : ok(subject, `takes this host's packets; ${version}`),
  ];
  if (aheadMs === undefined) return findings;
  const text = `its clock is ${Math.abs(aheadMs / 1000).toFixed(1)} s ${aheadMs > 0 ? "ahead" : "behind"}`;
  if (Math.abs(aheadMs) >= APART_MS) {
    findings.push(warning(subject, text, "timedatectl set-ntp true, where the clock is wrong"));
  }
  return findings;
}
