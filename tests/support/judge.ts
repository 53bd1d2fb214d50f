// SPDX-License-Identifier: MIT
/** What Suricata makes of a capture, through `../shared/ids/judge`. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { missing, run, withTempDir } from "./run.ts";
import type { Reason } from "./skip.ts";

const JUDGE = fileURLToPath(new URL("../../../shared/ids/judge", import.meta.url));

/** `[method, url, status, bytes of body or null]` */
export type Exchange = readonly [method: string, url: string, status: number, bodyBytes: number | null];

export interface Verdict {
  readonly packets: number;
  readonly tcp_sessions: number;
  /** Connections with more than Suricata inspects. */
  readonly depth_reached: number;
  readonly kinds: Record<string, number>;
  readonly http: readonly {
    readonly http_method: string | null;
    readonly hostname: string | null;
    readonly url: string | null;
    readonly status: number | null;
    readonly length: number | null;
    readonly flow: string;
  }[];
  readonly files: readonly {
    readonly filename: string;
    readonly size: number;
    readonly state: string;
    readonly gaps: boolean;
    readonly flow: string;
  }[];
  readonly alerts: readonly { readonly signature: string; readonly flow: string }[];
  readonly faults: Record<string, number>;
  readonly events: Record<string, number>;
  readonly unexpected: readonly string[];
}

export interface JudgeOptions {
  /** The exchanges that really took place, in any order. */
  readonly expect?: readonly Exchange[];
  /** Events whose name contains one of these are left out. */
  readonly allow?: readonly string[];
  /** Text of rules; what they match is in `alerts`. */
  readonly rules?: string;
}

/** The reason to skip what Suricata judges, when it cannot. */
export const judgeMissing = (): Reason => missing("suricata", "python3");

/** Suricata's verdict on a capture file. Throws when it cannot be read; faults are in the verdict. */
export async function judge(capture: string, options: JudgeOptions = {}): Promise<Verdict> {
  return await withTempDir(async (folder) => {
    const args = (options.allow ?? []).flatMap((text) => ["--allow", text]);
    if (options.expect) {
      await Deno.writeTextFile(`${folder}/expect.json`, JSON.stringify(options.expect));
      args.push("--expect", `${folder}/expect.json`);
    }
    if (options.rules) {
      await Deno.writeTextFile(`${folder}/own.rules`, options.rules);
      args.push("--rules", `${folder}/own.rules`);
    }
    const { code, stdout, stderr } = await run("python3", [JUDGE, ...args, capture]);
    if (code !== 0) throw new Error(`judge exited ${code} on ${capture}: ${stderr.trim()}`);
    return JSON.parse(stdout) as Verdict;
  });
}

/** Fails, showing the faults, unless Suricata finds none, as `judge --strict` does. */
export async function judgeStrict(capture: string, options: JudgeOptions = {}): Promise<Verdict> {
  const verdict = await judge(capture, options);
  const faults = Object.entries(verdict.faults).filter(([, count]) => count > 0);
  assert.deepEqual({ faults, events: verdict.events, unexpected: verdict.unexpected }, {
    faults: [],
    events: {},
    unexpected: [],
  });
  return verdict;
}
