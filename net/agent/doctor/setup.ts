// SPDX-License-Identifier: MIT
/** Whether what is set up fits: interfaces, certificates, programs. @module */
import { type Merging, mergingOf } from "../../ffi/ethtool.ts";
import type { LinkFacts } from "../../ffi/rtnetlink.ts";
import type { Listed } from "../../pki/store.ts";
import { daysLeft, SOON_DAYS } from "../../settings/credentials.ts";
import { linkName } from "../interfaces.ts";
import { fixOf, reasonText } from "../unmirrored/reasons.ts";
import type { Survey } from "../unmirrored/survey.ts";
import { broken, type Finding, note, ok, warning } from "./finding.ts";

/** On Ethernet most equipment takes frames that carry so many bytes. */
const ROOMY_MTU = 9000;

/** An interface that packets are written to, or that flows have to cross. */
export function interfaceFinding(name: string, facts: LinkFacts | undefined, isWritten: boolean): Finding {
  const subject = `interface ${name}`;
  if (facts === undefined) {
    const make = `ip link add ${name} type dummy && ip link set ${name} mtu ${ROOMY_MTU} up`;
    return broken(subject, "there is none of this name", isWritten ? make : "give another with -I");
  }
  const { isUp, hasCarrier, mtu } = facts;
  if (!isUp) return broken(subject, "is down", `ip link set ${name} up`);
  if (!hasCarrier) {
    return broken(subject, "has no carrier: nobody is at its other end", "set its other end up");
  }
  if (isWritten && mtu < ROOMY_MTU) {
    return warning(
      subject,
      `is up, with an MTU of ${mtu}: under load the mirror loses less at ${ROOMY_MTU}`,
      `ip link set ${name} mtu ${ROOMY_MTU}, at its other end first`,
    );
  }
  return ok(subject, `is up, MTU ${mtu}`);
}

/** Certificates that this host shows or signs with. */
export function certificateFindings(certificates: readonly Listed[], nowMs: number): Finding[] {
  const misplaced = new Set(
    certificates.map(({ path }) => path).filter((path) => isMisplaced(path, certificates)),
  );
  const there = certificates.filter(({ path, hasKey, isAuthority }) =>
    (hasKey || isAuthority) && !misplaced.has(path)
  );
  return [
    ...misplacedFindings(misplaced),
    ...there.map((certificate) => certificateFinding(certificate, nowMs)),
  ];
}

function certificateFinding(certificate: Listed, nowMs: number): Finding {
  const { name, validToMs, isAuthority, isRevoked, path } = certificate;
  const subject = isAuthority ? `CA ${name}` : `certificate ${name}`;
  const fix = isAuthority ? "make a new CA and issue anew" : `sslcollector pki renew ${name}`;
  const days = daysLeft(validToMs, nowMs);
  if (isRevoked) return broken(subject, `${path} is revoked`, "issue another: sslcollector pki issue");
  if (days < 0) return broken(subject, `${path} has expired`, fix);
  const text = `valid for ${days} days`;
  return days < SOON_DAYS ? warning(subject, text, fix) : ok(subject, text);
}

/** Whether the file of an agent or collector has nothing but certificates of CAs. */
function isMisplaced(path: string, certificates: readonly Listed[]): boolean {
  const inFile = certificates.filter((other) => other.path === path);
  return /\/(?:(?:agent|collector)-[^/]+|tls)\.crt$/.test(path) &&
    inFile.every(({ isAuthority }) => isAuthority);
}

function misplacedFindings(paths: ReadonlySet<string>): Finding[] {
  return [...paths].map((path) => {
    const stem = path.replace(/.*\//, "").replace(/\.crt$/, "");
    const fix = `put the certificate there that was issued for ${stem}.key, and the CA's into ca.crt`;
    return broken(`certificate ${stem}`, `${path} has the CA's in the place of this host's own`, fix);
  });
}

/** The other end of an interface that packets are written to, where it is on this host: an IDS may listen there. */
export function otherEndFindings(facts: LinkFacts | undefined): Finding[] {
  const name = facts?.peerIndex === undefined ? undefined : linkName(facts.peerIndex);
  return name === undefined ? [] : [mergingFinding(name, mergingOf(name))];
}

/** The end of a mirror's interface where an IDS listens. `merging` is undefined where the kernel does not say. */
export function mergingFinding(name: string, merging: Merging | undefined): Finding {
  const subject = `interface ${name}`;
  const on = [...merging?.gro ? ["gro"] : [], ...merging?.lro ? ["lro"] : []];
  if (on.length === 0) return ok(subject, "gives whoever listens there each packet as it was sent");
  return warning(
    subject,
    `${
      on.join(" and ")
    } on: packets may be merged before an IDS there sees them, and be longer than it takes`,
    `ethtool -K ${name} ${on.map((word) => `${word} off`).join(" ")}`,
  );
}

/** Programs with TLS that an agent in `runtimeDir` does not mirror, by reason. */
export function programFindings({ programs, hidden }: Survey, runtimeDir: string): Finding[] {
  const byReason = new Map<string, string[]>();
  for (const { comm, pid, reason } of programs) {
    if (reason !== undefined) byReason.set(reason, [...byReason.get(reason) ?? [], `${comm}[${pid}]`]);
  }
  const reached = programs.filter(({ reason }) => reason === undefined).length;
  const text = `${reached} of ${programs.length} with TLS are there for the agent`;
  const findings = [(reached < programs.length ? note : ok)("programs", text)];
  for (const [reason, names] of byReason) {
    const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? `, and ${names.length - 5} more` : "");
    const fix = fixOf(reason, runtimeDir);
    const text = `not mirrored: ${reasonText(reason)}: ${shown}`;
    findings.push(fix === undefined ? note("programs", text) : warning("programs", text, fix));
  }
  if (hidden > 0 && Deno.uid() !== 0) {
    findings.push(warning("programs", `${hidden} may not be looked at by this user`, "ask as root"));
  }
  return findings;
}
