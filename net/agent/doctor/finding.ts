// SPDX-License-Identifier: MIT
/** What a look at a host found. @module */

/** `broken` keeps something that is asked for from working, `warning` costs something, a `note` may matter to some and needs nothing mended. */
export type FindingState = "ok" | "note" | "warning" | "broken";

/** One thing that was looked at. */
export interface Finding {
  /** A word or two: `kernel`, `certificate web1`. */
  readonly subject: string;
  readonly state: FindingState;
  /** What it is, one line. */
  readonly text: string;
  /** The command that mends it, or what else would. */
  readonly fix?: string;
}

/** All is well with it. */
export function ok(subject: string, text: string): Finding {
  return { subject, state: "ok", text };
}

/** It is not as it could be, and nothing need be mended. */
export function note(subject: string, text: string): Finding {
  return { subject, state: "note", text };
}

/** It costs something. */
export function warning(subject: string, text: string, fix: string): Finding {
  return { subject, state: "warning", text, fix };
}

/** It does not work. */
export function broken(subject: string, text: string, fix: string): Finding {
  return { subject, state: "broken", text, fix };
}
