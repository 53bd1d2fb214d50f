// SPDX-License-Identifier: MIT
/**
 * Whom to believe. What a program tells of a session is a claim: no claim of one user ends, replaces, joins or hides what
 * another user's program tells, unless the kernel stands behind it.
 *
 * The programs of a recording of version 1 are trusted, since it kept nothing of the kernel's: there only a child of another
 * user is looked at.
 *
 * @module
 */
import type { CaptureProgram } from "../capture/target.ts";
import type { Attribution } from "./attribution.ts";
import { formatFlowKey } from "../wire/flow_key.ts";

/** What a program says it is to a session. */
export interface Claim {
  readonly program: CaptureProgram;
  readonly isServer: boolean;
  /** It says that it has the session from its parent. */
  readonly isInherited: boolean;
  /** Its 5-tuple, and what the kernel says of that. */
  readonly attribution: Attribution | undefined;
}

/**
 * Whether two claims to a session of one client random are told as one session: by programs of one user, by a parent and its
 * child, or by its two ends. Nobody but these knows the random of a session on this host, so where their connection has gone
 * before the kernel could be asked, it is enough that both name one 5-tuple.
 */
export function areOneSession(one: Claim, other: Claim): boolean {
  if (one.program.uid === other.program.uid) return true;
  if (one.isInherited && mayInherit(one.program, other.program)) return true;
  if (other.isInherited && mayInherit(other.program, one.program)) return true;
  if (one.isServer === other.isServer) return false;
  if (one.program.isTrusted && other.program.isTrusted) return true;
  const [mine, theirs] = [one.attribution, other.attribution];
  if (!mine || !theirs || mine.confirmed === false || theirs.confirmed === false) return false;
  return mine.confirmed === true && theirs.confirmed === true || ownName(mine) === ownName(theirs);
}

/** Whether the flow of `other` ends when `one` claims its 5-tuple for another session. */
export function mayReplace(one: Claim, other: Claim): boolean {
  const { uid } = one.program;
  return uid === other.program.uid || uid === 0 || isConfirmed(one) || one.program.isTrusted === true;
}

/** Whether a session goes by `one` rather than by `other`, another user's claim to it. */
export function outranks(one: Claim, other: Claim): boolean {
  return one.program.uid === 0 || isConfirmed(one) && !isConfirmed(other);
}

function isConfirmed({ attribution }: Claim): boolean {
  return attribution?.confirmed === true;
}

function ownName({ program, own, key }: Attribution): string {
  return formatFlowKey(program ?? own ?? key);
}

function mayInherit(child: CaptureProgram, parent: CaptureProgram): boolean {
  return child.isTrusted ? parent.uid === 0 : child.ancestors?.includes(parent.pid) === true;
}
