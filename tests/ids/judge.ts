// SPDX-License-Identifier: MIT
/** The judge of forged captures: Suricata, with its stock configuration. @module */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { missing, run, withTempDir } from "../support/run.ts";
import type { Reason } from "../support/skip.ts";
import { parseEve } from "./eve.ts";
import { type JudgeOptions, type Verdict, verdictOf } from "./verdict.ts";

export type { Exchange, JudgeOptions, Verdict } from "./verdict.ts";

const STOCK_RULES = "/etc/suricata/rules";
/** Stock rules that report what is odd about packets, streams and messages. */
const EVENT_RULES = ["stream", "decoder", "http", "http2", "app-layer"];
/** What it says of forged packets was measured with this version. */
const MAJOR = 7;

/** Looked up once. */
let noJudge: { readonly reason: Reason } | undefined;

/** The reason to skip what Suricata judges, when it cannot. */
export function judgeMissing(): Reason {
  return (noJudge ??= { reason: missing("suricata") ?? tooOld() }).reason;
}

function tooOld(): Reason {
  const said = new TextDecoder().decode(new Deno.Command("suricata", { args: ["-V"] }).outputSync().stdout);
  const version = /version (\d+)[\d.]*/.exec(said);
  if (version && Number(version[1]) >= MAJOR) return undefined;
  return `Suricata ${MAJOR} or later is needed: ${said.trim()}`;
}

/**
 * Suricata's verdict on a capture file; faults are in the verdict.
 *
 * @throws {Error} when Suricata cannot read it.
 */
export async function judge(capture: string, options: JudgeOptions = {}): Promise<Verdict> {
  return await withTempDir(async (folder) => {
    const rules = `${folder}/own.rules`;
    await Deno.writeTextFile(rules, (await eventRules()) + (options.rules ?? "") + "\n");
    const args = ["-r", resolve(capture), "-l", folder, "-S", rules, "--runmode", "single"];
    const { code, stdout, stderr } = await run("suricata", args);
    if (code !== 0) {
      throw new Error(`suricata exited ${code} on ${capture}: ${(stdout + stderr).slice(-2000)}`);
    }
    return verdictOf(parseEve(await Deno.readTextFile(`${folder}/eve.json`)), options);
  });
}

/** Fails, showing the faults, unless Suricata finds none. */
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

async function eventRules(): Promise<string> {
  const texts = EVENT_RULES.map((name) => Deno.readTextFile(`${STOCK_RULES}/${name}-events.rules`));
  return (await Promise.all(texts)).map((text) => `${text}\n`).join("");
}
